package baton

import (
	"context"

	"github.com/baton-go/baton/conn"
	"github.com/baton-go/baton/internal/errs"
	"github.com/baton-go/baton/resp3"
)

// What follows sends a request and returns its reply in the form that a method promises. Each takes the request over.

func (c *commands) send(ctx context.Context, r *request, mode conn.Mode) error {
	if r.end() != nil {
		return r.problem()
	}
	r.call.Mode = mode
	return c.exchange(ctx, r.call, r.name)
}

// exchange is where nearly all commands wait for their reply, so it is the short way: one attempt on a shared connection, on few
// and small stack frames (see docs/decisions/0006). What is not as usual goes on elsewhere.
func (c *commands) exchange(ctx context.Context, q *conn.Call, name string) error {
	if c.held != nil || !c.client.plain() {
		return c.exchangeSeen(ctx, q, name)
	}
	if t := c.client.large.Load(); t != nil && t.expects(q) {
		return c.exchangeSeen(ctx, q, name)
	}
	q.Timeout = c.client.o.ReadTimeout
	cn, err := c.client.pool.Lane(ctx)
	if err == nil {
		err = cn.Do(ctx, q)
	}
	if err != nil || q.Err != nil || q.Large || c.client.handoffs.Watching() {
		return c.client.goOn(ctx, q, name, cn, err)
	}
	return nil
}

// exchangeSeen is exchange on a connection that is held or apart, or while somebody looks at single commands.
//
//go:noinline
func (c *commands) exchangeSeen(ctx context.Context, q *conn.Call, name string) error {
	return c.run(ctx, &operation{call: q, name: name})
}

// done is for commands that have nothing to say but OK.
func (c *commands) done(ctx context.Context, r request) error {
	err := c.send(ctx, &r, conn.Check)
	null := r.call.Null
	r.call.Free()
	return orNil(err, null)
}

// present reports whether the reply was not null.
func (c *commands) present(ctx context.Context, r request) (bool, error) {
	err := c.send(ctx, &r, conn.Check)
	null := r.call.Null
	r.call.Free()
	return err == nil && !null, err
}

// text returns a text, Nil for a null.
func (c *commands) text(ctx context.Context, r request) (string, error) {
	err := c.send(ctx, &r, conn.Text)
	s, null := r.call.Str, r.call.Null
	r.call.Free()
	return s, orNil(err, null)
}

// integer returns an integer, Nil for a null.
func (c *commands) integer(ctx context.Context, r request) (int64, error) {
	err := c.send(ctx, &r, conn.Int)
	n, null := r.call.Num, r.call.Null
	r.call.Free()
	return n, orNil(err, null)
}

// truth returns whether an integer is not zero, or a boolean true, which no server of today answers.
func (c *commands) truth(ctx context.Context, r request) (bool, error) {
	err := c.send(ctx, &r, conn.Truth)
	n, null := r.call.Num, r.call.Null
	r.call.Free()
	return n != 0, orNil(err, null)
}

// float returns a number, Nil for a null.
func (c *commands) float(ctx context.Context, r request) (float64, error) {
	err := c.send(ctx, &r, conn.Float)
	f, null := r.call.Float, r.call.Null
	r.call.Free()
	return f, orNil(err, null)
}

// fetch returns what decode makes of the encoded reply, whose memory it may keep.
func fetch[T any](ctx context.Context, c *commands, r request, decode func(string) (T, error)) (T, error) {
	var out T
	err := c.send(ctx, &r, conn.Encoded)
	if err == nil {
		out, err = decode(r.call.Block())
		judge(r.call, err)
	}
	r.call.Free()
	return out, err
}

// judge ends the link that has answered q if err says that the reply cannot be that of its command, so that nobody else gets
// somebody else's. conn does that by itself where it knows the kind.
func judge(q *conn.Call, err error) {
	_, kind := errs.As[*resp3.TypeError](err)
	_, shape := errs.As[shapeError](err)
	if (kind || shape) && q.Val.Kind() != resp3.SimpleString { // which may be QUEUED
		q.Condemn(err)
	}
}

func orNil(err error, null bool) error {
	if err == nil && null {
		return Nil
	}
	return err
}

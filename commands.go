package baton

import (
	"context"
	"fmt"
	"time"

	"github.com/baton-go/baton/conn"
	"github.com/baton-go/baton/internal/errs"
	"github.com/baton-go/baton/internal/facts"
	"github.com/baton-go/baton/resp3"
)

// commands are what a Client, a Conn and a Tx have in common: every command, on the client's shared connections or on the
// one that the caller holds.
type commands struct {
	client  *Client
	session holder // nil: on shared connections
}

// holder is a Conn. It is an interface so that a program that holds no connection contains nothing of Conn.
type holder interface {
	run(ctx context.Context, op operation) error
	Discard()
	lost(id uint64) bool
	lately() fate // what became of the last attempt
	condemn(c *Client, cn *conn.Conn)
}

// Doer runs any command: a Client or a Conn.
type Doer interface {
	Do(ctx context.Context, args ...any) (resp3.Value, error)
}

func (c *commands) newCall() *conn.Call { return c.client.cfg.NewCall() }

// block runs a command that waits. The caller frees the call.
func (c *commands) block(ctx context.Context, class Class, wait time.Duration, args ...string) (*conn.Call, error) {
	q := c.newCall()
	if err := checkWait(args[0], wait); err != nil {
		return q, err
	}
	q.Mode = conn.Value
	w := waitingOf(args)
	err := c.run(ctx, &operation{call: q, name: args[0], class: class, wait: w, exclusive: w})
	if err == nil && q.Val.IsNull() {
		err = Nil
	}
	return q, err
}

// Do sends any command and returns its reply, which owns its memory. An error that the server answers is returned as
// *resp3.Error, a null as a Value for which IsNull holds. Arguments are strings, byte slices, integers, floats, bools, types
// made of these, time.Duration in milliseconds, and what implements encoding.TextMarshaler or, if not that,
// encoding.BinaryMarshaler, see resp3.AppendCommandArgs; another type is an error before anything is sent.
//
// A command that may block on the server runs on a connection of its own, see BLPop. Commands that change the state of their
// connection (MULTI, WATCH, SELECT, ...) need one that is held, see Client.Conn, and are refused elsewhere. SUBSCRIBE and the
// like, MONITOR, SYNC and CLIENT REPLY are refused everywhere, since they have no reply or many, and RESET and QUIT,
// which Release and Discard are for.
func (c *commands) Do(ctx context.Context, args ...any) (resp3.Value, error) {
	r := raw(c.newCall(), args...)
	defer r.call.Free()
	if r.err != nil {
		return resp3.Value{}, r.problem()
	}
	f, _ := facts.Of(r.call.Req)
	switch {
	case f.Use == facts.Refused:
		return resp3.Value{}, fmt.Errorf("baton: %s breaks the order of commands and replies, or ends the connection: Client.Subscribe is for messages", r.name)
	case f.Use == facts.Session && c.session == nil:
		return resp3.Value{}, fmt.Errorf("baton: %s changes the state of its connection and connections are shared: use Client.Conn or Client.Tx", r.name)
	}
	r.call.Mode = conn.Value
	op := &operation{call: r.call, name: r.name, session: f.Use == facts.Session}
	if f.Use == facts.Blocks {
		w := waitingOf(wordsOf(r.call.Req))
		if w.OwnWrites && c.session == nil {
			return resp3.Value{}, aboutOwnWrites(r.name)
		}
		op.wait, op.exclusive = w, w
	}
	if err := c.run(ctx, op); err != nil {
		return resp3.Value{}, err
	}
	return r.call.Val, nil
}

// wordsOf takes an encoded command apart.
func wordsOf(req []byte) []string {
	v, _, _ := resp3.Decode(string(req))
	words := make([]string, 0, v.Len())
	for e := range v.All() {
		w, _ := e.Text()
		words = append(words, w)
	}
	return words
}

// What follows sends a request and returns its reply in the form that a method promises. Each takes the request over.

func (c *commands) send(ctx context.Context, r *request, mode conn.Mode) error {
	if r.end() != nil {
		return r.problem()
	}
	r.call.Mode = mode
	return c.do(ctx, r.call, r.name)
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

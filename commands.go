package baton

import (
	"context"
	"fmt"

	"github.com/baton-go/baton/conn"
	"github.com/baton-go/baton/internal/errs"
	"github.com/baton-go/baton/internal/facts"
	"github.com/baton-go/baton/resp3"
)

// commands are what a Client, a Conn and a Tx have in common: every command, on the client's shared connections or on the
// caller's own.
type commands struct {
	client *Client
	conn   *Conn // nil: on shared connections
}

// Doer runs any command: a Client or a Conn.
type Doer interface {
	Do(ctx context.Context, args ...any) (resp3.Value, error)
}

func (c *commands) newCall() *conn.Call { return c.client.cfg.NewCall() }

// Do sends any command and returns its reply, which owns its memory. An error that the server answers is returned as
// *resp3.Error, a null as a Value for which IsNull holds. Arguments are strings, byte slices, integers, floats, bools, types
// made of these, time.Duration in milliseconds, and types that implement encoding.TextMarshaler or, if not that,
// encoding.BinaryMarshaler, see resp3.AppendCommandArgs; another type is an error before anything is sent.
//
// A command that may block on the server runs on a connection of its own, see BLPop. Commands that change the state of their
// connection (MULTI, WATCH, SELECT, ...) need a connection of the caller's own, see Client.Conn, and are refused elsewhere.
// SUBSCRIBE and the like, MONITOR, SYNC and CLIENT REPLY are refused everywhere, since they have no reply or many. So are
// RESET and QUIT, for which there are Release and Discard.
func (c *commands) Do(ctx context.Context, args ...any) (resp3.Value, error) {
	r := anyArgs(c.newCall(), args...)
	defer r.call.Free()
	if r.err != nil {
		return resp3.Value{}, r.wrappedErr()
	}
	r.call.Mode = conn.Value
	f, _ := facts.Of(r.call.Req)
	op := &operation{call: r.call, name: r.name, session: f.Use == facts.Session}
	switch {
	case f.Use == facts.Refused:
		return resp3.Value{}, fmt.Errorf("baton: %s breaks the order of commands and replies, or ends the connection: Client.Subscribe is for messages", r.name)
	case op.session && c.conn == nil:
		return resp3.Value{}, fmt.Errorf("baton: %s changes the state of its connection and connections are shared: use Client.Conn or Client.Tx", r.name)
	case f.Use == facts.Blocks:
		r.call.Inline() // it is encoded anew each time it is issued
		args, _ := decodeTexts(string(r.call.Req))
		op.wait = waitingOf(args)
		if op.wait.OwnWrites && c.conn == nil {
			return resp3.Value{}, aboutOwnWrites(r.name)
		}
	}
	if err := c.run(ctx, op); err != nil {
		return resp3.Value{}, err
	}
	return r.call.Val, nil
}

// send sends a request and waits for its reply. Each of the methods below returns the reply in one form and frees the call.
func (c *commands) send(ctx context.Context, r *request, mode conn.Mode) error {
	if r.end() != nil {
		return r.wrappedErr()
	}
	r.call.Mode = mode
	return c.do(ctx, r.call, r.name)
}

// status is for a reply that says nothing but OK.
func (c *commands) status(ctx context.Context, r request) error {
	err := c.send(ctx, &r, conn.Check)
	null := r.call.Null
	r.call.Free()
	return orNil(err, null)
}

// present reports whether the reply is not null.
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

// truth returns whether an integer is not zero, or a boolean is true.
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
		condemnMismatch(r.call, err)
	}
	r.call.Free()
	return out, err
}

// condemnMismatch ends the link that has answered q if err says that the reply cannot belong to its command: replies may be out
// of step with commands. conn does that by itself for replies whose kind it knows.
func condemnMismatch(q *conn.Call, err error) {
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

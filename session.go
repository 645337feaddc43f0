package baton

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/baton-go/baton/conn"
	"github.com/baton-go/baton/internal/errs"
	"github.com/baton-go/baton/pool"
	"github.com/baton-go/baton/resp3"
)

// Conn is a connection that the caller has for itself until Release or Discard. Do takes commands on it that change the
// state of their connection: WATCH, MULTI, SELECT, AUTH, CLIENT TRACKING and others. Its methods are not for several
// goroutines at once.
//
// Maintenance moves the connection as any other until the first of these commands. From then on it stays where it is, until
// EXEC, DISCARD or UNWATCH undoes the state, or until shortly before the server closes the old endpoint: then it moves, the
// state is lost, and every further command fails with ErrMoved and Sent false. None of them runs on the new endpoint without
// its WATCH, MULTI or SELECT.
//
// Between MULTI and EXEC the server answers every command with QUEUED. Do and Pipeline return that; the other methods, which
// would take it for their result, return an error and send nothing. So does every method after Release or Discard. Client.Tx
// is the easier way.
//
// Client.Conns lists a Conn that was not given back as leased, with the time of the lease.
type Conn struct {
	commands
	lease    *pool.Lease
	state    session
	written  int  // epoch of the link when the last command that may have written was sent; 0: none was
	unfit    bool // for another caller: its server cannot serve, or its login is gone
	whole    bool // Client.Tx repeats everything that is done on it
	lastFate fate // of the last attempt
}

// session is what the server keeps for a connection, as far as our commands have changed it.
type session struct {
	pin      *conn.Pin // nil: nothing
	watching bool
	queueing bool // between MULTI and EXEC
	changed  bool // in some way that no single command undoes
}

// Conn leases a connection: an idle one, a new one if the pool's size allows, or the next one that is given back. Callers are
// served in their order. It waits until ctx ends or the pool's WaitTimeout is over; a dial that fails is tried again as
// Options.Retry allows.
func (c *Client) Conn(ctx context.Context) (*Conn, error) { return c.leaseConn(ctx, &retries{}) }

// leaseConn is Conn for an operation that may have failed before.
func (c *Client) leaseConn(ctx context.Context, r *retries) (*Conn, error) {
	for attempt := 1; ; attempt++ {
		if c.closed.Load() {
			return nil, ErrClosed
		}
		l, err := c.pool.Acquire(ctx)
		if err == nil {
			cn := &Conn{lease: l}
			cn.commands = commands{client: c, conn: cn}
			return cn, nil
		}
		if !c.nextAttempt(ctx, r, c.maySendAgain(nil, err)) {
			return nil, c.opError("lease", attempt, nil, withContextError(ctx, err), false)
		}
	}
}

// Release gives the connection back. Keys that are still watched and an open MULTI are undone first, which waits for the
// server, at most for ReadTimeout; a connection that was changed otherwise is closed. If a command was given up and its reply
// has not come, Release does not wait: the connection is given back, or closed, when that is settled. Further calls do nothing.
func (c *Conn) Release() {
	switch {
	case c.lease.Over():
	case c.unfit && c.lease.WrongServer():
		c.Discard()
	case c.lease.Conn().Owes() > 0:
		c.lease.ReleaseAfter(c.tidy)
	case c.tidy():
		c.lease.Release()
	default:
		c.lease.Discard()
	}
}

// Discard closes the connection instead of giving it back. Further calls do nothing.
func (c *Conn) Discard() {
	if !c.lease.Over() {
		c.state.end()
		c.lease.Discard()
	}
}

// run runs op. The first command that changes the state of the connection pins it.
func (c *Conn) run(ctx context.Context, op *operation) error {
	switch mode := op.call.Mode; {
	case c.lease.Over(): // somebody else may hold the connection now, in the middle of a MULTI
		return fmt.Errorf("baton: %s: the connection was given back already", op.name)
	case c.state.queueing && mode != conn.Value && mode != conn.Raw:
		return fmt.Errorf("baton: %s is only queued between MULTI and EXEC and has no result yet: use Do, Pipeline or Client.Tx", op.name)
	}
	op.conn = c
	if !op.session {
		return c.client.run(ctx, op)
	}
	for attempt := 1; ; attempt++ {
		first := c.state.pin == nil
		if first {
			c.state.pin = c.lease.Conn().Pin()
		}
		err := c.client.run(ctx, op)
		// The connection may have moved between the pin and the command. Nothing was lost: there was no session yet.
		if first && attempt <= 3 && errors.Is(err, ErrMoved) && !sent(err) {
			c.state.end()
			continue
		}
		c.state.note(strings.ToUpper(op.name), err)
		return err
	}
}

// lost reports whether this is the connection with that id, and closed before anything was sent on it that may have written.
func (c *Conn) lost(id uint64) bool {
	return c.written == 0 && c.isClosed() && c.lease.Conn().ID() == id
}

func (c *Conn) isClosed() bool { return c.lease.Conn().State() == conn.Closed }

// stuck says no to another attempt if only another connection can succeed, if the command would only be queued in a
// transaction that has failed, or if Client.Tx repeats the whole.
func (c *Conn) stuck(f fate) bool {
	c.lastFate = f
	return f.elsewhere || c.state.queueing || c.whole || c.isClosed()
}

// try is one attempt at op.
func (c *Conn) try(ctx context.Context, op *operation) (*conn.Conn, error) {
	cn, pin := c.lease.Conn(), c.state.pin
	if op.retryClass() > Read {
		c.written = cn.Info().Epoch // if a move comes in between, too low: WAIT then fails without need
	}
	if op.wait != nil && !c.state.queueing {
		return cn, c.wait(ctx, cn, op)
	}
	op.call.Timeout = c.client.o.ReadTimeout // a command that may block, too: it is only queued
	if pin != nil {
		return cn, pin.Do(ctx, op.call)
	}
	return cn, cn.Do(ctx, op.call)
}

// wait runs a command that may block. On another link than its own writes WAIT would answer at once.
func (c *Conn) wait(ctx context.Context, cn *conn.Conn, op *operation) error {
	pin := c.state.pin
	if op.wait.OwnWrites {
		if pin == nil {
			pin = cn.Pin()
			defer pin.Unpin()
		}
		if c.written != 0 && c.written != pin.Epoch() {
			return &conn.Error{Op: "wait", Addr: cn.Peer(), Err: ErrMoved}
		}
	}
	err := op.wait.await(op.wait, ctx, c.client, cn, pin, op.call)
	if sent(err) && !op.wait.OwnWrites {
		cn.Close() // it may still block there, and take what nobody would get
	}
	return err
}

// note records what a command with this outcome has made of the session.
func (s *session) note(name string, err error) {
	switch refused, failed := errs.As[*resp3.Error](err); {
	case err != nil && !failed:
		s.doubt(name, sent(err))
	case name == "EXEC" && (!failed || refused.Code == "EXECABORT"), name == "DISCARD" && !failed:
		s.watching, s.queueing = false, false
	case failed && name == "HELLO": // its AUTH may have been carried out before what was refused
		s.changed = true
	case failed:
	case name == "WATCH":
		s.watching = true
	case name == "UNWATCH":
		s.watching = s.watching && s.queueing
	case name == "MULTI":
		s.queueing = true
	default:
		s.changed = true
	}
	if !s.watching && !s.queueing && !s.changed {
		s.end()
	}
}

// doubt records a command that may have been executed, if it was sent. A command that undoes it and is answered ends the doubt.
func (s *session) doubt(name string, sent bool) {
	switch {
	case !sent:
	case name == "WATCH", name == "UNWATCH", name == "EXEC":
		s.watching, s.queueing = true, s.queueing && name != "EXEC"
	default:
		s.changed = true
	}
}

// end lets the connection move.
func (s *session) end() {
	if s.pin != nil {
		s.pin.Unpin()
	}
	*s = session{}
}

// tidy undoes what is left of the session and reports whether the connection is fit for another caller. It is fit if
// maintenance has broken the session: the link that serves now never knew of it.
func (c *Conn) tidy() bool {
	s := &c.state
	defer s.end()
	switch {
	case s.pin == nil || s.pin.Moved():
		return c.client.settled(c.lease.Conn())
	case s.changed:
		return false
	}
	undo := "UNWATCH"
	if s.queueing {
		undo = "DISCARD"
	}
	q := c.newCall()
	defer q.Free()
	q.Mode, q.Timeout = conn.Text, c.client.o.ReadTimeout
	q.Req = resp3.AppendCommand(q.Req, undo)
	return s.pin.Do(context.Background(), q) == nil && q.Err == nil && q.Str == "OK" // and not QUEUED
}

package baton

import (
	"context"
	"errors"
	"time"

	"github.com/baton-go/baton/conn"
	"github.com/baton-go/baton/handoff"
	"github.com/baton-go/baton/internal/errs"
	"github.com/baton-go/baton/internal/facts"
)

// operation is a call with the facts that layers above conn need to know of it.
type operation struct {
	call    *conn.Call
	name    string
	wait    *waiting // the command may block on the server; nil: it does not
	conn    *Conn    // the caller's own connection; nil: one of the pools
	pipe    *Pipe    // whose commands these are, if they are several
	session bool     // changes the state of its connection
}

// retryClass is the class that decides on another attempt. It is read from the request, since it is rarely needed.
func (op *operation) retryClass() Class { return facts.ClassOf(op.call.Req) }

// do is the way of nearly all commands: one attempt on a shared connection, on few and small stack frames (see
// docs/decisions/0006). finishSlow and doObserved have everything else.
func (c *commands) do(ctx context.Context, q *conn.Call, name string) error {
	cl := c.client
	if c.conn != nil || cl.o.Tracer != nil || cl.handoffs.Watching() || cl.closed.Load() {
		return c.doObserved(ctx, q, name)
	}
	if t := cl.large.Load(); t != nil && t.expects(q) {
		return c.doObserved(ctx, q, name)
	}
	q.Timeout = cl.o.ReadTimeout
	cn, err := cl.pool.Lane(ctx)
	if err == nil {
		err = cn.Do(ctx, q)
	}
	if err != nil || q.Err != nil || q.Large || cl.handoffs.Watching() {
		return cl.finishSlow(ctx, q, name, cn, err)
	}
	return nil
}

// finishSlow handles retries and observation after the first attempt of do.
//
//go:noinline
func (c *Client) finishSlow(ctx context.Context, q *conn.Call, name string, cn *conn.Conn, err error) error {
	op := &operation{call: q, name: name}
	c.noteReplySize(q, false)
	_, err = c.retry(ctx, op, cn, err)
	if c.handoffs.Watching() {
		c.observe(op, time.Time{}, err)
	}
	return err
}

// doObserved is do for the caller's own connection, for large replies, for commands that are traced or measured, and for a
// closed client.
//
//go:noinline
func (c *commands) doObserved(ctx context.Context, q *conn.Call, name string) error {
	return c.run(ctx, &operation{call: q, name: name})
}

// run sends op, again if the policy allows, and returns its failure or the server's error.
func (c *commands) run(ctx context.Context, op *operation) error {
	if c.conn != nil {
		return c.conn.run(ctx, op)
	}
	return c.client.run(ctx, op)
}

// run makes the attempts at op, and shows them to the Tracer and to the reports of maintenance.
func (c *Client) run(ctx context.Context, op *operation) (err error) {
	if op.wait == nil {
		op.call.Timeout = c.o.ReadTimeout
	}
	var start time.Time
	if c.handoffs.Watching() {
		start = time.Now()
	}
	if c.o.Tracer != nil {
		err = c.traced(ctx, op)
	} else {
		_, err = c.attempt(ctx, op)
	}
	if c.handoffs.Watching() {
		c.observe(op, start, err)
	}
	return err
}

// attempt sends op until it has an answer or may not be sent again.
func (c *Client) attempt(ctx context.Context, op *operation) (attempts int, err error) {
	if c.closed.Load() {
		return 0, ErrClosed
	}
	cn, err := c.try(ctx, op)
	return c.retry(ctx, op, cn, err)
}

// try sends op once, on a connection of the kind it needs.
func (c *Client) try(ctx context.Context, op *operation) (*conn.Conn, error) {
	switch {
	case op.conn != nil:
		return op.conn.try(ctx, op)
	case op.wait != nil:
		return op.wait.try(ctx, c, op)
	}
	t, lane := c.large.Load(), c.pool.Lane
	apart := t != nil && t.expects(op.call)
	if apart {
		lane = c.pool.Apart
	}
	cn, err := lane(ctx)
	if err != nil {
		return nil, err
	}
	err = cn.Do(ctx, op.call)
	c.noteReplySize(op.call, apart)
	return cn, err
}

// retry judges the outcome of the first attempt and makes others, until op has an answer or may not be sent again.
func (c *Client) retry(ctx context.Context, op *operation, cn *conn.Conn, err error) (attempts int, _ error) {
	var r retries
	sentBefore := false // an earlier attempt may have been executed
	for attempt := 1; ; attempt++ {
		f := c.judge(op, cn, err)
		if op.conn != nil && op.conn.stuck(f) || !c.nextAttempt(ctx, &r, f.chance) {
			if f.replied && !(sentBefore && f.notExecuted) {
				return attempt, f.err
			}
			return attempt, c.opError(op.name, attempt, cn, withContextError(ctx, f.err), sentBefore)
		}
		sentBefore = sentBefore || sent(f.err)
		if c.closed.Load() && !sentBefore {
			return attempt, ErrClosed
		}
		cn, err = c.try(ctx, op)
	}
}

// Tracer observes commands. Its methods run on the caller's goroutine, so on many at once, around all attempts; the command
// waits for them. Set-up traffic is not shown to it. A nil Tracer costs nothing.
type Tracer interface {
	// CommandStart is called before the first attempt. The command runs with the context that it returns.
	CommandStart(ctx context.Context, i CommandInfo) context.Context
	// CommandEnd is called with that context when the command is over.
	CommandEnd(ctx context.Context, i CommandInfo, r CommandResult)
}

// CommandInfo describes a command. Arguments are not shown, since they may be secret.
type CommandInfo struct {
	Name  string // "GET", or "pipeline"
	Count int    // commands in it
	Class Class
}

// CommandResult describes how a command ended.
type CommandResult struct {
	Err      error         // Nil is not an error here
	Attempts int           // 0 if the client was closed
	Took     time.Duration // all attempts and the pauses between them
}

func (c *Client) traced(ctx context.Context, op *operation) error {
	i := CommandInfo{Name: op.name, Count: max(op.call.Replies, 1), Class: op.retryClass()}
	ctx = c.o.Tracer.CommandStart(ctx, i)
	start := time.Now()
	attempts, err := c.attempt(ctx, op)
	c.o.Tracer.CommandEnd(ctx, i, CommandResult{Err: err, Attempts: attempts, Took: time.Since(start)})
	return err
}

// observe counts a command for the reports of maintenance.
func (c *Client) observe(op *operation, start time.Time, err error) {
	_, failed := errs.As[*OpError](err)
	failed = failed && !errors.Is(err, context.Canceled)
	c.handoffs.Observe(handoff.Command{Begun: start, Timeout: op.call.Timeout, Blocking: op.wait != nil, Failed: failed})
}

// settled waits until a connection that nobody else uses owes no reply, at most for ReadTimeout. It reports false if it
// still owes one.
func (c *Client) settled(cn *conn.Conn) bool {
	if cn.Owes() == 0 {
		return true
	}
	q := c.cfg.NewCall()
	defer q.Free()
	q.Timeout, q.Req = c.o.ReadTimeout, appendPing(q.Req)
	return cn.Do(context.Background(), q) == nil // whatever the answer is
}

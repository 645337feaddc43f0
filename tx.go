package baton

import (
	"context"
	"errors"
	"fmt"

	"github.com/baton-go/baton/conn"
	"github.com/baton-go/baton/internal/errs"
	"github.com/baton-go/baton/resp3"
)

// Tx is one attempt at a transaction. It is valid inside the function given to Client.Tx and is not for several goroutines at
// once. Its commands, those of a Client, are carried out at once and are for reading what Exec then depends on.
type Tx struct {
	commands
	done  bool  // Exec was called
	fault error // of Exec
}

const multi, exec = "*1\r\n$5\r\nMULTI\r\n", "*1\r\n$4\r\nEXEC\r\n"

// Tx runs fn, which reads with the methods of its Tx and then calls Exec, usually as its last step. Exec takes effect only if
// none of the watched keys was changed by anybody since Tx began. fn runs several times if they were (the error is ErrTxAborted
// in the end), or if maintenance has moved the connection before the transaction was sent (ErrMoved): further attempts of
// these kinds are bounded by Retry.Tx. It also runs again, up to Retry.Max times, if the connection could not be had, or was
// lost before the transaction was sent and nothing but reads had been sent on it. So what fn does besides Exec must bear
// repetition. Between attempts there is a pause of random length. If fn does not return the error of Exec or of the command that
// failed, or one that wraps it, there is no other attempt.
//
// A transaction that was sent and whose reply is lost is never repeated: the error is an *OpError with Sent true.
//
// Without keys to watch fn runs on shared connections, and Exec is one write to one of them. With keys it has a connection
// for itself, as a Conn is. It waits until ctx ends or the pool's WaitTimeout is over.
func (c *Client) Tx(ctx context.Context, fn func(*Tx) error, watch ...string) error {
	for aborts, faults := 0, 0; ; {
		err, again := c.transact(ctx, fn, watch)
		switch {
		case err == nil || !again || ctx.Err() != nil:
			return err
		case errors.Is(err, ErrTxAborted) || errors.Is(err, ErrMoved): // neither is a fault
			if aborts++; aborts > c.o.Retry.Tx {
				return err
			}
		default:
			if faults++; faults > c.o.Retry.Max {
				return err
			}
		}
		if !c.o.Retry.pause(ctx, aborts+faults) {
			return err
		}
	}
}

// transact is one attempt. again says that another may help and does no harm.
func (c *Client) transact(ctx context.Context, fn func(*Tx) error, watch []string) (err error, again bool) {
	t := &Tx{commands: c.commands}
	if len(watch) > 0 {
		held, err := c.Conn(ctx)
		if err != nil {
			return err, repeatable(err)
		}
		defer held.Release() // also if fn panics; what is still watched is undone
		t.commands = held.commands
		if err := t.watch(ctx, watch); err != nil {
			return err, repeatable(err) || t.lost(err)
		}
	}
	err = fn(t)
	switch {
	case err == nil || t.fault != nil && !errors.Is(err, t.fault):
		return err, false
	case t.done && t.fault == nil: // it has taken effect, and fn is not content with something else
		return err, false
	case isReadOnly(err):
		t.leave()
	}
	return err, errors.Is(err, ErrTxAborted) || repeatable(err) || t.lost(err)
}

// lost reports whether err is the end of the connection that t holds, before anything was sent on it that may have written.
func (t *Tx) lost(err error) bool {
	oe, ok := errs.As[*OpError](err)
	return ok && t.held != nil && t.held.lost(oe.ConnID)
}

// repeatable reports whether a command was not executed for a reason that another attempt may not meet.
func repeatable(err error) bool {
	if oe, ok := errs.As[*OpError](err); ok {
		return !oe.Sent && (errors.Is(err, ErrMoved) || !permanent(err))
	}
	return provesNotApplied(err)
}

func (t *Tx) watch(ctx context.Context, keys []string) error {
	q := t.newCall()
	defer q.Free()
	q.Req = resp3.AppendCommand(q.Req, append([]string{"WATCH"}, keys...)...)
	return t.run(ctx, &operation{call: q, name: "WATCH", class: Read, session: true})
}

// Exec sends what fn queues as one transaction, in one write: MULTI, the commands, EXEC. It can be called once. Nothing is sent if
// fn returns an error or queues nothing.
//
// The error is ErrTxAborted if a watched key was changed; the server's, with the command that was wrong, if it refused the
// transaction as a whole; else the first that it answered to one of the commands, the others having taken effect. All
// replies can be read with Reply.Get then. A user who may WATCH but not MULTI gets an *OpError with Sent
// true, since the server carries the commands out one by one then.
func (t *Tx) Exec(ctx context.Context, fn func(*Pipe) error) error {
	if t.done {
		return errors.New("baton: Exec was called before in this transaction, and nothing is watched any more")
	}
	p := &Pipe{call: t.newCall(), fault: errRunning}
	defer p.free()
	p.call.Req = append(p.call.Req, multi...)
	if err := p.fill(fn); err != nil || p.n == 0 {
		return err
	}
	t.done = true
	p.req = append(p.call.Req, exec...)
	p.call.Req, p.call.Mode, p.call.Replies = p.req, conn.Raw, p.n+2
	err := t.run(ctx, &operation{call: p.call, name: "EXEC", class: Never, session: true})
	if err == nil {
		if err = p.executed(); t.held != nil && wasSent(err) {
			t.leave()
		}
	}
	if p.fault, t.fault = err, err; err == nil {
		return p.firstError("transaction", 1)
	}
	return err
}

// leave gives up the connection, which is out of order or leads to a replica; the next one may do better.
func (t *Tx) leave() {
	if t.held != nil {
		t.held.Discard()
		return
	}
	for _, lane := range t.client.pool.Lanes() {
		t.client.pool.Retire(lane)
	}
}

// executed reads the replies to MULTI, the commands and EXEC.
func (p *Pipe) executed() error {
	w := resp3.Walk(p.call.Block())
	var wrong error // the first command that was not queued
	for i := range p.n + 1 {
		reply, err := w.Skip()
		if err != nil {
			return fmt.Errorf("baton: transaction: %w", err)
		}
		switch err := refusal(reply); {
		case err == nil || wrong != nil:
		case i == 0 && !provesNotApplied(err):
			return &OpError{Command: "MULTI", Attempt: 1, Sent: true, Err: err}
		default:
			wrong = fmt.Errorf("baton: command %d of %d in the transaction, %s: %w", i, p.n, p.name(i), err)
		}
	}
	n, err := w.Open()
	switch {
	case errors.Is(err, resp3.ErrNull):
		return ErrTxAborted
	case err != nil && wrong != nil:
		return fmt.Errorf("%w (%w)", wrong, err)
	case err != nil:
		return fmt.Errorf("baton: transaction: %w", err)
	case n != p.n:
		return fmt.Errorf("baton: transaction of %d commands has %d replies", p.n, n)
	}
	text, ends, end := w.Rest(), make([]int, 0, n), 0
	for range n {
		reply, err := w.Skip()
		if err != nil {
			return fmt.Errorf("baton: transaction: %w", err)
		}
		end += len(reply)
		ends = append(ends, end)
	}
	p.text, p.ends = text, ends
	return nil
}

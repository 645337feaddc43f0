package baton

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/baton-go/baton/conn"
	"github.com/baton-go/baton/internal/errs"
	"github.com/baton-go/baton/internal/facts"
	"github.com/baton-go/baton/resp3"
)

// Tx is one attempt at a transaction. It is valid inside the function given to Client.Tx and is not for several goroutines at
// once. Its commands, those of a Client, are carried out at once and are for reading what Exec then depends on.
type Tx struct {
	commands
	called bool   // Exec was called
	err    error  // of Exec
	chance chance // of another attempt after err
}

const multi, exec = "*1\r\n$5\r\nMULTI\r\n", "*1\r\n$4\r\nEXEC\r\n"

// Tx runs fn, which reads with the methods of its Tx and then calls Exec, usually as its last step. Exec takes effect only if
// none of the watched keys was changed by anybody since Tx began. fn runs several times if they were (the error is ErrTxAborted
// in the end), or if maintenance has moved the connection before the transaction was sent (ErrMoved): further attempts of
// these kinds are bounded by Retry.Tx. It also runs again if the server was in a state in which it executes nothing, or if the
// connection was lost before the transaction was sent and nothing but reads had been sent on it: as Retry.For and Retry.Max
// have it for any command. So everything that fn does besides Exec must bear repetition. Between attempts there is a pause of
// random length. If fn does not return the error of Exec or of the command that failed, or one that wraps it, there is no
// other attempt.
//
// A transaction that was sent and whose reply is lost is never repeated: the error is an *OpError with Sent true.
//
// Without keys to watch fn runs on shared connections, and Exec is one write to one of them. With keys it has a connection
// for itself, as a Conn is. It waits until ctx ends or the pool's WaitTimeout is over.
func (c *Client) Tx(ctx context.Context, fn func(*Tx) error, watch ...string) error {
	var r retries
	for interrupted := 0; ; {
		left, err := c.tryTx(ctx, fn, watch, &r)
		switch {
		case err == nil || left == none:
			return err
		case errors.Is(err, ErrTxAborted) || errors.Is(err, ErrMoved): // Retry.Tx counts these
			interrupted++
			if interrupted > c.o.Retry.Tx || ctx.Err() != nil || !c.pause(ctx, c.o.Retry.backoff(interrupted)) {
				return err
			}
		case !c.nextAttempt(ctx, &r, left):
			return err
		}
	}
}

// tryTx is one attempt. left is the chance of another after it.
func (c *Client) tryTx(ctx context.Context, fn func(*Tx) error, watch []string, r *retries) (left chance, err error) {
	t := &Tx{commands: c.commands}
	if len(watch) > 0 {
		own, err := c.leaseConn(ctx, r)
		if err != nil {
			return none, err // leaseConn has made all attempts
		}
		own.whole = true
		defer own.Release() // also if fn panics; keys that are still watched are unwatched
		t.commands = own.commands
		q := t.newCall()
		defer q.Free()
		q.Req = resp3.AppendCommand(q.Req, append([]string{"WATCH"}, watch...)...)
		if err := t.run(ctx, &operation{call: q, name: "WATCH", session: true}); err != nil {
			return t.chanceAfter(err), err
		}
	}
	err = fn(t)
	switch {
	case err == nil || t.err != nil && !errors.Is(err, t.err):
		return none, err
	case t.called && t.err == nil: // it has taken effect, and the error of fn is about something else
		return none, err
	case t.chance != none:
		return t.chance, err
	}
	return t.chanceAfter(err), err
}

// chanceAfter is the chance of the transaction after a command of it has failed. A command on a shared connection was retried
// by itself.
func (t *Tx) chanceAfter(err error) chance {
	oe, failed := errs.As[*OpError](err)
	switch {
	case errors.Is(err, ErrTxAborted), failed && !oe.Sent && errors.Is(err, ErrMoved):
		return byCount
	case t.conn == nil:
		return none
	case failed && !oe.Sent:
		return t.client.maySendAgain(nil, oe.Err)
	case failed && t.conn.lost(oe.ConnID): // before anything was sent on it that may have written
		return byCount
	}
	if f := t.conn.lastFate; f.notExecuted && errors.Is(err, f.err) {
		return f.chance
	}
	return none
}

// Exec sends the commands that fn queues as one transaction, in one write: MULTI, the commands, EXEC. It can be called once.
// Nothing is sent if fn returns an error or queues no command.
//
// The error is ErrTxAborted if a watched key was changed; the server's, with the command that was wrong, if it refused the
// transaction as a whole; else the first that it answered to one of the commands, the others having taken effect. All
// replies can be read with Reply.Get then. A user who may WATCH but not MULTI gets an *OpError with Sent true, since the
// server executes the commands one by one then.
func (t *Tx) Exec(ctx context.Context, fn func(*Pipe) error) error {
	if t.called {
		return errors.New("baton: Exec was called before in this transaction, and nothing is watched any more")
	}
	p := &Pipe{call: t.newCall(), err: errRunning, tx: true}
	defer p.free()
	p.call.Mode = conn.Raw
	p.call.Req = append(p.call.Req, multi...)
	if err := p.fill(fn); err != nil || p.n == 0 {
		return err
	}
	t.called = true
	p.req = append(p.call.Req, exec...)
	p.call.Req, p.call.Replies = p.req, p.n+2
	err := t.run(ctx, &operation{call: p.call, name: "EXEC", session: true, pipe: p})
	if err == nil {
		err = t.readReplies(p)
		if t.conn != nil && sent(err) {
			t.conn.Discard() // keys may still be watched there
		}
	}
	if p.err, t.err = err, err; err == nil {
		return p.firstError("transaction", 1)
	}
	return err
}

// condemnOpenMulti ends the connection that a call with MULTI and EXEC went to, if err, which answers EXEC, has not ended the
// transaction: a server whose EXEC is renamed would queue the commands of other callers.
func condemnOpenMulti(q *conn.Call, err error) {
	e, ok := errs.As[*resp3.Error](err)
	if ok && e.Code != "EXECABORT" && states[e.Code].chance == none {
		q.Condemn(err)
	}
}

// readReplies reads the replies to MULTI, the commands and EXEC.
func (t *Tx) readReplies(p *Pipe) error {
	w := resp3.Walk(p.call.Block())
	notQueued, err := t.readQueued(p, &w)
	if err != nil {
		return err
	}
	n, err := w.Open()
	switch {
	case errors.Is(err, resp3.ErrNull):
		return ErrTxAborted
	case err != nil:
		condemnOpenMulti(p.call, err)
		if notQueued != nil {
			return fmt.Errorf("%w (%w)", notQueued, err)
		}
		t.chance = t.checkReply(p.cn, discardCause(err), true)
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
		if err := errorOf(reply); err != nil {
			t.checkReply(p.cn, err, false)
		}
		end += len(reply)
		ends = append(ends, end)
	}
	p.text, p.ends = text, ends
	return nil
}

// readQueued reads the replies to MULTI and the commands. notQueued is the error of the first command that was not queued.
// Without MULTI the server executed the commands one by one, so each reply must prove that its command was not executed.
func (t *Tx) readQueued(p *Pipe, w *resp3.Cursor) (notQueued, err error) {
	var noMulti error
	left := byTime
	req := p.req
	for i := range p.n + 1 {
		reply, err := w.Skip()
		if err != nil {
			return nil, fmt.Errorf("baton: transaction: %w", err)
		}
		answer, chance := errorOf(reply), none
		if answer != nil {
			chance = t.checkReply(p.cn, answer, noMulti == nil || !facts.Relays(req))
		}
		switch {
		case answer != nil && i == 0:
			noMulti = answer
		case answer != nil && notQueued == nil:
			notQueued = fmt.Errorf("baton: command %d of %d in the transaction, %s: %w", i, p.n, p.name(i), answer)
			t.chance = chance
		}
		if noMulti != nil {
			left = min(left, chance)
		}
		req = facts.Skip(req, 1)
	}
	if noMulti == nil {
		return notQueued, nil
	}
	if t.chance = left; left == none {
		return nil, &OpError{Command: "MULTI", Attempt: 1, Sent: true, Err: noMulti}
	}
	return nil, fmt.Errorf("baton: transaction, MULTI: %w", noMulti)
}

// checkReply returns the chance that an error reply to one of the commands leaves, if the text is the server's own.
func (t *Tx) checkReply(cn *conn.Conn, answer error, own bool) chance {
	s, ok := t.client.checkReply(t.conn, cn, answer, own)
	if !ok || !own {
		return none
	}
	return s.chance
}

// discardCause is the error within an EXECABORT that says why a queued transaction was discarded: the server has become a
// replica meanwhile, for instance.
func discardCause(err error) error {
	e, ok := errs.As[*resp3.Error](err)
	if !ok || e.Code != "EXECABORT" {
		return err
	}
	cause, ok := strings.CutPrefix(e.Message, "Transaction discarded because of: ")
	if !ok {
		return err
	}
	code, message, _ := strings.Cut(cause, " ")
	return &resp3.Error{Code: code, Message: message}
}

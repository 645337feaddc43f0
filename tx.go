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
	done   bool   // Exec was called
	fault  error  // of Exec
	chance chance // of another attempt after fault
}

const multi, exec = "*1\r\n$5\r\nMULTI\r\n", "*1\r\n$4\r\nEXEC\r\n"

// Tx runs fn, which reads with the methods of its Tx and then calls Exec, usually as its last step. Exec takes effect only if
// none of the watched keys was changed by anybody since Tx began. fn runs several times if they were (the error is ErrTxAborted
// in the end), or if maintenance has moved the connection before the transaction was sent (ErrMoved): further attempts of
// these kinds are bounded by Retry.Tx. It also runs again if the server was in a state in which it executes nothing, or if the
// connection was lost before the transaction was sent and nothing but reads had been sent on it: as Retry.For and Retry.Max
// have it for any command. So what fn does besides Exec must bear repetition. Between attempts there is a pause of random length. If fn does not return the error of Exec or of the command that
// failed, or one that wraps it, there is no other attempt.
//
// A transaction that was sent and whose reply is lost is never repeated: the error is an *OpError with Sent true.
//
// Without keys to watch fn runs on shared connections, and Exec is one write to one of them. With keys it has a connection
// for itself, as a Conn is. It waits until ctx ends or the pool's WaitTimeout is over.
func (c *Client) Tx(ctx context.Context, fn func(*Tx) error, watch ...string) error {
	var r retries
	for aborts := 0; ; {
		left, err := c.transact(ctx, fn, watch, &r)
		switch {
		case err == nil || left == none:
			return err
		case errors.Is(err, ErrTxAborted) || errors.Is(err, ErrMoved): // neither is a fault
			if aborts++; aborts > c.o.Retry.Tx || ctx.Err() != nil || !c.pause(ctx, c.o.Retry.backoff(aborts)) {
				return err
			}
		case !c.nextAttempt(ctx, &r, left):
			return err
		}
	}
}

// transact is one attempt. left is the chance of another after it.
func (c *Client) transact(ctx context.Context, fn func(*Tx) error, watch []string, r *retries) (left chance, err error) {
	t := &Tx{commands: c.commands}
	if len(watch) > 0 {
		held, err := c.hold(ctx, r)
		if err != nil {
			return none, err // hold has been patient
		}
		held.whole = true
		defer held.Release() // also if fn panics; what is still watched is undone
		t.commands = held.commands
		if err := t.watch(ctx, watch); err != nil {
			return t.chanceOf(err), err
		}
	}
	err = fn(t)
	switch {
	case err == nil || t.fault != nil && !errors.Is(err, t.fault):
		return none, err
	case t.done && t.fault == nil: // it has taken effect, and fn is not content with something else
		return none, err
	case t.chance != none:
		return t.chance, err
	}
	return t.chanceOf(err), err
}

// chanceOf is the chance of the whole after a command of it has failed. One on a shared connection has been tried again by itself.
func (t *Tx) chanceOf(err error) chance {
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
	if f := t.conn.last; f.notExecuted && errors.Is(err, f.err) {
		return f.chance
	}
	return none
}

func (t *Tx) watch(ctx context.Context, keys []string) error {
	q := t.newCall()
	defer q.Free()
	q.Req = resp3.AppendCommand(q.Req, append([]string{"WATCH"}, keys...)...)
	return t.run(ctx, &operation{call: q, name: "WATCH", session: true})
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
	p.tx = true
	err := t.run(ctx, &operation{call: p.call, name: "EXEC", session: true, pipe: p})
	if err == nil {
		err = p.executed(t)
		if t.conn != nil && wasSent(err) {
			t.conn.Discard() // keys may still be watched there
		}
	}
	if p.fault, t.fault = err, err; err == nil {
		return p.firstError("transaction", 1)
	}
	return err
}

// leaveOpenMulti ends the connection that a call with MULTI and EXEC went to, if err, which answers EXEC, has not ended the
// transaction: a server whose EXEC is renamed would queue the commands of others.
func leaveOpenMulti(q *conn.Call, err error) {
	e, ok := errs.As[*resp3.Error](err)
	if !ok || e.Code == "EXECABORT" {
		return
	}
	if _, passes := states[e.Code]; !passes {
		q.Condemn(err)
	}
}

// executed reads the replies to MULTI, the commands and EXEC.
func (p *Pipe) executed(t *Tx) error {
	w := resp3.Walk(p.call.Block())
	wrong, err := p.queued(t, &w) // not executed by EXEC
	if err != nil {
		return err
	}
	n, err := w.Open()
	switch {
	case errors.Is(err, resp3.ErrNull):
		return ErrTxAborted
	case err != nil && wrong != nil:
		leaveOpenMulti(p.call, err)
		return fmt.Errorf("%w (%w)", wrong, err)
	case err != nil:
		leaveOpenMulti(p.call, err)
		t.refused(p.answered, err)
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
		if said := refusal(reply); said != nil {
			t.heed(p.answered, said, false)
		}
		end += len(reply)
		ends = append(ends, end)
	}
	p.text, p.ends = text, ends
	return nil
}

// queued reads the replies to MULTI and the commands. wrong is the first command that was not queued; its refusal is the server's own,
// whatever the command is. Without MULTI each command was carried out by itself, so each has to prove that it was not.
func (p *Pipe) queued(t *Tx, w *resp3.Cursor) (wrong, err error) {
	var noMulti error
	left := byTime
	req := p.req
	for i := range p.n + 1 {
		reply, err := w.Skip()
		if err != nil {
			return nil, fmt.Errorf("baton: transaction: %w", err)
		}
		said, own := refusal(reply), noMulti == nil || !facts.Relays(req)
		chance := none
		if said != nil {
			chance = t.heed(p.answered, said, own)
		}
		switch {
		case said != nil && i == 0:
			noMulti = said
		case said != nil && wrong == nil:
			wrong, t.chance = fmt.Errorf("baton: command %d of %d in the transaction, %s: %w", i, p.n, p.name(i), said), chance
		}
		if noMulti != nil {
			left = min(left, chance)
		}
		req = facts.Skip(req, 1)
	}
	if noMulti == nil {
		return wrong, nil
	}
	if t.chance = left; left == none {
		return nil, &OpError{Command: "MULTI", Attempt: 1, Sent: true, Err: noMulti}
	}
	return nil, fmt.Errorf("baton: transaction, MULTI: %w", noMulti)
}

// heed heeds an answer to one of the commands and returns the chance that it leaves if it is the server's own.
func (t *Tx) heed(cn *conn.Conn, answer error, own bool) chance {
	t.client.applyAnswer(t.conn, cn, answer, own)
	if s, ok := t.client.stateOf(answer, peerOf(cn)); ok && own {
		return s.chance
	}
	return none
}

// refused follows the refusal of EXEC. Why a transaction was discarded that was queued stands behind the code: the server has become
// a replica meanwhile, say.
func (t *Tx) refused(cn *conn.Conn, err error) {
	e, ok := errs.As[*resp3.Error](err)
	if !ok {
		return
	}
	if because, cut := strings.CutPrefix(e.Message, "Transaction discarded because of: "); cut && e.Code == "EXECABORT" {
		code, message, _ := strings.Cut(because, " ")
		e = &resp3.Error{Code: code, Message: message}
	}
	t.chance = t.heed(cn, e, true)
}

package baton

import (
	"context"
	"errors"
	"strconv"
	"strings"
	"time"

	"github.com/baton-go/baton/conn"
	"github.com/baton-go/baton/internal/errs"
	"github.com/baton-go/baton/internal/facts"
	"github.com/baton-go/baton/pool"
	"github.com/baton-go/baton/resp3"
)

// waiting is a command that may block on the server. Each time it is issued it is encoded with the rest of its wait.
type waiting struct {
	facts.Wait // At is 0 if the wait cannot be read: the command is sent as it is
	args       []string
	room       [6]string     // for args, if they are few
	wait       time.Duration // 0: for ever
	need       int64         // WAIT: the replicas asked for; the reply is a number
	end        time.Time     // of the wait, from when it is first issued
	op         operation     // of a typed command: the memory of both is one

	// await is awaitAnswer. Programs without commands that block do not refer to it, so that the linker leaves it out.
	await func(w *waiting, ctx context.Context, c *Client, cn *conn.Conn, session *conn.Pin, q *conn.Call) error
}

// waitingOf looks for the wait in a command. The server will refuse a wait that cannot be read here.
func waitingOf(args []string) *waiting {
	w := &waiting{Wait: facts.WaitOf(args), await: (*waiting).awaitAnswer}
	w.args = append(w.room[:0], args...)
	at := w.At
	w.At = 0
	if at < 1 || at >= len(args) {
		return w
	}
	f, err := strconv.ParseFloat(args[at], 64)
	if err != nil || !(f >= 0 && f*float64(w.Unit) <= float64(maxWait)) {
		return w
	}
	w.At, w.wait = at, time.Duration(f*float64(w.Unit))
	if strings.EqualFold(args[0], "WAIT") {
		w.need, _ = strconv.ParseInt(args[1], 10, 64)
	}
	return w
}

// maxWait bounds the waits that are read here; a longer one is left to the server.
const maxWait = 100 * 365 * 24 * time.Hour

// waitText gives a wait as the server reads it, cut to whole milliseconds.
func waitText(wait, unit time.Duration) string {
	wait = wait.Truncate(time.Millisecond)
	if unit == time.Millisecond || wait%unit == 0 {
		return strconv.FormatInt(int64(wait/unit), 10)
	}
	return strconv.FormatFloat(wait.Seconds(), 'f', -1, 64)
}

// encode puts the command into q with the rest of its wait, which it returns; 0 means for ever or unknown.
func (w *waiting) encode(q *conn.Call) (rest time.Duration) {
	switch now := time.Now(); {
	case w.wait == 0:
	case w.end.IsZero():
		w.end, rest = now.Add(w.wait), w.wait
	default:
		rest = max((w.end.Sub(now) + time.Millisecond - 1).Truncate(time.Millisecond), time.Millisecond)
		w.args[w.At] = waitText(rest, w.Unit)
	}
	q.Req = resp3.AppendCommand(q.Req[:0], w.args...)
	return rest
}

// over reports whether the command has waited long enough. A wait that cannot be read is over with the first reply.
func (w *waiting) over() bool {
	return w.wait == 0 && w.At == 0 || w.wait > 0 && !w.end.After(time.Now())
}

// hasAnswer reports whether q has the answer: the value that was waited for, or an error. The error with which a server ends
// all waits when it becomes a replica is none: it has not executed the command.
func (w *waiting) hasAnswer(q *conn.Call) bool {
	switch {
	case q.Err != nil:
		e, ok := errs.As[*resp3.Error](q.Err)
		return !ok || e.Code != "UNBLOCKED" || !strings.Contains(e.Message, "instance state changed")
	case q.Mode == conn.Int:
		return q.Null || q.Num >= w.need
	case w.need > 0:
		n, err := q.Val.Int()
		return err != nil || n >= w.need
	}
	return !q.Null && (q.Mode == conn.Encoded || !q.Val.IsNull())
}

var errDemoted = errors.New("the server ended the wait, since it is no master any more")

// try sends op on a connection that it has for itself.
func (w *waiting) try(ctx context.Context, c *Client, op *operation) (*conn.Conn, error) {
	l, err := c.blocking.Acquire(ctx)
	if err != nil {
		return nil, err
	}
	if err = w.await(w, ctx, c, l.Conn(), nil, op.call); sent(err) {
		l.Discard() // it may still block there, and take what nobody would get
	} else {
		c.releaseSettled(l)
	}
	return l.Conn(), err
}

// releaseSettled releases a connection as soon as it owes no reply, as to a command that was given up.
func (c *Client) releaseSettled(l *pool.Lease) {
	if l.Conn().Owes() > 0 {
		l.ReleaseAfter(func() bool { return c.settled(l.Conn()) })
	} else {
		l.Release()
	}
}

// awaitAnswer runs w as q on cn, which nobody else uses, until there is an answer or the wait is over. After an early null, from a
// link that goes or because somebody has unblocked it, the rest of the wait is issued again. session is nil if there is none.
func (w *waiting) awaitAnswer(ctx context.Context, c *Client, cn *conn.Conn, session *conn.Pin, q *conn.Call) error {
	if err := w.fixLastIDs(ctx, c, cn, session); err != nil {
		return err
	}
	for issue := 1; ; issue++ {
		p := session
		if p == nil {
			p = cn.Pin()
		}
		err := w.issueOnce(ctx, c, p, q)
		moved := p.Moved()
		if session == nil {
			p.Unpin()
		}
		if err != nil || w.hasAnswer(q) {
			return err
		}
		switch {
		case ctx.Err() != nil: // the reply proves that nothing was taken
			return waitError(p, conn.ContextError(ctx))
		case moved && (session != nil || w.OwnWrites):
			return waitError(p, ErrMoved)
		case q.Err != nil:
			return waitError(p, errDemoted)
		case w.over():
			return nil
		}
		if !moved && !c.pause(ctx, c.o.Retry.backoff(issue)) { // nobody knows why: not in a tight loop
			return waitError(p, conn.ContextError(ctx))
		}
	}
}

// waitError is the error of a command that is known to have taken nothing.
func waitError(p *conn.Pin, err error) error {
	return &conn.Error{Op: "wait", Addr: p.Setup().Peer, Err: err}
}

// issueOnce issues q once, and sees to it that the end of ctx or of the link ends it cleanly.
func (w *waiting) issueOnce(ctx context.Context, c *Client, p *conn.Pin, q *conn.Call) error {
	if ctx.Err() != nil {
		return waitError(p, conn.ContextError(ctx))
	}
	server, err := c.identify(ctx, p, false)
	if err != nil {
		return err
	}
	u := &unblocker{c: c, ctx: ctx, p: p, q: q, server: server}
	if 0 < w.Key && w.Key < len(w.args) {
		u.key = w.args[w.Key]
	}
	q.Timeout, q.Wait = 0, 0
	if rest := w.encode(q); rest > 0 && c.o.ReadTimeout > 0 {
		// It is unblocked when the wait and the timeout are over. The same timeout again is for the reply to that.
		q.Timeout, q.Wait = c.o.ReadTimeout, rest+c.o.ReadTimeout
		u.due = time.Now().Add(rest)
	}
	return u.do()
}

// fixLastIDs replaces "$" by the id of the last entry. Entries that are added between two issues would be missed otherwise.
func (w *waiting) fixLastIDs(ctx context.Context, c *Client, cn *conn.Conn, session *conn.Pin) error {
	if len(w.LastIDs) == 0 {
		return nil
	}
	do := cn.Do
	if session != nil {
		do = session.Do
	}
	q := c.cfg.NewCall()
	defer q.Free()
	q.Mode, q.Timeout = conn.Value, c.o.ReadTimeout
	for _, at := range w.LastIDs {
		key := w.args[at-(len(w.args)-w.Key)/2]
		q.Req = resp3.AppendCommand(q.Req[:0], "XREVRANGE", key, "+", "-", "COUNT", "1")
		if err := do(ctx, q); err != nil {
			return notSent(err)
		}
		switch id, err := q.Val.Index(0).Index(0).Text(); {
		case q.Err != nil: // the command itself will be told
		case q.Val.Len() == 0:
			w.args[at] = "0-0"
		case err == nil:
			w.args[at] = id
		}
	}
	w.LastIDs = nil
	return nil
}

// notSent is the error of a command that is not sent because another before it has failed.
func notSent(err error) error {
	ce, ok := errs.As[*conn.Error](err)
	if !ok {
		return err
	}
	return &conn.Error{Op: ce.Op, Addr: ce.Addr, Err: ce.Err}
}

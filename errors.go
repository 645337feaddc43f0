package baton

import (
	"cmp"
	"errors"
	"fmt"
	"strings"

	"github.com/baton-go/baton/conn"
	"github.com/baton-go/baton/handoff"
	"github.com/baton-go/baton/internal/errs"
	"github.com/baton-go/baton/pool"
)

var (
	// Nil says that there is no such value: the server answered null where a value was asked for.
	Nil = errors.New("baton: nil")
	// ErrClosed is returned by every use of a Client after Close or Shutdown; for a command that was under way then it is
	// the cause within an *OpError, which says whether it may have been executed.
	ErrClosed = errors.New("baton: client is closed")
	// ErrMoved is the cause within an *OpError when maintenance has moved a connection while the server kept something for
	// it: a WATCH, a MULTI, another database. The command was not sent, and the connection has no session any more.
	ErrMoved = conn.ErrMoved
	// ErrTxAborted says that somebody else changed a watched key in every attempt at a transaction.
	ErrTxAborted = errors.New("baton: transaction aborted: a watched key was changed")
)

// OpError is the error of a command that failed without an answer of the server. An error that the server answers is returned
// as it is, a *resp3.Error.
type OpError struct {
	Command string // name of the command, or "pipeline"
	Addr    string // peer, or the address that could not be reached
	ConnID  uint64 // 0 if there was no connection
	Attempt int    // 1 for the first
	// Sent is false only if it is certain that no attempt took effect: the command did not reach the server, or, if it
	// blocks there, the server has said that nothing was taken. It can be sent again without harm.
	Sent  bool
	Phase handoff.Kind // maintenance that was in force, KindNone if none
	Err   error        // the cause: a context's error, a *conn.Error, a *pool.TimeoutError, ...
}

// Error gives "command addr: cause (facts)".
func (e *OpError) Error() string {
	s := "baton: " + e.Command
	if e.Addr != "" && !strings.Contains(e.Err.Error(), e.Addr) {
		s += " " + e.Addr
	}
	s += fmt.Sprintf(": %v (attempt %d, ", e.Err, e.Attempt)
	if e.Sent {
		s += "may have been executed"
	} else {
		s += "not sent"
	}
	if e.Phase != handoff.KindNone {
		s += ", during " + e.Phase.String()
	}
	return s + ")"
}

// Unwrap returns the cause.
func (e *OpError) Unwrap() error { return e.Err }

// Timeout reports whether the cause is a deadline of any kind.
func (e *OpError) Timeout() bool {
	return errs.IsTimeout(e.Err)
}

// opError makes the error that the caller sees. cn may be nil. sentBefore says that an earlier attempt may have been executed.
func (c *Client) opError(name string, attempt int, cn *conn.Conn, err error, sentBefore bool) error {
	sent := sentBefore || sent(err)
	closed := errors.Is(err, pool.ErrClosed) || c.closed.Load() && (!sent || errors.Is(err, conn.ErrClosed))
	if closed && !sent {
		return ErrClosed
	}
	e := &OpError{Command: name, Attempt: attempt, Sent: sent, Phase: c.handoffs.Manager().Phase(), Err: err}
	if cn != nil {
		e.ConnID, e.Addr = cn.ID(), cn.Peer()
	}
	if ce, ok := errs.As[*conn.Error](err); ok {
		e.Addr = cmp.Or(ce.Addr, e.Addr)
		if err == error(ce) && cn != nil { // address and id stand in this error now: the cause alone remains
			e.Err = ce.Err
		}
	}
	if closed {
		e.Err = ErrClosed
	}
	return e
}

// sent reports whether a command that failed with err may have reached the server.
func sent(err error) bool {
	if oe, ok := errs.As[*OpError](err); ok {
		return oe.Sent
	}
	ce, ok := errs.As[*conn.Error](err)
	return ok && ce.Sent
}

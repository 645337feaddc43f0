package conn

import (
	"context"
	"errors"
	"fmt"

	"github.com/baton-go/baton/internal/errs"
)

// Errors that say why a connection took no command or no move. They are matched with errors.Is.
var (
	// ErrClosed is returned by every use of a connection after Close.
	ErrClosed = errors.New("connection closed")
	// ErrTimeout is the cause when a reply did not come within the command's timeout. It is also a timeout in the sense
	// of net.Error when wrapped in an *Error.
	ErrTimeout error = timeout("no reply in time")
	// ErrDead is the cause when replies were owed and not one byte of a reply came for a whole read timeout. Pushes and
	// attributes are no sign of life then, since a server can send them without executing anything.
	ErrDead error = timeout("peer does not answer")
	// ErrMoving is returned by Move while another move of the same connection runs.
	ErrMoving = errors.New("connection is already moving")
	// ErrPinned is returned by Move if the switch has to wait for a pin. The next link is ready.
	ErrPinned = errors.New("connection moves when its session lets go")
	// ErrMoved is the cause when the link that a pin belongs to has been replaced: what the server kept for it is gone.
	ErrMoved = errors.New("connection was moved by maintenance and its session on the server is lost")
	// ErrSamePeer is returned by Move when the dialled address led to the peer that was to be avoided.
	ErrSamePeer = errors.New("address leads to the peer that retires")
	// ErrDrained is the cause when an old link was closed at the end of its drain time while it still owed replies.
	ErrDrained = errors.New("old link closed at the end of the move")
	// ErrSurplus is the cause when the server sent a reply that nobody asked for.
	ErrSurplus = errors.New("reply without a command")
	// ErrOutOfStep is the cause when a reply was of a kind that its command cannot have. That reply and those behind it
	// belong to other commands: the connection is closed before more of them are handed out. The call that got it has a
	// *resp3.TypeError.
	ErrOutOfStep = errors.New("reply of a kind that the command cannot have: replies and commands are out of step")
	// ErrBacklog is the cause when a call is refused because Config.MaxPending bytes wait to be written: the server
	// reads too slowly, or not at all. The call was not sent; the connection goes on.
	ErrBacklog = errors.New("too much waits to be written")
	// ErrProtocol is the cause when the server does not grant the RESP version that was demanded.
	ErrProtocol = errors.New("protocol version not granted")
)

// timeout is an error that is a timeout in the sense of net.Error.
type timeout string

func (t timeout) Error() string { return string(t) }
func (timeout) Timeout() bool   { return true }

// ContextError is why ctx has ended: context.Canceled or context.DeadlineExceeded, with the cause if it has another.
func ContextError(ctx context.Context) error {
	err, cause := ctx.Err(), context.Cause(ctx)
	if cause == err {
		return err
	}
	if cause == ErrTimeout { // a limit of ours, which is not the caller's context
		return cause
	}
	return fmt.Errorf("%w: %w", err, cause)
}

// Error is any error of a connection that is not an answer of the server.
type Error struct {
	Op   string // "dial", "set up", "write", "read", "move", "do"
	Addr string // peer, or the address that was dialled
	// Sent is false only if certainly no byte of the command reached the socket, so that it cannot have been executed.
	Sent bool
	Err  error
}

// Error gives "op addr: cause".
func (e *Error) Error() string {
	op := e.Op
	if e.Addr != "" {
		op += " " + e.Addr
	}
	return fmt.Sprintf("%s: %v", op, e.Err)
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// Timeout reports whether the cause is a deadline of any kind.
func (e *Error) Timeout() bool { return errs.IsTimeout(e.Err) }

package pool

import (
	"errors"
	"fmt"
	"time"
)

var (
	// ErrClosed is returned by every use of a pool after Close.
	ErrClosed = errors.New("pool is closed")
	// ErrShared is the cause when a lease is asked for and the pool has room for nothing but its shared connection.
	ErrShared = errors.New("its connection is shared")
)

// TimeoutError says that no connection was to be had in time, or that too many waited already, and why.
type TimeoutError struct {
	Waited   time.Duration // 0 without a Cause: as many waited already as may
	Stats    Stats         // at the end of the wait
	Size     int           // Config.Size
	LastDial error         // of the last dial if that failed, else nil
	Cause    error         // the context's, nil if it was WaitTimeout or MaxWaiting
}

// Error gives the counts, so that the text alone tells whether the pool is too small or the server is away.
func (e *TimeoutError) Error() string {
	s := fmt.Sprintf("pool: no connection within %v", e.Waited.Round(time.Millisecond))
	if e.Waited == 0 && e.Cause == nil {
		s = "pool: no connection, and no more callers may wait for one"
	}
	s += fmt.Sprintf(" (%d of %d leased, %d shared, %d dialing, %d waiting", e.Stats.Leased, e.Size, e.Stats.Lanes, e.Stats.Dialing, e.Stats.Waiting)
	if e.LastDial != nil {
		s += fmt.Sprintf(", last dial: %v", e.LastDial)
	}
	s += ")"
	if e.Cause != nil {
		s += ": " + e.Cause.Error()
	}
	return s
}

// Unwrap gives the context's error and the last dial's.
func (e *TimeoutError) Unwrap() []error {
	var errs []error
	for _, err := range []error{e.Cause, e.LastDial} {
		if err != nil {
			errs = append(errs, err)
		}
	}
	return errs
}

// Timeout reports true: it is a timeout in the sense of net.Error.
func (e *TimeoutError) Timeout() bool { return true }

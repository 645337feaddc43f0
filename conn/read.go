package conn

import (
	"context"
	"errors"
	"net"
	"os"
	"sync"
	"time"

	"github.com/baton-go/baton/resp3"
)

const (
	// tick is how long a caller reads without getting a byte before it gives the reading to the keeper and waits like
	// everybody else, so that its context can wake it. It also bounds how late an expired context is noticed.
	tick = 5 * time.Millisecond
	// streamAbove is the size from which a bulk string is not buffered but read straight to where it is wanted.
	streamAbove = 16 << 10
	// bodyStep bounds how much memory is taken for a bulk string ahead of its bytes.
	bodyStep = 1 << 20
	batchLen = 64
)

var longAgo = time.Unix(1, 0)

// batch is the room for replies that are handed out together.
type batch struct {
	frames [batchLen]resp3.Frame
	claims [batchLen]claim
	// scratch takes what is read of a streamed bulk string that nobody wants any more.
	scratch [4 << 10]byte
}

// claim is a call and how many of the batch's replies are its.
type claim struct {
	call *Call // nil: swallow
	n    int
	last bool // the call ends with these
}

var batches = sync.Pool{New: func() any { return new(batch) }}

// lead reads for all until q has its reply (true), or until somebody else reads or nobody needs to (false: wait for the
// end of q). The caller holds the reading.
func (l *link) lead(ctx context.Context, q *Call) bool {
	armed, bytes := false, l.rd.Received()
	mine, err := l.handOut(q)
	for !mine {
		switch {
		case err == nil:
		case !isTimeout(err):
			l.stopLeading(q)
			l.fail(err)
			return false
		case armed && bytes == l.rd.Received() || ctx.Err() != nil:
			l.giveToKeeper(q)
			return false
		default: // the tick was set by an earlier reader, or bytes have come since: take one of our own
			l.fine = false
		}
		if !l.fine {
			l.arm()
			armed, bytes = true, l.rd.Received()
		}
		mine, err = l.fill(q)
	}
	if err != nil && !isTimeout(err) {
		l.fail(err)
	}
	l.passOn()
	return true
}

// arm sets the socket's read deadline one tick ahead.
func (l *link) arm() {
	l.nc.SetReadDeadline(time.Now().Add(tick))
	l.fine = true
}

// giveToKeeper makes the keeper read and q wait.
func (l *link) giveToKeeper(q *Call) {
	l.stopLeading(q)
	l.slow.Store(true)
	l.park <- struct{}{}
}

func (l *link) stopLeading(q *Call) {
	l.mu.Lock()
	q.leads, q.waiting = false, !q.ended
	l.mu.Unlock()
}

// passOn gives the reading to the oldest waiting caller, or lays it down. Callers that are still writing look after
// themselves; orphans are the keeper's.
func (l *link) passOn() {
	l.mu.Lock()
	for s := l.q.head; s < l.q.tail; s++ {
		if q := l.q.at(s).call; q != nil && q.waiting && !q.taken {
			q.waiting, q.leads = false, true
			l.mu.Unlock()
			q.wake <- sigLead
			return
		}
	}
	l.reading = false
	finished := l.finishedLocked()
	l.mu.Unlock()
	if finished {
		l.fail(errNext)
	}
}

func isTimeout(err error) bool {
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return true
	}
	var t net.Error
	return errors.As(err, &t) && t.Timeout()
}

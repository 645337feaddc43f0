package conn

import (
	"context"
	"errors"
	"os"
	"sync"
	"time"

	"github.com/baton-go/baton/internal/errs"
	"github.com/baton-go/baton/resp3"
)

const (
	// tick is how long a caller whose context can end reads without looking at it, the first time the link sees that
	// context. A near deadline is not free: with one pending, the kernel programs its clock for every wait of a lone
	// caller (5 ms: 0.83 of the raw socket's speed, 20 ms: 0.95, none: 1.0).
	tick = 8 * time.Millisecond
	// streamAbove is the size from which a bulk string is not buffered but read straight to where it is wanted.
	streamAbove = 16 << 10
	// largeReply is the size from which on Call.Large is set.
	largeReply = 64 << 10
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
	left int  // replies that the call is owed after these
	last bool // the call ends with these
}

var batches = sync.Pool{New: func() any { return new(batch) }}

// lead reads for all until q has its reply (true), or until somebody else reads or nobody needs to (false: wait for the
// end of q). The caller holds the reading. If no byte of a reply comes for long it gives the reading to the keeper and waits like
// everybody else, so that its context and its timeout can end it.
func (l *link) lead(ctx context.Context, q *Call) bool {
	short := !l.contextPokes(ctx)
	mine, err := l.handOut(q)
	// A near deadline that another caller has set may have passed while nobody read: no reason to think the reply slow.
	bytes, armed := l.rd.Replied(), !l.fine && !short
	if !mine && err == nil && short && !l.fine {
		armed = l.arm(ctx, q, short, false)
	}
	for !mine {
		if err == nil {
			mine, err = l.fill(q)
			continue
		}
		if !isTimeout(err) {
			l.forgetContext()
			l.stopLeading(q)
			l.fail(err)
			return false
		}
		moved := bytes != l.rd.Replied()
		if armed && !moved || !l.arm(ctx, q, short, moved) {
			if short && !moved && ctx.Err() == nil { // else somebody has poked, which says nothing about the server
				l.slow.Store(true)
			}
			l.giveToKeeper(q)
			return false
		}
		bytes, armed, err = l.rd.Replied(), true, nil
	}
	if err != nil && !isTimeout(err) {
		l.forgetContext()
		l.fail(err)
	}
	l.passOn()
	return true
}

// arm sets the socket's read deadline: a tick ahead, or none. It reports false if q or ctx has ended, or if somebody is to
// be let go; whoever wanted to tell the reader so may have done it before the deadline was set here, and in vain.
func (l *link) arm(ctx context.Context, q *Call, short, moved bool) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	var at time.Time
	if short {
		at = time.Now().Add(tick)
	}
	l.nc.SetReadDeadline(at)
	l.fine = short
	if moved && l.rd.Partial() {
		l.progressLocked()
	}
	if l.q.len() > 0 {
		if oldest := l.q.at(l.q.head).call; oldest != nil && oldest.wasCut {
			return false
		}
	}
	return !q.ended && ctx.Err() == nil
}

// contextPokes reports whether the end of ctx wakes the reader by itself. It does from the second time on that the link
// sees ctx in succession: then the price of the registration is paid once for many calls. The caller holds the reading.
//
// A context makes its channel when it is first asked for it. One that has a deadline is known by that until it is seen
// again, so a call with a context of its own does not pay for a channel.
func (l *link) contextPokes(ctx context.Context) bool {
	due, ok := ctx.Deadline()
	if ok && due != l.due {
		l.forgetContext()
		l.due = due
		return false
	}
	done := ctx.Done()
	if done == nil {
		return true
	}
	if done != l.seen {
		again := ok && l.seen == nil
		l.forgetContext()
		l.due, l.seen = due, done
		if !again {
			return false
		}
	}
	if l.unwatch == nil {
		l.unwatch = context.AfterFunc(ctx, l.poke)
	}
	return true
}

// forgetContext takes back the registration with a context. The caller holds the reading.
func (l *link) forgetContext() {
	if l.unwatch != nil {
		l.unwatch()
	}
	l.seen, l.unwatch, l.due = nil, nil, time.Time{}
}

// poke makes whoever reads look at the state of things.
func (l *link) poke() { l.nc.SetReadDeadline(longAgo) }

// giveToKeeper makes the keeper read and q wait.
func (l *link) giveToKeeper(q *Call) {
	l.stopLeading(q)
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
	if l.cfg.Listen && l.cause == nil && !l.finishedLocked() {
		l.forgetContext()
		l.mu.Unlock()
		l.park <- struct{}{}
		return
	}
	if l.cause != nil { // the keeper may have ended already
		l.forgetContext()
	}
	l.reading = false
	finished := l.finishedLocked()
	l.mu.Unlock()
	if finished {
		l.fail(errNext)
	}
}

func isTimeout(err error) bool { return errors.Is(err, os.ErrDeadlineExceeded) || errs.IsTimeout(err) }

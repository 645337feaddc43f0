package conn

import (
	"context"
	"errors"
	"os"
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
)

var longAgo = time.Unix(1, 0)

// reader is the receiving side of a link. It is owned by the holder of the reading, see link.reading.
type reader struct {
	rd           *resp3.Reader
	batch        *batch // replies being handed out
	watch        ctxWatch
	nearDeadline bool  // the socket's read deadline is a tick or less away; else there is none
	midBody      bool  // in the middle of a bulk string that is streamed
	heard        int64 // bytes of whole pushes about channels, if the link listens
	// For the keeper: since when no sign of life has come although replies are owed, and how many bytes had come then.
	silentSince time.Time
	silentAt    int64
}

// readForAll reads replies for all callers until q is answered (true), or until another reader takes over (false). If
// no byte of a reply comes for long that is the keeper, so that the context and the timeout of q can end it.
func (l *link) readForAll(ctx context.Context, q *Call) bool {
	needsDeadline := !l.in.watch.covers(ctx)
	mine, err := l.fill(q, false)
	// A near deadline that another caller has set is not current: it may have passed while nobody read.
	current := !needsDeadline && !l.in.nearDeadline
	if !mine && err == nil && needsDeadline && !l.in.nearDeadline {
		l.setReadDeadline(true)
		current = l.mayReadOn(ctx, q)
	}
	bytes := l.in.rd.Replied()
	for !mine {
		if err == nil {
			mine, err = l.fill(q, true)
			continue
		}
		if !isTimeout(err) {
			l.fail(err)
			l.waitAgain(q)
			return false
		}
		progress := bytes != l.in.rd.Replied()
		if progress || !current {
			l.setReadDeadline(needsDeadline)
			if progress && l.in.rd.Partial() {
				l.mu.Lock()
				l.progressLocked()
				l.mu.Unlock()
			}
			if l.mayReadOn(ctx, q) {
				bytes, current, err = l.in.rd.Replied(), true, nil
				continue
			}
		}
		if needsDeadline && !progress && ctx.Err() == nil {
			l.slow.Store(true) // an interruption would say nothing about the server
		}
		l.waitAgain(q)
		return false
	}
	if err != nil && !isTimeout(err) {
		l.in.watch.forget()
		l.fail(err)
	}
	l.handOverReading()
	return true
}

// setReadDeadline sets the socket's read deadline a tick ahead, or removes it.
func (l *link) setReadDeadline(near bool) {
	var at time.Time
	if near {
		at = time.Now().Add(tick)
	}
	l.nc.SetReadDeadline(at)
	l.in.nearDeadline = near
}

// mayReadOn reports whether q and ctx go on, and no cut call waits for the reader. It is asked after a deadline was
// set, which may have replaced that of an interruption.
func (l *link) mayReadOn(ctx context.Context, q *Call) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.queue.len() > 0 {
		if oldest := l.queue.at(l.queue.head).call; oldest != nil && oldest.wasCut {
			return false
		}
	}
	return !q.ended && ctx.Err() == nil
}

// interruptRead makes the current reader look at its state again.
func (l *link) interruptRead() { l.nc.SetReadDeadline(longAgo) }

// waitAgain gives the reading to the keeper and puts q, which has read, among the calls that wait. The keeper of a dead
// link may have ended.
func (l *link) waitAgain(q *Call) {
	l.mu.Lock()
	defer l.mu.Unlock()
	q.reads, q.waiting = false, !q.ended
	if l.cause != nil {
		l.in.watch.forget()
		return
	}
	l.toKeeper <- struct{}{}
}

// handOverReading gives the reading to the oldest waiting caller, or to nobody. Callers that are still writing look
// after themselves; orphans are the keeper's.
func (l *link) handOverReading() {
	l.mu.Lock()
	for s := l.queue.head; s < l.queue.tail; s++ {
		if q := l.queue.at(s).call; q != nil && q.waiting && !q.taken {
			q.waiting, q.reads = false, true
			l.mu.Unlock()
			q.wake <- sigRead
			return
		}
	}
	finished := l.finishedLocked()
	toKeeper := l.cfg.Listen && l.cause == nil && !finished
	if toKeeper || l.cause != nil { // with a cause, the keeper may have ended already
		l.in.watch.forget()
	}
	l.reading = toKeeper
	l.mu.Unlock()
	switch {
	case toKeeper:
		l.toKeeper <- struct{}{}
	case finished:
		l.fail(errNext)
	}
}

func isTimeout(err error) bool { return errors.Is(err, os.ErrDeadlineExceeded) || errs.IsTimeout(err) }

// ctxWatch interrupts the reader when the context that it came with ends. It registers with a context that comes twice
// in succession, so that the price of one registration is paid once for many calls.
type ctxWatch struct {
	interrupt func()
	deadline  time.Time       // of the last context
	seen      <-chan struct{} // its Done channel, once it was asked for it
	stop      func() bool     // ends the registration, if there is one
}

// covers reports whether the end of ctx interrupts the reader. A context makes its channel when it is first asked for
// it: one that has a deadline is known by that until it comes again, so that a single call does not pay for a channel.
func (w *ctxWatch) covers(ctx context.Context) bool {
	deadline, ok := ctx.Deadline()
	if ok && deadline != w.deadline {
		w.forget()
		w.deadline = deadline
		return false
	}
	done := ctx.Done()
	if done == nil {
		return true
	}
	if done != w.seen {
		again := ok && w.seen == nil // it has come before, without its channel
		w.forget()
		w.deadline, w.seen = deadline, done
		if !again {
			return false
		}
	}
	if w.stop == nil {
		w.stop = context.AfterFunc(ctx, w.interrupt)
	}
	return true
}

// forget ends the registration.
func (w *ctxWatch) forget() {
	if w.stop != nil {
		w.stop()
	}
	w.deadline, w.seen, w.stop = time.Time{}, nil, nil
}

package conn

import "runtime"

// A caller writes at most 64 KiB itself. Larger or backlogged writes get a goroutine, so that the caller can read
// meanwhile (a server that answers before it reads on would block both sides for ever) and can be cancelled.
const (
	writeAbove = 64 << 10 // bytes
	maxWrites  = 8        // by one caller in a row
)

// outbox has the requests that a link has still to write. It is guarded by link.mu.
type outbox struct {
	pending    []byte // requests queued and not handed to the socket
	spare      []byte // the buffer to queue into while pending is written
	leaving    int    // bytes handed to the socket that it has not taken yet
	unanswered int    // request bytes queued or sent and not yet answered
	handed     uint64 // places below this number have been handed to the socket, at least in part
	writing    bool   // somebody writes
}

// writeLocked writes until nothing is queued. A caller leaves it to a goroutine when there is much, or when it has
// written for others often enough. mu is held on entry and exit and free in between.
func (l *link) writeLocked(caller bool) {
	o := &l.out
	o.writing = true
	if caller && (l.queue.len() > 1 || l.company) {
		// Others are in flight or have just been served, so others are about to queue: let them, and one write serves all.
		l.mu.Unlock()
		runtime.Gosched()
		l.mu.Lock()
	}
	for writes := 0; len(o.pending) > 0 && l.cause == nil; writes++ {
		if caller && (o.unanswered > writeAbove || writes == maxWrites) {
			l.conn.work.Go(func() {
				l.mu.Lock()
				defer l.mu.Unlock()
				l.writeLocked(false)
			})
			return
		}
		buf, first := o.pending, o.handed
		o.pending, o.spare = o.spare[:0], nil
		o.handed, o.leaving = l.queue.tail, len(buf)
		l.mu.Unlock()
		n, err := l.nc.Write(buf)
		if err != nil {
			l.writeFailed(err, first, n)
		}
		l.mu.Lock()
		o.leaving = 0
		if cap(buf) <= writeAbove {
			o.spare = buf[:0]
		}
	}
	o.writing = false
	if l.finishedLocked() {
		l.mu.Unlock()
		l.fail(errNext)
		l.mu.Lock()
	}
}

// writeFailed ends the link after the socket took n bytes of a buffer that begins with place first. Places wholly
// behind them were not sent, unless some of the buffer's have been answered: then n does not tell what was executed.
func (l *link) writeFailed(err error, first uint64, n int) {
	l.mu.Lock()
	unsent, at := first, 0
	if l.queue.head > first {
		unsent = l.out.handed
	}
	for ; unsent >= l.queue.head && unsent < min(l.queue.tail, l.out.handed) && at < n; unsent++ {
		at += int(l.queue.at(unsent).size)
	}
	l.mu.Unlock()
	l.failFrom(&Error{Op: "write", Addr: l.peer, Sent: true, Err: err}, unsent)
}

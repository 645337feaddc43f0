package conn

import "runtime"

// A caller writes only what a socket buffer swallows at once. What is more, or comes on top of much that the server has
// not answered, is written by a goroutine of its own, so that the caller can read meanwhile (a server that answers before
// it reads on would block both sides for ever) and can be cancelled.
const (
	writeAbove = 64 << 10 // bytes
	writeTurns = 8        // writes by one caller in a row
)

// writeLocked writes all that is queued, by this goroutine or, if it is much, by one that lives as long as that takes.
// mu is held on entry and exit and free in between.
func (l *link) writeLocked() {
	l.writing = true
	if l.q.len() > 1 {
		// Others are in flight, so others are about to queue: let them, and one write serves all.
		l.mu.Unlock()
		runtime.Gosched()
		l.mu.Lock()
	}
	l.drainPendingLocked(true)
}

// drainPendingLocked writes until nothing is queued. A caller hands over to a goroutine when there is much, or when it has
// written for others often enough.
func (l *link) drainPendingLocked(caller bool) {
	for turns := 0; len(l.pending) > 0 && l.cause == nil; turns++ {
		if caller && (l.waited > writeAbove || turns == writeTurns) {
			l.conn.work.Go(func() {
				l.mu.Lock()
				defer l.mu.Unlock()
				l.drainPendingLocked(false)
			})
			return
		}
		buf, first := l.pending, l.handed
		l.pending, l.spare = l.spare[:0], nil
		l.handed, l.leaving = l.q.tail, len(buf)
		l.mu.Unlock()
		n, err := l.nc.Write(buf)
		if err != nil {
			l.writeFailed(err, first, n)
		}
		l.mu.Lock()
		l.leaving = 0
		if cap(buf) <= writeAbove {
			l.spare = buf[:0]
		}
	}
	l.writing = false
	if l.finishedLocked() {
		l.mu.Unlock()
		l.fail(errNext)
		l.mu.Lock()
	}
}

// writeFailed ends the link after the socket took n bytes of a buffer whose first place is first. Places that lie wholly
// behind those bytes were not sent. If some of the buffer's places have been answered already, the rest may have been executed.
func (l *link) writeFailed(err error, first uint64, n int) {
	l.mu.Lock()
	unsent, at := first, 0
	if l.q.head > first {
		unsent = l.handed
	}
	for ; l.q.holds(unsent) && unsent < l.handed && at < n; unsent++ {
		at += int(l.q.at(unsent).size)
	}
	l.mu.Unlock()
	l.failFrom(&Error{Op: "write", Addr: l.peer, Sent: true, Err: err}, unsent)
}

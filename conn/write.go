package conn

import (
	"net"
	"runtime"
	"time"
)

// A caller writes at most 64 KiB itself. Of its own requests it writes more if the socket takes them at once. All other
// large or backlogged writes get a goroutine, so that the caller can read meanwhile (a server that answers before it
// reads on would block both sides for ever) and can be cancelled.
const (
	writeAbove = 64 << 10 // bytes
	maxWrites  = 8        // by one caller in a row
	// atOnce is how long the socket may take for a write that is at once.
	atOnce = time.Millisecond
)

// resumes reports whether a write that a deadline has cut can go on where it stopped. TLS could not, and a dialer of the
// user's need not.
func resumes(nc net.Conn) bool {
	switch nc.(type) {
	case *net.TCPConn, *net.UnixConn:
		return true
	}
	return false
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
	for writes := 0; l.cause == nil && o.size()+o.leaving > 0; writes++ {
		much := caller && o.unanswered > writeAbove
		if much && (writes > 0 || !o.resumes) || caller && writes == maxWrites {
			l.writeLater()
			return
		}
		o.take(l.queue.tail)
		l.mu.Unlock()
		whole := l.write(much)
		l.mu.Lock()
		if !whole && l.cause == nil {
			o.leaving -= o.load.taken
			l.writeLater()
			return
		}
		o.sent()
	}
	o.writing = false
	if l.finishedLocked() {
		l.mu.Unlock()
		l.fail(errNext)
		l.mu.Lock()
	}
}

// writeLater leaves the writing to a goroutine.
func (l *link) writeLater() {
	l.conn.work.Go(func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		l.writeLocked(false)
	})
}

// write writes the load. With brief set it reports false if the socket did not take it at once; the rest is then in
// memory that nobody else changes.
func (l *link) write(brief bool) (whole bool) {
	d := &l.out.load
	if brief {
		l.nc.SetWriteDeadline(time.Now().Add(atOnce))
	}
	err := d.writeTo(l.nc)
	if brief {
		l.nc.SetWriteDeadline(time.Time{})
		if err != nil && isTimeout(err) {
			d.own()
			return false
		}
	}
	if err != nil {
		l.writeFailed(err, d.first, d.taken)
	}
	return true
}

// writeFailed ends the link after the socket took n bytes of a load that begins with place first. Places wholly
// behind them were not sent, unless some of the load's have been answered: then n does not tell what was executed.
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

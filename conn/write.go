package conn

import "runtime"

// A caller writes at most 64 KiB itself. Of its own requests it writes more if the socket takes them at once. All other
// large or backlogged writes get a goroutine, so that the caller can read meanwhile (a server that answers before it
// reads on would block both sides for ever) and can be cancelled.
const (
	writeAbove = 64 << 10 // bytes
	maxWrites  = 8        // by one caller in a row
)

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
		if much && (writes > 0 || !o.takesAtOnce) || caller && writes == maxWrites {
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

// write writes the load, all of it or what the socket takes at once. It reports false if there is a rest.
func (l *link) write(atOnce bool) (whole bool) {
	var err error
	d := l.out.load
	if whole = !atOnce; whole {
		err = d.writeTo(l.nc)
	} else {
		whole, err = d.writeAtOnce(l.nc)
	}
	if err != nil {
		l.writeFailed(err, d.first, d.taken)
	}
	return whole
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

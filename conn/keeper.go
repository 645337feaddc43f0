package conn

import (
	"time"

	"github.com/baton-go/baton/resp3"
)

const (
	// lookEvery is how often the keeper looks at a link in use: an idle one hears pushes and the end of the stream
	// after at most two looks. It bounds how late a timeout is noticed while callers read.
	lookEvery = 40 * time.Millisecond
	// recheck bounds the keeper's sleep while replies are owed, since a timeout may shrink when maintenance ends.
	recheck = 250 * time.Millisecond
)

// keep is the link's one goroutine. It ends when the link is dead.
func (l *link) keep() {
	t := time.NewTimer(lookEvery)
	defer t.Stop()
	var seen uint64
	for {
		select {
		case <-l.dead:
			l.mu.Lock()
			free := !l.reading || len(l.toKeeper) > 0
			l.reading = true
			l.mu.Unlock()
			if free {
				l.in.watch.forget()
			}
			return
		case <-l.toKeeper:
			l.readUntilServed()
		case <-t.C:
			idle, over := l.look(&seen)
			switch {
			case over:
				l.fail(ErrDrained)
			case idle:
				l.readUntilServed()
			}
		}
		t.Reset(lookEvery)
	}
}

// look ends overdue calls, makes a caller that has read since the last look stop, and takes the reading if nobody reads
// and nothing was queued since. over says that the link's drain time has passed.
func (l *link) look(seen *uint64) (idle, over bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := time.Now()
	if l.reading && l.queue.len() > 0 && l.queue.at(l.queue.head).start > 0 {
		l.slow.Store(true)
		l.interruptRead()
	}
	l.expireLocked(now)
	idle = !l.reading && *seen == l.queue.tail && l.cause == nil
	*seen = l.queue.tail
	l.reading = l.reading || idle
	return idle, l.retired && !l.retireAt.After(now)
}

// readUntilServed reads, for as long as it takes, until a reply has been handed out; then it hands the reading over.
// The keeper holds the reading.
func (l *link) readUntilServed() {
	for served := l.delivered.Load(); l.prepareToSleep(); {
		_, err := l.fill(nil, true)
		l.mu.Lock()
		l.asleep = false
		l.mu.Unlock()
		switch {
		case err == nil:
			if l.delivered.Load() != served && !l.in.midBody {
				l.setReadDeadline(false)
				l.handOverReading()
				return
			}
		case !isTimeout(err):
			l.fail(err)
		}
	}
	l.in.watch.forget() // the link is dead
}

// prepareToSleep ends what is overdue and sets the deadline of the keeper's next read. It reports false if the link has
// ended. Only the keeper sees long silences: callers do not read for longer than two looks without a reply.
func (l *link) prepareToSleep() bool {
	in, now, bytes := &l.in, time.Now(), l.signsOfLife()
	l.mu.Lock()
	if l.cause != nil {
		l.mu.Unlock()
		return false
	}
	idle, progress := l.queue.len() == 0, bytes != in.silentAt
	if progress || idle || in.silentSince.IsZero() {
		in.silentAt, in.silentSince = bytes, now
	}
	if progress && in.rd.Partial() {
		l.progressLocked()
	}
	next := l.expireLocked(now)
	if cause := l.overdueLocked(now); cause != nil {
		l.mu.Unlock()
		l.fail(cause)
		return false
	}
	if idle {
		l.queue.shrink()
		l.out.shrink()
		next = time.Time{}
	}
	l.asleep, l.wakeAt = true, next
	l.nc.SetReadDeadline(next)
	l.mu.Unlock()
	if idle && !in.midBody {
		in.watch.forget()
		in.rd.Shrink()
		if in.batch != nil {
			*in.batch = batch{}
			batches.Put(in.batch)
			in.batch = nil
		}
	}
	return true
}

// signsOfLife counts bytes of replies and, on a connection that listens, of what it listens to, behind which the
// replies stand. Other pushes and attributes do not count: a proxy that has lost its shard may make them by itself.
func (l *link) signsOfLife() int64 {
	n := l.in.rd.Replied() + l.in.heard
	if !l.cfg.Listen {
		return n
	}
	if partial := l.in.rd.Begun(); len(partial) > 0 && resp3.Kind(partial[0]) == resp3.Push && ofChannels(partial) {
		n += int64(len(partial))
	}
	return n
}

// expireLocked ends the calls whose timeout is over and returns when to look again. A call's timeout begins when the
// link first looks at it here, at most two looks after it was queued, so that queueing needs no clock.
func (l *link) expireLocked(now time.Time) (next time.Time) {
	next = now.Add(recheck)
	if l.retired && l.retireAt.Before(next) {
		next = l.retireAt
	}
	for s := l.queue.head; s < l.queue.tail; s++ {
		e := l.queue.at(s)
		if e.start == 0 {
			e.start = l.age(now)
		}
		if e.timeout <= 0 || e.call == nil {
			continue
		}
		start := l.timeOf(e.start)
		at := start.Add(l.cfg.effectiveTimeout(e.timeout, start, now))
		if !at.After(now) { // hardly ever: the call itself is not in the cache
			at = at.Add(e.call.Wait)
		}
		if at.After(now) {
			if at.Before(next) {
				next = at
			}
			continue
		}
		// A call that is only queued will be written all the same, so it counts as sent.
		l.endLocked(e.call, &Error{Op: "read", Addr: l.peer, Sent: true, Err: ErrTimeout})
	}
	return next
}

// progressLocked begins the timeout of the oldest call anew, because a part of its reply has come.
func (l *link) progressLocked() {
	l.slow.Store(true)
	l.midReply.Store(true)
	if l.queue.len() > 0 {
		l.queue.at(l.queue.head).start = 0
	}
}

// overdueLocked returns why the link has to end now: the drain time of a retired link is over, or replies are owed and
// no sign of life has come for the timeout of the oldest.
func (l *link) overdueLocked(now time.Time) error {
	if l.retired && !l.retireAt.After(now) {
		return ErrDrained
	}
	if l.queue.len() == 0 {
		return nil
	}
	e := l.queue.at(l.queue.head)
	if e.timeout <= 0 {
		return nil
	}
	start, since := l.timeOf(e.start), l.in.silentSince
	if since.Before(start) {
		since = start
	}
	left := l.cfg.effectiveTimeout(e.timeout, start, now) - now.Sub(since)
	if left <= 0 && e.call != nil {
		left += e.call.Wait
	}
	if left <= 0 {
		return ErrDead
	}
	return nil
}

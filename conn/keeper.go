package conn

import (
	"time"

	"github.com/baton-go/baton/resp3"
)

const (
	// lookEvery is how often the keeper of a link in use looks at it: it takes the reading if nobody has queued anything in
	// between, so an idle link hears pushes and the end of the stream after at most two looks. It also bounds how late a
	// timeout is noticed while callers keep the reading among themselves.
	lookEvery = 40 * time.Millisecond
	// recheck bounds the keeper's sleep while replies are owed, since a timeout may shrink when maintenance ends.
	recheck = 250 * time.Millisecond
)

// keep is the link's one goroutine. It ends when the link is dead.
func (l *link) keep() {
	t := time.NewTimer(lookEvery)
	defer t.Stop()
	var quiet silence
	var seen uint64
	for {
		select {
		case <-l.dead:
			l.mu.Lock()
			free := !l.reading
			l.reading = true
			l.mu.Unlock()
			if free {
				l.forgetContext()
			}
			return
		case <-l.park:
			l.readUntilServed(&quiet)
		case <-t.C:
			idle, over := l.look(&seen)
			switch {
			case over:
				l.fail(ErrDrained)
			case idle:
				l.readUntilServed(&quiet)
			}
		}
		t.Reset(lookEvery)
	}
}

// look ends overdue calls, and takes the reading if nobody has it and nothing was queued since the last look. A caller
// that has read since then without getting the oldest reply is made to give the reading up. over says that the link's
// drain time has passed.
func (l *link) look(seen *uint64) (idle, over bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := time.Now()
	if l.reading && l.q.len() > 0 && l.q.at(l.q.head).start > 0 {
		l.slow.Store(true)
		l.poke()
	}
	l.expireLocked(now)
	idle = !l.reading && *seen == l.q.tail && l.cause == nil
	*seen = l.q.tail
	l.reading = l.reading || idle
	return idle, l.retired && !l.retireAt.After(now)
}

// silence measures for how long replies were owed and no byte of one came. Pushes and attributes do not end it: a proxy that has
// lost its shard may make them by itself. Messages of a connection that listens do (see alive). Only the keeper sees long silences, since callers do not read for longer than two
// looks without getting a reply.
type silence struct {
	bytes int64
	since time.Time
}

// update reports whether bytes of replies have come since the last time.
func (s *silence) update(bytes int64, owing bool, now time.Time) bool {
	moved := bytes != s.bytes
	if moved || !owing || s.since.IsZero() {
		s.bytes, s.since = bytes, now
	}
	return moved
}

// readUntilServed reads, for as long as it takes, until a reply has been handed out; then it passes the reading on. The
// keeper holds the reading.
func (l *link) readUntilServed(quiet *silence) {
	served := l.done.Load()
	for {
		if !l.watch(quiet) {
			return
		}
		_, err := l.fill(nil)
		l.mu.Lock()
		l.parked, l.watched = false, false
		l.mu.Unlock()
		switch {
		case err == nil:
			if l.done.Load() != served && !l.open {
				l.nc.SetReadDeadline(time.Time{})
				l.fine = false
				l.passOn()
				return
			}
		case !isTimeout(err):
			l.forgetContext()
			l.fail(err)
			return
		}
	}
}

// watch ends what is overdue and sets the time until which the keeper may sleep in a read. It reports false if the link has ended.
func (l *link) watch(quiet *silence) bool {
	l.mu.Lock()
	now := time.Now()
	if l.cause != nil {
		l.mu.Unlock()
		return false
	}
	idle := l.q.len() == 0
	if quiet.update(l.alive(), !idle, now) && l.rd.Partial() {
		l.progressLocked()
	}
	next := l.expireLocked(now)
	cause := l.deadLocked(quiet.since, now)
	if cause != nil {
		l.mu.Unlock()
		l.fail(cause)
		return false
	}
	l.parked, l.watched = idle, !idle
	if idle {
		l.q.shrink()
		l.pending, l.spare = thin(l.pending), thin(l.spare)
		next = time.Time{}
	}
	l.nc.SetReadDeadline(next)
	l.wakeAt = next
	l.mu.Unlock()
	if idle && !l.open {
		l.forgetContext()
		l.rd.Shrink()
		if l.batch != nil {
			*l.batch = batch{}
			batches.Put(l.batch)
			l.batch = nil
		}
	}
	return true
}

// alive counts the bytes that are a sign of life: those of replies and, on a connection that listens, those of what it listens to,
// behind which the replies stand.
func (l *link) alive() int64 {
	n := l.rd.Replied()
	if !l.cfg.Listen {
		return n
	}
	if begun := l.rd.Begun(); len(begun) > 0 && resp3.Kind(begun[0]) == resp3.Push && ofChannels(begun) {
		n += int64(len(begun))
	}
	return n + l.heard
}

// expireLocked ends the calls whose timeout is over and returns when to look again. A call's timeout begins when the link
// first looks at it here, at most two looks after it was queued, so that queueing needs no clock.
func (l *link) expireLocked(now time.Time) (next time.Time) {
	next = now.Add(recheck)
	if l.retired && l.retireAt.Before(next) {
		next = l.retireAt
	}
	for s := l.q.head; s < l.q.tail; s++ {
		e := l.q.at(s)
		if e.start == 0 {
			e.start = l.age(now)
		}
		if e.timeout <= 0 || e.call == nil {
			continue
		}
		start := l.at(e.start)
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
		fault := &Error{Op: "read", Addr: l.peer, Sent: true, Err: ErrTimeout} // what is only queued yet will be written all the same
		if e.call.taken {
			e.call.cutLocked(fault)
			continue
		}
		l.endLocked(e.call, fault)
	}
	return next
}

// progressLocked begins the timeout of the oldest call anew, because a part of its reply has come.
func (l *link) progressLocked() {
	l.slow.Store(true)
	l.midReply.Store(true)
	if l.q.len() > 0 {
		l.q.at(l.q.head).start = 0
	}
}

// deadLocked returns why the link has to end now: the drain time of a retired link is over, or replies are owed and not a
// single byte of one has come for the timeout of the oldest.
func (l *link) deadLocked(quiet, now time.Time) error {
	if l.retired && !l.retireAt.After(now) {
		return ErrDrained
	}
	if l.q.len() == 0 {
		return nil
	}
	e := l.q.at(l.q.head)
	if e.timeout <= 0 {
		return nil
	}
	start := l.at(e.start)
	if quiet.Before(start) {
		quiet = start
	}
	silence := now.Sub(quiet) - l.cfg.effectiveTimeout(e.timeout, start, now)
	if silence >= 0 && e.call != nil {
		silence -= e.call.Wait
	}
	if silence >= 0 {
		return ErrDead
	}
	return nil
}

func thin(b []byte) []byte {
	if cap(b) > 1<<10 {
		return nil
	}
	return b
}

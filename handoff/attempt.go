package handoff

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/baton-go/baton/conn"
)

type attempt struct {
	c        member
	rev      int
	to       string
	isTarget bool // to is one of the targets, not the configured address
	began    time.Time
	cancel   context.CancelFunc

	// Set when it has ended.
	peer string // where the connection is now, if it has moved or waits for its session
	took time.Duration
	err  error
}

// begin starts an attempt on the first of the queue. It runs beside the runner and must not touch it.
func (r *runner) begin(ctx context.Context, to string, isTarget bool, now time.Time) {
	c := r.queue[0]
	r.queue = r.queue[1:]
	left := r.plan.until.Sub(now)
	ctx, cancel := context.WithTimeout(ctx, min(r.m.cfg.HandoffTimeout, max(left/3, time.Second), left))
	a := &attempt{c: c, rev: r.plan.rev, to: to, isTarget: isTarget, began: now, cancel: cancel}
	r.inflight[c.ID()], r.lastBegan = a, now
	delete(r.due, c.ID())
	delete(r.ready, c.ID())
	r.m.mu.Lock()
	r.m.throttle.begin(c.ID(), now)
	r.m.mu.Unlock()
	r.tell(&Event{EventKind: MoveStarted, To: to, Conn: c.ID()})
	t, m, results := r.plan.moveTo(to, r.avoid(to, isTarget), now), r.m, r.results
	m.work.Go(func() {
		defer cancel()
		if a.err = m.slots.Acquire(ctx, 1); a.err == nil {
			a.peer, a.err = m.moveSafely(ctx, c, t)
			m.slots.Release(1)
		}
		a.took = time.Since(now)
		results <- a
	})
}

// moveSafely turns a panic into an error: a job must not take the program or the other connections along.
func (m *mover) moveSafely(ctx context.Context, c member, t conn.Target) (peer string, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("handoff %s: move panicked: %v", t.Addr, p)
		}
	}()
	return m.move(ctx, c, t)
}

func (r *runner) finish(a *attempt) {
	if r.inflight[a.c.ID()] == a {
		delete(r.inflight, a.c.ID())
	}
	switch {
	case a.err == nil:
		r.succeeded(a)
	case closed(a.c) || errors.Is(a.err, conn.ErrClosed):
		r.tellEnd(a, MoveFailed, "connection was closed")
	case errors.Is(a.err, conn.ErrPinned):
		r.waitsForSession(a)
	case errors.Is(a.err, conn.ErrMoving):
		r.tellEnd(a, MoveFailed, "somebody else moves the connection")
		r.retry(a.c)
	case a.rev != r.plan.rev:
		r.tellEnd(a, MoveFailed, "called off for a newer announcement")
		r.rescan = true
	case errors.Is(a.err, conn.ErrSamePeer):
		r.reachedSamePeer(a)
	default:
		r.failed(a)
	}
}

func (r *runner) tellEnd(a *attempt, kind EventKind, outcome string) {
	e := &Event{EventKind: kind, Conn: a.c.ID(), To: a.to, Took: a.took, Outcome: outcome, Err: a.err}
	if a.err == nil {
		e.To = a.peer
	}
	r.tell(e)
}

func (r *runner) succeeded(a *attempt) {
	r.tellEnd(a, MoveSucceeded, "")
	r.moved++
	if a.rev == r.plan.rev {
		if r.lastGood == "" {
			r.pace = min(maxPace, r.plan.spread/time.Duration(1+len(r.onPeer())))
		}
		r.worked(a.to)
		if r.plan.strategy == reconnectHalfway || a.peer == r.j.peer {
			r.stay[a.c.ID()] = true // the peer does not tell that it has moved
		}
	}
	r.m.arrived(r.j, a)
}

// waitsForSession handles an attempt after which the connection moves by itself when its session ends.
func (r *runner) waitsForSession(a *attempt) {
	r.tellEnd(a, MoveKept, "moves when its session ends, or shortly before the deadline")
	if a.rev != r.plan.rev {
		a.c.Stay()
		r.rescan = true
		return
	}
	r.stay[a.c.ID()] = true
	r.pinned = slices.DeleteFunc(r.pinned, func(older *attempt) bool { return older.c.ID() == a.c.ID() })
	r.pinned = append(r.pinned, a)
	r.worked(a.to)
	r.m.arrived(r.j, a)
}

func (r *runner) worked(to string) {
	r.lastGood, r.pause, r.failures, r.same = to, 0, 0, 0
}

// notePinned reports pinned connections that have moved since, because the session ended or its time was over.
func (r *runner) notePinned() {
	r.pinned = slices.DeleteFunc(r.pinned, func(a *attempt) bool {
		peer := a.c.Peer()
		if closed(a.c) || peer == r.j.peer {
			return closed(a.c)
		}
		r.moved++
		r.tell(&Event{
			EventKind: MoveSucceeded, Conn: a.c.ID(), To: peer, Took: time.Since(a.began), Outcome: "session has ended, or its time",
		})
		return true
	})
}

func (r *runner) failed(a *attempt) {
	r.tellEnd(a, MoveFailed, "")
	r.same = 0
	if a.isTarget {
		r.failures++
		if r.targetFailed(a.to) {
			r.tell(&Event{EventKind: BreakerOpened, To: a.to})
		}
	}
	r.lastGood = ""
	r.tries++
	r.retry(a.c)
}

// retry queues c again and delays the next attempt, longer each time.
func (r *runner) retry(c member) {
	r.queue = append(r.queue, c)
	r.pause = min(max(2*r.pause, firstPause), maxPause)
	r.notBefore = time.Now().Add(r.pause)
}

// targetFailed counts a failed attempt and reports whether the breaker opened. MaxHandoffRetries in a row count as one failure,
// so that quick retries do not exclude the target for the rest of the window. While half-open each attempt counts.
func (r *runner) targetFailed(target string) bool {
	m, now := r.m, time.Now()
	m.mu.Lock()
	defer m.mu.Unlock()
	if r.j.target() == target {
		r.j.failing = true
	}
	b := m.breakers.get(target)
	if !b.halfOpen(now) && r.failures%m.cfg.MaxHandoffRetries != 0 {
		return false
	}
	reset := m.cfg.CircuitBreakerResetTimeout
	if left := r.j.plan.deadline.Sub(now); left > 0 { // the target may be the only way out before the old peer ends
		reset = min(reset, max(left/2, maxPause))
	}
	return b.fail(now, m.cfg.CircuitBreakerFailureThreshold, reset)
}

// arrived handles an attempt whose connection has moved or is ready to.
func (m *mover) arrived(j *job, a *attempt) {
	now := time.Now()
	m.mu.Lock()
	m.throttle.moved(a.c.ID(), now)
	if a.isTarget {
		m.breakers.get(a.to).succeed(now, m.cfg.CircuitBreakerMaxRequests)
		if j.target() == a.to {
			j.failing = false
		}
	}
	if a.peer != j.peer && len(j.arrived) < maxWindows {
		j.arrived[a.peer] = true
	}
	m.running[a.peer].notify() // if the place it went to retires too
	m.mu.Unlock()
	m.left(j.peer, now)
}

// A job without a target opens connections anew. One that has reached the same node again is opened anew once more when half
// of what is left has passed, until it gets elsewhere or the window ends.

// reconnectLater lets a connection move again, but not soon.
func (r *runner) reconnectLater(id uint64, now time.Time) {
	if _, ok := r.due[id]; !ok {
		r.due[id] = now.Add(max(r.plan.deadline.Sub(now)/2, restAfterMove))
	}
}

// reconnectAgain finds the connections that are due, and returns when the next one is, or next if that is sooner.
func (r *runner) reconnectAgain(now, next time.Time) time.Time {
	r.m.mu.Lock()
	for id := range r.j.toldAgain {
		r.reconnectLater(id, now)
	}
	clear(r.j.toldAgain)
	r.m.mu.Unlock()
	for id, at := range r.due {
		if now.Before(at) {
			next = sooner(next, at)
			continue
		}
		delete(r.due, id)
		delete(r.stay, id)
		r.ready[id] = true
		r.rescan = true
	}
	return next
}

// reachedSamePeer goes on after an attempt that has led to the retiring peer again.
func (r *runner) reachedSamePeer(a *attempt) {
	_, literal := ipOf(a.to)
	switch s := r.plan.strategy; {
	case s == reconnectHalfway || s == unlisted:
		r.tellEnd(a, MoveKept, "address leads to the same peer")
		r.stay[a.c.ID()] = true
		if s == reconnectHalfway {
			r.reconnectLater(a.c.ID(), time.Now()) // another node may take the address over
		}
	case s == followName && literal && !conn.SameAddr(a.to, r.j.peer):
		// A proxy may show one address for all nodes. Connections are opened anew, wherever that leads.
		r.tellEnd(a, MoveFailed, "the peer's address does not tell where connections lead")
		r.m.mu.Lock()
		defer r.m.mu.Unlock()
		if p := r.j.plan; p.rev == r.plan.rev {
			p.strategy, p.start, p.samePeer = reconnectHalfway, later(time.Now(), p.halfway()), true
			r.m.replaceLocked(r.j, p)
		}
	default:
		r.tellEnd(a, MoveFailed, "address leads to the retiring peer")
		r.lastGood = ""
		r.tries++
		if r.same++; r.same > 1 {
			r.retry(a.c)
			return
		}
		r.queue = append(r.queue, a.c)
		r.notBefore = time.Now().Add(firstPause) // the other address is next: no longer pause
	}
}

package handoff

import (
	"time"
)

// reconnects is what a job without a target knows of the connections that it has opened anew and that lead to the same node
// again. They are opened anew once more when half of what is left has passed, until they get elsewhere or the window ends.
type reconnects struct {
	scanned bool                 // all that were there at first are in the queue or have moved
	due     map[uint64]time.Time // when a connection is opened anew next
	ready   map[uint64]bool      // connections that may be opened anew now
}

// put lets a connection move again, but not soon.
func (s *reconnects) put(id uint64, p plan, now time.Time) {
	if s.due == nil {
		s.due, s.ready = map[uint64]time.Time{}, map[uint64]bool{}
	}
	if _, ok := s.due[id]; !ok {
		s.due[id] = now.Add(max(p.deadline.Sub(now)/2, restAfterMove))
	}
}

// reconnectAgain finds the connections that are due, and returns when the next one is, or next if that is sooner.
func (r *runner) reconnectAgain(now, next time.Time) time.Time {
	r.m.mu.Lock()
	toldAgain := r.j.toldAgain
	r.j.toldAgain = nil
	r.m.mu.Unlock()
	for id := range toldAgain {
		r.reconnects.put(id, r.plan, now)
	}
	for id, at := range r.reconnects.due {
		if now.Before(at) {
			next = sooner(next, at)
			continue
		}
		delete(r.reconnects.due, id)
		delete(r.stay, id)
		r.reconnects.ready[id] = true
		r.rescan = true
	}
	return next
}

// reachedSamePeer takes an attempt that has led to the retiring peer again.
func (r *runner) reachedSamePeer(a *attempt, e *Event) {
	if r.plan.strategy == reconnectHalfway || r.plan.strategy == unlisted {
		e.EventKind, e.Outcome = MoveKept, "address leads to the same peer"
		r.stay[a.c.id] = true
		r.tell(e)
		if r.plan.strategy == reconnectHalfway {
			r.reconnects.put(a.c.id, r.plan, time.Now()) // another node may take the address over
		}
		return
	}
	e.EventKind, e.Outcome = MoveFailed, "address leads to the retiring peer"
	_, literal := ipOf(a.to)
	hidden := r.plan.strategy == followName && literal && !sameAddr(a.to, r.j.peer)
	if hidden {
		e.Outcome = "the peer's address does not tell where connections lead"
	}
	r.tell(e)
	if hidden {
		r.reconnectHalfway()
		return
	}
	r.lastGood = ""
	r.tries++
	if r.same++; r.same > 1 {
		r.retry(a.c)
		return
	}
	r.queue = append(r.queue, a.c)
	r.notBefore = time.Now().Add(firstPause) // says nothing about the other address, which is next: no longer pause
}

// reconnectHalfway goes on as a job that has nothing to ask: connections are opened anew at the configured address, wherever it
// leads. What stands in front of the nodes may show one address for all of them.
func (r *runner) reconnectHalfway() {
	r.m.mu.Lock()
	defer r.m.mu.Unlock()
	p := r.j.plan
	if p.rev != r.plan.rev {
		return
	}
	p.strategy, p.start, p.samePeer = reconnectHalfway, later(time.Now(), p.halfway()), true
	r.m.replaceLocked(r.j, p)
}

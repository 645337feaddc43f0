package handoff

import "time"

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

// reachedSamePeer handles an attempt that has led to the retiring peer again.
func (r *runner) reachedSamePeer(a *attempt, e *Event) {
	_, literal := ipOf(a.to)
	switch s := r.plan.strategy; {
	case s == reconnectHalfway || s == unlisted:
		e.EventKind, e.Outcome = MoveKept, "address leads to the same peer"
		r.tell(e)
		r.stay[a.c.id] = true
		if s == reconnectHalfway {
			r.reconnectLater(a.c.id, time.Now()) // another node may take the address over
		}
	case s == followName && literal && !sameAddr(a.to, r.j.peer):
		e.Outcome = "the peer's address does not tell where connections lead"
		r.tell(e)
		r.reconnectHalfway()
	default:
		e.Outcome = "address leads to the retiring peer"
		r.tell(e)
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

// reconnectHalfway goes on without look-ups: connections are opened anew at the configured address, wherever it leads. A proxy
// may show one address for all nodes.
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

package handoff

import "time"

// rounds is what a job without a target knows of the connections that it has opened anew and that lead to the same node again. They
// are opened anew once more when half of what is left has passed, until they get elsewhere or the window ends.
type rounds struct {
	scanned bool                 // all who were there at the first are in line or have moved
	due     map[uint64]time.Time // when it is somebody's turn again
	ready   map[uint64]bool      // whose turn it is
}

// put lets a connection move again, but not soon.
func (s *rounds) put(id uint64, p plan, now time.Time) {
	if s.due == nil {
		s.due, s.ready = map[uint64]time.Time{}, map[uint64]bool{}
	}
	if _, ok := s.due[id]; !ok {
		s.due[id] = now.Add(max(p.deadline.Sub(now)/2, restAfterMove))
	}
}

// begun forgets what was heard of a connection before an attempt.
func (s *rounds) begun(id uint64) {
	delete(s.due, id)
	delete(s.ready, id)
}

// takes reports whether a scan takes the connection.
func (s *rounds) takes(id uint64, w way) bool { return w != halfTime || !s.scanned || s.ready[id] }

// again looks for those whose turn has come, and returns when that is for the next one.
func (r *runner) again(now, next time.Time) time.Time {
	r.m.mu.Lock()
	told := r.j.told
	r.j.told = nil
	r.m.mu.Unlock()
	for id := range told {
		r.rounds.put(id, r.p, now)
	}
	for id, at := range r.rounds.due {
		if now.Before(at) {
			next = sooner(next, at)
			continue
		}
		delete(r.rounds.due, id)
		delete(r.stay, id)
		r.rounds.ready[id] = true
		r.rescan = true
	}
	return next
}

// reopen goes on as a job that has nothing to ask: connections are opened anew at the configured address, from start on, wherever it
// leads. What stands in front of the nodes may show one address for all of them.
func (r *runner) reopen(start time.Time) {
	r.m.mu.Lock()
	defer r.m.mu.Unlock()
	if r.j.plan.rev != r.p.rev {
		return
	}
	r.m.lastRev++
	p := &r.j.plan
	p.rev, p.way, p.goals, p.start, p.samePeer = r.m.lastRev, halfTime, nil, start, true
	r.j.goal, r.j.told = "", nil
	r.j.poke()
}

func (r *runner) samePeer(res result, e *Event) {
	if r.p.way == halfTime || r.p.way == quiet {
		e.EventKind, e.Outcome = MoveKept, "address leads to the same peer"
		r.stay[res.c.id] = true
		r.tell(e)
		if r.p.way == halfTime {
			r.rounds.put(res.c.id, r.p, time.Now()) // another node may take the address over
		}
		return
	}
	if _, literal := ipOf(res.to); r.p.way == byName && literal && !sameAddr(res.to, r.j.peer) {
		e.EventKind, e.Outcome = MoveFailed, "the peer's address does not tell where connections lead"
		r.tell(e)
		r.reopen(later(time.Now(), r.p.opened.Add(r.p.deadline.Sub(r.p.opened)/2)))
		return
	}
	e.EventKind, e.Outcome = MoveFailed, "address leads to the retiring peer"
	r.tell(e)
	r.proven = ""
	r.tries++
	if r.same++; r.same > 1 {
		r.retry(res.c)
		return
	}
	r.waiting = append(r.waiting, res.c)
	r.hush = time.Now().Add(firstPause) // says nothing about the other address, which is next: no longer pause
}

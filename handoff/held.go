package handoff

import (
	"slices"
	"time"
)

// lookHeld is how soon the end of a held move is noticed, for the report.
const lookHeld = 250 * time.Millisecond

// pinned is told of a connection that is ready to move and waits for its session. It needs no further attempt.
func (r *runner) pinned(res result, e *Event) {
	e.EventKind, e.Outcome = MoveKept, "moves when its session ends, or shortly before the deadline"
	r.tell(e)
	if res.rev != r.p.rev {
		res.c.stay()
		r.rescan = true
		return
	}
	r.stay[res.c.id] = true
	r.held = slices.DeleteFunc(r.held, func(a *attempt) bool { return a.c.id == res.c.id })
	r.held = append(r.held, res.attempt)
	r.proven, r.pause, r.strikes, r.same = res.to, 0, 0, 0
	r.m.arrived(r.j, res)
}

// noteHeld tells of held connections that have moved since: conn does that by itself, when the session ends or its time is over.
func (r *runner) noteHeld() {
	r.held = slices.DeleteFunc(r.held, func(a *attempt) bool {
		peer := a.c.peer()
		switch {
		case a.c.gone():
			return true
		case peer == r.j.peer:
			return false
		}
		r.moved++
		r.tell(&Event{EventKind: MoveSucceeded, Conn: a.c.id, To: peer, Took: time.Since(a.began), Outcome: "session has ended, or its time"})
		return true
	})
}

// heldBack reports whether a connection was ready to move and has not. Where the peer does not show a move nobody can tell.
func (r *runner) heldBack(id uint64) bool {
	return r.p.way != halfTime && slices.ContainsFunc(r.held, func(a *attempt) bool { return a.c.id == id })
}

package handoff

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"time"

	"github.com/baton-go/baton/conn"
)

const (
	firstPause   = 100 * time.Millisecond // after a failure; doubles
	longestPause = time.Second
	// hedge is how long the first attempts may be silent before another connection is tried elsewhere.
	hedge = 250 * time.Millisecond
	// unproven is how many attempts run at most before one has succeeded.
	unproven = 4
	// longestPace bounds the time between the beginnings of two attempts.
	longestPace = 5 * time.Millisecond
	// leastDrain is what an old link is given for the replies it owes, however late it is.
	leastDrain = time.Second
)

// runner is the state of a job's goroutine, which alone touches it. Until one connection has arrived somewhere only a few
// are tried, alternately at the goal and at the configured address; then all others follow to the same place, MaxWorkers
// at a time and not all at one instant: setting up a hundred links takes processor time that commands want as well. A connection that cannot be moved stays where it is and is tried again.
type runner struct {
	m *Engine
	j *job
	p plan

	goals   []string      // where to go, empty while nobody knows
	proven  string        // where the last attempt succeeded
	pace    time.Duration // least time between the beginnings of two attempts from then on
	tries   int           // attempts failed in this plan; even ones go to the goal
	strikes int           // failed attempts on goals in a row
	same    int           // attempts in a row that led to the retiring peer
	pause   time.Duration
	hush    time.Time // no attempt before

	rounds   rounds
	rescan   bool
	waiting  []member
	inflight map[uint64]*attempt
	last     time.Time       // when the last attempt began
	stay     map[uint64]bool // moved already where the peer does not show it, or kept on purpose
	held     []*attempt      // ready to move and kept by a session
	moved    int

	results chan result

	lookup  lookup
	answers chan []netip.Addr
}

// turn does what can be done now and waits for news. false: the window is over.
func (r *runner) turn(ctx context.Context) bool {
	r.adopt()
	r.noteHeld()
	now := time.Now()
	closing := ctx.Err() != nil
	if closing || !now.Before(r.p.until) {
		return !r.m.ended(r.j, r.p.rev, closing)
	}
	wait := r.step(ctx, now)
	if len(r.held) > 0 {
		wait = min(wait, lookHeld)
	}
	t := time.NewTimer(wait)
	defer t.Stop()
	select {
	case <-ctx.Done():
	case <-t.C:
	case <-r.j.wake:
		r.rescan = r.rescan || r.p.way != halfTime
	case res := <-r.results:
		r.finish(res)
	case addrs := <-r.answers:
		r.answered(addrs)
	}
	return true
}

// adopt takes over a newer plan. Attempts of the older one are called off; connections that have moved stay.
func (r *runner) adopt() {
	r.m.mu.Lock()
	p := r.j.plan
	r.m.mu.Unlock()
	if p.rev == r.p.rev {
		r.p = p // prolonged, perhaps
		return
	}
	for _, a := range r.inflight {
		a.cancel()
	}
	held := r.held
	*r = runner{
		m: r.m, j: r.j, p: p, goals: p.goals, rescan: true, inflight: r.inflight, stay: map[uint64]bool{},
		results: r.results, answers: r.answers, lookup: lookup{running: r.lookup.running}, moved: r.moved,
	}
	if r.inflight == nil {
		r.inflight = map[uint64]*attempt{}
	}
	if p.way == halfTime {
		r.goals = []string{r.m.addr}
	}
	if !time.Now().Before(p.until) { // recalled
		// The server calls everybody back to this peer. A move that waits for its session would still be made, whenever that
		// ends, and to a peer that is about to go.
		for _, a := range held {
			a.c.stay()
		}
		return
	}
	to := ""
	if len(r.goals) > 0 {
		to = r.goals[0]
	}
	r.tell(&Event{EventKind: JobStarted, To: to, Outcome: p.way.String()})
}

// step starts what may start now and returns for how long there is nothing else to do.
func (r *runner) step(ctx context.Context, now time.Time) time.Duration {
	next := r.p.until
	if now.Before(r.p.start) {
		return r.p.start.Sub(now)
	}
	if len(r.goals) == 0 {
		next = sooner(next, r.ask(ctx, now))
		return next.Sub(now)
	}
	next = r.again(now, next)
	if now.Before(r.hush) {
		return sooner(next, r.hush).Sub(now)
	}
	for r.pick() {
		if !r.mayStart(now) {
			due := r.last.Add(hedge)
			if r.proven != "" {
				due = r.last.Add(r.pace)
			}
			if due.After(now) {
				next = sooner(next, due)
			}
			break
		}
		if due := r.rested(now); due.After(now) {
			next = sooner(next, due)
			break
		}
		if to, goal := r.destination(now); to != "" {
			r.begin(ctx, to, goal, now)
			continue
		}
		next = sooner(next, now.Add(longestPause)) // nowhere to go until the breaker allows it
		break
	}
	return next.Sub(now)
}

func sooner(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}

// mayStart says whether one more attempt may run beside those that do.
func (r *runner) mayStart(now time.Time) bool {
	n := len(r.inflight)
	if r.proven != "" {
		return n < r.m.cfg.MaxWorkers && now.Sub(r.last) >= r.pace
	}
	return n == 0 || n < min(unproven, r.m.cfg.MaxWorkers) && now.Sub(r.last) >= hedge
}

// pick makes waiting non-empty if there is a connection to move. HandoffQueueSize bounds the line; who does not fit is
// found by the next scan.
func (r *runner) pick() bool {
	for {
		for len(r.waiting) > 0 && (r.waiting[0].gone() || r.waiting[0].peer() != r.j.peer) {
			r.waiting = r.waiting[1:]
		}
		if len(r.waiting) > 0 || !r.rescan {
			return len(r.waiting) > 0
		}
		r.rescan = false
		for _, c := range r.onPeer() {
			if len(r.waiting) >= r.m.cfg.HandoffQueueSize {
				r.rescan = true
				break
			}
			if r.inflight[c.id] == nil && !r.stay[c.id] && r.rounds.takes(c.id, r.p.way) {
				r.waiting = append(r.waiting, c)
			}
		}
		r.rounds.scanned = !r.rescan
		if len(r.waiting) == 0 {
			return false
		}
	}
}

func (r *runner) onPeer() []member {
	var on []member
	all := r.m.members()
	for _, c := range all {
		if !c.gone() && c.peer() == r.j.peer {
			on = append(on, c)
		}
	}
	r.m.mu.Lock()
	r.m.floor.population(len(all), time.Now())
	r.m.mu.Unlock()
	return on
}

// destination is where the next attempt goes: where the last one succeeded; else goal and configured address in turns.
// "" if neither may be tried now.
func (r *runner) destination(now time.Time) (to string, goal bool) {
	n := r.tries + len(r.inflight) // attempts that run beside each other do not all bet on one address
	if r.proven != "" {
		if r.proven == r.m.addr && r.p.way != halfTime {
			return r.proven, false
		}
		n = len(r.inflight) // spread over the goals
	}
	goalAddr := r.goals[n%len(r.goals)]
	if r.p.way != halfTime {
		goalAddr = r.m.beyond(goalAddr)
	}
	usable := r.m.targetAllowed(goalAddr, now)
	fallback := r.fallback(goalAddr)
	if usable && (fallback == "" || r.proven != "" || n%2 == 0) {
		return goalAddr, true
	}
	return fallback, false
}

// fallback is the configured address, if it may lead anywhere else.
func (r *runner) fallback(goal string) string {
	addr := r.m.addr
	if r.p.way == halfTime || r.p.way == quiet || addr == goal || sameAddr(addr, r.j.peer) {
		return ""
	}
	return addr
}

// avoid is the peer that must not be reached. Where the configured address is the peer's own, reaching it again is what
// is wanted: an address that stays can be served by another node at half of the time, and nobody can tell from here. A
// dialler may hide where it leads to (a tunnel, a proxy): then whatever was dialled shows the same peer, which says nothing;
// an address that the server has named cannot lead to another one.
func (r *runner) avoid(to string, goal bool) string {
	_, shown := ipOf(r.j.peer)
	_, literal := ipOf(to)
	if r.p.samePeer || sameAddr(to, r.j.peer) || goal && (!shown || literal && r.p.way == toTarget) {
		return ""
	}
	return r.j.peer
}

// begin starts an attempt on the first in line.
func (r *runner) begin(ctx context.Context, to string, goal bool, now time.Time) {
	c := r.waiting[0]
	r.waiting = r.waiting[1:]
	left := r.p.until.Sub(now)
	limit := min(r.m.cfg.HandoffTimeout, max(left/3, time.Second), left)
	ctx, cancel := context.WithTimeout(ctx, limit)
	a := &attempt{c: c, rev: r.p.rev, to: to, goal: goal, began: now, cancel: cancel}
	r.inflight[c.id], r.last = a, now
	r.rounds.begun(c.id)
	target := conn.Target{Addr: to, Avoid: r.avoid(to, goal), Drain: later(r.p.drain(), now.Add(leastDrain)), Hold: r.p.hold()}
	r.m.mu.Lock()
	r.m.floor.begin(c.id, now)
	r.m.mu.Unlock()
	r.tell(&Event{EventKind: MoveStarted, To: to, Conn: c.id})
	r.m.jobs.Add(1)
	go r.m.try(ctx, a, target, r.results)
}

// finish takes the outcome of an attempt.
func (r *runner) finish(res result) {
	if r.inflight[res.c.id] == res.attempt {
		delete(r.inflight, res.c.id)
	}
	e := &Event{Conn: res.c.id, To: res.to, Took: res.took, Err: res.err}
	switch {
	case res.err == nil:
		r.succeeded(res, e)
	case res.c.gone() || errors.Is(res.err, conn.ErrClosed):
		e.EventKind, e.Outcome = MoveFailed, "connection was closed"
		r.tell(e)
	case errors.Is(res.err, conn.ErrPinned):
		r.pinned(res, e)
	case errors.Is(res.err, conn.ErrMoving):
		e.EventKind, e.Outcome = MoveFailed, "somebody else moves the connection"
		r.tell(e)
		r.retry(res.c)
	case res.rev != r.p.rev:
		e.EventKind, e.Outcome = MoveFailed, "called off for a newer announcement"
		r.tell(e)
		r.rescan = true
	case errors.Is(res.err, conn.ErrSamePeer):
		r.samePeer(res, e)
	default:
		r.failed(res, e)
	}
}

func (r *runner) succeeded(res result, e *Event) {
	e.EventKind, e.To = MoveSucceeded, res.peer
	r.tell(e)
	r.moved++
	if res.rev == r.p.rev {
		if r.proven == "" {
			r.pace = min(longestPace, r.p.spread/time.Duration(1+len(r.onPeer())))
		}
		r.proven, r.pause, r.strikes, r.same = res.to, 0, 0, 0
		if r.p.way == halfTime || res.peer == r.j.peer {
			r.stay[res.c.id] = true // the peer does not tell that it has moved
		}
	}
	r.m.arrived(r.j, res)
}

func (r *runner) failed(res result, e *Event) {
	e.EventKind = MoveFailed
	r.tell(e)
	r.same = 0
	if res.goal {
		r.strikes++
		if r.m.targetFailed(r.j, res.to, r.strikes) {
			r.tell(&Event{EventKind: BreakerOpened, To: res.to})
		}
	}
	r.proven = ""
	r.tries++
	r.retry(res.c)
}

// retry puts c in line again and lets all wait, longer each time.
func (r *runner) retry(c member) {
	r.waiting = append(r.waiting, c)
	r.pause = min(max(2*r.pause, firstPause), longestPause)
	r.hush = time.Now().Add(r.pause)
}

// settle waits for attempts that were cancelled and says how it went.
func (r *runner) settle() {
	for len(r.inflight) > 0 {
		r.finish(<-r.results)
	}
	r.noteHeld()
	if r.p.way == quiet {
		for _, a := range r.held {
			a.c.stay()
		}
	}
	left := 0
	if r.m.ctx.Err() == nil {
		for _, c := range r.onPeer() {
			if !r.p.recalled && (!r.stay[c.id] || r.heldBack(c.id)) {
				left++
			}
		}
	}
	r.m.timeline.count(func(s *Stats) { s.Abandoned += int64(left) })
	r.tell(&Event{EventKind: JobEnded, Left: left, Outcome: fmt.Sprintf("%d moved, %d left on the peer", r.moved, left)})
}

// tell completes e with what it is about.
func (r *runner) tell(e *Event) {
	e.EventID, e.From = r.p.cause.EventID, r.j.peer
	r.m.tell(e)
}

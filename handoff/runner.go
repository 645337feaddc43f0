package handoff

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"time"

	"github.com/baton-go/baton/conn"
)

const (
	firstPause  = 100 * time.Millisecond // after a failure; doubles
	maxPause    = time.Second
	hedge       = 250 * time.Millisecond // the first attempts may be silent so long before another one goes elsewhere
	maxUnproven = 4                      // attempts that run before one has succeeded
	maxPace     = 5 * time.Millisecond   // between the beginnings of two attempts
	pollEvery   = time.Second
	lookupLimit = 2 * time.Second
	pinnedLook  = 250 * time.Millisecond // moves that wait for a session are looked at, for the report
)

// runner is the state of a job's goroutine, which alone touches it. Until one connection has arrived somewhere only a few are
// tried; then all others follow to the same place, spread a little: a hundred set-ups take processor time from commands.
type runner struct {
	m *mover
	j *job
	course

	inflight  map[uint64]*attempt // by connection
	results   chan *attempt
	lookingUp bool
	addrs     chan []netip.Addr // answers of look-ups
	moved     int
}

// course is what belongs to one plan. A newer plan begins with an empty one.
type course struct {
	plan     plan
	lastGood string        // where the last attempt succeeded
	pace     time.Duration // least time between the beginnings of two attempts from then on
	tries    int           // attempts failed
	failures int           // failed attempts on targets in a row
	same     int           // attempts in a row that led to the retiring peer

	pause     time.Duration // after the last failure
	notBefore time.Time     // no attempt begins before
	lastBegan time.Time     // when the last attempt began

	rescan bool
	queue  []member        // connections to move
	stay   map[uint64]bool // moved already where the peer does not show it, or kept on purpose
	pinned []*attempt      // ready to move and kept by a session

	// Of a job without a target.
	scanned bool                 // all connections that were there at first are in the queue or have moved
	due     map[uint64]time.Time // when a connection is opened anew next
	ready   map[uint64]bool      // connections that may be opened anew now

	nextLookup  time.Time
	firstAnswer []netip.Addr
}

// step does what can be done now and waits for news. false: the window is over.
func (r *runner) step(ctx context.Context) bool {
	r.adopt()
	r.notePinned()
	now := time.Now()
	closing := ctx.Err() != nil
	if closing || !now.Before(r.plan.until) {
		return !r.m.remove(r.j, r.plan.rev, closing)
	}
	wait := r.startAttempts(ctx, now).Sub(now)
	if len(r.pinned) > 0 {
		wait = min(wait, pinnedLook)
	}
	select {
	case <-ctx.Done():
	case <-time.After(wait):
	case <-r.j.news:
		r.rescan = r.rescan || r.plan.strategy != reconnectHalfway
	case a := <-r.results:
		r.finish(a)
	case addrs := <-r.addrs:
		r.useAnswer(addrs)
	}
	return true
}

// adopt takes over a newer plan. Attempts of the older one are called off; connections that have moved stay.
func (r *runner) adopt() {
	r.m.mu.Lock()
	p := r.j.plan
	r.m.mu.Unlock()
	if p.rev == r.plan.rev {
		r.plan = p // prolonged, perhaps
		return
	}
	for _, a := range r.inflight {
		a.cancel()
	}
	pinned := r.pinned
	r.course = course{
		plan: p, rescan: true, stay: map[uint64]bool{}, due: map[uint64]time.Time{}, ready: map[uint64]bool{},
	}
	if !time.Now().Before(p.until) { // canceled
		// The server calls everybody back to this peer. A move that waits for its session would still be made, whenever that
		// ends, and to a peer that is about to go.
		for _, a := range pinned {
			a.c.Stay()
		}
		return
	}
	e := &Event{EventKind: JobStarted, Outcome: string(p.strategy)}
	if len(p.targets) > 0 {
		e.To = p.targets[0]
	}
	r.tell(e)
}

// startAttempts starts what may start now and returns until when there is nothing else to do.
func (r *runner) startAttempts(ctx context.Context, now time.Time) time.Time {
	next := r.plan.until
	if now.Before(r.plan.start) {
		return r.plan.start
	}
	if len(r.plan.targets) == 0 {
		if !r.lookingUp && !now.Before(r.nextLookup) {
			r.lookingUp, r.nextLookup = true, now.Add(pollEvery)
			r.m.work.Go(func() { r.addrs <- r.m.lookUp(ctx) })
		}
		if r.lookingUp {
			return next
		}
		return sooner(next, r.nextLookup)
	}
	next = r.reconnectAgain(now, next)
	if now.Before(r.notBefore) {
		return sooner(next, r.notBefore)
	}
	for r.fillQueue() {
		due := r.nextStart()
		if !due.After(now) {
			due = r.rested(now)
		}
		if due.After(now) {
			return sooner(next, due)
		}
		to, isTarget := r.destination(now)
		if to == "" {
			return sooner(next, now.Add(maxPause)) // nowhere to go until the breaker allows it
		}
		r.begin(ctx, to, isTarget, now)
	}
	return next
}

// nextStart is when one more attempt may begin beside those that run, the end of the window if one of them has to end first.
func (r *runner) nextStart() time.Time {
	n, limit := len(r.inflight), r.m.cfg.MaxWorkers
	switch {
	case r.lastGood != "" && n < limit:
		return r.lastBegan.Add(r.pace)
	case r.lastGood == "" && n == 0:
		return r.plan.start
	case r.lastGood == "" && n < min(limit, maxUnproven):
		return r.lastBegan.Add(hedge)
	}
	return r.plan.until
}

// fillQueue makes the queue non-empty if there is a connection to move. HandoffQueueSize bounds it: a connection that does not
// fit is found by the next scan.
func (r *runner) fillQueue() bool {
	for {
		for len(r.queue) > 0 && (closed(r.queue[0]) || r.queue[0].Peer() != r.j.peer) {
			r.queue = r.queue[1:]
		}
		if len(r.queue) > 0 || !r.rescan {
			return len(r.queue) > 0
		}
		r.rescan = false
		for _, c := range r.onPeer() {
			if len(r.queue) >= r.m.cfg.HandoffQueueSize {
				r.rescan = true
				break
			}
			again := r.plan.strategy != reconnectHalfway || !r.scanned || r.ready[c.ID()]
			if r.inflight[c.ID()] == nil && !r.stay[c.ID()] && again {
				r.queue = append(r.queue, c)
			}
		}
		r.scanned = !r.rescan
	}
}

func (r *runner) onPeer() (on []member) {
	all := r.m.members()
	for _, c := range all {
		if !closed(c) && c.Peer() == r.j.peer {
			on = append(on, c)
		}
	}
	r.m.mu.Lock()
	r.m.throttle.population(len(all), time.Now())
	r.m.mu.Unlock()
	return on
}

// destination is where the next attempt goes: to where the last one succeeded; until one has, to the target and to the
// configured address in turns. "" if neither may be tried now.
func (r *runner) destination(now time.Time) (to string, isTarget bool) {
	configured, strategy := r.m.addr, r.plan.strategy
	if r.lastGood == configured && strategy != reconnectHalfway {
		return configured, false
	}
	n := len(r.inflight) // attempts beside each other are spread over the targets
	if r.lastGood == "" {
		n += r.tries
	}
	target := r.plan.targets[n%len(r.plan.targets)]
	r.m.mu.Lock()
	if strategy != reconnectHalfway {
		target, _ = r.m.finalLocked(target, false, now)
	}
	allowed := r.m.breakers.get(target).allows(now)
	r.m.mu.Unlock()
	if strategy == reconnectHalfway || strategy == unlisted || configured == target || conn.SameAddr(configured, r.j.peer) {
		configured = "" // leads nowhere else
	}
	if allowed && (r.lastGood != "" || configured == "" || n%2 == 0) {
		return target, true
	}
	return configured, false
}

// avoid is the peer that an attempt must not reach, "" if there is none.
func (r *runner) avoid(to string, isTarget bool) string {
	if r.plan.samePeer || conn.SameAddr(to, r.j.peer) {
		return "" // another node may serve the same address at half of the time
	}
	_, shown := ipOf(r.j.peer)
	_, literal := ipOf(to)
	if isTarget && (!shown || literal && r.plan.strategy == namedTarget) {
		return "" // a dialler may show one peer for all addresses; one that the server has named leads to no other node
	}
	return r.j.peer
}

// useAnswer looks for a place to go. Addresses of the other IP version that were listed from the beginning may be the
// retiring peer itself; one that is listed later is news. Peers that retire too are no place to go.
func (r *runner) useAnswer(addrs []netip.Addr) {
	r.lookingUp = false
	if len(addrs) == 0 || r.plan.strategy != followName || len(r.plan.targets) > 0 {
		return
	}
	if r.firstAnswer == nil {
		r.firstAnswer = addrs
	}
	peer, _ := ipOf(r.j.peer)
	var targets []string
	for _, a := range addrs {
		if a == peer || a.Is4() != peer.Is4() && slices.Contains(r.firstAnswer, a) {
			continue
		}
		if target := net.JoinHostPort(a.String(), r.m.port); !r.m.retires(target) {
			targets = append(targets, target)
		}
	}
	if len(targets) == 0 {
		return
	}
	r.m.mu.Lock()
	if r.j.plan.rev == r.plan.rev {
		r.j.plan.targets = targets
	}
	r.m.mu.Unlock()
	r.tell(&Event{EventKind: JobStarted, To: targets[0], Outcome: "the name has another address"})
}

// settle waits for attempts that were cancelled and tells how the job went.
func (r *runner) settle() {
	for len(r.inflight) > 0 {
		r.finish(<-r.results)
	}
	r.notePinned()
	if r.plan.strategy == unlisted {
		for _, a := range r.pinned {
			a.c.Stay()
		}
	}
	left := 0
	if r.m.ctx.Err() == nil && !r.plan.canceled {
		for _, c := range r.onPeer() {
			// One that was ready to move and has not is left. If the peer does not show a move nobody can tell.
			ready := slices.ContainsFunc(r.pinned, func(a *attempt) bool { return a.c.ID() == c.ID() })
			if !r.stay[c.ID()] || ready && r.plan.strategy != reconnectHalfway {
				left++
			}
		}
	}
	r.tell(&Event{EventKind: JobEnded, Left: left, Outcome: fmt.Sprintf("%d moved, %d left on the peer", r.moved, left)})
}

// tell completes e with what it is about.
func (r *runner) tell(e *Event) {
	e.EventID, e.From = r.plan.event, r.j.peer
	r.m.tell(e)
}

func sooner(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}

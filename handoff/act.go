package handoff

import (
	"slices"
	"strings"
	"time"
)

type received struct {
	info       ConnInfo
	n          Notification
	unreadable error // what of it could not be read
	read       time.Time
}

func (r *received) event(kind EventKind, outcome string) *Event {
	return &Event{EventKind: kind, EventID: r.n.EventID, From: r.info.Peer, To: r.n.Endpoint, Conn: r.info.ID, Outcome: outcome}
}

// act acts upon a notification. Without hooks it does so at once; otherwise the dispatcher shows it to them first and calls act
// again. The error is for hooks: the notification was acted upon as far as possible.
func (e *Engine) act(r received, shown bool) error {
	if !shown {
		e.timeline.received(&r)
		if s := e.dispatcher.set.Load(); s.dispatch != nil {
			s.dispatch(e.dispatcher, &pending{received: r})
			return nil
		}
	}
	n, peer, read := r.n, r.info.Peer, r.read
	v := view{
		peer: peer, named: e.named, cap: e.cfg.RelaxedCap, jitter: e.mover.jitter(jitterBound(n, e.cfg.Jitter)),
		justOptedIn: n.Kind.closes() && e.capability.justOptedIn(peer, read),
	}
	var sources []string
	if n.Kind == Moving {
		v.refused = targetRefused(n.Endpoint, peer, e.cfg.AllowEndpoint)
		sources = e.mover.sources(peer)
	}

	e.mu.Lock()
	if e.mover.ctx.Err() != nil {
		e.mu.Unlock()
		return nil
	}
	v = e.viewLocked(v, n, sources, read)
	a := decide(n, v, read)
	e.applyLocked(a, n, peer, read)
	e.mu.Unlock()

	// The report comes first, so that the timeline tells cause before effect.
	refused := v.refused != "" && a.do == move
	e.report(a, r, refused)
	switch a.do {
	case join:
		e.mover.repeated(peer, r.info.ID, read)
	case move:
		a.plan.spread = jitterBound(n, e.cfg.Jitter)
		e.mover.start(peer, a.plan)
	}
	if a.check {
		e.mover.checkPeers(checkRounds, 0, read)
	}
	if refused {
		return errRefused
	}
	return nil
}

// viewLocked completes v. Jobs have moved connections from the sources to the peer.
func (e *Engine) viewLocked(v view, n Notification, sources []string, now time.Time) view {
	if n.Kind == Moving && v.refused == "" && n.Endpoint != "" && n.Endpoint != e.addr && e.cfg.AllowEndpoint == nil {
		// A name does not tell where it leads: Admit judges the address that was dialled.
		until := now.Add(max(n.In, assumedIn) + closeSlack + minMemory)
		v.refused = e.namedAddrs.note(n.Endpoint, v.peer, until, now)
	}
	v.known = e.memory.has(announcementOf(n, v.peer), now)
	v.opened = n.Kind.closes() && e.windows.endedBy(n.EventID, now) >= 0
	v.arrived = slices.ContainsFunc(sources, func(peer string) bool { return e.memory.has(announcementOf(n, peer), now) })
	return v
}

// applyLocked updates memory, windows and reports. A dry run does so too, since later decisions depend on them; it neither
// relaxes nor moves.
func (e *Engine) applyLocked(a action, n Notification, peer string, now time.Time) {
	if until := n.knownUntil(now); !a.repeat && !until.IsZero() {
		e.memory.add(announcementOf(n, peer), until)
	}
	w := window{EventID: n.EventID, opened: now, until: a.until}
	switch a.do {
	case openWindow, move:
		if n.Kind == Moving {
			w.id = peer
		}
		if a.do == move {
			w.id += " " + strings.Join(a.plan.targets, " ")
		}
		e.windows.add(w, now)
		e.reports.open(Report{EventID: n.EventID, From: peer, To: n.Endpoint, Reason: a.reason, Opened: now}, a.until)
	case extendWindow:
		e.windows.extend(w, now)
		e.reports.change(n.EventID, "", now, func(r *record) { r.until = later(r.until, a.until) })
	case closeWindow:
		over := e.windows.end(e.windows.endedBy(n.EventID, now), now, min(e.cfg.RelaxedTail, e.cfg.RelaxedCap))
		e.reports.change(over, "", now, func(r *record) { r.Ended, r.until = now, now })
	}
	e.publishLocked()
}

// publishLocked makes the end of the open windows visible to Relaxed, which takes no lock.
func (e *Engine) publishLocked() {
	if !e.cfg.DryRun && e.cfg.RelaxedTimeout > 0 {
		until := e.windows.relaxedUntil()
		e.relaxedUntil.Store(&until)
	}
}

func (e *Engine) report(a action, r received, refused bool) {
	kind := Announced
	if a.repeat {
		kind = Repeated
	}
	if e.cfg.DryRun {
		a.reason = "dry run: " + a.reason
	}
	ev := r.event(kind, a.reason)
	ev.Err = r.unreadable
	e.tell(ev)
	e.timeline.count(func(s *Stats) {
		if a.replay {
			s.Replays++
		}
		if refused {
			s.Refused++
		}
	})
}

package handoff

import (
	"slices"
	"strings"
	"time"
)

// act acts upon one notification. Without hooks it does so at once; otherwise the dispatcher shows it to them first and calls act
// again. The error is for hooks: the notification was acted upon as far as possible.
func (e *Engine) act(info ConnInfo, n Notification, unreadable error, read time.Time, shown bool) error {
	if !shown {
		e.timeline.received(n.Kind, unreadable != nil)
		if s := e.dispatcher.set.Load(); s != nil {
			s.dispatch(e.dispatcher, &pending{info: info, n: n, unreadable: unreadable, read: read})
			return nil
		}
	}
	v := view{
		peer: info.Peer, named: e.named, cap: e.cfg.RelaxedCap, jitter: e.mover.jitter(jitterBound(n, e.cfg.Jitter)),
		justOptedIn: n.Kind.closes() && e.capability.justOptedIn(info.Peer, read),
	}
	var sources []string
	if n.Kind == Moving {
		v.refused = targetRefused(n.Endpoint, info.Peer, e.cfg.AllowEndpoint)
		sources = e.mover.sources(info.Peer)
	}

	e.mu.Lock()
	if e.mover.ctx.Err() != nil {
		e.mu.Unlock()
		return nil
	}
	v = e.viewLocked(v, n, sources, read)
	a := decide(n, v, read)
	e.applyLocked(a, n, info.Peer, read)
	e.mu.Unlock()

	// The report comes first, so that the timeline tells cause before effect.
	refused := v.refused != "" && a.do == move
	e.report(a, info, n, unreadable, refused)
	switch a.do {
	case join:
		e.mover.repeated(info.Peer, info.ID, read)
	case move:
		a.plan.spread = jitterBound(n, e.cfg.Jitter)
		e.mover.start(info.Peer, a.plan)
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
		e.memory.add(announcementOf(n, peer), until, now)
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
		e.reports.extend(n.EventID, a.until, now)
	case closeWindow:
		over := e.windows.end(e.windows.endedBy(n.EventID, now), now, min(e.cfg.RelaxedTail, e.cfg.RelaxedCap))
		e.reports.end(over, now)
	case join:
	case ignore:
		return
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

// report tells the observers of the decision. Copies are not logged.
func (e *Engine) report(a action, info ConnInfo, n Notification, unreadable error, refused bool) {
	ev := &Event{
		EventKind: Announced, EventID: n.EventID, From: info.Peer, To: n.Endpoint, Conn: info.ID, Outcome: a.reason, Err: unreadable,
	}
	if e.cfg.DryRun {
		ev.Outcome = "dry run: " + a.reason
	}
	if a.repeat {
		ev.EventKind = Repeated
	}
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

package handoff

import (
	"errors"
	"time"
)

var errBarred = errors.New("target must not be used")

// act decides about one notification, which was read at now, and does what was decided. The error is for hooks: the notification was acted upon
// as far as possible.
func (m *Engine) act(info ConnInfo, n Notification, unreadable error, now time.Time) error {
	bar := ""
	if n.Kind == Moving {
		bar = barred(n.Endpoint, info.Peer, m.cfg.AllowEndpoint)
	}
	jitter := m.jitter(jitterBound(n, m.cfg.Jitter))
	fresh := n.Kind.closes() && m.capability.justOptedIn(info.Peer, now)

	m.mu.Lock()
	if m.closed {
		m.mu.Unlock()
		return nil
	}
	if n.Kind == Moving && bar == "" {
		bar = m.hearLocked(n, info.Peer, now)
	}
	v := m.viewLocked(info.Peer, n, now)
	v.barred, v.jitter, v.fresh = bar, jitter, fresh
	a := decide(n, v, now)
	if until := n.knownUntil(now); !a.repeat && !until.IsZero() {
		m.memory.add(announcementOf(n, info.Peer), until, now)
	}
	started := m.applyLocked(a, n, info.Peer, info.ID, now)
	check := a.check && m.checkLocked(checkRounds, now)
	m.mu.Unlock()

	m.report(a, info, n, unreadable, bar)
	if started != nil {
		go m.run(started) // behind the report, so that the timeline tells cause before effect
	}
	if check {
		go m.checkPeers()
	}
	if bar != "" && a.do == move {
		return errBarred
	}
	return nil
}

// viewLocked is the part of the view that has to be looked at in one go with what is done then.
func (m *Engine) viewLocked(peer string, n Notification, now time.Time) view {
	v := view{peer: peer, named: m.named, cap: m.cfg.RelaxedCap, known: m.memory.has(announcementOf(n, peer), now)}
	switch {
	case n.Kind == Moving:
		for _, j := range m.running {
			if j.arrived[peer] && m.memory.has(announcementOf(n, j.peer), now) {
				v.arrived = true
			}
		}
	case n.Kind.closes():
		v.opened = m.windows.ended(n.EventID, now) >= 0
	}
	return v
}

// applyLocked does what needs no more than memory, and wakes a job or returns a new one that is to be run. A dry run keeps the windows, without which
// later decisions would differ, but neither relaxes nor moves.
func (m *Engine) applyLocked(a action, n Notification, peer string, id uint64, now time.Time) (started *job) {
	report := Report{EventID: n.EventID, From: peer, To: n.Endpoint, Reason: a.reason, Opened: now}
	w := window{EventID: n.EventID, family: n.Kind.family(), opened: now, until: a.until}
	switch a.do {
	case relax:
		if n.Kind == Moving {
			w.id = peer
		}
		m.windows.add(w, now)
		m.reports.open(report, a.until)
	case extend:
		m.windows.extend(w, now)
		m.reports.extend(n.EventID, a.until, now)
	case unrelax:
		i := m.windows.ended(n.EventID, now)
		over := m.windows.open[i]
		m.windows.end(i, now, min(m.cfg.RelaxedTail, m.cfg.RelaxedCap))
		m.reports.end(over.EventID, now)
	case join:
		m.toldAgainLocked(peer, id, now)
		m.wakeLocked(peer)
	case move:
		w.id = peer + " " + a.target
		m.windows.add(w, now)
		m.reports.open(report, a.until)
		started = m.startLocked(peer, plan{
			cause: announcementOf(n, peer), way: a.way, goals: goalsOf(a.target), opened: now,
			start: a.start, deadline: a.deadline, until: a.until, spread: jitterBound(n, m.cfg.Jitter),
		})
	case ignore:
		return nil
	}
	m.publishLocked()
	return started
}

func goalsOf(target string) []string {
	if target == "" {
		return nil
	}
	return []string{target}
}

// publishLocked shows the open windows to those who look without a lock.
func (m *Engine) publishLocked() {
	if !m.cfg.DryRun {
		m.relaxed.Store(m.windows.relaxation(m.cfg.RelaxedTimeout))
	}
}

// report tells the decision. Copies are counted and on the timeline, and not logged.
func (m *Engine) report(a action, info ConnInfo, n Notification, unreadable error, bar string) {
	e := &Event{
		EventKind: Announced, EventID: n.EventID, From: info.Peer, To: n.Endpoint, Conn: info.ID,
		Outcome: a.reason, Err: unreadable,
	}
	if m.cfg.DryRun {
		e.Outcome = "dry run: " + a.reason
	}
	if a.repeat {
		e.EventKind = Repeated
	}
	m.timeline.count(func(s *Stats) {
		if a.replay {
			s.Replays++
		} else if a.repeat {
			s.Duplicates++
		}
		if bar != "" && a.do == move {
			s.Barred++
		}
	})
	m.tell(e)
}

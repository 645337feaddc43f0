package handoff

import (
	"fmt"
	"net/netip"
	"time"
)

// maxHearsay bounds the addresses that are remembered as named by the server. What does not fit is not dialled.
const maxHearsay = 1024

const localTarget = "the target is local to this host and the peer is not"

// trust says which addresses of this machine or cable a peer may name: only those of a kind that it has itself. A peer that is
// not known (a socket, a dialler that hides it) may name both.
type trust struct{ loopback, linkLocal bool }

func trustOf(peer string) trust {
	from, known := ipOf(peer)
	return trust{!known || from.IsLoopback(), !known || from.IsLinkLocalUnicast()}
}

// covers reports whether to may be used. A forged or confused announcement must not turn a client against what listens on its own host.
func (t trust) covers(to netip.Addr) bool {
	to = to.Unmap()
	if to.IsLoopback() || to.IsUnspecified() {
		return t.loopback
	}
	return !to.IsLinkLocalUnicast() || t.linkLocal
}

// said is an address that the server has named and that may be dialled for that reason.
type said struct {
	until  time.Time // no dial leads there any more
	trust            // what all who named it may name
	barred bool      // it led where it must not
}

// hearsay are the addresses that the server has named of late. The zero value is empty; the owner locks.
type hearsay struct {
	of map[string]said
}

// hear notes that peer names addr, and tells why it must not be dialled, "" if it may be.
func (h *hearsay) hear(addr, peer string, until, now time.Time) string {
	if h.of == nil {
		h.of = map[string]said{}
	}
	w, known := h.of[addr]
	if !known && len(h.of) >= maxHearsay {
		for a, w := range h.of {
			if !now.Before(w.until) {
				delete(h.of, a)
			}
		}
		if len(h.of) >= maxHearsay {
			return "too many targets"
		}
	}
	t := trustOf(peer)
	if known && now.Before(w.until) {
		t = trust{t.loopback && w.loopback, t.linkLocal && w.linkLocal}
	} else {
		w = said{}
	}
	w.trust, w.until = t, later(w.until, until)
	h.of[addr] = w
	if w.barred {
		return localTarget
	}
	return ""
}

// hearLocked notes the target of a MOVING. A name says nothing about where it leads, which is seen when it has been dialled.
func (m *Engine) hearLocked(n Notification, peer string, now time.Time) (bar string) {
	if n.Endpoint == "" || n.Endpoint == m.addr || m.cfg.AllowEndpoint != nil {
		return ""
	}
	return m.hearsay.hear(n.Endpoint, peer, now.Add(max(n.In, assumedIn)+closeSlack+leastMemory), now)
}

// Admit decides about a connection that has been made to addr, host:port as it was asked for, and leads to connected, the
// remote address. It is to be called before anything is written. An address that a server has named must not lead to
// loopback or to a link-local address unless the peer that named it has one of the kind, however it is spelled. The
// error says so; connections then go as if the server had named nobody. The configured address, a remote address that is
// no IP, and what Config.AllowEndpoint has allowed are admitted. Admit does not block.
func (m *Engine) Admit(addr, connected string) error {
	to, ok := ipOf(connected)
	if !ok || addr == m.addr || m.cfg.AllowEndpoint != nil {
		return nil
	}
	m.mu.Lock()
	w, named := m.hearsay.of[addr]
	if !named || w.covers(to) {
		m.mu.Unlock()
		return nil
	}
	news := !w.barred
	w.barred = true
	m.hearsay.of[addr] = w
	m.barLocked(addr, time.Now())
	m.mu.Unlock()
	if news {
		m.timeline.count(func(s *Stats) { s.Barred++ })
	}
	return fmt.Errorf("%s leads to %s: %w: %s", addr, connected, errBarred, localTarget)
}

// barLocked has the jobs that go to addr go on as if nobody had been named.
func (m *Engine) barLocked(addr string, now time.Time) {
	for _, j := range m.running {
		if j.plan.way != toTarget || len(j.plan.goals) == 0 || j.plan.goals[0] != addr {
			continue
		}
		p := j.plan
		m.lastRev++
		p.rev, p.goals, p.way = m.lastRev, nil, byName
		if !m.named || j.peer == "" {
			p.way = halfTime
			p.start = later(now, p.opened.Add(p.deadline.Sub(p.opened)/2))
		}
		j.plan, j.goal, j.sick, j.told = p, "", false, nil
		j.poke()
	}
}

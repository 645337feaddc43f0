package handoff

import (
	"slices"
	"time"

	"github.com/baton-go/baton/conn"
)

// leaving is a peer that retires, as far as new dials are concerned.
type leaving struct {
	peer   string
	target string // where dials go that would reach it, "" if that is not known or could not be reached a moment ago
	serves bool   // the announced time has not come
	rev    int
}

// Leaving reports whether any peer retires now, so that new connections have to ask Remap.
func (e *Engine) Leaving() bool { return e.mover.jobs() > 0 }

// Retires reports whether connections leave that address now.
func (e *Engine) Retires(addr string) bool { return e.mover.retires(addr) }

// Remap turns the addresses of the configured endpoint, host:port as they are listed now, into those to be dialled for a
// new connection, in this order. An address that retires is replaced by the place its connections go to, and only that one:
// its siblings go on serving. Until the announced time it serves too, and comes last, for the case that nobody else
// answers: a connection that lands there is moved later. After that time it is listed only if the place is not known or could
// not be reached a moment ago. An endpoint that cannot be listed (an address, a socket, a name that only the dialler can
// resolve) is passed as it is; where it leads to is not known then, and the newest place comes before it.
func (e *Engine) Remap(listed []string) []string { return remap(listed, e.mover.leaving()) }

func (m *mover) jobs() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return len(m.running)
}

func (m *mover) retires(addr string) bool {
	return slices.ContainsFunc(m.leaving(), func(l leaving) bool { return conn.SameAddr(l.peer, addr) })
}

// leaving lists the peers that retire, the newest announcement first.
func (m *mover) leaving() []leaving {
	now := time.Now()
	m.mu.Lock()
	defer m.mu.Unlock()
	var out []leaving
	for _, j := range m.running {
		if !now.Before(j.plan.until) {
			continue
		}
		l := leaving{peer: j.peer, serves: now.Before(j.plan.deadline), rev: j.plan.rev}
		if target, failing := m.finalLocked(j.target(), j.failing, now); !failing {
			l.target = target
		}
		out = append(out, l)
		for i := len(out) - 1; i > 0 && out[i].rev > out[i-1].rev; i-- { // they are few, and slices.SortFunc is large
			out[i], out[i-1] = out[i-1], out[i]
		}
	}
	return out
}

func remap(listed []string, out []leaving) []string {
	var first, unsure, retiring, order []string
	for _, a := range listed {
		i := slices.IndexFunc(out, func(l leaving) bool { return conn.SameAddr(l.peer, a) })
		switch {
		case i >= 0:
			if out[i].target != "" {
				first = append(first, out[i].target)
			}
			if out[i].target == "" || out[i].serves {
				retiring = append(retiring, a)
			}
		case slices.ContainsFunc(out, func(l leaving) bool { return mayBe(l.peer, a) }):
			unsure = append(unsure, a)
		default:
			first = append(first, a)
		}
	}
	for _, l := range out {
		if l.target != "" {
			first = append(first, l.target)
		}
	}
	for _, a := range slices.Concat(first, unsure, retiring) {
		if !slices.Contains(order, a) {
			order = append(order, a)
		}
	}
	return order
}

// mayBe reports whether addr may lead to peer although it looks different: one of them is no IP address, or they are of
// different IP versions and may belong to one host.
func mayBe(peer, addr string) bool {
	p, known := ipOf(peer)
	a, literal := ipOf(addr)
	return !known || !literal || p.Is4() != a.Is4()
}

// finalLocked follows a target to that of its own job, if it retires too, and so on. failing is that of the last job.
func (m *mover) finalLocked(target string, failing bool, now time.Time) (string, bool) {
	for range maxJobs {
		next := m.running[target]
		if next == nil || next.target() == "" || !now.Before(next.plan.until) {
			break
		}
		target, failing = next.target(), next.failing
	}
	return target, failing
}

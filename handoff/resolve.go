package handoff

import (
	"context"
	"net"
	"net/netip"
	"slices"
	"time"
)

const (
	pollEvery   = time.Second
	lookupLimit = 2 * time.Second
	// After a migration a proxy was seen to leave DNS 5 s later and to close its connections 13 s after that, without any
	// MOVING (StackExchange.Redis, maintenance mode with several proxies). Records have a TTL of 5 s.
	checkEvery  = 5 * time.Second
	checkRounds = 5
	quietWindow = 20 * time.Second
)

// lookup is what a runner knows of its questions to DNS.
type lookup struct {
	running bool
	next    time.Time
	first   []netip.Addr // the first answer
}

// ask starts a look-up if one is due and returns when the next one will be.
func (r *runner) ask(ctx context.Context, now time.Time) time.Time {
	l := &r.lookup
	if l.running {
		return r.p.until
	}
	if now.Before(l.next) {
		return l.next
	}
	l.running, l.next = true, now.Add(pollEvery)
	m, answers := r.m, r.answers
	m.jobs.Add(1)
	go func() {
		defer m.jobs.Done()
		answers <- m.lookUp(ctx)
	}()
	return r.p.until
}

// lookUp gives the addresses of the configured name, nothing if that is not known. Answers that are no addresses are left out.
func (m *Manager) lookUp(ctx context.Context) []netip.Addr {
	ctx, cancel := context.WithTimeout(ctx, lookupLimit)
	defer cancel()
	hosts, err := m.resolve(ctx, hostOf(m.addr))
	if err != nil {
		return nil
	}
	var addrs []netip.Addr
	for _, h := range hosts {
		if a, err := netip.ParseAddr(h); err == nil {
			addrs = append(addrs, a.Unmap())
		}
	}
	return addrs
}

// answered looks for a place to go. Addresses of the other IP version that were listed from the beginning may be the
// retiring peer itself; one that is listed later is news. Peers that retire too are no place to go.
func (r *runner) answered(addrs []netip.Addr) {
	r.lookup.running = false
	if len(addrs) == 0 || r.p.way != byName || len(r.goals) > 0 {
		return
	}
	if r.lookup.first == nil {
		r.lookup.first = addrs
	}
	peer, _ := ipOf(r.j.peer)
	var goals []string
	for _, a := range addrs {
		if a == peer || a.Is4() != peer.Is4() && slices.Contains(r.lookup.first, a) {
			continue
		}
		if goal := net.JoinHostPort(a.String(), r.m.port); !r.m.retires(goal) {
			goals = append(goals, goal)
		}
	}
	if len(goals) == 0 {
		return
	}
	r.goals = goals
	r.m.mu.Lock()
	if r.j.plan.rev == r.p.rev {
		r.j.goal = goals[0]
	}
	r.m.mu.Unlock()
	r.event(&Event{What: JobStarted, To: goals[0], Outcome: "the name has another address"})
}

func (m *Manager) retires(addr string) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.running[addr] != nil
}

// checkLocked orders look-ups of the peers in use. true: the caller starts the goroutine that makes them.
func (m *Manager) checkLocked(rounds int, now time.Time) bool {
	if m.closed || m.cfg.DryRun {
		return false
	}
	idle := m.checks == 0
	m.checks, m.checked = max(m.checks, rounds), now
	if idle {
		m.jobs.Add(1)
	}
	return idle
}

// checkPeers asks DNS a few times whether the peers of the live connections are still listed, and quietly moves the
// connections of those that are not. An answer that is empty or an error says nothing.
func (m *Manager) checkPeers() {
	defer m.jobs.Done()
	for {
		if addrs := m.lookUp(m.ctx); len(addrs) > 0 {
			m.leaveUnlisted(addrs)
		}
		m.mu.Lock()
		m.checks--
		more := m.checks > 0
		m.mu.Unlock()
		if !more {
			return
		}
		t := time.NewTimer(checkEvery)
		select {
		case <-t.C:
		case <-m.ctx.Done():
			t.Stop()
			return
		}
	}
}

func (m *Manager) leaveUnlisted(addrs []netip.Addr) {
	unlisted := map[string]bool{}
	for _, c := range m.members() {
		if ip, ok := ipOf(c.peer()); ok && !c.gone() && !slices.Contains(addrs, ip) && sameVersion(addrs, ip) {
			unlisted[c.peer()] = true
		}
	}
	if len(unlisted) == 0 {
		return
	}
	jitter := m.jitter(m.cfg.Jitter)
	now := time.Now()
	m.mu.Lock()
	defer m.mu.Unlock()
	var goals []string
	for _, a := range addrs {
		if goal := net.JoinHostPort(a.String(), m.port); m.running[goal] == nil {
			goals = append(goals, goal)
		}
	}
	for peer := range unlisted {
		e := event{kind: Migrated, target: "dns", peer: peer}
		if len(goals) == 0 || m.running[peer] != nil || m.memory.has(e, now) {
			continue
		}
		m.memory.add(e, now.Add(leastMemory), now)
		m.reports.open(Report{From: peer, To: goals[0], Reason: "the name does not list the peer any more", Opened: now}, now.Add(quietWindow))
		m.publishLocked(now)
		if j := m.startLocked(peer, plan{
			cause: event{kind: KindNone, peer: peer}, way: quiet, goals: goals, opened: now,
			start: now.Add(jitter), deadline: now.Add(quietWindow), until: now.Add(quietWindow), spread: max(0, m.cfg.Jitter),
		}); j != nil {
			go m.run(j)
		}
	}
}

// sameVersion reports whether addrs holds any address of ip's version: a look-up that gives only the other one says
// nothing about ip.
func sameVersion(addrs []netip.Addr, ip netip.Addr) bool {
	return slices.ContainsFunc(addrs, func(a netip.Addr) bool { return a.Is4() == ip.Is4() })
}

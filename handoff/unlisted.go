package handoff

import (
	"maps"
	"net"
	"net/netip"
	"slices"
	"time"
)

const (
	// After a migration a proxy was seen to leave DNS 5 s later and to close its connections 13 s after that, without any
	// MOVING (StackExchange.Redis, maintenance mode with several proxies). Records have a TTL of 5 s.
	checkEvery     = 5 * time.Second
	checkRounds    = 5
	unlistedWindow = 20 * time.Second
	// A peer is left after this many equal answers, a second apart, that do not list it; more if they list other live peers:
	// these span the 5 s for which records are cached.
	agreeing       = 3
	agreeingOnPart = 6
	maxDoubt       = 15        // look-ups a second apart
	erraticFor     = time.Hour // a name whose answers are incomplete is no proof for so long
)

// peerCheck finds out whether DNS still lists the peers in use. mover.mu guards it.
type peerCheck struct {
	rounds  int       // look-ups that are still to be made; a goroutine makes them
	asked   time.Time // when they were last asked for
	answers answers
	left    memory[string] // peers that were left
}

// checkPeers orders look-ups of the peers in use, at most once in the time every; 0: in any case.
func (m *mover) checkPeers(rounds int, every time.Duration, now time.Time) {
	m.mu.Lock()
	defer m.mu.Unlock()
	c := &m.check
	if m.ctx.Err() != nil || !m.named || m.cfg.Mode == ModeDisabled || m.cfg.DryRun || every > 0 && now.Sub(c.asked) < every {
		return
	}
	if c.rounds == 0 {
		m.work.Go(m.lookUpPeers)
	}
	c.rounds, c.asked = max(c.rounds, rounds), now
}

// lookUpPeers asks DNS a few times whether the peers of the live connections are still listed. While one is not it asks each
// second: one answer proves nothing, since a resolver may give the addresses in turns, or a part of them.
func (m *mover) lookUpPeers() {
	for doubts := 0; ; {
		pause := pollEvery
		if addrs := m.lookUp(m.ctx); len(addrs) > 0 && m.leaveUnlisted(addrs) && doubts < maxDoubt {
			doubts++
		} else {
			doubts, pause = 0, checkEvery
			m.mu.Lock()
			m.check.rounds--
			more := m.check.rounds > 0
			m.mu.Unlock()
			if !more {
				return
			}
		}
		select {
		case <-time.After(pause):
		case <-m.ctx.Done():
			return
		}
	}
}

// leaveUnlisted compares an answer with the peers of the live connections and leaves those that are not listed any more.
// true: look again soon.
func (m *mover) leaveUnlisted(addrs []netip.Addr) (doubt bool) {
	peers := map[string]netip.Addr{}
	for _, c := range m.members() {
		peer := c.Peer()
		if ip, ok := ipOf(peer); ok && !closed(c) {
			peers[peer] = ip
		}
	}
	now := time.Now()
	p := plan{
		strategy: unlisted, opened: now, start: now.Add(m.jitter(m.cfg.Jitter)), deadline: now.Add(unlistedWindow),
		until: now.Add(unlistedWindow), spread: max(0, m.cfg.Jitter),
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	gone, doubt := m.check.answers.take(addrs, slices.Collect(maps.Values(peers)), now)
	for _, a := range addrs {
		if target := net.JoinHostPort(a.String(), m.port); m.running[target] == nil {
			p.targets = append(p.targets, target)
		}
	}
	for peer, ip := range peers {
		if len(p.targets) == 0 || !slices.Contains(gone, ip) || m.running[peer] != nil || m.check.left.has(peer, now) {
			continue
		}
		m.check.left.add(peer, now.Add(minMemory))
		if j := m.planLocked(peer, p); j != nil {
			report := Report{From: peer, To: p.targets[0], Reason: "the name does not list the peer any more", Opened: now}
			m.reports.open(report, p.until)
			m.work.Go(func() { m.run(j) })
		}
	}
	return doubt
}

// answers describes the last look-ups, which gave the same addresses, and the addresses that earlier ones did not list.
type answers struct {
	addrs   []netip.Addr
	count   int
	missing map[netip.Addr]bool // addresses of live peers that an answer did not list
	erratic time.Time           // until then the name's answers prove nothing: an address that was missing has come back
}

// take compares an answer with the addresses of the live peers. It returns those that are missing for certain, or whether any
// may be.
func (s *answers) take(addrs, live []netip.Addr, now time.Time) (gone []netip.Addr, doubt bool) {
	if within(addrs, s.addrs) && within(s.addrs, addrs) {
		s.count++
	} else {
		s.addrs, s.count = slices.Clone(addrs), 1
	}
	if slices.ContainsFunc(addrs, func(ip netip.Addr) bool { return s.missing[ip] }) {
		s.erratic, s.missing = now.Add(erraticFor), nil
	}
	listed := false
	for _, ip := range live {
		switch {
		case slices.Contains(addrs, ip):
			listed = true
		case slices.ContainsFunc(addrs, func(a netip.Addr) bool { return a.Is4() == ip.Is4() }):
			gone = append(gone, ip) // an answer of the other IP version alone says nothing about ip
		}
	}
	if len(gone) == 0 {
		return nil, false
	}
	if s.missing == nil || len(s.missing) > maxJobs {
		s.missing = map[netip.Addr]bool{}
	}
	for _, ip := range gone {
		s.missing[ip] = true
	}
	enough := agreeing
	if listed { // an incomplete answer looks like this
		enough = agreeingOnPart
	}
	switch {
	case now.Before(s.erratic):
		return nil, false
	case s.count < enough:
		return nil, true
	}
	return gone, false
}

// within reports whether every address of a is in b. They are few, and slices.SortFunc is large.
func within(a, b []netip.Addr) bool {
	return !slices.ContainsFunc(a, func(ip netip.Addr) bool { return !slices.Contains(b, ip) })
}

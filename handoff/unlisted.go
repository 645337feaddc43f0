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
	// So many answers, a second apart, must be the same before a peer is left that they do not list; more if they list others
	// of the live peers. Records that are cached for 5 s are asked for more than once then.
	agreeing       = 3
	agreeingOnPart = 6
	longestDoubt   = 15        // look-ups a second apart
	erraticFor     = time.Hour // a name whose answers are incomplete is no proof for so long
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
func (m *Engine) lookUp(ctx context.Context) []netip.Addr {
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
	r.tell(&Event{EventKind: JobStarted, To: goals[0], Outcome: "the name has another address"})
}

func (m *Engine) retires(addr string) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.running[addr] != nil
}

// checkLocked orders look-ups of the peers in use. true: the caller starts the goroutine that makes them.
func (m *Engine) checkLocked(rounds int, now time.Time) bool {
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
// connections of those that are not. While one is not it asks each second, since one answer proves nothing: a resolver may
// give the addresses in turns, or a part of them. An answer that is empty or an error says nothing.
func (m *Engine) checkPeers() {
	defer m.jobs.Done()
	for doubts := 0; ; {
		pause := checkEvery
		if addrs := m.lookUp(m.ctx); len(addrs) > 0 && m.doubtful(addrs) && doubts < longestDoubt {
			doubts++
			pause = pollEvery
		} else {
			doubts = 0
		}
		if pause == checkEvery {
			m.mu.Lock()
			m.checks--
			more := m.checks > 0
			m.mu.Unlock()
			if !more {
				return
			}
		}
		t := time.NewTimer(pause)
		select {
		case <-t.C:
		case <-m.ctx.Done():
			t.Stop()
			return
		}
	}
}

// answers are the look-ups of late that gave the same addresses, and what was missing in one that differed.
type answers struct {
	addrs   []netip.Addr
	count   int
	missing map[netip.Addr]bool // addresses of live peers that an answer did not list
	erratic time.Time           // until then the name's answers prove nothing: an address that was missing has come back
}

// take notes an answer to which the addresses of the live peers are held up. It returns those that are missing for certain, and
// whether any is missing.
func (s *answers) take(addrs, live []netip.Addr, now time.Time) (gone []netip.Addr, doubt bool) {
	if within(addrs, s.addrs) && within(s.addrs, addrs) {
		s.count++
	} else {
		s.addrs, s.count = slices.Clone(addrs), 1
	}
	for ip := range s.missing {
		if slices.Contains(addrs, ip) {
			s.erratic, s.missing = now.Add(erraticFor), nil
			break
		}
	}
	listed := false
	for _, ip := range live {
		switch {
		case slices.Contains(addrs, ip):
			listed = true
		case sameVersion(addrs, ip):
			gone = append(gone, ip)
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
	if listed { // part of the peers: what an answer that is incomplete looks like
		enough = agreeingOnPart
	}
	if now.Before(s.erratic) {
		return nil, false
	}
	if s.count < enough {
		return nil, true
	}
	return gone, false
}

// doubtful holds an answer up to the live connections and leaves the peers that are not listed any more. true: look again soon.
func (m *Engine) doubtful(addrs []netip.Addr) bool {
	var live []netip.Addr
	for _, c := range m.members() {
		if ip, ok := ipOf(c.peer()); ok && !c.gone() && !slices.Contains(live, ip) {
			live = append(live, ip)
		}
	}
	m.mu.Lock()
	gone, doubt := m.answers.take(addrs, live, time.Now())
	m.mu.Unlock()
	if len(gone) > 0 {
		m.leaveUnlisted(addrs, gone)
	}
	return doubt
}

func (m *Engine) leaveUnlisted(addrs, gone []netip.Addr) {
	unlisted := map[string]bool{}
	for _, c := range m.members() {
		if ip, ok := ipOf(c.peer()); ok && !c.gone() && slices.Contains(gone, ip) {
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
		a := announcement{EventID: EventID{Kind: Migrated}, target: "dns", peer: peer}
		if len(goals) == 0 || m.running[peer] != nil || m.memory.has(a, now) {
			continue
		}
		m.memory.add(a, now.Add(leastMemory), now)
		m.reports.open(Report{From: peer, To: goals[0], Reason: "the name does not list the peer any more", Opened: now}, now.Add(quietWindow))
		m.publishLocked()
		if j := m.startLocked(peer, plan{
			cause: announcement{peer: peer}, way: quiet, goals: goals, opened: now,
			start: now.Add(jitter), deadline: now.Add(quietWindow), until: now.Add(quietWindow), spread: max(0, m.cfg.Jitter),
		}); j != nil {
			go m.run(j)
		}
	}
}

// within reports whether every address of a is in b. They are few, and slices.SortFunc is large.
func within(a, b []netip.Addr) bool {
	return !slices.ContainsFunc(a, func(ip netip.Addr) bool { return !slices.Contains(b, ip) })
}

// sameVersion reports whether addrs holds any address of ip's version: a look-up that gives only the other one says
// nothing about ip.
func sameVersion(addrs []netip.Addr, ip netip.Addr) bool {
	return slices.ContainsFunc(addrs, func(a netip.Addr) bool { return a.Is4() == ip.Is4() })
}

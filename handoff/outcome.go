package handoff

import "time"

// targetAllowed asks the circuit breaker of target.
func (m *Engine) targetAllowed(target string, now time.Time) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.breakers.get(target).allows(now)
}

// targetFailed is told of a failed attempt, the strikes-th in a row of a job. MaxHandoffRetries of them are one failure
// for the breaker, so that the quick retries of one handoff do not bar the target for the rest of its window; while the
// breaker is half-open every failure counts. It reports whether the breaker opened.
func (m *Engine) targetFailed(j *job, target string, strikes int) bool {
	now := time.Now()
	m.mu.Lock()
	defer m.mu.Unlock()
	if j.goal == target {
		j.sick = true
	}
	b := m.breakers.get(target)
	if !b.halfOpen(now) && strikes%m.cfg.MaxHandoffRetries != 0 {
		return false
	}
	return b.failure(now, m.cfg.CircuitBreakerFailureThreshold, j.plan.rest(now, m.cfg.CircuitBreakerResetTimeout))
}

// rest is how long a target is left alone whose breaker opens now: not until the old peer has gone, since no other way may be left.
func (p plan) rest(now time.Time, reset time.Duration) time.Duration {
	if left := p.deadline.Sub(now); left > 0 {
		return min(reset, max(left/2, longestPause))
	}
	return reset
}

// arrived is told that a connection has moved. Timeouts stay relaxed for a while: the new place starts cold.
func (m *Engine) arrived(j *job, res result) {
	now := time.Now()
	m.mu.Lock()
	defer m.mu.Unlock()
	m.floor.moved(res.c.id, now)
	if res.goal {
		m.breakers.get(res.to).success(now, m.cfg.CircuitBreakerMaxRequests)
		if j.goal == res.to {
			j.sick = false
		}
	}
	if res.peer != j.peer && len(j.arrived) < maxWindows {
		j.arrived[res.peer] = true
	}
	m.wakeLocked(res.peer) // if the place it went to retires too
	if m.closed || m.cfg.PostHandoffRelaxedDuration <= 0 {
		return
	}
	w := window{family: familyHandedOff, id: j.peer, opened: now, until: now.Add(m.cfg.PostHandoffRelaxedDuration)}
	m.windows.add(w, now)
	m.publishLocked()
}

// sameAddr reports whether two host:port are the same address. Names are equal to themselves only.
func sameAddr(a, b string) bool {
	if a == b {
		return true
	}
	x, portX, okX := ipPort(a)
	y, portY, okY := ipPort(b)
	return okX && okY && portX == portY && x == y
}

package pool

import "time"

// drainTime bounds how long a connection that the pool gives up may go on delivering what it owes.
const drainTime = 30 * time.Second

// care is the pool's one standing goroutine, from the first connection on: it closes what has been idle for too long or
// has grown too old and keeps MinIdle filled. It ends with the pool.
func (p *Pool) care() {
	every := 5 * time.Second
	for _, d := range []time.Duration{p.cfg.MaxIdleTime, p.cfg.MaxLifetime} {
		if d > 0 {
			every = min(every, max(d/4, time.Millisecond))
		}
	}
	t := time.NewTicker(every)
	defer t.Stop()
	for {
		p.mu.Lock()
		over := p.overdueLocked(time.Now())
		p.startDialsLocked()
		p.mu.Unlock()
		for _, m := range over {
			m.c.Retire(time.Now().Add(drainTime)) // a caller may have picked it just before
		}
		select {
		case <-t.C:
		case <-p.ctx.Done():
			return
		}
	}
}

// overdueLocked takes out of the books what is to be closed.
func (p *Pool) overdueLocked(now time.Time) []*member {
	over := append(p.overdueIdleLocked(now), p.overdueLanesLocked(now)...)
	for _, m := range over {
		p.count.Retired++
		p.removeLocked(m.c)
	}
	return over
}

// overdueIdleLocked finds idle connections that are too old, or unused and more than MinIdle.
func (p *Pool) overdueIdleLocked(now time.Time) (over []*member) {
	spare := len(p.idle) - p.cfg.MinIdle
	for _, m := range p.idle {
		unused := p.cfg.MaxIdleTime > 0 && spare > 0 && now.Sub(m.since) >= p.cfg.MaxIdleTime
		if m.tooOld(now) || unused {
			spare--
			over = append(over, m)
		}
	}
	return over
}

// overdueLanesLocked finds lanes that are too old, or beyond the first and unused. The last lane is given up for its age
// only after another has been opened, if there is room for that.
func (p *Pool) overdueLanesLocked(now time.Time) (over []*member) {
	lanes := *p.lanes.Load()
	left := len(lanes)
	for i := len(lanes) - 1; i >= 0; i-- {
		m := p.all[lanes[i]]
		if m == nil {
			continue
		}
		old := m.tooOld(now)
		if old && left == 1 && p.roomLocked() {
			p.openLaneLocked()
			continue
		}
		if old || left > 1 && p.unusedLane(m, now) {
			left--
			over = append(over, m)
		}
	}
	return over
}

// unusedLane reports whether a lane has delivered nothing for MaxIdleTime, as far as the rounds of care have seen.
func (p *Pool) unusedLane(m *member, now time.Time) bool {
	i := m.c.Info()
	if i.Owed > 0 || i.Done != m.done {
		m.done, m.since = i.Done, now
		return false
	}
	return p.cfg.MaxIdleTime > 0 && now.Sub(m.since) >= p.cfg.MaxIdleTime
}

func (m *member) tooOld(now time.Time) bool { return !m.until.IsZero() && now.After(m.until) }

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

// overdueLocked takes out of the books what is to be closed: idle connections that are too old or superfluous, and lanes
// beyond the first that nobody needs. The last lane is never closed for its age: it is moved instead, by its owner.
func (p *Pool) overdueLocked(now time.Time) []*member {
	var over []*member
	spare := len(p.idle) - p.cfg.MinIdle
	for _, m := range append([]*member(nil), p.idle...) {
		old := !m.until.IsZero() && now.After(m.until)
		unused := p.cfg.MaxIdleTime > 0 && spare > 0 && now.Sub(m.since) >= p.cfg.MaxIdleTime
		if old || unused {
			spare--
			over = append(over, m)
		}
	}
	lanes := *p.lanes.Load()
	for i := len(lanes) - 1; i > 0; i-- {
		m := p.all[lanes[i]]
		if m == nil || m.c.Owes() > 0 {
			continue
		}
		if done := m.c.Info().Done; done != m.done {
			m.done, m.since = done, now
		} else if p.cfg.MaxIdleTime > 0 && now.Sub(m.since) >= p.cfg.MaxIdleTime {
			over = append(over, m)
		}
	}
	for _, m := range over {
		p.count.Retired++
		p.removeLocked(m.c)
	}
	return over
}

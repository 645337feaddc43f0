package pool

import (
	"context"
	"time"

	"github.com/baton-go/baton/conn"
)

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
		p.retireOverdueLocked(time.Now())
		p.startDialsLocked()
		p.mu.Unlock()
		select {
		case <-t.C:
		case <-p.ctx.Done():
			return
		}
	}
}

// retireOverdueLocked gives up what is too old or not needed any more.
func (p *Pool) retireOverdueLocked(now time.Time) {
	for _, m := range append(p.overdueIdleLocked(now), p.overdueLanesLocked(now)...) {
		p.retireLocked(m.c)
	}
}

// Retire gives a connection up since its server is not the right one: it is not handed out any more, delivers what it owes,
// and ends. While the name leads to no other server, a connection that was dialled after the first such answer is kept, but for
// four lanes and four others in a second: each answer would cost a dial otherwise.
func (p *Pool) Retire(c *conn.Conn) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if m := p.all[c]; m != nil && p.Dials.wrongServer(c, m.role == Lane) {
		p.retireLocked(c)
	}
}

// Leave gives up all connections to peer that are not leased. Those that are younger than a second have taken the place of
// others lately, and go as by Retire.
func (p *Pool) Leave(peer string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for c, m := range p.all {
		if m.role != Leased && c.Peer() == peer && (c.Info().Age >= time.Second || p.Dials.wrongServer(c, m.role == Lane)) {
			p.retireLocked(c)
		}
	}
}

// retireLocked takes a connection out of the books and lets it finish, on a goroutine that ends with it or with the pool: a
// caller may have picked it just before.
func (p *Pool) retireLocked(c *conn.Conn) {
	if p.closed || p.all[c] == nil {
		return // Close or Drain sees to it
	}
	p.count.Retired++
	p.removeLocked(c)
	p.work.Go(func() {
		ctx, cancel := context.WithTimeout(p.ctx, drainTime)
		defer cancel()
		c.Shutdown(ctx)
	})
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

// overdueLanesLocked finds shared connections that are too old, or unused and not the first lane. The last lane is given up for its age
// only after another has been opened, if there is room for that.
func (p *Pool) overdueLanesLocked(now time.Time) (over []*member) {
	for _, c := range *p.apart.list.Load() {
		if m := p.all[c]; m != nil && (m.tooOld(now) || p.unusedLane(m, now)) {
			over = append(over, m)
		}
	}
	lanes := *p.lanes.list.Load()
	left := len(lanes)
	for i := len(lanes) - 1; i >= 0; i-- {
		m := p.all[lanes[i]]
		if m == nil {
			continue
		}
		old := m.tooOld(now)
		if old && left == 1 && p.roomLocked() {
			p.openLaneLocked(&p.lanes)
			continue
		}
		if old || left > 1 && p.unusedLane(m, now) {
			left--
			over = append(over, m)
		}
	}
	return over
}

// reclaimLocked gives up a shared connection for somebody who waits for a lease, if there are more than usual because of large replies
// and there is no other place. It delivers what it owes.
func (p *Pool) reclaimLocked() {
	if p.closed || len(p.all)+p.dialing < p.cfg.Size {
		return
	}
	apart, lanes := *p.apart.list.Load(), *p.lanes.list.Load()
	switch {
	case len(apart) > min(2, p.cfg.Size/8):
		p.retireLocked(p.all[apart[len(apart)-1]].c)
	case len(lanes) > p.cfg.Lanes:
		p.retireLocked(p.all[lanes[len(lanes)-1]].c)
	}
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

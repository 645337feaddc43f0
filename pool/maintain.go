package pool

import (
	"context"
	"slices"
	"time"

	"github.com/baton-go/baton/conn"
)

// drainTime bounds how long a connection that the pool gives up may go on delivering what it owes.
const drainTime = 30 * time.Second

// maintain is the pool's standing goroutine: it gives up connections that are unused or too old and keeps MinIdle ready.
func (p *Pool) maintain() {
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

// retireOverdueLocked gives up connections that are too old, or unused and not needed for MinIdle. One lane stays; before
// it is given up for its age another is opened, if there is room.
func (p *Pool) retireOverdueLocked(now time.Time) {
	spare := len(p.idle) - p.cfg.MinIdle
	for _, m := range slices.Clone(p.idle) {
		if m.tooOld(now) || spare > 0 && p.unusedLocked(m, now) {
			spare--
			p.retireLocked(m)
		}
	}
	for _, c := range p.apart.conns() {
		if m := p.all[c]; m.tooOld(now) || p.unusedLocked(m, now) {
			p.retireLocked(m)
		}
	}
	for _, c := range slices.Backward(p.lanes.conns()) {
		m, only := p.all[c], len(p.lanes.conns()) == 1
		switch {
		case only && m.tooOld(now) && p.roomLocked():
			p.openLaneLocked(&p.lanes)
		case m.tooOld(now), !only && p.unusedLocked(m, now):
			p.retireLocked(m)
		}
	}
}

func (m *member) tooOld(now time.Time) bool { return !m.until.IsZero() && now.After(m.until) }

// unusedLocked reports whether a connection has been idle, or has delivered nothing that maintain has seen, for
// MaxIdleTime.
func (p *Pool) unusedLocked(m *member, now time.Time) bool {
	if m.role != Idle {
		if i := m.c.Info(); i.Owed > 0 || i.Done != m.delivered {
			m.delivered, m.since = i.Done, now
		}
	}
	return p.cfg.MaxIdleTime > 0 && now.Sub(m.since) >= p.cfg.MaxIdleTime
}

// reclaimLocked gives up a shared connection for a caller that waits for a lease, if there are more than usual because
// of large replies and there is no other place. It delivers what it owes.
func (p *Pool) reclaimLocked() {
	if p.closed || len(p.all)+p.dialing < p.cfg.Size {
		return
	}
	apart, lanes := p.apart.conns(), p.lanes.conns()
	switch {
	case len(apart) > min(2, p.cfg.Size/8):
		p.retireLocked(p.all[apart[len(apart)-1]])
	case len(lanes) > p.cfg.Lanes:
		p.retireLocked(p.all[lanes[len(lanes)-1]])
	}
}

// Retire gives a connection up since its server is not the right one: it is not handed out any more, delivers what it
// owes, and ends. While the name leads to no other server, a connection that was dialled after the first such answer is
// kept, but for four lanes and four others in a second: each answer would cost a dial otherwise.
func (p *Pool) Retire(c *conn.Conn) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if m := p.all[c]; m != nil && p.Dials.wrongServer(c, m.role == Lane) {
		p.retireLocked(m)
	}
}

// Leave gives up all connections to peer that are not leased. Those that are younger than a second have replaced others
// lately, and are given up as by Retire.
func (p *Pool) Leave(peer string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for c, m := range p.all {
		if m.role != Leased && c.Peer() == peer && (c.Info().Age >= time.Second || p.Dials.wrongServer(c, m.role == Lane)) {
			p.retireLocked(m)
		}
	}
}

// retireLocked takes a connection out of the books and lets it finish, on a goroutine that ends with it or with the
// pool: a caller may have picked it just before.
func (p *Pool) retireLocked(m *member) {
	if p.closed {
		return // Close or Drain ends it
	}
	p.count.Retired++
	p.removeLocked(m)
	p.work.Go(func() {
		ctx, cancel := context.WithTimeout(p.ctx, drainTime)
		defer cancel()
		_ = m.c.Shutdown(ctx)
	})
}

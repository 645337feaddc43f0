package pool

import (
	"context"
	"slices"
	"time"

	"github.com/baton-go/baton/conn"
)

// opening is the dial of a lane that many callers may wait for.
type opening struct {
	done chan struct{} // closed when c or err is set
	c    *conn.Conn
	err  error
}

// Lane returns a shared connection: the one that owes least. It dials the first one, and waits for that until ctx ends or
// WaitTimeout is over, which is a *TimeoutError; other errors are that of the dial, and ErrClosed. The connection may end at any
// time; then Do on it tells so and Lane gives another.
func (p *Pool) Lane(ctx context.Context) (*conn.Conn, error) {
	lanes := *p.lanes.Load()
	if len(lanes) == 1 && !lanes[0].Slow() {
		return lanes[0], nil
	}
	if c := p.best(lanes); c != nil {
		return c, nil
	}
	return p.awaitLane(ctx)
}

// best picks the lane that owes least among those that are not held up by a slow reply. If all are, another is opened
// for those who come later.
func (p *Pool) best(lanes []*conn.Conn) *conn.Conn {
	var best *conn.Conn
	slow := true
	for _, c := range lanes {
		s := c.Slow()
		if s && ended(c) {
			continue // about to be taken off the list
		}
		if best == nil || slow && !s || s == slow && c.Owes() < best.Owes() {
			best, slow = c, s
		}
	}
	if best != nil && slow && len(lanes) < p.cfg.Lanes {
		p.mu.Lock()
		if p.roomLocked() && p.backoff.wait(time.Now()) == 0 {
			p.openLaneLocked()
		}
		p.mu.Unlock()
	}
	return best
}

// awaitLane waits for the first lane.
func (p *Pool) awaitLane(ctx context.Context) (*conn.Conn, error) {
	p.mu.Lock()
	if p.closed {
		p.mu.Unlock()
		return nil, ErrClosed
	}
	for _, c := range *p.lanes.Load() {
		if !ended(c) {
			p.mu.Unlock()
			return c, nil
		}
	}
	if c := p.promoteLocked(); c != nil {
		p.mu.Unlock()
		return c, nil
	}
	o := p.openLaneLocked()
	p.mu.Unlock()

	late := p.waitLimit()
	defer late.stop()
	for {
		select {
		case <-o.done:
			return o.c, o.err
		case <-ctx.Done():
			return nil, p.timeoutError(late.begun, conn.ContextError(ctx))
		case <-late.c:
			if late.over() {
				return nil, p.timeoutError(late.begun, nil)
			}
		}
	}
}

// waitLimit is the end of a wait for a connection: after WaitTimeout, or later if maintenance relaxes it meanwhile.
type waitLimit struct {
	p     *Pool
	begun time.Time
	timer *time.Timer
	c     <-chan time.Time // nil: no limit
}

func (p *Pool) waitLimit() *waitLimit {
	l := &waitLimit{p: p, begun: time.Now()}
	if p.cfg.WaitTimeout > 0 {
		l.timer = time.NewTimer(p.cfg.WaitTimeout)
		l.c = l.timer.C
	}
	return l
}

// over reports, when the timer has fired, whether the wait has to end; if not it sets the timer again.
func (l *waitLimit) over() bool {
	limit, now := l.p.cfg.WaitTimeout, time.Now()
	if l.p.Relaxed != nil {
		limit = max(limit, l.p.Relaxed(l.begun, now))
	}
	left := l.begun.Add(limit).Sub(now)
	if left > 0 {
		l.timer.Reset(left)
	}
	return left <= 0
}

func (l *waitLimit) stop() {
	if l.timer != nil {
		l.timer.Stop()
	}
}

// promoteLocked makes an idle connection the first lane, and has its place on the idle list filled again if MinIdle asks
// for that.
func (p *Pool) promoteLocked() *conn.Conn {
	if len(p.idle) == 0 || p.opening != nil {
		return nil
	}
	m := p.idle[len(p.idle)-1]
	p.idle = p.idle[:len(p.idle)-1]
	p.asLaneLocked(m)
	p.startDialsLocked()
	return m.c
}

func (p *Pool) asLaneLocked(m *member) {
	m.role, m.since = Lane, time.Now()
	lanes := append(slices.Clone(*p.lanes.Load()), m.c)
	p.lanes.Store(&lanes)
}

// openLaneLocked starts the dial of a lane, or joins the one under way. It goes beyond Size by nothing: a lane that is
// needed while all are leased waits for one of those places through the same dial limit.
func (p *Pool) openLaneLocked() *opening {
	if p.opening != nil {
		return p.opening
	}
	o := &opening{done: make(chan struct{})}
	p.opening = o
	p.dialing++
	p.work.Go(func() {
		d := p.dialOne()
		p.mu.Lock()
		p.opening = nil
		p.dialing--
		m, err := p.addLocked(d)
		if o.err = err; m != nil {
			o.c = m.c
			p.asLaneLocked(m)
		}
		p.startDialsLocked()
		p.mu.Unlock()
		if err == nil {
			p.announce(o.c)
		} else {
			discard(d.c)
		}
		close(o.done)
	})
	return o
}

func ended(c *conn.Conn) bool {
	select {
	case <-c.Done():
		return true
	default:
		return false
	}
}

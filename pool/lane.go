package pool

import (
	"context"
	"slices"
	"sync/atomic"
	"time"

	"github.com/baton-go/baton/conn"
)

// Replies come in the order of commands, so a large one that comes slowly holds up all that is queued behind it. There are two
// answers to that. Commands whose replies are known to be large go to connections apart, which nobody else uses. And a lane in the
// middle of a reply gets no new command if another can be had, for which Lanes is no bound. A lane that waits long for the
// beginning of a reply says little, since that may be the round trip, or a server that is slow as a whole: then there are no
// more than Lanes.

const (
	// openPatience is how long a caller waits for a lane that is being opened, rather than queue behind a reply.
	openPatience = 100 * time.Millisecond
	// openLook is how often it looks meanwhile whether one has become free.
	openLook = 5 * time.Millisecond
)

// shared is a set of connections that callers share.
type shared struct {
	role    Role
	list    atomic.Pointer[[]*conn.Conn] // never modified in place; written with the pool's mu held
	opening *opening                     // the dial of another one, under the pool's mu
}

// opening is the dial of a lane that many callers may wait for.
type opening struct {
	done chan struct{} // closed when c or err is set
	c    *conn.Conn
	err  error
}

// load says how a command would fare on a shared connection.
type load uint8

const (
	free load = iota
	slow      // a reply has been awaited for more than a tick, or the connection takes no commands at the moment
	held      // it would stand behind a reply that has come in part, or that is likely to be large
)

// Lane returns a shared connection: the one that owes least. It dials the first one, and waits for that until ctx ends or
// WaitTimeout is over, which is a *TimeoutError; other errors are that of the dial, and ErrClosed. The connection may end at any
// time; then Do on it tells so and Lane gives another.
func (p *Pool) Lane(ctx context.Context) (*conn.Conn, error) {
	lanes := *p.lanes.list.Load()
	if len(lanes) == 1 && !lanes[0].Slow() {
		return lanes[0], nil
	}
	return p.share(ctx, &p.lanes)
}

// Apart is Lane for a command whose reply is likely to be large: it returns a connection that is shared by such commands only,
// one that owes nothing if there is one or room for it. If there is no room at all it is Lane.
func (p *Pool) Apart(ctx context.Context) (*conn.Conn, error) {
	if len(*p.apart.list.Load()) == 0 {
		p.mu.Lock()
		room := p.roomToWidenLocked(&p.apart, held)
		p.mu.Unlock()
		if !room {
			return p.Lane(ctx)
		}
	}
	return p.share(ctx, &p.apart)
}

// share picks a connection of the set, and has another opened if none is free. A caller that would stand behind a reply waits for that a little.
func (p *Pool) share(ctx context.Context, s *shared) (*conn.Conn, error) {
	best, l := s.best()
	if best == nil {
		return p.awaitLane(ctx, s)
	}
	if l == free || !p.widen(s, l) || l == slow {
		return best, nil
	}
	t := time.NewTicker(openLook)
	defer t.Stop()
	for end := time.Now().Add(openPatience); ; {
		p.mu.Lock()
		o := s.opening
		p.mu.Unlock()
		if best, l = s.best(); best == nil {
			return p.awaitLane(ctx, s)
		}
		if l == free || o == nil || !time.Now().Before(end) {
			return best, nil
		}
		select {
		case <-o.done:
		case <-t.C:
		case <-ctx.Done():
			return best, nil // whose Do says why
		}
	}
}

// best picks the connection on which a command fares best, of several the one that owes least.
func (s *shared) best() (best *conn.Conn, least load) {
	for _, c := range *s.list.Load() {
		l := s.load(c)
		if l != free && ended(c) {
			continue // about to be taken off the list
		}
		if best == nil || l < least || l == least && c.Owes() < best.Owes() {
			best, least = c, l
		}
	}
	return best, least
}

func (s *shared) load(c *conn.Conn) load {
	switch {
	case c.MidReply() || s.role == Apart && c.Owes() > 0:
		return held
	case c.Slow():
		return slow
	}
	return free
}

// widen sees to it that the set gets another connection, for who comes later or waits, and reports whether it will.
func (p *Pool) widen(s *shared, l load) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if s.opening != nil {
		return true
	}
	if !p.roomToWidenLocked(s, l) {
		return false
	}
	if l == held && p.promoteLocked(s) != nil {
		return true
	}
	if !p.roomLocked() || !p.Dials.open() {
		return false
	}
	p.openLaneLocked(s)
	return true
}

// roomToWidenLocked reports whether the set may have one more connection. Those who wait for a lease come first.
func (p *Pool) roomToWidenLocked(s *shared, l load) bool {
	most := p.cfg.Lanes
	switch {
	case s.role == Apart:
		most = p.cfg.Size / 2
	case l == held:
		most = max(most, p.cfg.Size/2)
	}
	return len(*s.list.Load()) < most && (l != held || p.waiting.Len() == 0) &&
		!p.closed && (len(p.idle) > 0 || p.roomForLeaseLocked() && p.roomLocked())
}

// awaitLane waits for the first connection of the set.
func (p *Pool) awaitLane(ctx context.Context, s *shared) (*conn.Conn, error) {
	p.mu.Lock()
	if p.closed {
		p.mu.Unlock()
		return nil, ErrClosed
	}
	for _, c := range *s.list.Load() {
		if !ended(c) {
			p.mu.Unlock()
			return c, nil
		}
	}
	if c := p.promoteLocked(s); c != nil {
		p.mu.Unlock()
		return c, nil
	}
	o := p.openLaneLocked(s)
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

// promoteLocked makes an idle connection a shared one, and has its place on the idle list filled again if MinIdle asks
// for that.
func (p *Pool) promoteLocked(s *shared) *conn.Conn {
	if len(p.idle) == 0 {
		return nil
	}
	m := p.idle[len(p.idle)-1]
	p.idle = p.idle[:len(p.idle)-1]
	s.addLocked(m)
	p.startDialsLocked()
	return m.c
}

func (s *shared) addLocked(m *member) {
	m.role, m.since = s.role, time.Now()
	list := append(slices.Clone(*s.list.Load()), m.c)
	s.list.Store(&list)
}

func (s *shared) removeLocked(c *conn.Conn) {
	list := slices.DeleteFunc(slices.Clone(*s.list.Load()), func(o *conn.Conn) bool { return o == c })
	s.list.Store(&list)
}

// openLaneLocked starts the dial of a shared connection, or joins the one under way. It goes beyond Size by nothing: a lane that
// is needed while all are leased waits for one of those places through the same dial limit.
func (p *Pool) openLaneLocked(s *shared) *opening {
	if s.opening != nil {
		return s.opening
	}
	o := &opening{done: make(chan struct{})}
	s.opening = o
	p.dialing++
	first := func() bool { return s.role == Lane && len(*s.list.Load()) == 0 } // also one that was not when it began
	p.work.Go(func() {
		d := p.dialOne(first)
		p.mu.Lock()
		s.opening = nil
		p.dialing--
		m, err := p.addLocked(d)
		if o.err = err; m != nil {
			o.c = m.c
			s.addLocked(m)
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

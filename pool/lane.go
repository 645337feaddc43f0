package pool

import (
	"context"
	"slices"
	"sync/atomic"
	"time"

	"github.com/baton-go/baton/conn"
)

// A large reply that comes slowly holds up all commands queued behind it. So commands with large replies use
// connections apart, and a lane in the middle of a reply gets no new command if another can be had, beyond Lanes if
// need be. A long wait for the beginning of a reply says little: it may be the round trip, or a server that is slow as
// a whole (docs/decisions/0009).

const (
	// maxOpenWait is how long a caller waits for a lane that is being opened, rather than queue behind a reply.
	maxOpenWait = 100 * time.Millisecond
	// openLook is how often it looks meanwhile whether one has become free.
	openLook = 5 * time.Millisecond
)

// shared is a set of connections that callers share.
type shared struct {
	role      Role
	published atomic.Pointer[[]*conn.Conn] // never modified in place; written with the pool's mu held
	pending   *pendingDial                 // of another one; guarded by the pool's mu
}

func (s *shared) conns() []*conn.Conn { return *s.published.Load() }

// load says how a command would fare on a shared connection.
type load uint8

const (
	free    load = iota
	slow         // a reply has been awaited for more than a tick, or the connection takes no commands at the moment
	blocked      // it would stand behind a reply that has come in part, or that is likely to be large
)

// Lane returns a shared connection: the one that owes the fewest replies. It dials the first one, and waits for that
// until ctx ends or WaitTimeout is over, which is a *TimeoutError; other errors are that of the dial, and ErrClosed.
// The connection may end at any time; then Do on it fails and Lane gives another.
func (p *Pool) Lane(ctx context.Context) (*conn.Conn, error) {
	lanes := p.lanes.conns()
	if len(lanes) == 1 && !lanes[0].Slow() {
		return lanes[0], nil
	}
	return p.share(ctx, &p.lanes)
}

// Apart is Lane for a command whose reply is likely to be large: it returns a connection that is shared by such
// commands only, one that owes nothing if there is one or room for it. If there is no room at all it is Lane.
func (p *Pool) Apart(ctx context.Context) (*conn.Conn, error) { return p.share(ctx, &p.apart) }

// share picks a connection of the set, and has another opened if none is free. A caller that would stand behind a reply
// waits a little for that.
func (p *Pool) share(ctx context.Context, s *shared) (*conn.Conn, error) {
	best, l := s.best()
	if best == nil {
		return p.awaitFirst(ctx, s)
	}
	if l == free || !p.widen(s, l) || l == slow {
		return best, nil
	}
	t := time.NewTicker(openLook)
	defer t.Stop()
	for end := time.Now().Add(maxOpenWait); ; {
		p.mu.Lock()
		d := s.pending
		p.mu.Unlock()
		if best, l = s.best(); best == nil {
			return p.awaitFirst(ctx, s)
		}
		if l == free || d == nil || !time.Now().Before(end) {
			return best, nil
		}
		select {
		case <-d.done:
		case <-t.C:
		case <-ctx.Done():
			return best, nil // its Do fails with the context's error
		}
	}
}

// best picks the connection on which a command fares best, of several the one that owes the fewest replies.
func (s *shared) best() (best *conn.Conn, bestLoad load) {
	for _, c := range s.conns() {
		l := free
		switch {
		case c.MidReply() || s.role == Apart && c.Owes() > 0:
			l = blocked
		case c.Slow():
			l = slow
		}
		if l != free && c.State() == conn.Closed {
			continue // about to be removed
		}
		if best == nil || l < bestLoad || l == bestLoad && c.Owes() < best.Owes() {
			best, bestLoad = c, l
		}
	}
	return best, bestLoad
}

// widen adds a connection to the set, for this caller or later ones, and reports whether one will come.
func (p *Pool) widen(s *shared, l load) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case s.pending != nil:
		return true
	case !p.roomToWidenLocked(s, l):
		return false
	case l == blocked && p.promoteLocked(s) != nil:
		return true
	case !p.roomLocked() || !p.Dials.serves():
		return false
	}
	p.openLaneLocked(s)
	return true
}

// roomToWidenLocked reports whether the set may have one more connection. Callers that wait for a lease come first.
func (p *Pool) roomToWidenLocked(s *shared, l load) bool {
	limit := p.cfg.Lanes
	switch {
	case s.role == Apart:
		limit = p.cfg.Size / 2
	case l == blocked:
		limit = max(limit, p.cfg.Size/2)
	}
	return len(s.conns()) < limit && (l != blocked || len(p.waiting) == 0) &&
		!p.closed && (len(p.idle) > 0 || p.roomForLeaseLocked())
}

// awaitFirst returns a connection of a set that had none, and waits for its dial if need be.
func (p *Pool) awaitFirst(ctx context.Context, s *shared) (*conn.Conn, error) {
	p.mu.Lock()
	if p.closed {
		p.mu.Unlock()
		return nil, ErrClosed
	}
	c, _ := s.best()
	if c == nil && s.role == Apart && !p.roomToWidenLocked(s, blocked) {
		p.mu.Unlock()
		return p.Lane(ctx)
	}
	if c == nil {
		c = p.promoteLocked(s)
	}
	if c != nil {
		p.mu.Unlock()
		return c, nil
	}
	d := p.openLaneLocked(s)
	p.mu.Unlock()

	if timeout := p.wait(ctx, d.done); timeout != nil {
		p.mu.Lock()
		defer p.mu.Unlock()
		return nil, p.explainLocked(timeout)
	}
	return d.c, d.err
}

// promoteLocked makes an idle connection a shared one; MinIdle may have its place on the idle list filled again.
func (p *Pool) promoteLocked(s *shared) *conn.Conn {
	if len(p.idle) == 0 {
		return nil
	}
	m := p.takeIdleLocked(len(p.idle)-1, s.role)
	s.addLocked(m)
	p.startDialsLocked()
	return m.c
}

func (s *shared) addLocked(m *member) {
	m.role = s.role
	conns := append(slices.Clone(s.conns()), m.c)
	s.published.Store(&conns)
}

func (s *shared) removeLocked(c *conn.Conn) {
	conns := slices.DeleteFunc(slices.Clone(s.conns()), func(o *conn.Conn) bool { return o == c })
	s.published.Store(&conns)
}

// openLaneLocked starts the dial of a shared connection, or joins the one under way. It does not look for room: leases
// leave a place for the first lane, and callers have looked for any other.
func (p *Pool) openLaneLocked(s *shared) *pendingDial {
	if s.pending != nil {
		return s.pending
	}
	// A dial may become urgent while it waits: the first lane goes before all others.
	urgent := func() bool { return s.role == Lane && len(s.conns()) == 0 }
	s.pending = p.dialLocked(urgent, func(m *member, _ error) {
		s.pending = nil
		if m != nil {
			s.addLocked(m)
		}
		p.startDialsLocked() // also after a failure: MinIdle is due from the first use of the pool on
	})
	return s.pending
}

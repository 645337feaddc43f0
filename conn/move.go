package conn

import (
	"cmp"
	"context"
	"time"
)

// Target says where a connection is to move.
type Target struct {
	Addr  string    // to dial: host:port, or a path for a unix socket
	Avoid string    // a peer that must not be reached, "" none: reaching it ends the move with ErrSamePeer
	Drain time.Time // the old link is closed then even if it still owes replies
	Hold  time.Time // pins are broken then; zero: HoldBefore(now, Drain)
}

// Move dials t.Addr and sets up a link to it beside the serving one, then switches: later commands go to the new link,
// and the old one delivers what it owes and closes itself. Move returns after the switch and does not wait for the old
// link. On any error the old link goes on serving. One move runs at a time; another gets ErrMoving.
//
// If the serving link is pinned, Move returns ErrPinned: the next link is ready, and takes over when no pin is left, or
// at t.Hold. Until then another Move takes the place of this one.
//
// ctx bounds the dialling and set-up; DialTimeout bounds it as in Dial.
func (c *Conn) Move(ctx context.Context, t Target) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	if t.Hold.IsZero() {
		t.Hold = HoldBefore(time.Now(), t.Drain)
	}
	m := &move{conn: c, target: t, cancel: func() { cancel(ErrClosed) }}
	if err := m.begin(); err != nil {
		return &Error{Op: "move", Addr: c.Peer(), Err: err}
	}
	defer c.work.Done()
	next, err := m.dial(ctx)
	if err == nil {
		if err = m.offer(next, !time.Now().Before(t.Hold)); err == nil || err == ErrPinned {
			return err
		}
		err = &Error{Op: "move", Addr: next.peer, Err: err}
	}
	m.fail(err)
	return err
}

// Stay cancels a move that waits for pins, if there is one. The serving link goes on.
func (c *Conn) Stay() {
	c.mu.Lock()
	defer c.unlock()
	if m := c.move; m != nil && m.next != nil {
		m.failLocked(ErrMoved)
	}
}

// HoldBefore returns when pins are broken if a link closes at end: one second before it, but not before half of the time
// since begin is over.
func HoldBefore(begin, end time.Time) time.Time {
	return end.Add(-min(time.Second, max(0, end.Sub(begin)/2)))
}

// redialPause is the pause between attempts to replace a next link that died while it waited.
const redialPause = 250 * time.Millisecond

// move takes a connection to another link. Conn.move is set exactly while the connection is Moving, from begin to
// switchLocked or endLocked. A move that finds the serving link pinned waits, with a next link and a goroutine.
type move struct {
	conn   *Conn
	target Target
	next   *link  // waits for pins, and may have died meanwhile; nil before. Guarded by Conn.mu
	cancel func() // ends the dial or the wait; guarded by Conn.mu
}

// begin makes m the move of its connection. It takes the place of one that waits, since the newer target counts.
func (m *move) begin() error {
	c := m.conn
	c.mu.Lock()
	defer c.unlock()
	switch {
	case c.state == Closed || c.state == Dialing:
		return ErrClosed
	case c.move == nil:
		c.setStateLocked(Moving)
	case c.move.next == nil:
		return ErrMoving
	default:
		c.move.endLocked()
	}
	c.move = m
	c.work.Add(1)
	return nil
}

// dial opens a link to the target, unless that leads to the peer to avoid.
func (m *move) dial(ctx context.Context) (*link, error) {
	next, err := m.conn.connect(ctx, m.target.Addr)
	if err == nil && m.target.Avoid != "" && next.peer == m.target.Avoid {
		next.fail(ErrSamePeer)
		return nil, &Error{Op: "move", Addr: m.target.Addr, Err: ErrSamePeer}
	}
	return next, err
}

// offer switches to next. It does not if next is dead, which is the error then; nor if the serving link is pinned and
// lives, unless the time for pins is over: next waits then, and the error is ErrPinned.
func (m *move) offer(next *link, over bool) error {
	c := m.conn
	c.mu.Lock()
	defer c.unlock()
	if c.move != m {
		if next != m.next { // else the end of m has closed it, or it serves
			c.afterLocked(func() { next.fail(ErrMoving) })
		}
		return cmp.Or(c.cause, ErrMoving)
	}
	serving := c.cur.Load()
	if err := next.err(); err != nil {
		return err
	}
	first := m.next == nil
	m.next = next
	if len(c.pins) == 0 || over || serving.err() != nil {
		m.switchLocked()
		return nil
	}
	if first {
		ctx, cancel := context.WithDeadline(context.Background(), m.target.Hold)
		m.cancel = cancel
		c.work.Go(func() { m.wait(ctx, next, serving) })
	}
	return ErrPinned
}

// wait is the goroutine of a move that waits for pins. It replaces a next link that dies, and switches in spite of pins
// when the serving link dies or their time is over. If the last pin goes, Unpin switches.
func (m *move) wait(ctx context.Context, next, serving *link) {
	for over := false; !over; {
		select {
		case <-serving.dead:
		case <-next.dead:
		case <-ctx.Done(): // m has ended, or the time for pins is over
			over = true
		}
		if next.err() != nil {
			if next = m.redial(ctx); next == nil {
				break
			}
		}
		if m.offer(next, over) == nil {
			return
		}
	}
	m.fail(ErrMoved)
}

// redial dials until it has a link or ctx ends.
func (m *move) redial(ctx context.Context) *link {
	for ctx.Err() == nil {
		if next, err := m.dial(ctx); err == nil {
			return next
		}
		select {
		case <-time.After(redialPause):
		case <-ctx.Done():
		}
	}
	return nil
}

// switchLocked makes the next link serve. It publishes that first: a caller that the retired link turns away finds it.
func (m *move) switchLocked() {
	c := m.conn
	old, next := c.cur.Load(), m.next
	c.move = nil
	c.afterLocked(m.cancel)
	if old.err() == nil {
		c.old = append(c.old, old)
	}
	for _, p := range c.pins { // from now on they are not bound to the serving link
		p.moved.Store(true)
		c.afterLocked(p.onBroken)
		if p.broken != nil {
			close(p.broken)
		}
	}
	c.pins = nil
	c.cur.Store(next)
	c.epoch++
	c.setStateLocked(Draining)
	if len(c.old) == 0 {
		c.setStateLocked(Ready)
	}
	c.afterLocked(func() { old.retire(m.target.Drain) })
}

// endLocked takes m off its connection, for good. The caller changes the state, or has put another move in its place.
func (m *move) endLocked() {
	m.conn.move = nil
	m.conn.afterLocked(m.cancel)
	if next := m.next; next != nil {
		m.conn.afterLocked(func() { next.fail(ErrMoving) })
	}
}

func (m *move) fail(err error) {
	m.conn.mu.Lock()
	defer m.conn.unlock()
	m.failLocked(err)
}

// failLocked goes back to the serving link; if that died meanwhile, the connection ends. An ended move stays ended.
func (m *move) failLocked(err error) {
	c := m.conn
	if c.move != m {
		return
	}
	m.endLocked()
	switch {
	case c.cur.Load().err() != nil:
		c.closeLocked(err)
	case len(c.old) > 0:
		c.setStateLocked(Draining)
	default:
		c.setStateLocked(Ready)
	}
}

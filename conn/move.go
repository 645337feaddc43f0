package conn

import (
	"context"
	"errors"
	"time"
)

// Target says where a connection is to move.
type Target struct {
	Addr  string    // to dial: host:port, or a path for a unix socket
	Avoid string    // a peer that must not be reached, "" none: reaching it ends the move with ErrSamePeer
	Drain time.Time // the old link is closed then even if it still owes replies
	Hold  time.Time // pins are broken then; zero: HoldBefore(now, Drain)
}

// Move dials t.Addr and sets up a link to it beside the serving one, then swaps the two: commands begun from then on go to
// the new link, and the old one delivers what it owes and closes itself. Move returns after the swap and does not wait for
// the old link. On any error the old link goes on serving as if nothing had happened. One move runs at a time; another gets ErrMoving.
//
// If the serving link is pinned, Move returns ErrPinned: the next link is ready, and takes over when no pin is left, or at
// t.Hold. Until then another Move takes the place of this one.
//
// ctx bounds the dialling and set-up; DialTimeout bounds it as in Dial.
func (c *Conn) Move(ctx context.Context, t Target) error {
	if err := c.beginMove(); err != nil {
		return err
	}
	defer c.work.Done()
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	c.work.Go(func() {
		select {
		case <-c.done:
			cancel(ErrClosed)
		case <-ctx.Done():
		}
	})

	if t.Hold.IsZero() {
		t.Hold = HoldBefore(time.Now(), t.Drain)
	}
	next, err := c.openAt(ctx, t)
	if err != nil {
		c.moveFailed(err)
		return err
	}
	return c.swap(next, t, nil, false)
}

// openAt opens a link to t, unless that leads to the peer to avoid.
func (c *Conn) openAt(ctx context.Context, t Target) (*link, error) {
	next, err := c.open(ctx, t.Addr)
	if err == nil && t.Avoid != "" && next.peer == t.Avoid {
		next.fail(ErrSamePeer)
		return nil, &Error{Op: "move", Addr: t.Addr, Err: ErrSamePeer}
	}
	return next, err
}

func (c *Conn) beginMove() error {
	c.mu.Lock()
	switch c.state {
	case Closed, Dialing:
		defer c.mu.Unlock()
		return &Error{Op: "move", Addr: c.Peer(), Err: ErrClosed}
	case Moving:
		defer c.mu.Unlock()
		if c.held == nil {
			return &Error{Op: "move", Addr: c.Peer(), Err: ErrMoving}
		}
		close(c.held.off) // that one only waits: the newer target counts
		c.held = nil
		c.work.Add(1)
		return nil
	}
	step := c.setStateLocked(Moving)
	c.work.Add(1)
	c.mu.Unlock()
	step()
	return nil
}

// moveFailed goes back to the serving link; if that died meanwhile, the connection ends.
func (c *Conn) moveFailed(err error) {
	c.mu.Lock()
	step := func() {}
	if c.state == Moving {
		switch {
		case c.cur.Load().failure() != nil:
			step = c.closeLocked(err)
		case len(c.old) > 0:
			step = c.setStateLocked(Draining)
		default:
			step = c.setStateLocked(Ready)
		}
	}
	c.mu.Unlock()
	step()
}

// swap makes next the serving link. The order matters: once a caller finds the old link retired, the new one must be there.
// A link that is dead already, for instance since the server has sent more than was asked for, never serves.
// A pinned link is left alone, unless force is set; the move is held then. h is the held move that swaps, nil for one that is not held yet.
func (c *Conn) swap(next *link, t Target, h *held, force bool) error {
	if err := next.failure(); err != nil && h == nil { // hold looks itself
		err = &Error{Op: "move", Addr: next.peer, Err: err}
		c.moveFailed(err)
		return err
	}
	c.mu.Lock()
	if err := c.swapRefusedLocked(next, t, h, force); err != nil {
		c.mu.Unlock()
		if err != ErrPinned && err != errMoved {
			next.fail(err)
			err = &Error{Op: "move", Addr: next.peer, Err: err}
		}
		return err
	}
	old := c.cur.Load()
	if old.failure() == nil {
		c.old = append(c.old, old)
	}
	if c.held = nil; h != nil {
		close(h.moved)
	}
	c.breakPinsLocked()
	c.cur.Store(next)
	c.epoch++
	step := c.setStateLocked(Draining)
	settle := func() {}
	if len(c.old) == 0 {
		settle = c.setStateLocked(Ready)
	}
	dead := next.failure()
	c.mu.Unlock()
	step()
	settle()
	old.retire(t.Drain)
	if dead != nil { // lost before it served: lost() did not know it yet
		c.lost(next)
	}
	return nil
}

// errMoved is why a held move is not carried out twice: the hold and whoever pins anew may both try.
var errMoved = errors.New("has moved")

// swapRefusedLocked says why next must not take over now, or not at all. With ErrPinned the move is held.
func (c *Conn) swapRefusedLocked(next *link, t Target, h *held, force bool) error {
	switch {
	case c.state == Closed:
		return c.cause
	case h != nil && isClosed(h.moved):
		return errMoved
	case h != nil && c.held != h:
		return ErrMoving
	case force || len(c.pins) == 0 || c.cur.Load().failure() != nil || !time.Now().Before(t.Hold):
		return nil
	}
	if h == nil {
		h = &held{to: t, next: next, free: make(chan struct{}, 1), off: make(chan struct{}), moved: make(chan struct{})}
		c.held = h
		c.work.Go(func() { c.hold(h, next) })
	}
	return ErrPinned
}

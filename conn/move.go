package conn

import (
	"context"
	"time"
)

// Target says where a connection is to move.
type Target struct {
	Addr  string    // to dial: host:port, or a path for a unix socket
	Avoid string    // a peer that must not be reached, "" none: reaching it ends the move with ErrSamePeer
	Drain time.Time // the old link is closed then even if it still owes replies
}

// Move dials t.Addr and sets up a link to it beside the serving one, then swaps the two: commands begun from then on go to
// the new link, and the old one delivers what it owes and closes itself. Move returns after the swap and does not wait for
// the old link. On any error the old link goes on serving as if nothing had happened. One move runs at a time; another gets ErrMoving.
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

	next, err := c.open(ctx, t.Addr)
	if err == nil && t.Avoid != "" && next.peer == t.Avoid {
		next.fail(ErrSamePeer)
		err = &Error{Op: "move", Addr: t.Addr, Err: ErrSamePeer}
	}
	if err != nil {
		c.moveFailed(err)
		return err
	}
	return c.swap(next, t.Drain)
}

func (c *Conn) beginMove() error {
	c.mu.Lock()
	switch c.state {
	case Closed, Dialing:
		defer c.mu.Unlock()
		return &Error{Op: "move", Addr: c.Peer(), Err: ErrClosed}
	case Moving:
		defer c.mu.Unlock()
		return &Error{Op: "move", Addr: c.Peer(), Err: ErrMoving}
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
func (c *Conn) swap(next *link, drain time.Time) error {
	if err := next.failure(); err != nil {
		err = &Error{Op: "move", Addr: next.peer, Err: err}
		c.moveFailed(err)
		return err
	}
	c.mu.Lock()
	if c.state == Closed {
		err := c.cause
		c.mu.Unlock()
		next.fail(err)
		return &Error{Op: "move", Addr: next.peer, Err: err}
	}
	old := c.cur.Load()
	if old.failure() == nil {
		c.old = append(c.old, old)
	}
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
	old.retire(drain)
	if dead != nil { // lost before it served: lost() did not know it yet
		c.lost(next)
	}
	return nil
}

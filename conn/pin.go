package conn

import (
	"context"
	"time"
)

// breakBefore is how long before Target.Drain pins are broken if the target does not say when.
const breakBefore = time.Second

// Pin binds its holder to the link that served when it was taken, because the server keeps something for that socket: keys
// that are watched, a transaction, another database, a command that blocks. What is done through a pin runs on that link or
// not at all. While a link is pinned, Move makes the next one ready and waits with the swap until no pin is left; when its
// time is up it swaps all the same, and the pin is broken.
//
// A pin may be used by several goroutines at once.
type Pin struct {
	c      *Conn
	l      *link
	epoch  int
	broken chan struct{} // closed with c.mu held, before the link is retired
}

// Pin pins the serving link. Every pin needs an Unpin. A move that waited for the last pin is carried out first: whoever pins
// again at once does not keep the connection where it is.
func (c *Conn) Pin() *Pin {
	c.mu.Lock()
	if h := c.held; h != nil && len(c.pins) == 0 {
		next := h.next
		c.mu.Unlock()
		if next.failure() == nil {
			_ = c.swap(next, h.to, h, false) // if something else is quicker, that is as good
		}
		c.mu.Lock()
	}
	defer c.mu.Unlock()
	p := &Pin{c: c, l: c.cur.Load(), epoch: c.epoch, broken: make(chan struct{})}
	if c.pins == nil {
		c.pins = map[*Pin]struct{}{}
	}
	c.pins[p] = struct{}{}
	return p
}

// Unpin lets the connection move. What the pin was for must be over on the server. Further calls do nothing.
func (p *Pin) Unpin() {
	p.c.mu.Lock()
	defer p.c.mu.Unlock()
	delete(p.c.pins, p)
	p.c.unpinnedLocked()
}

// Do is Conn.Do on the pinned link. If that serves no more the error is ErrMoved, or why the link has ended, with Sent false.
func (p *Pin) Do(ctx context.Context, q *Call) error {
	if ctx.Err() != nil {
		return &Error{Op: "do", Addr: p.l.peer, Err: ContextError(ctx)}
	}
	if lead, ok := p.l.submit(q); ok {
		if err := p.l.await(ctx, q, lead); err != errNext {
			return err
		}
	}
	return &Error{Op: "do", Addr: p.l.peer, Err: p.lost()}
}

// lost is why the link takes no command.
func (p *Pin) lost() error {
	if p.Moved() {
		return ErrMoved
	}
	if err := p.l.failure(); err != nil && err != errNext {
		return err
	}
	if err := p.c.Err(); err != nil {
		return err
	}
	return ErrMoved
}

// Broken is closed when the connection has moved in spite of the pin. The old link then still delivers what it owes, until
// the target's Drain.
func (p *Pin) Broken() <-chan struct{} { return p.broken }

// Moved reports whether the pin is broken.
func (p *Pin) Moved() bool { return isClosed(p.broken) }

func isClosed(c <-chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}

// Epoch is the number of the pinned link among those that have served, as in Info.
func (p *Pin) Epoch() int { return p.epoch }

// Setup returns what the set-up of the pinned link found. Its Peer is where the link leads to.
func (p *Pin) Setup() Setup { return p.l.setup }

// Note returns what SetNote has left with the pinned link, nil if nothing.
func (p *Pin) Note() any {
	if v := p.l.note.Load(); v != nil {
		return *v
	}
	return nil
}

// SetNote keeps v for as long as the pinned link lives, for whoever pins the same link: a fact about the server that is asked for once.
func (p *Pin) SetNote(v any) { p.l.note.Store(&v) }

// held is a move whose next link is ready and that waits for the pins of the serving one.
type held struct {
	to    Target
	next  *link         // guarded by Conn.mu
	free  chan struct{} // room for one: no pin is left
	off   chan struct{} // closed when another move takes its place
	moved chan struct{} // closed with Conn.mu held when next serves
}

func (c *Conn) unpinnedLocked() {
	if c.held == nil || len(c.pins) > 0 {
		return
	}
	select {
	case c.held.free <- struct{}{}:
	default:
	}
}

// breakPinsLocked is called with the swap, so that no pin is ever bound to a link that is not the serving one without knowing.
func (c *Conn) breakPinsLocked() {
	for p := range c.pins {
		close(p.broken)
	}
	clear(c.pins)
}

// HoldBefore returns when pins are broken, given a link that is closed at the end: a second before it, or when half of the time
// from the beginning is over if that is less.
func HoldBefore(begin, end time.Time) time.Time {
	return end.Add(-min(breakBefore, max(0, end.Sub(begin)/2)))
}

// hold is the goroutine of a held move. next is replaced if it dies while it waits.
func (c *Conn) hold(h *held, next *link) {
	late := time.NewTimer(time.Until(h.to.Hold))
	defer late.Stop()
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	c.work.Go(func() { // a dial that replaces next does not outlive the reasons for it
		select {
		case <-c.done:
		case <-h.off:
		case <-ctx.Done():
		}
		cancel()
	})
	serving := c.cur.Load()
	for {
		force := false
		select {
		case <-h.moved: // Pin was quicker
			return
		case <-h.free:
		case <-serving.dead:
			force = true
		case <-late.C:
			force = true
		case <-next.dead:
		case <-ctx.Done():
			c.dismiss(h, next)
			return
		}
		if next.failure() != nil {
			if next = c.replace(ctx, h); next == nil {
				c.heldFailed(h)
				return
			}
			continue
		}
		if c.swap(next, h.to, h, force) != ErrPinned {
			return
		}
	}
}

// dismiss ends the next link of a move that was called off, unless it serves.
func (c *Conn) dismiss(h *held, next *link) {
	c.mu.Lock()
	serves := isClosed(h.moved)
	c.mu.Unlock()
	if !serves {
		next.fail(ErrMoving)
	}
}

// waits makes next the link of h, unless h does not wait any more.
func (c *Conn) waits(h *held, next *link) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.held == h {
		h.next = next
	}
	return c.held == h
}

// replace makes another next link. It gives up when ctx or the time for pins ends.
func (c *Conn) replace(ctx context.Context, h *held) *link {
	ctx, cancel := context.WithDeadline(ctx, h.to.Hold)
	defer cancel()
	for {
		next, err := c.openAt(ctx, h.to)
		if err == nil {
			if c.waits(h, next) {
				return next
			}
			next.fail(ErrMoving)
			return nil
		}
		pause := time.NewTimer(retryHeld)
		select {
		case <-pause.C:
		case <-ctx.Done():
			pause.Stop()
			return nil
		}
	}
}

// retryHeld is the pause between attempts to replace a next link that died while it waited.
const retryHeld = 250 * time.Millisecond

// Stay calls off a move that waits for pins, if there is one: its target is none any more. The serving link goes on.
func (c *Conn) Stay() {
	c.mu.Lock()
	h := c.held
	if h != nil {
		close(h.off)
		c.held = nil // nobody else begins a move before moveFailed, since the state is Moving
	}
	c.mu.Unlock()
	if h != nil {
		c.moveFailed(ErrMoved)
	}
}

// heldFailed gives the move up and lets the old link go on, unless another move has taken over.
func (c *Conn) heldFailed(h *held) {
	c.mu.Lock()
	mine := c.held == h
	if mine {
		c.held = nil
	}
	c.mu.Unlock()
	if mine {
		c.moveFailed(ErrMoved)
	}
}

package conn

import (
	"cmp"
	"context"
	"slices"
	"sync/atomic"
)

// Pin binds its holder to the link that served when it was taken, because the server keeps state for that socket: keys
// that are watched, a transaction, another database, a command that blocks. Commands through a pin run on that link or
// not at all. While a link is pinned, Move prepares the next one and switches when no pin is left; when the time for
// pins is over it switches all the same, and the pin is broken.
//
// A pin may be used by several goroutines at once.
type Pin struct {
	conn     *Conn
	link     *link
	epoch    int
	moved    atomic.Bool   // it is broken; set with Conn.mu held, before the link is retired
	broken   chan struct{} // made when it is asked for; guarded by Conn.mu
	onBroken func()        // guarded by Conn.mu
}

// Pin pins the serving link. Every pin needs an Unpin.
func (c *Conn) Pin() *Pin {
	c.mu.Lock()
	defer c.mu.Unlock()
	p := &Pin{conn: c, link: c.cur.Load(), epoch: c.epoch, onBroken: func() {}}
	c.pins = append(c.pins, p)
	return p
}

// Unpin lets the connection move: a move that waits for this last pin is completed before Unpin returns. The state that
// the pin was for must be gone from the server. Further calls do nothing.
func (p *Pin) Unpin() {
	c := p.conn
	c.mu.Lock()
	defer c.unlock()
	if i := slices.Index(c.pins, p); i >= 0 {
		c.pins = slices.Delete(c.pins, i, i+1)
	}
	if m := c.move; m != nil && m.next != nil && len(c.pins) == 0 && m.next.err() == nil {
		m.switchLocked()
	}
}

// Do is Conn.Do on the pinned link. If that serves no more the error, not Sent, is ErrMoved or why the link has ended.
func (p *Pin) Do(ctx context.Context, q *Call) error {
	err := p.link.do(ctx, q)
	if err != errNext {
		return err
	}
	if err = p.link.err(); err == errNext {
		err = nil
	}
	if err = cmp.Or(err, p.conn.Err(), ErrMoved); p.Moved() {
		err = ErrMoved
	}
	return &Error{Op: "do", Addr: p.link.peer, Err: err}
}

// GiveUp ends q, which another goroutine has under way with Do of this pin, as the end of its context would: Do returns err. It
// reports false if q is not queued, not yet or not any more.
func (p *Pin) GiveUp(q *Call, err *Error) bool {
	l := p.link
	l.mu.Lock()
	defer l.mu.Unlock()
	under := q.queued && !q.ended
	if under {
		l.endLocked(q, err)
		l.interruptRead() // the reader may be the owner of q, or wait for more of the reply to q
	}
	return under
}

// Broken is closed when the connection has moved in spite of the pin. The old link then still delivers what it owes,
// until the target's Drain.
func (p *Pin) Broken() <-chan struct{} {
	p.conn.mu.Lock()
	defer p.conn.mu.Unlock()
	if p.broken == nil {
		p.broken = make(chan struct{})
		if p.Moved() {
			close(p.broken)
		}
	}
	return p.broken
}

// OnBroken has f called when the pin is broken, or at once if it is. It replaces the function that was given before, which may
// still be called late. f must not block.
func (p *Pin) OnBroken(f func()) {
	p.conn.mu.Lock()
	defer p.conn.unlock()
	p.onBroken = f
	if p.Moved() {
		p.conn.afterLocked(f)
	}
}

// Moved reports whether the pin is broken.
func (p *Pin) Moved() bool { return p.moved.Load() }

// Epoch is the number of the pinned link among those that have served, as in Info.
func (p *Pin) Epoch() int { return p.epoch }

// Setup returns what the set-up of the pinned link found. Its Peer is where the link leads to.
func (p *Pin) Setup() Setup { return p.link.setup }

// Note returns what SetNote has left with the pinned link, nil if nothing.
func (p *Pin) Note() any {
	if v := p.link.note.Load(); v != nil {
		return *v
	}
	return nil
}

// SetNote keeps v with the pinned link, for later pins of it: a fact about the server that is asked for once.
func (p *Pin) SetNote(v any) { p.link.note.Store(&v) }

package pool

import (
	"container/list"
	"context"
	"fmt"
	"slices"
	"sync/atomic"
	"time"

	"github.com/baton-go/baton/conn"
)

// Lease is the exclusive use of a connection until Release or Discard, whichever comes first; later calls do nothing. Both may be
// called from any goroutine; Discard waits until nothing of the connection runs any more.
type Lease struct {
	p    *Pool
	m    *member
	over atomic.Bool
}

// Conn returns the leased connection. It must not be used after the lease has ended.
func (l *Lease) Conn() *conn.Conn { return l.m.c }

// Over reports whether the lease has ended.
func (l *Lease) Over() bool { return l.over.Load() }

// Release gives the connection back. It goes to the caller that has waited longest. A connection that still owes replies
// or has ended is not used again.
func (l *Lease) Release() {
	if !l.over.Swap(true) {
		l.giveBack()
	}
}

// ReleaseAfter is Release, or Discard if tidy returns false. tidy runs on a goroutine of the pool, and has to end when the
// connection does: it waits for what the connection owes, which the caller has given up waiting for.
func (l *Lease) ReleaseAfter(tidy func() bool) {
	if l.over.Swap(true) {
		return
	}
	l.p.mu.Lock()
	closed := l.p.closed
	if !closed {
		l.p.work.Go(func() {
			if tidy() {
				l.giveBack()
			} else {
				l.p.retire(l.m)
			}
		})
	}
	l.p.mu.Unlock()
	if closed {
		l.p.retire(l.m)
	}
}

func (l *Lease) giveBack() {
	l.p.mu.Lock()
	fit := !l.p.closed && l.m.c.Owes() == 0
	if fit {
		l.p.offerLocked(l.m)
	}
	l.p.mu.Unlock()
	if !fit {
		l.p.retire(l.m)
	}
}

// WrongServer reports whether the connection is to be discarded since its server is not the right one. Pool.Retire says when it is not.
func (l *Lease) WrongServer() bool { return l.p.Dials.wrongServer(l.m.c, false) }

// Discard closes the connection, because its state on the server is not fit for another caller.
func (l *Lease) Discard() {
	if !l.over.Swap(true) {
		l.p.retire(l.m)
	}
}

// retire closes a connection and starts dials for the place it leaves.
func (p *Pool) retire(m *member) {
	p.mu.Lock()
	if _, ok := p.all[m.c]; ok {
		p.count.Retired++
		p.removeLocked(m.c)
	}
	p.startDialsLocked()
	p.mu.Unlock()
	m.c.Close()
}

// waiter is a caller that waits for a lease. It gets exactly one answer.
type waiter struct {
	ready chan struct{} // closed when m or err is set
	m     *member
	err   error
	place *list.Element // nil once it has its answer
}

// end answers the waiter. The caller holds the pool's mu and has taken it off the list.
func (w *waiter) end(m *member, err error) {
	w.m, w.err = m, err
	close(w.ready)
}

func (p *Pool) nextWaiterLocked() *waiter {
	e := p.waiting.Front()
	if e == nil {
		return nil
	}
	w := p.waiting.Remove(e).(*waiter)
	w.place = nil
	return w
}

// offerLocked gives a free connection to the caller that has waited longest, else to the idle list.
func (p *Pool) offerLocked(m *member) {
	if p.all[m.c] != m {
		return // it ended in between
	}
	m.since = time.Now()
	if w := p.nextWaiterLocked(); w != nil {
		m.role = Leased
		w.end(m, nil)
		return
	}
	m.role = Idle
	p.idle = append(p.idle, m)
}

// Acquire leases a connection: an idle one, or a new one if Size allows, or the next that is released, in the order of
// asking. It waits until ctx ends or WaitTimeout is over and then returns a *TimeoutError; a dial that was begun for it goes on
// and serves the next.
func (p *Pool) Acquire(ctx context.Context) (*Lease, error) {
	p.mu.Lock()
	if err := p.refusalLocked(); err != nil {
		p.mu.Unlock()
		return nil, err
	}
	p.count.Acquired++
	if n := len(p.idle); n > 0 {
		m := p.idle[n-1]
		p.idle = p.idle[:n-1]
		m.role, m.since = Leased, time.Now()
		p.startDialsLocked()
		p.mu.Unlock()
		return &Lease{p: p, m: m}, nil
	}
	p.count.Waits++
	w := &waiter{ready: make(chan struct{})}
	w.place = p.waiting.PushBack(w)
	p.startDialsLocked()
	p.mu.Unlock()
	return p.await(ctx, w)
}

// AcquireIdle leases an idle connection that leads to peer. If the pool has none it returns nil: it neither waits nor dials.
func (p *Pool) AcquireIdle(peer string) *Lease {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return nil
	}
	for i, m := range p.idle {
		if m.c.Peer() == peer && m.c.Owes() == 0 {
			p.count.Acquired++
			p.idle = slices.Delete(p.idle, i, i+1)
			m.role, m.since = Leased, time.Now()
			return &Lease{p: p, m: m}
		}
	}
	return nil
}

func (p *Pool) refusalLocked() error {
	switch {
	case p.closed:
		return ErrClosed
	case p.cfg.Size < 2 && p.cfg.Lanes > 0:
		return fmt.Errorf("pool: no lease from a pool of size %d: %w", p.cfg.Size, ErrShared)
	case p.waiting.Len() >= p.cfg.MaxWaiting:
		p.count.Timeouts++
		return &TimeoutError{Stats: p.statsLocked(), Size: p.cfg.Size, LastDial: p.Dials.failure()}
	}
	return nil
}

func (p *Pool) await(ctx context.Context, w *waiter) (*Lease, error) {
	late := p.waitLimit()
	defer late.stop()
	var cause error
	for waiting := true; waiting; {
		select {
		case <-w.ready:
			return w.lease(p)
		case <-late.c:
			waiting = !late.over()
		case <-ctx.Done():
			cause, waiting = conn.ContextError(ctx), false
		}
	}
	p.mu.Lock()
	answered := w.place == nil
	if !answered {
		p.waiting.Remove(w.place)
		w.place = nil
	}
	p.mu.Unlock()
	if answered { // the answer and the end of waiting crossed: take the answer
		return w.lease(p)
	}
	return nil, p.timeoutError(late.begun, cause)
}

func (w *waiter) lease(p *Pool) (*Lease, error) {
	if w.err != nil {
		return nil, w.err
	}
	return &Lease{p: p, m: w.m}, nil
}

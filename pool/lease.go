package pool

import (
	"context"
	"fmt"
	"math"
	"slices"
	"sync/atomic"
	"time"

	"github.com/baton-go/baton/conn"
)

// Lease is the exclusive use of a connection until Release or Discard, whichever comes first; later calls do nothing.
// Both may be called from any goroutine; Discard waits until nothing of the connection runs any more.
type Lease struct {
	p    *Pool
	m    *member
	over atomic.Bool
}

// Conn returns the leased connection. It must not be used after the lease has ended.
func (l *Lease) Conn() *conn.Conn { return l.m.c }

// Over reports whether the lease has ended.
func (l *Lease) Over() bool { return l.over.Load() }

// WrongServer reports whether the connection is to be discarded since its server is not the right one. See Pool.Retire
// for when it is kept.
func (l *Lease) WrongServer() bool { return l.p.Dials.wrongServer(l.m.c, false) }

// Release gives the connection back. It goes to the caller that has waited longest. A connection that still owes replies
// or has ended is not used again.
func (l *Lease) Release() {
	if !l.over.Swap(true) {
		l.p.giveBack(l.m, true)
	}
}

// Discard closes the connection, because its state on the server is not fit for another caller.
func (l *Lease) Discard() {
	if !l.over.Swap(true) {
		l.p.giveBack(l.m, false)
	}
}

// ReleaseAfter is Release, or Discard if tidy returns false. tidy runs on a goroutine of the pool, and has to end when
// the connection does: it waits for what the connection owes, which the caller has given up waiting for.
func (l *Lease) ReleaseAfter(tidy func() bool) {
	if l.over.Swap(true) {
		return
	}
	l.p.mu.Lock()
	closed := l.p.closed
	if !closed {
		l.p.work.Go(func() { l.p.giveBack(l.m, tidy()) })
	}
	l.p.mu.Unlock()
	if closed {
		l.p.giveBack(l.m, false)
	}
}

// giveBack ends a lease: the next caller gets the connection if it is fit, else it is closed and replaced if need be.
func (p *Pool) giveBack(m *member, fit bool) {
	p.mu.Lock()
	fit = fit && !p.closed && m.c.Owes() == 0
	if fit {
		p.offerLocked(m)
	} else {
		if p.all[m.c] == m {
			p.count.Retired++
			p.removeLocked(m)
		}
		p.startDialsLocked()
	}
	p.mu.Unlock()
	if !fit {
		m.c.Close()
	}
}

// offerLocked gives a free connection to the caller that has waited longest, else to the idle list.
func (p *Pool) offerLocked(m *member) {
	if p.all[m.c] != m {
		return // it ended in between
	}
	m.role, m.since = Leased, time.Now()
	if !p.answerLocked(m, nil) {
		m.role = Idle
		p.idle = append(p.idle, m)
	}
}

// waiter is a caller that waits for a lease. It gets exactly one answer, unless it gives up before.
type waiter struct {
	ready chan struct{} // closed when m or err is set
	m     *member
	err   error
}

// answerLocked answers the caller that has waited longest, and reports whether there was one.
func (p *Pool) answerLocked(m *member, err error) bool {
	if len(p.waiting) == 0 {
		return false
	}
	w := p.waiting[0]
	p.waiting[0] = nil
	p.waiting = p.waiting[1:]
	w.m, w.err = m, err
	close(w.ready)
	return true
}

// takeIdleLocked gives the idle connection at index i another role.
func (p *Pool) takeIdleLocked(i int, r Role) *member {
	m := p.idle[i]
	p.idle = slices.Delete(p.idle, i, i+1)
	m.role, m.since = r, time.Now()
	return m
}

// Acquire leases a connection: an idle one, or a new one if Size allows, or the next that is released, in the order of
// asking. It waits until ctx ends or WaitTimeout is over and then returns a *TimeoutError; a dial that was begun for it
// goes on and serves the next.
func (p *Pool) Acquire(ctx context.Context) (*Lease, error) {
	p.mu.Lock()
	if err := p.cannotWaitLocked(); err != nil {
		p.mu.Unlock()
		return nil, err
	}
	p.count.Acquired++
	if n := len(p.idle); n > 0 {
		m := p.takeIdleLocked(n-1, Leased)
		p.startDialsLocked()
		p.mu.Unlock()
		return &Lease{p: p, m: m}, nil
	}
	p.count.Waits++
	w := &waiter{ready: make(chan struct{})}
	p.waiting = append(p.waiting, w)
	p.startDialsLocked()
	p.mu.Unlock()

	if timeout := p.wait(ctx, w.ready); timeout != nil {
		p.mu.Lock()
		defer p.mu.Unlock()
		if i := slices.Index(p.waiting, w); i >= 0 { // else the answer and the end of waiting crossed: take the answer
			p.waiting = slices.Delete(p.waiting, i, i+1)
			return nil, p.explainLocked(timeout)
		}
	}
	if w.err != nil {
		return nil, w.err
	}
	return &Lease{p: p, m: w.m}, nil
}

// AcquireIdle leases an idle connection to peer. If the pool has none it returns nil: it neither waits nor dials.
func (p *Pool) AcquireIdle(peer string) *Lease {
	p.mu.Lock()
	defer p.mu.Unlock()
	i := slices.IndexFunc(p.idle, func(m *member) bool { return m.c.Peer() == peer && m.c.Owes() == 0 })
	if p.closed || i < 0 {
		return nil
	}
	p.count.Acquired++
	return &Lease{p: p, m: p.takeIdleLocked(i, Leased)}
}

// cannotWaitLocked is the error of a caller that can get no lease and must not wait for one.
func (p *Pool) cannotWaitLocked() error {
	switch {
	case p.closed:
		return ErrClosed
	case p.cfg.Size < 2 && p.cfg.Lanes > 0:
		return fmt.Errorf("pool: no lease from a pool of size %d: %w", p.cfg.Size, ErrShared)
	case len(p.waiting) >= p.cfg.MaxWaiting:
		return p.explainLocked(new(TimeoutError))
	}
	return nil
}

// wait returns nil when ready is closed. It fails when ctx ends, or after WaitTimeout, relaxed by maintenance or not.
func (p *Pool) wait(ctx context.Context, ready <-chan struct{}) *TimeoutError {
	start, limit := time.Now(), p.cfg.WaitTimeout
	if limit <= 0 {
		limit = math.MaxInt64
	}
	t := time.NewTimer(limit)
	defer t.Stop()
	for {
		select {
		case <-ready:
			return nil
		case <-ctx.Done():
			return &TimeoutError{Waited: time.Since(start), Cause: conn.ContextError(ctx)}
		case now := <-t.C:
			if p.Relaxed != nil {
				limit = max(p.cfg.WaitTimeout, p.Relaxed(start, now))
			}
			if left := limit - now.Sub(start); left > 0 {
				t.Reset(left)
				continue
			}
			return &TimeoutError{Waited: now.Sub(start)}
		}
	}
}

// explainLocked counts a wait that has failed and adds the state of the pool to its error.
func (p *Pool) explainLocked(e *TimeoutError) error {
	p.count.Timeouts++
	e.Stats, e.Size, e.LastDial = p.statsLocked(), p.cfg.Size, p.Dials.lastError()
	return e
}

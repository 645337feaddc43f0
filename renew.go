package baton

import (
	"context"
	"errors"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/baton-go/baton/conn"
)

const (
	maxAhead      = 5 * time.Minute        // how long before the expiry a connection is renewed, at most
	minRenewal    = 250 * time.Millisecond // between two renewals of a connection, and between two attempts
	maxRetry      = 30 * time.Second       // between two attempts
	maxLookPause  = time.Minute            // between two looks at the connections
	renewTimeout  = 10 * time.Second       // for the provider, and for a move
	maxRenewals   = 4                      // moves at the same time
	renewalSpread = 64                     // moments at which connections are renewed
)

// renewer authenticates every live connection anew before its credentials expire: it asks the provider for newer ones and
// moves the connection to the address that new connections dial. A move is right in every state: commands in flight are
// answered, sessions are waited for, blocking commands are unblocked, a subscription hears both (docs/decisions/0010).
type renewer struct {
	c      *Client
	ctx    context.Context // ends with close
	cancel context.CancelFunc
	wake   chan struct{} // room for one: next is earlier than it was
	work   sync.WaitGroup

	mu    sync.Mutex // guards the rest. Taken alone; memory only
	start sync.Once  // of run
	known time.Time  // expiry of the credentials that were given last; zero: they do not expire
	next  time.Time  // when to look at the connections; zero: in maxLookPause
}

func newRenewer(c *Client) *renewer {
	r := &renewer{c: c, wake: make(chan struct{}, 1)}
	r.ctx, r.cancel = context.WithCancel(context.Background())
	return r
}

// saw takes note of a set-up. The first one with credentials that expire starts the goroutine.
func (r *renewer) saw(s conn.Setup) {
	r.learn(s.Expires)
	if !s.Expires.IsZero() {
		r.lookBy(renewal(s, 0))
	}
}

func (r *renewer) learn(expires time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.known = expires
}

// hasNewer reports whether the credentials that were given last outlive those that expire then.
func (r *renewer) hasNewer(expires time.Time) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.known.IsZero() || r.known.After(expires)
}

// lookBy makes run look at the connections at that time or earlier.
func (r *renewer) lookBy(at time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.ctx.Err() != nil || !r.next.IsZero() && !at.Before(r.next) {
		return
	}
	r.next = at
	r.start.Do(func() { r.work.Go(r.run) })
	select {
	case r.wake <- struct{}{}:
	default:
	}
}

// close ends the goroutine and waits for it.
func (r *renewer) close() {
	r.mu.Lock()
	r.cancel() // under the lock, so that lookBy starts no goroutine any more
	r.mu.Unlock()
	r.work.Wait()
}

func (r *renewer) run() {
	for r.ctx.Err() == nil {
		r.mu.Lock()
		wait := maxLookPause
		if !r.next.IsZero() {
			wait = min(wait, time.Until(r.next))
		}
		r.mu.Unlock()
		if pause(r.ctx, wait, r.wake) {
			r.look()
		}
	}
}

// renewal is the time to renew a connection: min(5 min, a quarter of the life of its credentials) before they expire, later
// by up to a quarter of that, so that not all connections are dialled at one time.
func renewal(s conn.Setup, id uint64) time.Time {
	life := s.Expires.Sub(s.Began)
	if life <= 0 { // the clocks differ, or the provider is late
		return s.Began.Add(maxRetry)
	}
	ahead := min(maxAhead, life/4)
	at := s.Expires.Add(ahead/4/renewalSpread*time.Duration(id%renewalSpread) - ahead)
	if earliest := s.Began.Add(minRenewal); at.Before(earliest) {
		return earliest
	}
	return at
}

// look renews the connections that are due, as far as there are newer credentials, and notes when to look again.
func (r *renewer) look() {
	r.mu.Lock()
	r.next = time.Time{}
	r.mu.Unlock()
	limit := maxRenewals
	if p := r.c.o.Pool; p.MaxActive > p.Size {
		limit = min(limit, p.MaxActive-p.Size)
	}
	var moves errgroup.Group
	moves.SetLimit(limit)
	now, asked := time.Now(), false
	for _, cn := range r.c.liveConns() {
		i := cn.Info()
		expires := i.Setup.Expires
		if expires.IsZero() || i.State == conn.Closed {
			continue
		}
		at := renewal(i.Setup, i.ID)
		if at.After(now) {
			r.lookBy(at)
			continue
		}
		if i.State == conn.Moving { // by maintenance, or by us when its session ends: that renews it
			r.retry(expires)
			continue
		}
		if !r.hasNewer(expires) && !asked {
			asked = true
			r.ask()
		}
		if !r.hasNewer(expires) {
			r.retry(expires)
			continue
		}
		moves.Go(func() error {
			if !r.move(cn, expires) {
				r.retry(expires)
			}
			return nil
		})
	}
	_ = moves.Wait()
}

// retry notes the next attempt, the sooner the less time is left.
func (r *renewer) retry(expires time.Time) {
	pause, now := maxRetry, time.Now()
	if left := expires.Sub(now); left > 0 {
		pause = min(max(left/8, minRenewal), maxRetry)
	}
	r.lookBy(now.Add(pause))
}

// ask learns whether the provider has newer credentials. Its errors and panics are reported by set-ups that meet them.
func (r *renewer) ask() {
	defer func() { _ = recover() }()
	ctx, cancel := context.WithTimeout(r.ctx, renewTimeout)
	defer cancel()
	if _, _, expires, err := r.c.secrets(ctx); err == nil {
		r.learn(expires)
	}
}

// move replaces the link by one with new credentials and reports whether nothing is left to do. Sessions and commands
// that block have half of the remaining time, or a little more.
func (r *renewer) move(cn *conn.Conn, expires time.Time) (renewed bool) {
	addr := r.c.o.Addr
	if r.c.handoffs.Leaving() { // the name may lead back to where maintenance has moved it from
		if addr = cn.Peer(); r.c.handoffs.Retires(addr) {
			return false // maintenance moves it
		}
	}
	ctx, cancel := context.WithTimeout(r.ctx, renewTimeout)
	defer cancel()
	now := time.Now()
	left := max(expires.Sub(now), time.Second)
	next, err := r.c.subs.Move(ctx, cn, conn.Target{Addr: addr, Hold: now.Add(left / 2), Drain: now.Add(left * 3 / 4)})
	if err == nil {
		r.c.handoffs.Joined(next)
	}
	return err == nil || errors.Is(err, conn.ErrPinned) || errors.Is(err, conn.ErrClosed) // it will move, or it has ended
}

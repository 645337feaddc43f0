package baton

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/baton-go/baton/conn"
)

const (
	mostLead     = 5 * time.Minute        // how long before the expiry a connection is renewed, at most
	leastRenewal = 250 * time.Millisecond // between two renewals of a connection, and between two attempts
	mostPause    = 30 * time.Second       // between two attempts
	lookAnyway   = time.Minute            // between two looks at the connections, at most
	askLimit     = 10 * time.Second       // for the provider, and for a move
	atOnce       = 4                      // moves
	steps        = 64                     // of the spread
)

// never is the expiry of credentials that have none.
var never = time.Unix(1<<40, 0)

// renewer has every live connection authenticated anew ahead of the expiry of the credentials that it used: it asks the
// provider for newer ones and then moves the connection to where new ones are dialled. A move is right in every state: what is in
// flight is answered, sessions are waited for, what blocks is called back, a subscription hears both (docs/decisions/0010).
type renewer struct {
	c *Client

	ctx    context.Context // ends with close
	cancel context.CancelFunc
	wake   chan struct{} // room for one: next is earlier than it was
	done   chan struct{} // closed when run has ended

	mu      sync.Mutex // taken alone; memory only
	known   time.Time  // expiry of the credentials that were given last
	next    time.Time  // when to look at the connections; zero: in lookAnyway
	running bool
	closed  bool
}

func newRenewer(c *Client) *renewer {
	r := &renewer{c: c, wake: make(chan struct{}, 1), done: make(chan struct{})}
	r.ctx, r.cancel = context.WithCancel(context.Background())
	return r
}

// saw takes note of a set-up. The first one with credentials that expire starts the goroutine.
func (r *renewer) saw(s conn.Setup) {
	if r.learn(s.Expires); s.Expires.IsZero() {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed {
		return
	}
	r.lookLocked(renewal(s, 0))
	if !r.running {
		r.running = true
		go r.run()
	}
}

func (r *renewer) learn(expires time.Time) {
	if expires.IsZero() {
		expires = never
	}
	r.mu.Lock()
	r.known = expires
	r.mu.Unlock()
}

// has reports whether the credentials that were given last are newer than those that expire then.
func (r *renewer) has(expires time.Time) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.known.After(expires)
}

// lookLocked sees to it that the connections are looked at then at the latest.
func (r *renewer) lookLocked(at time.Time) {
	if r.next.IsZero() || at.Before(r.next) {
		r.next = at
		select {
		case r.wake <- struct{}{}:
		default:
		}
	}
}

// close ends the goroutine and waits for it.
func (r *renewer) close() {
	r.mu.Lock()
	r.closed = true
	running := r.running
	r.mu.Unlock()
	r.cancel()
	if running {
		<-r.done
	}
}

func (r *renewer) run() {
	defer close(r.done)
	t := time.NewTimer(0)
	defer t.Stop()
	for {
		r.mu.Lock()
		wait := lookAnyway
		if !r.next.IsZero() {
			wait = min(wait, time.Until(r.next))
		}
		r.mu.Unlock()
		t.Reset(wait)
		select {
		case <-r.ctx.Done():
			return
		case <-r.wake:
		case <-t.C:
			r.look()
		}
	}
}

// renewal is when a connection is renewed: min(5 min, a quarter of the life of its credentials) before their expiry, later by
// up to a quarter of that, so that not all connections are dialled at one time.
func renewal(s conn.Setup, id uint64) time.Time {
	life := s.Expires.Sub(s.Began)
	if life <= 0 { // the clocks differ, or the provider is late
		return s.Began.Add(mostPause)
	}
	lead := min(mostLead, life/4)
	at := s.Expires.Add(lead/4/steps*time.Duration(id%steps) - lead)
	if least := s.Began.Add(leastRenewal); at.Before(least) {
		return least
	}
	return at
}

// look renews the connections whose time has come, and finds out when to look again.
func (r *renewer) look() {
	r.mu.Lock()
	r.next = time.Time{}
	r.mu.Unlock()
	now, next := time.Now(), time.Time{}
	sooner := func(at time.Time) {
		if next.IsZero() || at.Before(next) {
			next = at
		}
	}
	var due []*conn.Conn
	for _, cn := range slices.Concat(r.c.pool.List(), r.c.blocking.List(), r.c.subs.Conns()) {
		i := cn.Info()
		if i.Setup.Expires.IsZero() || i.State == conn.Closed {
			continue
		}
		switch at := renewal(i.Setup, i.ID); {
		case at.After(now):
			sooner(at)
		case i.State == conn.Moving: // by maintenance, or for us when its session ends: that renews it
			sooner(now.Add(pauseBefore(i.Setup.Expires, now)))
		default:
			due = append(due, cn)
		}
	}
	if at := r.renew(due, now); !at.IsZero() {
		sooner(at)
	}
	if !next.IsZero() {
		r.mu.Lock()
		r.lookLocked(next)
		r.mu.Unlock()
	}
}

// pauseBefore is the pause between attempts, the shorter the less time is left.
func pauseBefore(expires, now time.Time) time.Duration {
	if left := expires.Sub(now); left > 0 {
		return min(max(left/8, leastRenewal), mostPause)
	}
	return mostPause
}

// renew moves connections as far as there are newer credentials. It returns when those that are left are to be tried again.
func (r *renewer) renew(due []*conn.Conn, now time.Time) (again time.Time) {
	var mu sync.Mutex
	failed := func(expires time.Time) {
		mu.Lock()
		defer mu.Unlock()
		if at := time.Now().Add(pauseBefore(expires, now)); again.IsZero() || at.Before(again) {
			again = at
		}
	}
	var work sync.WaitGroup
	many := atOnce
	if p := r.c.o.Pool; p.MaxActive > p.Size {
		many = min(many, p.MaxActive-p.Size)
	}
	gate := make(chan struct{}, many)
	asked := false
	for _, cn := range due {
		expires := cn.Info().Setup.Expires
		if !r.has(expires) && !asked {
			asked = true
			_ = r.ask() // what a set-up cannot have is told by commands
		}
		if !r.has(expires) {
			failed(expires)
			continue
		}
		gate <- struct{}{}
		work.Go(func() {
			defer func() { <-gate }()
			if r.move(cn, expires) != nil {
				failed(expires)
			}
		})
	}
	work.Wait()
	return again
}

// ask finds out whether the provider has newer credentials. A panic of it is an error, as in a set-up.
func (r *renewer) ask() (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("panic: %v", p)
		}
	}()
	ctx, cancel := context.WithTimeout(r.ctx, askLimit)
	defer cancel()
	_, _, expires, err := r.c.secrets(ctx)
	if err == nil {
		r.learn(expires)
	}
	return err
}

// errRetires: the job of the maintenance moves this one.
var errRetires = errors.New("peer retires")

// move puts a link with new credentials in the place of the present one. Sessions and commands that block have until half of the
// time that is left is over, or a little more.
func (r *renewer) move(cn *conn.Conn, expires time.Time) error {
	addr := r.c.o.Addr
	if r.c.handoffs.Leaving() { // the name may lead back to where maintenance has moved it from
		if addr = cn.Peer(); r.c.handoffs.Retires(addr) {
			return errRetires
		}
	}
	ctx, cancel := context.WithTimeout(r.ctx, askLimit)
	defer cancel()
	now := time.Now()
	left := max(expires.Sub(now), time.Second)
	next, err := r.c.subs.Move(ctx, cn, conn.Target{Addr: addr, Hold: now.Add(left / 2), Drain: now.Add(left * 3 / 4)})
	if errors.Is(err, conn.ErrPinned) || errors.Is(err, conn.ErrClosed) { // it will, or there is nothing left to renew
		return nil
	}
	if err == nil {
		r.c.handoffs.Joined(next)
	}
	return err
}

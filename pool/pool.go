// Package pool knows which connections of a client exist and who uses them. It does not know where to dial or why a
// connection moves: it is given a function that dials and is told when a connection has ended. It sends no command and
// retries none.
//
// # Lanes and leases
//
// A lane is a connection that all callers share; [Pool.Lane] returns the one that owes the fewest replies. One lane is
// open most of the time, since each further one splits the writes that callers share. Another is opened, up to
// Config.Lanes, when all open lanes wait for a slow reply, or, up to half of Size, when all are in the middle of one;
// it is closed again when it has been idle for MaxIdleTime. [Pool.Apart] returns connections that are shared by
// commands with large replies only.
//
// A lease is the exclusive use of a connection, for commands that block and for state that the server keeps for a
// connection. [Pool.Acquire] takes an idle one, or has one dialled, or waits; the caller that has waited longest gets
// the next one, handed over directly. Config.Size bounds lanes and leases together, and one place is kept for a lane.
//
// # Dials
//
// Dials run on goroutines of the pool, at most MaxDialing at a time, and go on when the caller they were begun for
// gives up: the connection goes to the pool. [Dials] decides when one may begin: at once while the endpoint serves, one
// by one with pauses up to 250 ms while it does not. A connection that did not last is a failure as well. A caller that
// gets no connection learns from the error how many there are, how they are used, and how the last dial failed.
//
// # Maintenance
//
// One goroutine closes connections that have been unused for too long or are too old, and keeps MinIdle ready.
package pool

import (
	"context"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"github.com/baton-go/baton/conn"
)

// Pool knows which connections exist and who uses them. It makes no decisions about endpoints: it calls dial, which
// knows where to. All methods may be called from several goroutines at once.
type Pool struct {
	cfg    Config
	dial   func(context.Context) (*conn.Conn, error)
	joined func(*conn.Conn)
	// Relaxed returns the least timeout in force at now for a wait that began at start; WaitTimeout is never shorter than
	// that. nil: nothing is relaxed. It must be set before the first use.
	Relaxed func(start, now time.Time) time.Duration
	// Dials is the account of the endpoint's dials. New gives the pool one of its own; pools of one endpoint share one.
	// It must be set before the first use.
	Dials *Dials

	lanes shared // for all callers
	apart shared // for commands whose replies are large

	ctx     context.Context // ends with the pool
	cancel  context.CancelFunc
	work    sync.WaitGroup // all goroutines of the pool
	started sync.Once      // starts maintain with the first connection

	// mu guards the fields below and the lists and dials of lanes and apart; it is held for work in memory only. With it
	// held a connection may be asked for its Info, which takes that connection's lock; code that holds such a lock never
	// takes mu.
	mu      sync.Mutex
	all     map[*conn.Conn]*member
	idle    []*member // last used last
	waiting []*waiter // for a lease; oldest first
	dialing int       // dials that run, those of lanes included
	closed  bool
	count   Stats // the counters only
}

// member is a connection of the pool. Its fields are guarded by the pool's mu.
type member struct {
	c         *conn.Conn
	role      Role
	since     time.Time // of the role; of a shared one's last reply, as far as maintain has seen
	until     time.Time // end of its life; zero: none
	delivered uint64    // replies of a shared one when maintain last looked
}

// New makes a pool of at most cfg.Size connections and dials none. dial opens a connection; joined, if not nil, is told
// of each one after it can be found by List. The configuration must be valid.
func New(cfg Config, dial func(context.Context) (*conn.Conn, error), joined func(*conn.Conn)) *Pool {
	p := &Pool{cfg: cfg, dial: dial, joined: joined, Dials: new(Dials), all: map[*conn.Conn]*member{}}
	p.ctx, p.cancel = context.WithCancel(context.Background())
	p.lanes.role, p.apart.role = Lane, Apart
	p.lanes.published.Store(new([]*conn.Conn))
	p.apart.published.Store(new([]*conn.Conn))
	return p
}

// startDialsLocked starts as many dials as waiting callers and MinIdle ask for and limits allow. It is called whenever
// one of these has changed.
func (p *Pool) startDialsLocked() {
	running := p.dialing // for leases
	for _, s := range []*shared{&p.lanes, &p.apart} {
		if s.pending != nil {
			running--
		}
	}
	if len(p.waiting) > running {
		p.reclaimLocked()
	}
	wanted := max(len(p.waiting), p.cfg.MinIdle-len(p.idle))
	for ; running < wanted && p.roomForLeaseLocked(); running++ {
		p.dialLocked(nil, func(m *member, err error) {
			if m != nil {
				p.offerLocked(m)
			} else {
				p.answerLocked(nil, err)
			}
			if m != nil || len(p.waiting) > 0 { // the others try again
				p.startDialsLocked()
			}
		})
	}
}

// roomLocked reports whether one more connection may be dialled.
func (p *Pool) roomLocked() bool {
	return !p.closed && len(p.all)+p.dialing < p.cfg.Size && p.dialing < p.cfg.MaxDialing
}

// roomForLeaseLocked is roomLocked with one place kept for the lane, if there are to be any.
func (p *Pool) roomForLeaseLocked() bool {
	kept := 0
	if p.cfg.Lanes > 0 && len(p.lanes.conns()) == 0 && p.lanes.pending == nil {
		kept = 1
	}
	return p.roomLocked() && len(p.all)+p.dialing+kept < p.cfg.Size
}

// pendingDial is a dial of the pool, for which several callers may wait.
type pendingDial struct {
	done chan struct{} // closed when c or err is set
	c    *conn.Conn
	err  error
}

// dialLocked dials a connection on a goroutine, when it is its turn. No caller can cancel it: the connection belongs to
// the pool. use receives it, or the error, with mu held.
func (p *Pool) dialLocked(urgent func() bool, use func(*member, error)) *pendingDial {
	d := &pendingDial{done: make(chan struct{})}
	p.dialing++
	p.work.Go(func() {
		defer close(d.done)
		c, err := p.Dials.Dial(p.ctx, urgent, func(ctx context.Context) (*conn.Conn, error) {
			p.mu.Lock()
			p.count.Dials++
			p.mu.Unlock()
			return p.dial(ctx)
		})
		p.mu.Lock()
		p.dialing--
		m, err := p.addLocked(c, err)
		use(m, err)
		p.mu.Unlock()
		d.err = err
		switch {
		case err == nil:
			d.c = c
			if p.joined != nil {
				p.joined(c)
			}
		case c != nil:
			c.Close()
		}
	})
	return d
}

// addLocked enters a dialled connection in the books, without a use yet. After an error the caller closes c.
func (p *Pool) addLocked(c *conn.Conn, err error) (*member, error) {
	switch {
	case p.closed:
		return nil, ErrClosed
	case err != nil:
		p.count.DialErrors++
		return nil, err
	}
	p.started.Do(func() { p.work.Go(p.maintain) })
	if c.State() == conn.Closed { // Gone was called when it was not in the books
		p.Dials.Lost(c)
		return nil, c.Err()
	}
	m := &member{c: c, since: time.Now()}
	if life := p.cfg.MaxLifetime; life > 0 { // connections that were opened together must not end together
		m.until = m.since.Add(life - rand.N(life/10+1))
	}
	p.all[c] = m
	return m, nil
}

// Gone tells the pool that a connection is Closed. The client calls it from the connection's state hook.
func (p *Pool) Gone(c *conn.Conn) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if m := p.all[c]; m != nil {
		p.count.Lost++
		p.removeLocked(m)
		p.Dials.Lost(c)
	}
	p.startDialsLocked()
}

// removeLocked forgets a connection, whatever its role. It is the only place that does.
func (p *Pool) removeLocked(m *member) {
	delete(p.all, m.c)
	p.idle = slices.DeleteFunc(p.idle, func(o *member) bool { return o == m })
	p.lanes.removeLocked(m.c)
	p.apart.removeLocked(m.c)
}

// Close ends the pool and closes every connection. Waiting callers get ErrClosed. No goroutine of the pool is left then.
func (p *Pool) Close() {
	p.refuseCallers()
	p.cancel()
	for _, c := range p.List() {
		c.Close()
	}
	p.work.Wait()
}

// Drain refuses new work, lets every connection deliver what it owes and every lease come back, and returns when all
// have ended. If ctx ends first it returns the context's error and leaves the rest to Close.
func (p *Pool) Drain(ctx context.Context) error {
	p.refuseCallers()
	members := p.members()
	for _, m := range members {
		if m.role == Leased {
			continue
		}
		if err := m.c.Shutdown(ctx); err != nil {
			return err
		}
	}
	for _, m := range members {
		select {
		case <-m.c.Done(): // leased connections are closed when their leases end
		case <-ctx.Done():
			return conn.ContextError(ctx)
		}
	}
	return nil
}

// refuseCallers gives ErrClosed to callers that wait and to those that come.
func (p *Pool) refuseCallers() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.closed = true
	for p.answerLocked(nil, ErrClosed) {
	}
}

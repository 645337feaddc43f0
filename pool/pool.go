package pool

import (
	"container/list"
	"context"
	"slices"
	"sync"
	"time"

	"github.com/baton-go/baton/conn"
)

// Pool knows which connections exist and who holds them. It makes no decisions about endpoints: it calls dial, which
// knows where to. All methods may be called from several goroutines at once.
type Pool struct {
	cfg    Config
	dial   func(context.Context) (*conn.Conn, error)
	joined func(*conn.Conn)
	// Relaxed returns the least timeout in force at now for a wait that began at start; WaitTimeout is never shorter than
	// that. nil: nothing is relaxed. It must be set before the first use.
	Relaxed func(start, now time.Time) time.Duration
	// Dials is the account of the endpoint's dials. New gives the pool one of its own; pools of one endpoint share one. It must
	// be set before the first use.
	Dials *Dials

	lanes shared // for all callers
	apart shared // for those whose replies are large

	ctx    context.Context // ends with the pool
	cancel context.CancelFunc
	work   sync.WaitGroup // dials and the care loop
	caring sync.Once

	// mu guards what follows and memory only. While it is held a connection may be asked for its Info, which takes that
	// connection's lock; nothing that holds such a lock ever takes this one.
	mu      sync.Mutex
	all     map[*conn.Conn]*member
	idle    []*member  // last used last
	waiting *list.List // of *waiter, oldest first
	dialing int        // dials under way, those of lanes included
	closed  bool
	count   Stats // the counters
}

type member struct {
	c     *conn.Conn
	role  Role
	since time.Time
	until time.Time // end of its life; zero: none
	done  uint64    // lane: replies it had delivered when care last looked
}

// New makes a pool of at most cfg.Size connections and dials none. dial opens a connection; joined, if not nil, is told of
// each one after it can be found by List. The configuration must be valid.
func New(cfg Config, dial func(context.Context) (*conn.Conn, error), joined func(*conn.Conn)) *Pool {
	p := &Pool{cfg: cfg, dial: dial, joined: joined, Dials: new(Dials), all: map[*conn.Conn]*member{}, waiting: list.New()}
	p.ctx, p.cancel = context.WithCancel(context.Background())
	p.lanes.role, p.apart.role = Lane, Apart
	p.lanes.list.Store(&[]*conn.Conn{})
	p.apart.list.Store(&[]*conn.Conn{})
	return p
}

// Gone tells the pool that a connection is Closed. The client calls it from the connection's state hook.
func (p *Pool) Gone(c *conn.Conn) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if _, ok := p.all[c]; ok {
		p.count.Lost++
		p.removeLocked(c)
		p.Dials.Lost(c)
	}
	p.startDialsLocked()
}

// removeLocked forgets a connection, wherever it stands. It is the only place that does.
func (p *Pool) removeLocked(c *conn.Conn) {
	m, ok := p.all[c]
	if !ok {
		return
	}
	delete(p.all, c)
	switch m.role {
	case Idle:
		p.idle = slices.DeleteFunc(p.idle, func(o *member) bool { return o == m })
	case Lane:
		p.lanes.removeLocked(c)
	case Apart:
		p.apart.removeLocked(c)
	}
}

// Close ends the pool and closes every connection. Waiting callers get ErrClosed. It returns when nothing of the pool runs any more.
func (p *Pool) Close() {
	p.mu.Lock()
	p.closed = true
	for p.waiting.Len() > 0 {
		p.nextWaiterLocked().end(nil, ErrClosed)
	}
	var cs []*conn.Conn
	for c := range p.all {
		cs = append(cs, c)
	}
	p.mu.Unlock()
	p.cancel()
	for _, c := range cs {
		c.Close()
	}
	p.work.Wait()
}

// Drain refuses new work, lets every connection deliver what it owes and every lease come back, and returns when all have
// ended. If ctx ends first it returns the context's error and leaves the rest to Close.
func (p *Pool) Drain(ctx context.Context) error {
	p.mu.Lock()
	p.closed = true
	for p.waiting.Len() > 0 {
		p.nextWaiterLocked().end(nil, ErrClosed)
	}
	var free, held []*conn.Conn
	for c, m := range p.all {
		if m.role == Leased {
			held = append(held, c)
		} else {
			free = append(free, c)
		}
	}
	p.mu.Unlock()
	for _, c := range free {
		if err := c.Shutdown(ctx); err != nil {
			return err
		}
	}
	for _, c := range held { // Release closes them
		select {
		case <-c.Done():
		case <-ctx.Done():
			return conn.ContextError(ctx)
		}
	}
	return nil
}

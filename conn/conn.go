package conn

import (
	"context"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// Conn is a connection: an identity that outlives sockets. It is served by one link at a time; Move puts another in its
// place without its callers noticing. All methods may be called from several goroutines at once.
type Conn struct {
	cfg     *Config
	id      uint64
	created time.Time

	cur  atomic.Pointer[link] // the serving link; written with mu held
	done chan struct{}        // closed when the connection is Closed

	mu      sync.Mutex
	state   State
	changed chan struct{} // closed and replaced at every change of state
	cause   error         // why it is Closed; set before done is closed
	old     []*link       // retired links that still owe replies
	epoch   int           // links that have served
	pins    []*Pin        // of the serving link
	move    *move         // not nil exactly while the state is Moving
	notify  []func()      // what unlock runs

	work sync.WaitGroup // keepers, background writers, moves
}

var lastID atomic.Uint64

// Dial opens a connection to addr and sets it up. It blocks until the connection is usable, ctx ends, or DialTimeout is
// over (the relaxed timeout, if that is longer). Errors are *Error, with the server's answer as cause if it refused.
func Dial(ctx context.Context, cfg *Config, addr string) (*Conn, error) {
	c := &Conn{cfg: cfg, id: lastID.Add(1), created: time.Now(), done: make(chan struct{}), changed: make(chan struct{})}
	l, err := c.connect(ctx, addr)
	c.mu.Lock()
	if err == nil {
		c.cur.Store(l)
		c.epoch = 1
		if died := l.err(); died != nil { // between set-up and here
			err = &Error{Op: "dial", Addr: addr, Err: died}
		}
	}
	if err != nil {
		c.closeLocked(err)
		c.unlock()
		c.work.Wait()
		return nil, err
	}
	c.setStateLocked(Ready)
	c.unlock()
	return c, nil
}

// ID is unique within the process.
func (c *Conn) ID() uint64 { return c.id }

// Peer is the remote address of the serving link, or the address that was dialled where the socket has none to tell.
func (c *Conn) Peer() string {
	if l := c.cur.Load(); l != nil {
		return l.peer
	}
	return ""
}

// TLS reports whether the serving link is encrypted.
func (c *Conn) TLS() bool { return c.cfg.TLS != nil }

// Done is closed when the connection is Closed.
func (c *Conn) Done() <-chan struct{} { return c.done }

// Err is nil until the connection is Closed, then why.
func (c *Conn) Err() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.cause
}

// State returns what the connection is doing.
func (c *Conn) State() State {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.state
}

// Owes returns how many calls wait for replies on the serving link, abandoned ones included.
func (c *Conn) Owes() int {
	if l := c.cur.Load(); l != nil {
		return int(l.owes.Load())
	}
	return 0
}

// Slow reports whether a reply has been awaited for longer than a tick, so that new commands would have to wait behind
// it, or whether the connection takes none at all.
func (c *Conn) Slow() bool { l := c.cur.Load(); return l != nil && l.slow.Load() }

// MidReply reports whether the connection is in the middle of a reply: a large one has begun, or a part of one has come
// and the rest has been awaited for a tick. New commands would have to wait until it has come, while the server may be
// quick.
func (c *Conn) MidReply() bool { l := c.cur.Load(); return l != nil && l.midReply.Load() }

// Do sends q.Req and returns when its replies have come, ctx has ended or the call's timeout is over. A non-nil error
// is an *Error that says whether the command may have been executed; the server's answer, an error included, is in q. A
// call that is given up after it was sent leaves only a reply to discard. During a move a call that was not sent yet
// goes to the next link.
func (c *Conn) Do(ctx context.Context, q *Call) error {
	for {
		l := c.cur.Load()
		if err := l.do(ctx, q); err != errNext {
			return err
		}
		if err := c.awaitNext(ctx, l, q.Timeout); err != nil {
			return err
		}
	}
}

// awaitNext waits until another link than l serves.
func (c *Conn) awaitNext(ctx context.Context, l *link, timeout time.Duration) error {
	start := time.Now()
	for {
		c.mu.Lock()
		changed, err := c.changed, c.cause
		next := c.cur.Load() != l
		c.mu.Unlock()
		if next {
			return nil
		}
		if err == nil {
			var late <-chan time.Time
			if d := c.cfg.effectiveTimeout(timeout, start, time.Now()); d > 0 {
				late = time.After(time.Until(start.Add(d)))
			}
			select {
			case <-changed:
				continue
			case <-late:
				err = ErrTimeout
			case <-ctx.Done():
				err = ContextError(ctx)
			}
		}
		return &Error{Op: "do", Addr: l.peer, Err: err}
	}
}

// Close ends the connection: commands that wait fail. It waits until nothing of the connection runs any more.
func (c *Conn) Close() error {
	c.mu.Lock()
	for _, l := range append(slices.Clone(c.old), c.cur.Load()) {
		if l != nil { // Dial has one
			c.afterLocked(func() { l.fail(ErrClosed) })
		}
	}
	c.closeLocked(ErrClosed)
	c.unlock()
	c.work.Wait()
	return nil
}

// Retire ends the connection for new commands at once and lets it deliver what it owes, until drain at the latest.
func (c *Conn) Retire(drain time.Time) {
	c.mu.Lock()
	c.closeLocked(ErrClosed)
	if l := c.cur.Load(); l != nil {
		c.afterLocked(func() { l.retire(drain) })
	}
	c.unlock()
}

// Shutdown is Retire that waits: until all owed replies have been delivered, or until ctx ends and the rest has failed.
func (c *Conn) Shutdown(ctx context.Context) error {
	c.Retire(time.Now().Add(time.Hour))
	finished := make(chan struct{})
	go func() { // ends when the last link has ended, which Close sees to
		c.work.Wait()
		close(finished)
	}()
	select {
	case <-finished:
		return nil
	case <-ctx.Done():
		c.Close()
		<-finished
		return ContextError(ctx)
	}
}

// closeLocked ends the connection; the first cause wins.
func (c *Conn) closeLocked(cause error) {
	if c.state == Closed {
		return
	}
	c.cause = cause
	if c.move != nil {
		c.move.endLocked()
	}
	c.setStateLocked(Closed)
	close(c.done)
}

// linkEnded is called by a link that has ended.
func (c *Conn) linkEnded(l *link) {
	c.mu.Lock()
	defer c.unlock()
	if i := slices.Index(c.old, l); i >= 0 {
		c.old = slices.Delete(c.old, i, i+1)
		if len(c.old) == 0 && c.state == Draining {
			c.setStateLocked(Ready)
		}
	}
	if c.cur.Load() == l && (c.state == Ready || c.state == Draining) {
		c.closeLocked(l.err())
	}
}

// setStateLocked is the only writer of the state.
func (c *Conn) setStateLocked(to State) {
	from := c.state
	if !legalStep(from, to) {
		panic("conn: illegal step from " + from.String() + " to " + to.String())
	}
	c.state = to
	close(c.changed)
	c.changed = make(chan struct{})
	if c.cfg.OnState != nil {
		c.afterLocked(func() { c.cfg.OnState(c, from, to) })
	}
}

// afterLocked has unlock run f. It is not inlined, since it has many callers.
//
//go:noinline
func (c *Conn) afterLocked(f func()) { c.notify = append(c.notify, f) }

// unlock releases mu and then runs, in order, what must not run with it held.
func (c *Conn) unlock() {
	notify := c.notify
	c.notify = nil
	c.mu.Unlock()
	for _, f := range notify {
		f()
	}
}

// Info is a snapshot of a connection.
type Info struct {
	ID    uint64 // unique within the process
	Peer  string // as Conn.Peer
	State State
	Age   time.Duration // since it was dialled
	Epoch int           // links that have served, the present one included
	Owed  int           // calls the serving link owes replies, abandoned ones included
	Done  uint64        // replies the serving link has delivered
	Setup Setup         // what the set-up of the serving link found
}

// Info returns a snapshot.
func (c *Conn) Info() Info {
	c.mu.Lock()
	defer c.mu.Unlock()
	i := Info{ID: c.id, State: c.state, Age: time.Since(c.created), Epoch: c.epoch}
	if l := c.cur.Load(); l != nil {
		i.Peer, i.Owed, i.Done, i.Setup = l.peer, int(l.owes.Load()), l.delivered.Load(), l.setup
	}
	return i
}

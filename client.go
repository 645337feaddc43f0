package baton

import (
	"context"
	"errors"
	"iter"
	"math"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/baton-go/baton/conn"
	"github.com/baton-go/baton/handoff"
	"github.com/baton-go/baton/internal/errs"
	"github.com/baton-go/baton/pool"
	"github.com/baton-go/baton/pubsub"
)

// Version of this library, as told to the server.
const Version = "0.1.0"

// Client is a client of one Redis endpoint. It may be used from any number of goroutines at once; that is how it is
// fastest, since they share connections and system calls.
type Client struct {
	commands
	o        Options // with defaults, without credentials: whoever prints a Client does not print them
	secrets  func(ctx context.Context) (user, pass string, expires time.Time, err error)
	cfg      *conn.Config
	pool     *pool.Pool
	blocking *pool.Pool                   // leases for commands that block
	aside    *conn.Config                 // for short connections beside the pools: nothing about maintenance
	dials    *pool.Dials                  // the account of all dials of the configured endpoint
	limit    dialLimit                    // on all dials
	large    atomic.Pointer[largeReplies] // nil as long as there were none
	subs     pubsub.Group
	handoffs *handoff.Manager
	renewer  *renewer
	shunned  shunned
	provided bool          // the credentials come from a provider, which may have others the next time
	refused  atomic.Uint32 // guards of CLIENT UNBLOCK that the server refuses, see recall_guard.go
	unknown  atomic.Int64  // until when in Unix seconds servers are not asked what they are, see serverLink
	closed   atomic.Bool
	ended    chan struct{} // closed after closed was set
	ending   sync.Once
}

// New makes a client. It validates o and does no I/O: the first command connects. Later changes of o have no effect.
func New(o Options) (*Client, error) {
	o = o.withDefaults()
	if err := o.validate(); err != nil {
		return nil, err
	}
	c := &Client{o: o, secrets: o.credentials(), provided: o.Credentials != nil, ended: make(chan struct{})}
	c.o.Username, c.o.Password, c.o.Credentials = "", "", nil
	c.commands.client = c
	c.dials, c.limit.need = &pool.Dials{Most: c.limit.most}, c.wanted
	m, err := handoff.NewManager(o.Handoff, handoff.Wiring{
		Network: o.Network, Addr: o.Addr, PoolSize: o.Pool.Size, MaxActive: o.Pool.MaxActive,
		Conns: func() []*conn.Conn {
			return slices.Concat(c.pool.List(), c.blocking.List(), c.subs.Conns())
		},
		Move:    c.subs.Move,
		Resolve: c.lookUp,
		Logger:  o.Logger,
	})
	if err != nil {
		return nil, err
	}
	c.handoffs, c.renewer = m, newRenewer(c)
	c.cfg, c.aside = c.connConfig(), c.connConfig()
	c.aside.OnPush, c.aside.OptIn, c.aside.OptedIn, c.aside.OnState = nil, nil, nil, nil
	c.pool = pool.New(o.Pool, c.dial, m.Joined)
	c.blocking = pool.New(o.Pool.ForBlocking(), c.dial, m.Joined)
	c.pool.Relaxed, c.blocking.Relaxed = m.Relaxed, m.Relaxed
	c.pool.Dials, c.blocking.Dials = c.dials, c.dials
	return c, nil
}

// Dial is ParseURL, New and Ready: it returns a client that has reached its server.
func Dial(ctx context.Context, url string) (*Client, error) {
	o, err := ParseURL(url)
	if err != nil {
		return nil, err
	}
	c, err := New(o)
	if err != nil {
		return nil, err
	}
	if err := c.Ready(ctx); err != nil {
		c.Close()
		return nil, err
	}
	return c, nil
}

// connConfig introduces the layers to each other.
func (c *Client) connConfig() *conn.Config {
	o, m := &c.o, c.handoffs
	cfg := &conn.Config{
		Network: o.Network, Dial: c.dialNet, TLS: o.TLS,
		DialTimeout: o.DialTimeout, Limits: o.Limits, MaxPending: o.MaxPending,
		Protocol: o.Protocol, DB: o.DB, ClientName: o.ClientName, LibName: "baton", LibVersion: Version,
		OnPush: m.OnPush, Relaxed: m.Relaxed, OptIn: m.OptIn, Credentials: c.secrets,
	}
	cfg.OptedIn = func(s conn.Setup) error {
		c.renewer.saw(s)
		return m.OptedIn(s)
	}
	cfg.OnState = func(cn *conn.Conn, from, to conn.State) {
		if to == conn.Closed && from != conn.Dialing {
			m.PeerLost(cn)
			c.pool.Gone(cn)
			c.blocking.Gone(cn)
		}
	}
	if o.DisableIdentity {
		cfg.LibName = ""
		c.unknown.Store(math.MaxInt64)
	}
	return cfg
}

// Ready returns when a connection is set up and has answered a PING, or with the reason why that cannot be, after as many
// attempts as Options.Retry allows, so after Retry.For if no server is there: a *resp3.Error or an *OpError, as of a command.
func (c *Client) Ready(ctx context.Context) error {
	q := c.cfg.NewCall()
	defer q.Free()
	q.Req = append(q.Req, "*1\r\n$4\r\nPING\r\n"...)
	return c.run(ctx, &operation{call: q, name: "PING"})
}

// Stats returns the state of the pool and its counters, those for commands that block included.
func (c *Client) Stats() pool.Stats { return c.pool.Stats().Plus(c.blocking.Stats()) }

// Conns yields every live connection: shared, idle and leased ones, and those of subscriptions. It works on copies and holds
// nothing while it yields.
func (c *Client) Conns() iter.Seq[pool.ConnInfo] {
	return func(yield func(pool.ConnInfo) bool) {
		relaxed := c.handoffs.RelaxedUntil()
		for _, list := range []iter.Seq[pool.ConnInfo]{c.pool.Conns(), c.blocking.Conns(), slices.Values(c.subs.Infos())} {
			for i := range list {
				i.Relaxed = relaxed
				if !yield(i) {
					return
				}
			}
		}
	}
}

// Handoffs returns what handles maintenance: its hooks, its timeline, its counters.
func (c *Client) Handoffs() *handoff.Manager { return c.handoffs }

// Close ends the client at once: commands that wait fail, loops over subscriptions end. It returns when no goroutine, timer or
// socket of the client is left, and always nil. It may be called more than once.
func (c *Client) Close() error {
	c.end()
	c.renewer.close()
	c.subs.Close(ErrClosed)
	c.handoffs.Close()
	c.pool.Close()
	c.blocking.Close()
	return nil
}

// Shutdown refuses new commands, lets those that run finish, waits for leases to be given back, and closes. A command that blocks
// is not called back: it has its whole wait. If ctx ends first, what still runs fails, and the context's error is returned.
func (c *Client) Shutdown(ctx context.Context) error {
	c.end()
	err := c.pool.Drain(ctx)
	if berr := c.blocking.Drain(ctx); err == nil {
		err = berr
	}
	c.Close()
	return err
}

// end refuses new commands and further attempts.
func (c *Client) end() {
	c.closed.Store(true)
	c.ending.Do(func() { close(c.ended) })
}

// operation is a call with what the layers above conn need to know of it.
type operation struct {
	call    *conn.Call
	name    string
	class   Class    // at least; what the request is by itself counts too
	wait    *waiting // the command may block on the server; nil: it does not
	session bool     // changes the state of its connection

	// Interfaces, so that a program that neither blocks nor holds connections nor pipelines contains nothing of what is for
	// that. Their methods get values: an operation behind a pointer would have to be allocated.
	alone alone // makes the attempts on a connection that no other caller uses; nil: on a shared one
	pipe  pipe  // whose commands these are, if they are several
}

// alone makes one attempt at op on the only connection it may run on: that of a caller who holds it, or one for the time of
// its wait.
type alone interface {
	once(ctx context.Context, c *Client, op operation) (*conn.Conn, error)
	stuck(f fate) bool // after that, another attempt on the connection is of no use, and there will be no other
	owner
}

// pipe takes in what an attempt at several commands has brought. It returns err, or the answer that stands for all of them
// if they prove that nothing was executed, and heeds each error among the answers.
type pipe interface {
	settle(c *Client, op operation, cn *conn.Conn, err error) (fault, refusal error)
}

// harm is the class of op. It is found out from the request when it is asked for, which is rare.
func (op *operation) harm() Class { return max(op.class, classOf(op.call.Req)) }

// run sends op, again if the policy allows, and returns its failure or the server's error. Most commands come by
// commands.send instead.
func (c *Client) run(ctx context.Context, op *operation) (err error) {
	if op.wait == nil {
		op.call.Timeout = c.o.ReadTimeout
	}
	var begun time.Time
	if c.handoffs.Watching() {
		begun = time.Now()
	}
	if c.o.Tracer != nil {
		err = c.traced(ctx, op)
	} else {
		_, err = c.attempt(ctx, op)
	}
	if c.handoffs.Watching() {
		c.observe(op, begun, err)
	}
	return err
}

// plain reports whether nobody looks at single commands, so that they can go the short way.
func (c *Client) plain() bool {
	return c.o.Tracer == nil && !c.handoffs.Watching() && !c.closed.Load()
}

// goOn is the rest of a command that has gone the short way and was not simply answered there, or that is watched now.
//
//go:noinline
func (c *Client) goOn(ctx context.Context, q *conn.Call, name string, cn *conn.Conn, err error) error {
	op := &operation{call: q, name: name}
	if q.Large {
		c.heedSize(q)
	}
	_, err = c.insist(ctx, op, cn, err)
	if c.handoffs.Watching() {
		c.observe(op, time.Time{}, err)
	}
	return err
}

// observe counts a command for the reports of maintenance.
func (c *Client) observe(op *operation, begun time.Time, err error) {
	_, failed := errs.As[*OpError](err)
	failed = failed && !errors.Is(err, context.Canceled)
	c.handoffs.Observe(handoff.Command{Begun: begun, Timeout: op.call.Timeout, Blocking: op.wait != nil, Failed: failed})
}

// attempt sends op until it has an answer or may not be sent again.
func (c *Client) attempt(ctx context.Context, op *operation) (attempts int, err error) {
	if c.closed.Load() {
		return 0, ErrClosed
	}
	cn, err := c.once(ctx, op)
	return c.insist(ctx, op, cn, err)
}

// insist judges the outcome of the first attempt and makes others, until op has an answer or may not be sent again.
func (c *Client) insist(ctx context.Context, op *operation, cn *conn.Conn, err error) (attempts int, _ error) {
	var w patience
	before := false // an earlier attempt may have been executed
	for attempt := 1; ; attempt++ {
		f := c.judge(op, cn, err)
		if op.alone != nil && op.alone.stuck(f) || !c.again(ctx, &w, f.chance) {
			if f.answered && !(before && f.proven) {
				return attempt, f.err
			}
			return attempt, c.opError(op.name, attempt, cn, gaveUp(ctx, f.err), before)
		}
		before = before || sent(f.err)
		if c.closed.Load() && !before {
			return attempt, ErrClosed
		}
		cn, err = c.once(ctx, op)
	}
}

// once sends op on a connection of the kind it needs.
func (c *Client) once(ctx context.Context, op *operation) (*conn.Conn, error) {
	if op.alone != nil {
		return op.alone.once(ctx, c, *op)
	}
	cn, err := c.lane(ctx, op.call)
	if err != nil {
		return nil, err
	}
	err = cn.Do(ctx, op.call)
	c.heedSize(op.call)
	return cn, err
}

// settled waits until a connection that nobody else uses owes nothing, at most for ReadTimeout, and reports whether it does.
func (c *Client) settled(cn *conn.Conn) bool {
	if cn.Owes() == 0 {
		return true
	}
	q := c.cfg.NewCall()
	defer q.Free()
	q.Timeout, q.Req = c.o.ReadTimeout, appendPing(q.Req)
	return cn.Do(context.Background(), q) == nil // whatever the answer is
}

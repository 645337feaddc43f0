package baton

import (
	"context"
	"iter"
	"math"
	"slices"
	"sync/atomic"
	"time"

	"github.com/baton-go/baton/conn"
	"github.com/baton-go/baton/handoff"
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
	handoffs *handoff.Engine
	renewer  *renewer
	shunned  shunned
	provided bool          // the credentials come from a provider, which may have others the next time
	refused  atomic.Uint32 // guards of CLIENT UNBLOCK that the server refuses, see unblock.go
	unknown  atomic.Int64  // Unix seconds until which servers are not asked for their identity, see serverLink
	closed   atomic.Bool
	ended    chan struct{} // closed with the first Close or Shutdown
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
	c.dials, c.limit.need = &pool.Dials{MaxPerSecond: c.limit.peakConns}, c.wanted
	m, err := handoff.New(o.Handoff, handoff.Wiring{
		Network: o.Network, Addr: o.Addr, PoolSize: o.Pool.Size, MaxActive: o.Pool.MaxActive,
		Conns:   c.liveConns,
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
	dial := func(ctx context.Context) (*conn.Conn, error) { return c.dialWith(ctx, c.cfg) }
	c.pool = pool.New(o.Pool, dial, m.Joined)
	c.blocking = pool.New(o.Pool.ForBlocking(), dial, m.Joined)
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

// Ready returns when a connection is set up and has answered a PING. It tries again as Options.Retry allows, so for Retry.For
// if no server is there. The error is a *resp3.Error or an *OpError, as of a command.
func (c *Client) Ready(ctx context.Context) error {
	q := c.cfg.NewCall()
	defer q.Free()
	q.Req = appendPing(q.Req)
	return c.run(ctx, &operation{call: q, name: "PING"}) // any answer that is no error will do
}

// Stats returns the state of the pool and its counters, those for commands that block included.
func (c *Client) Stats() pool.Stats { return c.pool.Stats().Plus(c.blocking.Stats()) }

// Conns yields every live connection: shared, idle and leased ones, and those of subscriptions. It works on copies, so the
// loop may use the client.
func (c *Client) Conns() iter.Seq[pool.ConnInfo] {
	return func(yield func(pool.ConnInfo) bool) {
		relaxed := c.handoffs.Manager().RelaxedUntil()
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

// Handoffs returns the manager of maintenance: hooks, timeline, counters.
func (c *Client) Handoffs() *handoff.Manager { return c.handoffs.Manager() }

// Close ends the client at once: commands that wait fail, loops over subscriptions end. When it returns, no goroutine, timer
// or socket of the client is left. It always returns nil, and may be called more than once.
func (c *Client) Close() error {
	c.end()
	c.renewer.close()
	c.subs.Close(ErrClosed)
	c.handoffs.Close()
	c.pool.Close()
	c.blocking.Close()
	return nil
}

// Shutdown refuses new commands, lets those that run finish, waits for leases to be released, and closes. A command that
// blocks on the server has its whole wait. If ctx ends first, commands that still run fail, and Shutdown returns the context's
// error.
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
	if !c.closed.Swap(true) {
		close(c.ended)
	}
}

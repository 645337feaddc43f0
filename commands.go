package baton

import (
	"context"

	"github.com/baton-go/baton/conn"
	"github.com/baton-go/baton/pool"
)

// commands are what a Client and a Conn have in common: every command, on the client's shared connections or on the one
// that the caller holds.
type commands struct {
	client *Client
	held   *Conn // nil: on shared connections
}

func (c *commands) newCall() *conn.Call { return c.client.cfg.NewCall() }

// run sends op, again if the policy allows, and returns its failure or the server's error.
func (c *commands) run(ctx context.Context, op *operation) error {
	if c.held != nil {
		op.on = c.held.lease.Conn()
	}
	return c.client.run(ctx, op)
}

// Conn is a connection that the caller has for itself until Release or Discard. It takes every command, also those that
// change the state of their connection. Its methods are not for several goroutines at once.
type Conn struct {
	commands
	lease *pool.Lease
}

// Conn leases a connection: an idle one, or a new one if the pool's size allows, or the next that is given back, in the
// order of asking. It waits until ctx ends or the pool's WaitTimeout is over.
func (c *Client) Conn(ctx context.Context) (*Conn, error) {
	if c.closed.Load() {
		return nil, ErrClosed
	}
	l, err := c.pool.Acquire(ctx)
	if err != nil {
		return nil, c.opError("lease", 1, nil, err, false)
	}
	held := &Conn{lease: l}
	held.commands = commands{client: c, held: held}
	return held, nil
}

// Release gives the connection back. Further calls do nothing.
func (c *Conn) Release() { c.lease.Release() }

// Discard closes the connection instead of giving it back. Further calls do nothing.
func (c *Conn) Discard() { c.lease.Discard() }

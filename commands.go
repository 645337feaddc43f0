package baton

import (
	"context"

	"github.com/baton-go/baton/conn"
)

// commands are what a Client, a Conn and a Tx have in common: every command, on the client's shared connections or on the
// one that the caller holds.
type commands struct {
	client *Client
	held   holder // nil: on shared connections
}

// holder is a Conn. It is an interface so that a program that holds no connection contains nothing of Conn.
type holder interface {
	run(ctx context.Context, op operation) error
	Discard()
	lost(id uint64) bool
	lately() fate // what became of the last attempt
	condemn(c *Client, cn *conn.Conn)
}

func (c *commands) newCall() *conn.Call { return c.client.cfg.NewCall() }

// run sends op, again if the policy allows, and returns its failure or the server's error.
func (c *commands) run(ctx context.Context, op *operation) error {
	if c.held != nil {
		return c.held.run(ctx, *op)
	}
	return c.client.run(ctx, op)
}

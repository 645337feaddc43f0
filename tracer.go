package baton

import (
	"context"
	"time"
)

// Tracer observes commands. Its methods run on the caller's goroutine, around all attempts; set-up traffic is not shown to
// it. A nil Tracer costs nothing.
type Tracer interface {
	CommandStart(ctx context.Context, i CommandInfo) context.Context
	CommandEnd(ctx context.Context, i CommandInfo, r CommandResult)
}

// CommandInfo describes a command. Arguments are not shown, since they may be secret.
type CommandInfo struct {
	Name  string // "GET", or "pipeline"
	Count int    // commands in it
	Class Class
}

// CommandResult describes how a command ended.
type CommandResult struct {
	Err      error // Nil is not an error here
	Attempts int
	Took     time.Duration
}

func (c *Client) traced(ctx context.Context, op *operation) error {
	i := CommandInfo{Name: op.name, Count: max(op.call.Replies, 1), Class: op.harm()}
	ctx = c.o.Tracer.CommandStart(ctx, i)
	begun := time.Now()
	attempts, err := c.attempt(ctx, op)
	c.o.Tracer.CommandEnd(ctx, i, CommandResult{Err: err, Attempts: attempts, Took: time.Since(begun)})
	return err
}

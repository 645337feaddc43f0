package baton

import (
	"context"
	"time"
)

// Tracer observes commands. Its methods run on the caller's goroutine, so on many at once, around all attempts; the command
// waits for them. Set-up traffic is not shown to it. A nil Tracer costs nothing.
type Tracer interface {
	// CommandStart is called before the first attempt. The command runs with the context that it returns.
	CommandStart(ctx context.Context, i CommandInfo) context.Context
	// CommandEnd is called with that context when the command is over.
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
	Err      error         // Nil is not an error here
	Attempts int           // 0 if the client was closed
	Took     time.Duration // all attempts and the pauses between them
}

// Package baton is a client for Redis and servers that speak its protocol, RESP3 or RESP2. It shares few connections
// among many goroutines, and when the server announces maintenance it moves its connections to the new endpoint while
// commands go on. It is not a cluster or sentinel client.
//
// # Quick start
//
//	client, err := baton.Dial(ctx, "redis://localhost:6379")
//	if err != nil {
//		return err
//	}
//	defer client.Close()
//	_, err = client.Set(ctx, "greeting", "hello", baton.EX(time.Minute))
//	text, err := client.Get(ctx, "greeting") // baton.Nil if there is none
//	n, err := baton.As[int64](client.Do(ctx, "LLEN", "queue"))
//
// One [Client] serves a whole program. Use it from as many goroutines as you like: commands that are issued at the same
// time share a system call.
//
// # Connecting
//
// [New] takes [Options], checks them and connects with the first command. [Dial] takes a URL (see [ParseURL]) and returns
// when the server has answered. For durations in Options zero means the default and negative means no limit; each field
// tells its default.
//
// Commands share a few connections, called lanes; one is open most of the time. [Client.Tx] and [Client.Conn] take a
// connection for the caller alone; Pool.Size bounds both kinds together. A command that may block on the server (BLPOP,
// XREAD with BLOCK and the like, typed or through [Client.Do]) has a connection of its own while it waits; Pool.Blocking bounds
// them. A [Subscription] has one for as long as it lives; MaxSubscriptions bounds them. [Client.Stats] and [Client.Conns] show
// the connections.
//
// # Commands
//
// Typed methods exist for the commands that programs use most; docs/commands.md lists them by family. [Client.Do] sends any
// other one and [As] turns its reply into a Go type. Do refuses commands that change the state of their connection, such as
// MULTI or SELECT, since other callers share it; [Conn.Do] takes them. [Client.Pipeline] sends many commands in one write and
// gives one [Reply] for each. [Client.Tx] reads, and then writes if nobody has changed what was read.
//
// [Client.Subscribe], [Client.PSubscribe] and [Client.SSubscribe] receive messages, by a loop over [Subscription.All]. Package
// pubsub has the types; docs/pubsub.md says what is promised.
//
// # Errors
//
// There are four kinds of them:
//
//	Nil            the value that was asked for does not exist; errors.Is(err, baton.Nil)
//	*resp3.Error   the server answered with an error; it is returned as it is, with its Code
//	*OpError       the command failed otherwise; Sent says whether the server may have executed it
//	ErrClosed      the client is closed
//
// An OpError wraps its cause: the context's error, a timeout, a [conn.Error], a [pool.TimeoutError]. An error before anything
// is sent, such as an argument that cannot be encoded, is a plain one. docs/errors.md has the whole list.
//
// # Contexts
//
// Every call takes a context and returns when it ends. If the command was sent by then, the connection is kept, and the reply
// is read and discarded when it comes. OpError.Sent says that the server may have executed the command.
//
// Options.ReadTimeout bounds how long a reply may take to come. It begins anew with each piece of the answer, which is a
// reply of a pipeline or more of a reply that has begun, so that a large answer is not cut while it arrives. A connection ends
// when replies are owed and not a single byte of one has come for that time.
//
// # Retries
//
// A command that was certainly not executed is tried again until Retry.For has passed, by default 5 s: it was not sent, or the
// server's answer proves it (LOADING, READONLY, MASTERDOWN, ...). So a restart or a failover of a few seconds is a delay and no
// error. A command that may have been executed is tried again only if its [Class] is at most Retry.UpTo, [Read] by default, and
// up to Retry.Max times: GET is repeated, INCR never. The text of a script or a module proves nothing.
//
// # Maintenance
//
// A new connection asks the server for maintenance notifications. In handoff.ModeAuto, the default, the client does without
// them if the server refuses, and silently. After a MOVING the client dials the announced endpoint beside each of its
// connections and switches to it; replies that are still owed arrive on the old sockets. Commands do not fail because of a move
// that was announced in time and whose target can be reached. While maintenance goes on, timeouts are at least
// Handoff.RelaxedTimeout.
//
// [Client.Handoffs] has the timeline, counters, reports and hooks. Package handoff/handofftest has a fake server
// that plays the operator, so that a program can go through a maintenance window in its own tests. docs/maintenance.md says
// more.
//
// # Observing
//
// Options.Tracer sees every command with its class, attempts and time; Options.Logger gets one record for each event of
// maintenance, and nothing else. Arguments are shown to neither.
package baton

// Package handoff handles announced maintenance of a Redis server: it reads the notifications, relaxes timeouts while
// replies are slow, and moves connections away from a peer that is about to leave. It opens no sockets and knows no pool:
// package conn moves a connection, and the pool knows who uses it.
//
// A client makes an [Engine] with [New] and wires it to its connections. Programs use the [Manager], which Client.Handoffs
// returns.
//
// # One MOVING
//
//	t0          a push arrives on any connection to peer A: MOVING seq 17 in 15s to B
//	            timeouts are relaxed for the endpoint; dials that would reach A go to B (Remap)
//	t0+jitter   one connection dials B, is set up there and switches; the others follow, MaxWorkers at a time,
//	            whether idle, busy or leased. Old links deliver what they owe and close
//	t0+15s      A stops serving
//	t0+19s      the window ends: new dials go to the configured address again
//
// If B cannot be reached, attempts alternate between B and the configured name, 100 ms to 1 s apart, until the window ends.
// The old links go on serving. If the server names no target, the configured name is looked up every second until it has
// another address. If there is no name to look up, connections are opened anew after half of the time. The copies of the
// notification on other connections, and on those opened meanwhile, start nothing new.
//
// # Goroutines
//
// OnPush runs on the goroutine that reads, and takes microseconds. A job (one for each retiring peer) has a goroutine and
// at most MaxWorkers attempts beside it; a look-up has one while it lasts; hooks and logger share one, started when first
// needed. Close ends them all and waits for them.
package handoff

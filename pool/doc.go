// Package pool knows which connections of a client exist and who holds them. It does not know where to dial or why a
// connection moves: it is given a function that dials and is told when a connection has ended. It sends no command and
// retries none.
//
// # Lanes and leases
//
// A lane is a connection that all callers share; [Pool.Lane] returns the one that owes least. One lane is open most of the
// time, since each further one splits the writes that callers share. Another is opened, up to Config.Lanes, when all that
// are open wait for a slow reply, or, up to half of Size, when all are in the middle of one; it is closed again when it has been idle
// for MaxIdleTime. [Pool.Apart] returns connections that are shared by commands with large replies only.
//
// A lease is the exclusive use of a connection, for commands that block and for what the server keeps for a connection.
// [Pool.Acquire] takes an idle one, or has one dialled, or waits; who has waited longest gets the next one, handed over
// directly. Config.Size bounds lanes and leases together, and one place is kept for a lane.
//
// # Dials
//
// Dials run on goroutines of the pool, at most MaxDialing at a time, and outlive the patience of the caller they were
// begun for: what comes of them goes to the pool. [Dials] says when one may begin: at once while the endpoint serves, one by
// one with pauses up to 250 ms while it does not. A connection that did not last is a failure as well. A caller that gets no connection is told how many there are, who holds them, and how the last dial failed.
//
// # Care
//
// One goroutine closes connections that have been unused for too long or are too old, and keeps MinIdle ready.
package pool

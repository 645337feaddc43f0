// Package conn makes one connection to a server: it dials, sets up, shares it among callers, and moves it to another
// socket while they go on. It decides nothing: it does not know why or where to move, holds no more than one
// connection, never sends a command twice, and interprets no push.
//
// # Connection and link
//
// A [Conn] is an identity; a link is one socket with the replies it owes. A Conn is served by one link at a time, and
// [Conn.Move] puts another in its place: it dials and sets the next link up beside the serving one, switches a pointer,
// and retires the old link, which takes no new command, delivers what it owes and closes itself. Nothing of a living
// link is ever reset or reused.
//
// # Callers do the work
//
// [Conn.Do] has no goroutine to hand a command to. It copies the encoded request into the link's buffer and appends the
// call to the queue of replies owed. If nobody writes, it writes all that is queued, its own and what others have
// queued meanwhile. If nobody reads, it reads, and hands every reply to the call it belongs to, until its own has come;
// then it hands the reading over to the oldest call that waits. A lone caller does one write and one read.
//
// Each link also has one goroutine, the keeper. It reads when no caller does, so that an idle link hears pushes
// and the end of the stream, and it takes the reading from a caller that gets no reply for long, so that such a caller
// can hear its context and its timeout. A write of more than 64 KiB, or on top of as much that is unanswered, gets a
// goroutine for as long as it takes, unless it is the caller's own request and the socket takes it at once.
//
// # Giving up
//
// A caller that gives up leaves its place in the queue; the reply is read and discarded when it comes. The keeper looks
// at the timeouts of calls, no more often than needed. They are computed when it looks, so that relaxing them
// reaches calls that wait already. A link ends when replies are owed and no byte of one has come for the timeout of the
// oldest call.
//
// # Errors
//
// Every error that is not an answer of the server is an [*Error]. Its field Sent is false only if no byte of the
// command can have reached the socket. docs/concurrency.md has the invariants behind all this.
package conn

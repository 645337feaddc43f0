// Package handofftest lets you rehearse server maintenance in your own tests. It
// is no substitute for a Redis: the keyspace is small, nothing is stored or
// replicated, and a cluster is not imitated beyond the pushes it sends.
//
// There is no published specification of smart client handoffs, and no open source
// server has the feature. The kit follows observations of Redis Enterprise and the
// behaviour of the clients that are known to work with it.
//
// # How to rehearse maintenance in your own tests
//
// A [Server] is a database: a keyspace, and a counter of maintenance events. A
// [Node] is one address under which it is served. Your program connects to a node
// with whatever client it has; your test plays the operator:
//
//	srv := handofftest.NewServer(handofftest.Options{})
//	defer srv.Close()
//	old, _ := srv.Listen("127.0.0.1:0")
//	next, _ := srv.Listen("127.0.0.1:0")
//
//	go yourProgram(old.Addr())
//
//	old.Moving(2*time.Second, next.Addr()) // "go there, you have two seconds"
//	...                                    // two seconds later:
//	left := old.Shut()                     // closes every connection that is still there
//
// Then ask. [Server.CheckOptIn] says whether any connection asked for
// notifications: without that a test proves nothing. Shut returns how many
// connections were not moved in time, [Node.Stats] and [Node.Conns] tell which connections
// are where, [Server.Value] and [Server.Executed] what the database really did,
// [Server.Commands] and [Server.Pushes] what went over the wire. And run the same
// test with Options.Maintenance set to [MaintenanceOff]: if it passes there too,
// it tests something else.
//
// # In fake time
//
// [Network] is a network in memory. Under testing/synctest a window of fifteen
// seconds takes microseconds, and the test is exact about what happens when:
//
//	synctest.Test(t, func(t *testing.T) {
//		p := handofftest.NewPair(t)
//		client := yourClient(p.A.Addr(), p.Network.DialContext)
//		defer client.Close()
//		p.A.Moving(15*time.Second, p.B.Addr())
//		time.Sleep(15 * time.Second) // of the fake clock
//		if left := p.A.Shut(); left != 0 {
//			t.Fatalf("%d connections were not moved in time", left)
//		}
//	})
//
// Nothing in the kit holds a mutex while it waits, so the fake clock runs whenever
// all goroutines of the bubble are idle.
//
// # In front of a real server
//
// With Options.Backend the same nodes are proxies: everything goes to a real Redis
// or Valkey, and the kit answers CLIENT MAINT_NOTIFICATIONS and adds the pushes.
// HELLO names Options.ServerName, "redis" by default, also if the backend is another
// server: the proxy has the feature, and a client may ask only a server of that name
// for it.
//
// # Timelines
//
// A [Script] is a timeline as a text: the steps of the operator with their times, and
// the conditions that must hold then. A [Player] plays it against any client, given as
// a few functions, in fake time or in front of a real server. It reports a condition
// that does not hold with file and line:
//
//	source: capture
//	about:  all connections are at the target before the old endpoint closes
//
//	at 0s  load 4 20ms
//	at 1s  MOVING A 15 B
//	by 3s  expect on A = 0
//	at 17s shut A
//	at 19s expect failed = 0
//	at 19s off    failed > 0
//
// The last line is for the control, a client with the feature switched off.
//
// # What servers do, and the kit with them
//
//   - The opt-in is per connection. It needs RESP3; on RESP2 it is accepted, and
//     nothing ever comes.
//   - Sequence numbers count the events of a database, of all kinds, from 0.
//   - MOVING goes to the connections of the node that leaves; shard pushes go to
//     every opted-in connection of the database.
//   - A connection that opts in while a node's MOVING window is open is told as well,
//     with the remaining seconds, which may be zero or negative, and the same number.
//   - Every connection that opts in is told the last MIGRATED or FAILED_OVER, for ever,
//     with its old number.
//   - The address in MOVING is in the form the connection asked for, and null if
//     it asked for none.
//   - When the window ends all connections of the node are closed, also those that
//     were never warned.
//
// # When things go wrong
//
// [Trouble] makes a node mute at HELLO, deaf to passwords, or talkative;
// [Node.Refuse], [Node.Kill] and [Node.Reopen] stop and start it; Stall and Delay
// hold replies, of a node or one [Conn]; [Dialect] and Options.SetupPush,
// ByteByByte and CatchUp vary how pushes arrive; Options.Intercept answers any
// command with any bytes.
//
// # Limits
//
// There is no CLIENT REPLY, MONITOR, scripts, streams or inline commands. A
// proxy passes CLIENT REPLY on and would lose count of the replies. ZADD takes no
// options and EXPIRE no conditions.
package handofftest

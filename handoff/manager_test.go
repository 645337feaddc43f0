package handoff

import (
	"testing"
	"time"

	"github.com/baton-go/baton/conn"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const (
	nodeA  = "10.0.0.1:12000"
	nodeB  = "10.0.0.2:12000"
	nodeC  = "10.0.0.3:12000"
	byIP   = nodeA
	byDNS  = "redis.example.com:12000"
	domain = "redis.example.com"
)

func TestShardNotificationsRelaxTimeouts(t *testing.T) {
	for _, k := range []struct{ opens, closes Kind }{{Migrating, Migrated}, {FailingOver, FailedOver}, {SMigrating, SMigrated}} {
		bubble(t, func(t *testing.T) {
			r := newRig(t, Config{}, byIP)
			defer r.e.Close()
			c := r.open(2, nodeA)
			assert.False(t, r.relaxed(), "negative control")
			r.say(c[0], shardEvent(k.opens, 0, 2*s))
			assert.Equal(t, 10*s, r.e.Relaxed(time.Now(), time.Now()), "seq 0, H-30; at once, without waiting for a goroutine")
			assert.Equal(t, k.opens, r.m.Phase())
			r.pass(12 * s)
			r.say(c[1], shardEvent(k.opens, 0, 2*s)) // its copy, read late
			r.say(c[1], shardEvent(k.closes, 1, 0))  // H-05: over another connection
			assert.True(t, r.relaxed(), "H-137: servers are slow again seconds after they said that they are done")
			assert.Equal(t, KindNone, r.m.Phase())
			r.say(c[0], shardEvent(k.closes, 1, 0)) // copies
			r.say(c[0], shardEvent(k.opens, 0, 2*s))
			r.pass(10*s - 1)
			assert.True(t, r.relaxed())
			r.pass(1)
			assert.False(t, r.relaxed(), "the tail ends; a late copy of the opening opens nothing")
			assert.Empty(t, r.dialLog())
			assert.EqualValues(t, 3, r.m.Stats().Duplicates)
		})
	}
}

// H-04: the closing never comes.
func TestRelaxingEndsWithoutClosing(t *testing.T) {
	bubble(t, func(t *testing.T) {
		r := newRig(t, Config{}, byIP)
		defer r.e.Close()
		r.say(r.open(1, nodeA)[0], shardEvent(FailingOver, 3, 2*s))
		r.pass(61 * s)
		assert.True(t, r.relaxed())
		r.pass(time.Second)
		assert.False(t, r.relaxed())
		assert.Zero(t, r.m.Stats().Windows)
	})
}

// H-07: a completion kept by the server for each new connection.
func TestReplayedCompletionChangesNothing(t *testing.T) {
	bubble(t, func(t *testing.T) {
		r := newRig(t, Config{}, byDNS)
		defer r.e.Close()
		r.setDNS(domain, "10.0.0.9") // asking would find that the peer is gone
		for i := range 3 {
			c := r.open(1, nodeA)[0]
			assert.Equal(t, "internal-ip", r.e.OptIn(t.Context(), conn.Facts{Peer: nodeA, Greeted: true}))
			require.NoError(t, r.e.OptedIn(conn.Setup{Peer: nodeA, Server: "redis", Proto: 3, Asked: "internal-ip"}))
			r.pass(17 * time.Millisecond)
			before := time.Now().Add(-s)
			r.say(c, shardEvent(Migrated, 1, 0))
			assert.False(t, r.relaxed())
			assert.Zero(t, r.e.Relaxed(before, time.Now()), "no tail")
			assert.EqualValues(t, i+1, r.m.Stats().Replays)
			r.pass(5 * s)
		}
		assert.Empty(t, r.asked, "a replay is no reason to look anything up")
	})
}

func TestMovingNamedTargetMovesAll(t *testing.T) {
	bubble(t, func(t *testing.T) {
		r := newRig(t, Config{}, byIP)
		defer r.e.Close()
		r.set(nodeB, node{takes: 20 * time.Millisecond})
		c := r.open(100, nodeA)
		r.open(3, nodeC) // healthy siblings
		r.say(c[7], movingTo(17, 15*s, nodeB))
		assert.Equal(t, []string{nodeB, nodeA}, r.dialsGo(nodeA), "new dials go to the target at once")
		assert.True(t, r.relaxed())
		assert.Equal(t, Moving, r.m.Phase())
		for _, x := range c { // each connection is told, H-28
			r.say(x, movingTo(17, 15*s, nodeB))
		}
		r.pass(s)
		assert.Equal(t, map[string]int{nodeB: 100, nodeC: 3}, r.peers(), r.dialLog())
		assert.Equal(t, 100, r.dialCount(), "one dial for each connection")
		assert.LessOrEqual(t, r.maxActive, 33, "H-26, H-52: bounded")
		for _, d := range r.dials {
			assert.Equal(t, r.began.Add(15*s), d.target.Drain)
		}
		for _, x := range c { // told again by their new peer: a handoff of this event led there
			r.say(x, movingTo(17, 14*s, nodeB))
		}
		r.pass(17 * s)
		assert.Equal(t, []string{nodeB}, r.dialsGo(nodeA), "until the window ends")
		r.pass(2 * s)
		assert.Equal(t, []string{nodeA}, r.dialsGo(nodeA), "H-40: nothing stays pinned")
		assert.False(t, r.e.Leaving())
		assert.Equal(t, 100, r.dialCount())
		st := r.m.Stats()
		assert.Zero(t, st.Jobs, "H-15")
		assert.EqualValues(t, 100, st.Succeeded)
		assert.Zero(t, st.Abandoned)
		assert.True(t, r.relaxed(), "after the handoff timeouts stay relaxed")
		r.pass(3 * s)
		assert.False(t, r.relaxed(), "20 s after the last move")
	})
}

// Negative control: without the feature nothing moves and nothing is relaxed.
func TestDisabledDoesNothing(t *testing.T) {
	bubble(t, func(t *testing.T) {
		r := newRig(t, Config{Mode: ModeDisabled}, byIP)
		defer r.e.Close()
		r.set(nodeB, node{})
		r.open(3, nodeA)
		assert.Empty(t, r.e.OptIn(t.Context(), conn.Facts{Peer: nodeA, Greeted: true}))
		assert.NoError(t, r.e.OptedIn(conn.Setup{Proto: 2}))
		r.e.OnPush(nil, nodeA, push(t, ">4 +MOVING :1 :15 $14 10.0.0.2:12000"))
		r.pass(20 * s)
		assert.False(t, r.relaxed())
		assert.Equal(t, map[string]int{nodeA: 3}, r.peers())
	})
}

func TestDryRunObservesOnly(t *testing.T) {
	bubble(t, func(t *testing.T) {
		r := newRig(t, Config{DryRun: true}, byIP)
		defer r.e.Close()
		r.set(nodeB, node{})
		c := r.open(3, nodeA)
		assert.Equal(t, "internal-ip", r.e.OptIn(t.Context(), conn.Facts{Peer: nodeA, Greeted: true}), "it asks, else there is nothing to observe")
		r.say(c[0], shardEvent(Migrating, 1, 2*s))
		r.say(c[0], shardEvent(Migrated, 2, 0))
		r.say(c[0], movingTo(3, 15*s, nodeB))
		r.pass(10 * s)
		assert.False(t, r.relaxed())
		assert.Equal(t, map[string]int{nodeA: 3}, r.peers())
		assert.Equal(t, []string{nodeA}, r.dialsGo(nodeA))
		var told []string
		for e := range r.m.Timeline().All() {
			told = append(told, e.Outcome)
		}
		assert.Equal(t, []string{"dry run: operation announced", "dry run: operation is over", "dry run: server named a target"}, told)
	})
}

// Null endpoint, name, one address: DNS moves before, near, and after the half of the window (StackExchange.Redis, AdvertisedAddressProbe).
func TestNullEndpointFollowsTheName(t *testing.T) {
	for _, moves := range []time.Duration{4400 * time.Millisecond, 9700 * time.Millisecond, 17500 * time.Millisecond} {
		bubble(t, func(t *testing.T) {
			r := newRig(t, Config{}, byDNS)
			defer r.e.Close()
			r.set(nodeA, node{})
			r.set(nodeB, node{})
			r.setDNS(domain, "10.0.0.1")
			c := r.open(10, nodeA)
			r.say(c[3], movingTo(0, 15*s, ""))
			r.pass(moves - time.Millisecond)
			assert.Zero(t, r.dialCount(), "reconnecting early would lead back")
			assert.Equal(t, []string{nodeC, nodeA}, r.dialsGo(nodeA, nodeC), "the new place is not known: the retiring one comes last")
			r.setDNS(domain, "10.0.0.2")
			r.pass(1100 * time.Millisecond)
			assert.Equal(t, map[string]int{nodeB: 10}, r.peers())
			assert.Equal(t, nodeB, r.dialsGo(nodeA)[0])
			r.pass(20 * s)
			assert.Equal(t, 10, r.dialCount())
			assert.LessOrEqual(t, len(r.asked), 20)
		})
	}
}

func TestNullEndpointTakesASiblingAtOnce(t *testing.T) {
	bubble(t, func(t *testing.T) {
		r := newRig(t, Config{}, byDNS)
		defer r.e.Close()
		r.set(nodeB, node{})
		r.set(nodeC, node{})
		r.setDNS(domain, "10.0.0.1", "10.0.0.2", "10.0.0.3")
		c := r.open(40, nodeA)
		r.say(c[0], movingTo(0, 15*s, ""))
		r.pass(s)
		p := r.peers()
		assert.Zero(t, p[nodeA])
		assert.Positive(t, p[nodeB], "spread over the siblings: %v", p)
		assert.Positive(t, p[nodeC], "spread over the siblings: %v", p)
	})
}

// H-38: a name with an address of each IP version may name one node twice.
func TestNullEndpointDoesNotTakeTheOtherIPVersionForASibling(t *testing.T) {
	bubble(t, func(t *testing.T) {
		r := newRig(t, Config{}, byDNS)
		defer r.e.Close()
		r.setDNS(domain, "2001:db8::1", "10.0.0.1")
		r.set("[2001:db8::2]:12000", node{})
		r.open(2, nodeA)
		r.say(r.conns[0], movingTo(0, 15*s, ""))
		r.pass(5 * s)
		assert.Zero(t, r.dialCount())
		r.setDNS(domain, "2001:db8::2", "10.0.0.1")
		r.pass(2 * s)
		assert.Equal(t, map[string]int{"[2001:db8::2]:12000": 2}, r.peers(), "one that was not listed before is news")
	})
}

// The name never moves within the window: the close will trigger a plain reconnect.
func TestNullEndpointNameDoesNotMove(t *testing.T) {
	bubble(t, func(t *testing.T) {
		r := newRig(t, Config{}, byDNS)
		defer r.e.Close()
		r.setDNS(domain, "10.0.0.1")
		r.open(3, nodeA)
		r.say(r.conns[0], movingTo(0, 15*s, ""))
		r.pass(20 * s)
		assert.Zero(t, r.dialCount())
		assert.EqualValues(t, 3, r.m.Stats().Abandoned)
		assert.Zero(t, r.m.Stats().Jobs)
	})
}

// Null endpoint with an address instead of a name: reconnect at half of the time, in milliseconds (H-19). A connection that is
// told again on its new link goes on when half of the rest has passed (H-138), and none loops (H-28, H-35).
func TestNullEndpointReconnectsAtHalfTime(t *testing.T) {
	for _, in := range []time.Duration{15 * s, s, 0} {
		bubble(t, func(t *testing.T) {
			r := newRig(t, Config{}, byIP)
			defer r.e.Close()
			r.set(nodeA, node{})
			c := r.open(4, nodeA)
			r.say(c[0], movingTo(0, in, ""))
			r.pass(in/2 - 1)
			if in > 0 {
				assert.Zero(t, r.dialCount())
			}
			r.say(c[1], movingTo(0, in/2, "")) // a copy does not postpone it, H-34
			r.pass(1)
			assert.Equal(t, 4, r.dialCount())
			for _, x := range c { // the new links lead to the same node, which tells again
				for range 3 {
					r.say(x, movingTo(0, in/2, ""))
				}
			}
			late := r.open(1, nodeA)[0]
			r.e.mover.wake(late.peer)
			second := max(in/4, time.Second)
			r.pass(second - 2)
			assert.Equal(t, 4, r.dialCount(), "not at once")
			r.pass(2)
			assert.Equal(t, 8, r.dialCount(), "each that was told once more, and the late one was not")
			r.pass(30 * s)
			assert.Equal(t, 8, r.dialCount(), "the second links were not told")
			assert.Zero(t, r.m.Stats().Jobs)
		})
	}
}

// The peer is not the configured address, as behind an address translator, and leads to itself again: the old links stay.
func TestHalfTimeKeepsTheSamePeer(t *testing.T) {
	bubble(t, func(t *testing.T) {
		r := newRig(t, Config{}, "192.0.2.1:12000")
		defer r.e.Close()
		r.set("192.0.2.1:12000", node{peer: nodeA})
		r.open(4, nodeA)
		r.say(r.conns[0], movingTo(0, 4*s, ""))
		r.pass(60 * s)
		assert.Equal(t, 24, r.dialCount(), "another node may take the address over: at 2, 3, 4, 5, 6 and 7 s")
		assert.EqualValues(t, 24, r.m.Stats().Kept)
		assert.Equal(t, nodeA, r.dials[0].target.Avoid)
	})
}

func TestUnknownPeerReconnectsAtHalfTimeOnce(t *testing.T) {
	bubble(t, func(t *testing.T) {
		r := newRig(t, Config{}, "/tmp/redis.sock", func(w *Wiring) { w.Network = "unix" })
		defer r.e.Close()
		r.set(":", node{})
		r.open(2, "")
		r.say(r.conns[0], movingTo(0, 4*s, ""))
		r.pass(60 * s)
		assert.Empty(t, r.asked)
		assert.LessOrEqual(t, r.m.Stats().Succeeded, int64(2))
		assert.Zero(t, r.m.Stats().Jobs)
	})
}

// A name, and something in front of the nodes that shows one address for all of them: the name's addresses tell nothing (H-138).
func TestNullEndpointBehindAProxyReconnectsAtHalfTime(t *testing.T) {
	bubble(t, func(t *testing.T) {
		const proxy = "192.0.2.1:12000"
		r := newRig(t, Config{}, byDNS)
		defer r.e.Close()
		r.set(nodeA, node{peer: proxy})
		r.setDNS(domain, "10.0.0.1")
		r.open(4, proxy)
		r.say(r.conns[0], movingTo(0, 15*s, ""))
		r.pass(7 * s)
		assert.LessOrEqual(t, r.dialCount(), maxUnproven, "it was tried once and tells nothing")
		assert.Zero(t, r.events(MoveSucceeded))
		r.pass(s)
		assert.Equal(t, 4, r.events(MoveSucceeded))
		r.say(r.conns[0], movingTo(0, 7*s, ""))
		r.pass(4 * s)
		assert.Equal(t, 5, r.events(MoveSucceeded))
		r.pass(20 * s)
		assert.Equal(t, 5, r.events(MoveSucceeded))
	})
}

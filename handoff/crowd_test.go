package handoff

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/baton-go/baton/conn"
	"github.com/stretchr/testify/assert"
)

// H-27: many connections, one worker, a short line: all get their turn.
func TestManyConnectionsFewWorkers(t *testing.T) {
	bubble(t, func(t *testing.T) {
		r := newRig(t, Config{MaxWorkers: 1, HandoffQueueSize: 3}, byIP)
		defer r.e.Close()
		r.set(nodeB, node{takes: 5 * ms})
		r.open(300, nodeA)
		r.say(r.conns[0], movingTo(1, 15*s, nodeB))
		r.pass(6 * s)
		assert.Equal(t, map[string]int{nodeB: 300}, r.peers())
		assert.Equal(t, 300, r.dialCount())
		assert.Equal(t, 1, r.maxActive)
	})
}

// A connection whose move hangs holds up neither the first arrivals nor the others.
func TestSlowConnectionHoldsUpNobody(t *testing.T) {
	bubble(t, func(t *testing.T) {
		r := newRig(t, Config{}, byIP)
		defer r.e.Close()
		r.set(nodeB, node{})
		c := r.open(30, nodeA)
		c[0].slow = 10 * s
		r.say(c[0], movingTo(1, 15*s, nodeB))
		r.pass(s)
		assert.Equal(t, map[string]int{nodeA: 1, nodeB: 29}, r.peers())
	})
}

// Somebody else moves a connection, one closes, one panics: each is its own matter.
func TestOddConnections(t *testing.T) {
	bubble(t, func(t *testing.T) {
		r := newRig(t, Config{}, byIP)
		defer r.e.Close()
		r.set(nodeB, node{takes: 50 * ms})
		c := r.open(5, nodeA)
		c[0].busy = true
		c[1].close()
		r.say(c[0], movingTo(1, 15*s, nodeB))
		r.pass(10 * ms)
		c[2].close() // while it may be on its way
		r.pass(s)
		assert.Equal(t, map[string]int{nodeA: 1, nodeB: 2}, r.peers())
		assert.Zero(t, r.m.Stats().Breakers)
		r.mu.Lock()
		c[0].busy = false
		r.mu.Unlock()
		r.pass(2 * s)
		assert.Equal(t, map[string]int{nodeB: 3}, r.peers())
	})
	m := mover{move: func(context.Context, member, conn.Target) (string, error) { panic("x") }}
	_, err := m.moveSafely(t.Context(), nil, conn.Target{Addr: nodeB})
	assert.ErrorContains(t, err, "handoff 10.0.0.2:12000: move panicked: x")
}

func TestRefusedTargetIsNeverDialled(t *testing.T) {
	bubble(t, func(t *testing.T) {
		r := newRig(t, Config{AllowEndpoint: func(host string) bool { return host != "10.0.0.2" }}, byDNS)
		defer r.e.Close()
		for _, n := range []string{nodeB, nodeC} {
			r.set(n, node{})
		}
		r.setDNS(domain, "10.0.0.1")
		c := r.open(5, nodeA)
		r.say(c[0], movingTo(1, 15*s, nodeB))
		assert.Equal(t, []string{nodeA}, r.dialsGo(nodeA))
		r.pass(5 * s)
		assert.Zero(t, r.dialCount())
		assert.EqualValues(t, 1, r.m.Stats().Refused)
		r.setDNS(domain, "10.0.0.3")
		r.pass(2 * s)
		assert.Equal(t, map[string]int{nodeC: 5}, r.peers(), "as if the server had named nobody")
	})
}

// 4 (23), 2.4: several proxies, maintenance mode: MIGRATED, 5 s later out of DNS, 13 s later closed, no MOVING.
func TestLiveMigratedLooksThePeerUp(t *testing.T) {
	bubble(t, func(t *testing.T) {
		r := newRig(t, Config{}, byDNS)
		defer r.e.Close()
		r.set(nodeB, node{})
		r.set(nodeC, node{})
		r.setDNS(domain, "10.0.0.1", "10.0.0.2", "10.0.0.3")
		c := r.open(4, nodeA)
		r.open(4, nodeB)
		r.say(c[0], shardEvent(Migrating, 1, 2*s))
		r.pass(12 * s)
		r.say(c[0], shardEvent(Migrated, 2, 0))
		r.pass(4800 * ms)
		assert.Equal(t, 4, r.peers()[nodeA], "negative control: it is listed")
		r.setDNS(domain, "10.0.0.2", "10.0.0.3")
		r.pass(6 * s) // H-118: some answers that agree, and long before the close
		assert.Zero(t, r.peers()[nodeA])
		assert.Equal(t, 4, r.dialCount(), r.dialLog())
		r.pass(time.Minute)
		assert.LessOrEqual(t, len(r.asked), checkRounds+agreeingOnPart)
		assert.Zero(t, r.m.Stats().Jobs)
		assert.Zero(t, r.m.Stats().Abandoned)
	})
}

func TestLookUpThatSaysNothingMovesNobody(t *testing.T) {
	for name, ips := range map[string][]string{"error": nil, "the other IP version": {"2001:db8::9"}, "no address": {"what?"}} {
		bubble(t, func(t *testing.T) {
			r := newRig(t, Config{}, byDNS)
			defer r.e.Close()
			r.setDNS(domain, ips...)
			r.say(r.open(3, nodeA)[0], shardEvent(Migrated, 2, 0))
			r.pass(time.Minute)
			assert.Zero(t, r.dialCount(), name)
			assert.NotEmpty(t, r.asked, name)
		})
	}
}

// A tunnel: the peer is never listed, and every way leads to it. One attempt for each connection, and then never again.
func TestPeerThatIsNeverListed(t *testing.T) {
	bubble(t, func(t *testing.T) {
		r := newRig(t, Config{}, byDNS)
		defer r.e.Close()
		r.setDNS(domain, "10.0.0.2")
		r.set(nodeB, node{peer: nodeA})
		r.say(r.open(3, nodeA)[0], shardEvent(Migrated, 2, 0))
		r.pass(time.Minute)
		assert.Equal(t, 3, r.dialCount())
		assert.Equal(t, map[string]int{nodeA: 3}, r.peers())
	})
}

func TestLossOfASiblingLooksThePeersUp(t *testing.T) {
	bubble(t, func(t *testing.T) {
		r := newRig(t, Config{}, byDNS)
		defer r.e.Close()
		r.setDNS(domain, "10.0.0.2", "10.0.0.3")
		r.set(nodeC, node{})
		r.set(nodeB, node{})
		c := r.open(3, nodeA)
		r.open(2, nodeB)
		c[0].close()
		for range 10 {
			r.lost()
		}
		r.pass(4 * s)
		assert.Zero(t, r.dialCount())
		r.pass(2 * s)
		assert.Zero(t, r.peers()[nodeA])
		assert.Equal(t, 2, r.dialCount())
		assert.Len(t, r.asked, agreeingOnPart, "ten losses at once are one question, made until it is sure")
	})
}

// H-20, H-51: Close in the middle of everything leaves nothing; the bubble would notice.
func TestCloseInTheWindow(t *testing.T) {
	for name, say := range map[string]Notification{"named": movingTo(1, 15*s, nodeB), "null": movingTo(1, 15*s, "")} {
		for _, addr := range []string{byIP, byDNS} {
			bubble(t, func(t *testing.T) {
				log := &lines{}
				r := newRig(t, Config{}, addr, func(w *Wiring) { w.Logger = log.logger() })
				r.m.AddNotificationHook(NewMetricsHook())
				r.setDNS(domain, "10.0.0.1")
				r.set(nodeB, node{takes: 3 * s})
				r.open(20, nodeA)
				r.say(r.conns[0], say)
				r.say(r.conns[0], shardEvent(Migrated, 2, 0))
				r.pass(s)
				began := time.Now()
				r.e.Close()
				r.e.Close()
				assert.Zero(t, time.Since(began), "%s %s", name, addr)
				n := r.dialCount()
				r.say(r.conns[0], movingTo(5, 15*s, nodeC))
				r.lost()
				r.e.mover.wake(nodeA)
				r.pass(time.Minute)
				assert.Equal(t, n, r.dialCount())
				assert.False(t, r.relaxed())
				assert.Zero(t, r.m.Stats().Jobs)
			})
		}
	}
}

// H-17, H-22: handoffs that take no time at all, over and over, from many goroutines.
func TestInstantHandoffsOverAndOver(t *testing.T) {
	bubble(t, func(t *testing.T) {
		r := newRig(t, Config{MaxWorkers: 4}, byIP)
		defer r.e.Close()
		nodes := []string{nodeA, nodeB, nodeC}
		for _, n := range nodes {
			r.set(n, node{})
		}
		c := r.open(8, nodeA)
		for i := range 60 {
			to := nodes[(i+1)%3]
			var wg sync.WaitGroup
			for _, x := range c {
				wg.Go(func() { r.say(x, movingTo(int64(i), 2*s, to)) })
			}
			wg.Wait()
			synctest.Wait()
			assert.Equal(t, map[string]int{to: 8}, r.peers(), "round %d", i)
			r.pass(7 * s)
			assert.Zero(t, r.m.Stats().Jobs)
		}
		assert.Equal(t, 480, r.dialCount())
	})
}

// A hostile server announces without end.
func TestFloodIsBounded(t *testing.T) {
	bubble(t, func(t *testing.T) {
		r := newRig(t, Config{}, byDNS)
		r.setDNS(domain, "10.0.0.1")
		for i := range 1500 {
			peer := fmt.Sprintf("10.1.%d.%d:1", i/250, i%250+1)
			r.receive(ConnInfo{Info: conn.Info{ID: 1, Peer: peer}}, movingTo(int64(i), 10*time.Minute, fmt.Sprintf("h%d:1", i)), nil)
			r.receive(ConnInfo{Info: conn.Info{ID: 1, Peer: nodeA}}, shardEvent(Migrating, int64(i), 10*time.Minute), nil)
		}
		r.pass(s)
		st := r.m.Stats()
		assert.LessOrEqual(t, st.Jobs, maxJobs)
		assert.LessOrEqual(t, st.Windows, maxWindows)
		r.e.mu.Lock()
		assert.LessOrEqual(t, len(r.e.memory), maxMemory)
		r.e.mu.Unlock()
		r.e.Close()
	})
}

// The random delay: within the bound, and new dials do not wait for it.
func TestJitterDelaysMovesOnly(t *testing.T) {
	bubble(t, func(t *testing.T) {
		r := newRig(t, Config{Jitter: s}, byIP)
		defer r.e.Close()
		r.e.mover.jitter = func(most time.Duration) time.Duration {
			assert.Equal(t, s, most)
			return 700 * ms
		}
		r.set(nodeB, node{})
		r.say(r.open(2, nodeA)[0], movingTo(1, 15*s, nodeB))
		assert.Equal(t, []string{nodeB, nodeA}, r.dialsGo(nodeA))
		r.pass(699 * ms)
		assert.Zero(t, r.dialCount())
		r.pass(ms)
		assert.Equal(t, 1, r.dialCount())
		r.pass(maxPace)
		assert.Equal(t, 2, r.dialCount())
	})
}

// Setting up links takes processor time: those that follow the first one do not all begin at one instant, and yet all have
// arrived when the jitter's time is over.
func TestMovesAreSpread(t *testing.T) {
	for _, c := range []struct {
		conns  int
		in     time.Duration
		jitter time.Duration
		pace   time.Duration
	}{
		{101, 15 * s, s, 5 * ms},
		{399, 15 * s, s, s / 400},
		{101, 15 * s, 100 * ms, 100 * ms / 101},
		{101, 5 * s, s, 500 * ms / 101},
		{101, 0, s, 0},
		{101, 15 * s, -1, 0},
	} {
		bubble(t, func(t *testing.T) {
			r := newRig(t, Config{Jitter: c.jitter}, byIP)
			defer r.e.Close()
			r.set(nodeB, node{})
			r.open(c.conns, nodeA)
			r.say(r.conns[0], movingTo(1, c.in, nodeB))
			r.pass(s)
			assert.Equal(t, map[string]int{nodeB: c.conns}, r.peers(), "%+v", c)
			assert.Equal(t, c.conns, r.dialCount())
			for i, d := range r.dials[1:] {
				assert.GreaterOrEqual(t, d.at-r.dials[i].at, c.pace, "dial %d, %+v", i, c)
			}
			assert.LessOrEqual(t, r.dials[c.conns-1].at-r.dials[0].at, c.pace*time.Duration(c.conns), "%+v", c)
		})
	}
}

// H-26: old and new sockets together stay within what the server may have been set to.
func TestMaxActiveBoundsTheSocketsOfAMove(t *testing.T) {
	for maxActive, most := range map[int]int{0: 5, 12: 2, 11: 1} {
		bubble(t, func(t *testing.T) {
			r := newRig(t, Config{}, byIP, func(w *Wiring) { w.PoolSize, w.MaxActive = 10, maxActive })
			defer r.e.Close()
			r.set(nodeB, node{takes: 100 * ms})
			r.say(r.open(10, nodeA)[0], movingTo(1, 15*s, nodeB))
			r.pass(3 * s)
			assert.Equal(t, map[string]int{nodeB: 10}, r.peers())
			assert.Equal(t, most, r.maxActive, "MaxActive %d", maxActive)
		})
	}
}

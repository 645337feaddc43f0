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

const ms = time.Millisecond

// H-14: the target refuses for two seconds. With a name configured it is tried in turns, without one the target alone.
func TestTargetThatComesLate(t *testing.T) {
	for _, addr := range []string{byIP, byDNS} {
		bubble(t, func(t *testing.T) {
			r := newRig(t, Config{}, addr)
			defer r.m.Close()
			r.setDNS(domain, "10.0.0.1")
			r.set(nodeA, node{})
			r.set(nodeB, node{down: true})
			c := r.open(60, nodeA)
			r.say(c[0], movingTo(1, 15*s, nodeB))
			r.pass(2 * s)
			assert.Equal(t, map[string]int{nodeA: 60}, r.peers(), "make before break: all go on where they are")
			assert.Less(t, r.dialCount(), 16, "no storm at a dead target:\n%s", r.dialLog())
			to, _ := r.m.Remap()
			assert.Empty(t, to, "H-57: new dials are not sent to a target that fails")
			r.set(nodeB, node{})
			r.pass(2 * s)
			assert.Equal(t, map[string]int{nodeB: 60}, r.peers(), "H-14: within the window:\n%s", r.dialLog())
			to, _ = r.m.Remap()
			assert.Equal(t, nodeB, to)
		})
	}
}

// The target stays dead; the name moves to another node meanwhile.
func TestDeadTargetFallsBackToTheName(t *testing.T) {
	for name, dead := range map[string]node{"refuses": {down: true}, "swallows packets": {hole: true}, "takes too long": {takes: time.Hour}} {
		bubble(t, func(t *testing.T) {
			r := newRig(t, Config{}, byDNS)
			defer r.m.Close()
			r.setDNS(domain, "10.0.0.1")
			r.set(nodeA, node{})
			r.set(nodeB, dead)
			r.set(nodeC, node{})
			c := r.open(20, nodeA)
			r.say(c[0], movingTo(1, 15*s, nodeB))
			r.pass(4 * s)
			assert.Equal(t, 20, r.peers()[nodeA], name)
			r.setDNS(domain, "10.0.0.3")
			r.pass(5 * s)
			assert.Equal(t, map[string]int{nodeC: 20}, r.peers(), "%s: %s", name, r.dialLog())
			for _, d := range r.dials {
				assert.Equal(t, nodeA, d.target.Avoid, "H-37: never back to the retiring peer")
			}
		})
	}
}

// Nothing can be reached: all connections go on where they are, and everything ends with the window.
func TestNothingToGoTo(t *testing.T) {
	bubble(t, func(t *testing.T) {
		r := newRig(t, Config{}, byIP)
		defer r.m.Close()
		r.set(nodeB, node{hole: true})
		r.open(100, nodeA)
		r.say(r.conns[0], movingTo(1, 15*s, nodeB))
		r.pass(18 * s)
		assert.LessOrEqual(t, r.most, unproven, "a dead target is not dialled by all")
		r.pass(2 * s)
		st := r.m.Stats()
		assert.Equal(t, map[string]int{nodeA: 100}, r.peers(), "H-41: none was dropped")
		assert.EqualValues(t, 100, st.Abandoned)
		assert.Zero(t, st.Jobs)
		assert.Zero(t, st.Succeeded)
		assert.False(t, r.relaxed())
		n := r.dialCount()
		r.pass(time.Hour)
		assert.Equal(t, n, r.dialCount())
	})
}

// H-13 through the Manager: a target that fails for long is left alone, and is trusted again after it has healed.
func TestBreakerOpensAndCloses(t *testing.T) {
	bubble(t, func(t *testing.T) {
		r := newRig(t, Config{MaxHandoffRetries: 1, CircuitBreakerResetTimeout: 30 * s}, byIP)
		defer r.m.Close()
		r.set(nodeB, node{down: true})
		r.open(1, nodeA)
		r.say(r.conns[0], movingTo(1, 15*s, nodeB))
		r.pass(15 * s)
		assert.Equal(t, 5, r.dialCount(), "threshold\n%s", r.dialLog())
		assert.EqualValues(t, 1, r.m.Stats().Breakers)
		r.pass(10 * s)
		r.set(nodeB, node{})
		r.say(r.conns[0], movingTo(2, 15*s, nodeB))
		r.pass(4 * s)
		assert.Equal(t, 5, r.dialCount(), "open")
		r.pass(5 * s)
		assert.Equal(t, map[string]int{nodeB: 1}, r.peers(), "half-open, healed")
		assert.Equal(t, 6, r.dialCount())
	})
}

// By default the quick retries of one window do not open the breaker before the window is nearly over.
func TestBreakerDoesNotCutAWindowShort(t *testing.T) {
	bubble(t, func(t *testing.T) {
		r := newRig(t, Config{}, byIP)
		defer r.m.Close()
		r.set(nodeB, node{down: true})
		r.open(1, nodeA)
		r.say(r.conns[0], movingTo(1, 15*s, nodeB))
		r.pass(11 * s)
		assert.Zero(t, r.m.Stats().Breakers)
		r.set(nodeB, node{})
		r.pass(s)
		assert.Equal(t, map[string]int{nodeB: 1}, r.peers())
	})
}

// H-32, 4 (10): the newest announcement wins; what was moved under the older one stays.
func TestSecondMovingWithAnotherTarget(t *testing.T) {
	for name, second := range map[string]Notification{"same seq": movingTo(9, 15*s, nodeC), "next seq": movingTo(10, 15*s, nodeC), "lower seq, H-31": movingTo(0, 15*s, nodeC)} {
		bubble(t, func(t *testing.T) {
			r := newRig(t, Config{MaxWorkers: 5}, byIP)
			defer r.m.Close()
			r.set(nodeB, node{takes: s})
			r.set(nodeC, node{})
			c := r.open(20, nodeA)
			r.say(c[0], movingTo(9, 15*s, nodeB))
			r.pass(1500 * ms)
			r.say(c[19], second)
			for _, x := range c { // older copies are read late
				r.sayFrom(x, nodeA, movingTo(9, 15*s, nodeB))
			}
			to, _ := r.m.Remap()
			assert.Equal(t, nodeC, to, name)
			r.pass(3 * s)
			p := r.peers()
			assert.Zero(t, p[nodeA], name)
			assert.Equal(t, 20, p[nodeB]+p[nodeC], name)
			assert.GreaterOrEqual(t, p[nodeC], 14, "%s: %v", name, p)
			assert.Equal(t, 1, r.events(JobEnded)+r.m.Stats().Jobs, "one job per peer")
		})
	}
}

func TestChainedMovings(t *testing.T) {
	bubble(t, func(t *testing.T) {
		r := newRig(t, Config{}, byIP)
		defer r.m.Close()
		for _, n := range []string{nodeB, nodeC} {
			r.set(n, node{})
		}
		c := r.open(10, nodeA)
		r.say(c[0], movingTo(1, 15*s, nodeB))
		r.pass(s)
		r.say(c[5], movingTo(2, 15*s, nodeC)) // read on B
		to, avoid := r.m.Remap()
		assert.Equal(t, []string{nodeC, nodeB}, []string{to, avoid})
		r.pass(s)
		assert.Equal(t, map[string]int{nodeC: 10}, r.peers())
		late := r.open(1, nodeA)[0] // still lands on A
		r.m.joined(nodeA)
		r.pass(s)
		assert.NotEqual(t, nodeA, late.Peer())
		r.pass(30 * s)
		assert.Zero(t, r.m.Stats().Jobs)
	})
}

// The target retires while connections are still on their way to it: they go on to where that one goes.
func TestTargetRetiresMeanwhile(t *testing.T) {
	bubble(t, func(t *testing.T) {
		r := newRig(t, Config{MaxWorkers: 2}, byIP)
		defer r.m.Close()
		r.set(nodeB, node{takes: s})
		r.set(nodeC, node{takes: 10 * ms})
		c := r.open(20, nodeA)
		r.say(c[0], movingTo(1, 15*s, nodeB))
		r.pass(1500 * ms)
		assert.Equal(t, nodeB, c[0].Peer())
		r.say(c[0], movingTo(2, 15*s, nodeC))
		r.pass(3 * s)
		assert.Equal(t, map[string]int{nodeC: 20}, r.peers(), r.dialLog())
	})
}

// There and back within one window: what is said last holds.
func TestMovingBack(t *testing.T) {
	bubble(t, func(t *testing.T) {
		r := newRig(t, Config{}, byIP)
		defer r.m.Close()
		r.set(nodeA, node{})
		r.set(nodeB, node{})
		c := r.open(20, nodeA)
		r.say(c[0], movingTo(1, 15*s, nodeB))
		r.pass(s)
		assert.Equal(t, map[string]int{nodeB: 20}, r.peers())
		r.say(c[0], movingTo(2, 15*s, nodeA))
		to, avoid := r.m.Remap()
		assert.Equal(t, []string{nodeA, nodeB}, []string{to, avoid})
		r.pass(s)
		assert.Equal(t, map[string]int{nodeA: 20}, r.peers(), r.dialLog())
		r.pass(30 * s)
		assert.Equal(t, map[string]int{nodeA: 20}, r.peers())
		assert.Equal(t, 40, r.dialCount())
		assert.Zero(t, r.m.Stats().Jobs)
	})
}

// H-33: two peers leave at once.
func TestTwoPeersRetireAtOnce(t *testing.T) {
	bubble(t, func(t *testing.T) {
		r := newRig(t, Config{}, byDNS)
		defer r.m.Close()
		r.setDNS(domain, "10.0.0.1", "10.0.0.2", "10.0.0.3")
		r.set(nodeC, node{})
		a, b := r.open(5, nodeA), r.open(5, nodeB)
		r.say(a[0], movingTo(1, 15*s, "")) // one event, told by both
		r.say(b[0], movingTo(1, 15*s, ""))
		r.pass(3 * s)
		assert.Equal(t, map[string]int{nodeC: 10}, r.peers(), r.dialLog())
	})
}

// H-36, reliability H7: dialled before the announcement, registered after it.
func TestLateJoinerIsMoved(t *testing.T) {
	bubble(t, func(t *testing.T) {
		r := newRig(t, Config{}, byIP)
		defer r.m.Close()
		r.set(nodeB, node{})
		r.open(1, nodeA)
		r.say(r.conns[0], movingTo(1, 15*s, nodeB))
		r.pass(5 * s)
		c := r.open(1, nodeA)[0]
		r.pass(s)
		assert.Equal(t, nodeA, c.Peer(), "negative control: nobody knows of it")
		r.m.joined(c.peer)
		r.pass(0)
		assert.Equal(t, nodeB, c.Peer())
		told := r.open(1, nodeA)[0] // another one is told by the server, with the rest of the time
		r.say(told, movingTo(1, 8*s, nodeB))
		r.pass(0)
		assert.Equal(t, nodeB, told.Peer())
		r.m.joined(nodeC) // nothing retires there
		r.pass(14 * s)
		after := r.open(1, nodeA)[0]
		r.m.joined(after.peer)
		r.say(after, movingTo(1, 0, nodeB))
		r.pass(s)
		assert.Equal(t, nodeA, after.Peer(), "the window is over")
		assert.Equal(t, 3, r.dialCount())
	})
}

// H-29, H-30: events without a number are the same only while the window is open.
func TestMovingWithoutSeq(t *testing.T) {
	bubble(t, func(t *testing.T) {
		r := newRig(t, Config{}, byIP)
		defer r.m.Close()
		r.set(nodeA, node{})
		r.set(nodeB, node{})
		c := r.open(4, nodeA)
		n := movingTo(0, 15*s, nodeB)
		n.HasSeq = false
		for _, x := range c {
			r.say(x, n)
		}
		r.pass(s)
		assert.Equal(t, 4, r.dialCount())
		r.pass(19 * s)
		d := r.open(1, nodeA)[0]
		r.say(d, n)
		r.pass(s)
		assert.Equal(t, nodeB, d.Peer(), "another event")
	})
}

// H-27, reliability H14: many connections, one worker, a short line: all get their turn.
func TestManyConnectionsFewWorkers(t *testing.T) {
	bubble(t, func(t *testing.T) {
		r := newRig(t, Config{MaxWorkers: 1, HandoffQueueSize: 3}, byIP)
		defer r.m.Close()
		r.set(nodeB, node{takes: 5 * ms})
		r.open(300, nodeA)
		r.say(r.conns[0], movingTo(1, 15*s, nodeB))
		r.pass(6 * s)
		assert.Equal(t, map[string]int{nodeB: 300}, r.peers())
		assert.Equal(t, 300, r.dialCount())
		assert.Equal(t, 1, r.most)
	})
}

// A connection whose move hangs holds up neither the first arrivals nor the others.
func TestSlowConnectionHoldsUpNobody(t *testing.T) {
	bubble(t, func(t *testing.T) {
		r := newRig(t, Config{}, byIP)
		defer r.m.Close()
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
		defer r.m.Close()
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
	err := moveSafely(t.Context(), member{move: func(context.Context, conn.Target) error { panic("x") }}, conn.Target{Addr: nodeB})
	assert.ErrorContains(t, err, "handoff 10.0.0.2:12000: move panicked: x")
}

func TestRefusedTargetIsNeverDialled(t *testing.T) {
	bubble(t, func(t *testing.T) {
		r := newRig(t, Config{AllowEndpoint: func(host string) bool { return host != "10.0.0.2" }}, byDNS)
		defer r.m.Close()
		for _, n := range []string{nodeB, nodeC} {
			r.set(n, node{})
		}
		r.setDNS(domain, "10.0.0.1")
		c := r.open(5, nodeA)
		r.say(c[0], movingTo(1, 15*s, nodeB))
		to, _ := r.m.Remap()
		assert.Empty(t, to)
		r.pass(5 * s)
		assert.Zero(t, r.dialCount())
		assert.EqualValues(t, 1, r.m.Stats().Barred)
		r.setDNS(domain, "10.0.0.3")
		r.pass(2 * s)
		assert.Equal(t, map[string]int{nodeC: 5}, r.peers(), "as if the server had named nobody")
	})
}

// 4 (23), 2.4: several proxies, maintenance mode: MIGRATED, 5 s later out of DNS, 13 s later closed, no MOVING.
func TestLiveMigratedLooksThePeerUp(t *testing.T) {
	bubble(t, func(t *testing.T) {
		r := newRig(t, Config{}, byDNS)
		defer r.m.Close()
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
		r.pass(5 * s)
		assert.Zero(t, r.peers()[nodeA])
		assert.Equal(t, 4, r.dialCount(), r.dialLog())
		r.pass(time.Minute)
		assert.LessOrEqual(t, len(r.asked), checkRounds)
		assert.Zero(t, r.m.Stats().Jobs)
		assert.Zero(t, r.m.Stats().Abandoned)
	})
}

func TestLookUpThatSaysNothingMovesNobody(t *testing.T) {
	for name, ips := range map[string][]string{"error": nil, "the other IP version": {"2001:db8::9"}, "no address": {"what?"}} {
		bubble(t, func(t *testing.T) {
			r := newRig(t, Config{}, byDNS)
			defer r.m.Close()
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
		defer r.m.Close()
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
		defer r.m.Close()
		r.setDNS(domain, "10.0.0.2", "10.0.0.3")
		r.set(nodeC, node{})
		r.set(nodeB, node{})
		c := r.open(3, nodeA)
		r.open(2, nodeB)
		c[0].close()
		for range 10 {
			r.m.peerLost()
		}
		r.pass(2 * s)
		assert.Zero(t, r.peers()[nodeA])
		assert.Equal(t, 2, r.dialCount())
		assert.Len(t, r.asked, 1, "ten losses at once are one question")
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
				r.m.Close()
				r.m.Close()
				assert.Zero(t, time.Since(began), "%s %s", name, addr)
				n := r.dialCount()
				r.say(r.conns[0], movingTo(5, 15*s, nodeC))
				r.m.peerLost()
				r.m.joined(nodeA)
				r.pass(time.Minute)
				assert.Equal(t, n, r.dialCount())
				assert.False(t, r.relaxed())
				assert.Zero(t, r.m.Stats().Jobs)
			})
		}
	}
}

// H-17, H-22, reliability H11: handoffs that take no time at all, over and over, from many goroutines.
func TestInstantHandoffsOverAndOver(t *testing.T) {
	bubble(t, func(t *testing.T) {
		r := newRig(t, Config{MaxWorkers: 4}, byIP)
		defer r.m.Close()
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

// Reliability H27: a hostile server announces without end.
func TestFloodIsBounded(t *testing.T) {
	bubble(t, func(t *testing.T) {
		r := newRig(t, Config{}, byDNS)
		r.setDNS(domain, "10.0.0.1")
		for i := range 1500 {
			peer := fmt.Sprintf("10.1.%d.%d:1", i/250, i%250+1)
			r.m.receive(ConnInfo{ID: 1, Peer: peer}, movingTo(int64(i), 10*time.Minute, fmt.Sprintf("h%d:1", i)), nil)
			r.m.receive(ConnInfo{ID: 1, Peer: nodeA}, shardEvent(Migrating, int64(i), 10*time.Minute), nil)
		}
		r.pass(s)
		st := r.m.Stats()
		assert.LessOrEqual(t, st.Jobs, maxJobs)
		assert.LessOrEqual(t, st.Windows, maxWindows)
		r.m.mu.Lock()
		assert.LessOrEqual(t, len(r.m.memory.until), maxMemory)
		r.m.mu.Unlock()
		r.m.Close()
	})
}

// The random delay: within the bound, and new dials do not wait for it.
func TestJitterDelaysMovesOnly(t *testing.T) {
	bubble(t, func(t *testing.T) {
		r := newRig(t, Config{}, byIP)
		defer r.m.Close()
		r.m.jitter = func(most time.Duration) time.Duration {
			assert.Equal(t, s, most)
			return 700 * ms
		}
		r.set(nodeB, node{})
		r.say(r.open(2, nodeA)[0], movingTo(1, 15*s, nodeB))
		to, _ := r.m.Remap()
		assert.Equal(t, nodeB, to)
		r.pass(699 * ms)
		assert.Zero(t, r.dialCount())
		r.pass(ms)
		assert.Equal(t, 2, r.dialCount())
	})
}

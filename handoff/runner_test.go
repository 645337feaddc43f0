package handoff

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
)

const ms = time.Millisecond

// H-14: the target refuses for two seconds. With a name configured it is tried in turns, without one the target alone.
func TestTargetThatComesLate(t *testing.T) {
	for _, addr := range []string{byIP, byDNS} {
		bubble(t, func(t *testing.T) {
			r := newRig(t, Config{}, addr)
			defer r.e.Close()
			r.setDNS(domain, "10.0.0.1")
			r.set(nodeA, node{})
			r.set(nodeB, node{down: true})
			c := r.open(60, nodeA)
			r.say(c[0], movingTo(1, 15*s, nodeB))
			r.pass(2 * s)
			assert.Equal(t, map[string]int{nodeA: 60}, r.peers(), "make before break: all go on where they are")
			assert.Less(t, r.dialCount(), 16, "no storm at a dead target:\n%s", r.dialLog())
			assert.Equal(t, []string{nodeA}, r.dialsGo(nodeA), "H-57: new dials are not sent to a target that fails")
			r.set(nodeB, node{})
			r.pass(2 * s)
			assert.Equal(t, map[string]int{nodeB: 60}, r.peers(), "H-14: within the window:\n%s", r.dialLog())
			assert.Equal(t, []string{nodeB, nodeA}, r.dialsGo(nodeA))
		})
	}
}

// The target stays dead; the name moves to another node meanwhile.
func TestDeadTargetFallsBackToTheName(t *testing.T) {
	for name, dead := range map[string]node{"refuses": {down: true}, "swallows packets": {blackhole: true}, "takes too long": {takes: time.Hour}} {
		bubble(t, func(t *testing.T) {
			r := newRig(t, Config{}, byDNS)
			defer r.e.Close()
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
			byName := 0
			for _, d := range r.dials {
				if d.target.Addr != nodeB { // an address cannot lead elsewhere
					byName++
					assert.Equal(t, nodeA, d.target.Avoid, "H-37: never back to the retiring peer")
				}
			}
			assert.Positive(t, byName)
		})
	}
}

// Nothing can be reached: all connections go on where they are, and everything ends with the window.
func TestNothingToGoTo(t *testing.T) {
	bubble(t, func(t *testing.T) {
		r := newRig(t, Config{}, byIP)
		defer r.e.Close()
		r.set(nodeB, node{blackhole: true})
		r.open(100, nodeA)
		r.say(r.conns[0], movingTo(1, 15*s, nodeB))
		r.pass(18 * s)
		assert.LessOrEqual(t, r.maxActive, maxUnproven, "a dead target is not dialled by all")
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
		defer r.e.Close()
		r.set(nodeB, node{down: true})
		r.open(1, nodeA)
		r.say(r.conns[0], movingTo(1, 120*s, nodeB))
		r.pass(15 * s)
		assert.Equal(t, 5, r.dialCount(), "threshold\n%s", r.dialLog())
		assert.EqualValues(t, 1, r.m.Stats().Breakers)
		r.pass(10 * s)
		r.set(nodeB, node{})
		r.pass(4 * s)
		assert.Equal(t, 5, r.dialCount(), "open")
		r.pass(5 * s)
		assert.Equal(t, map[string]int{nodeB: 1}, r.peers(), "half-open, healed")
		assert.Equal(t, 6, r.dialCount())
	})
}

// A target that is left alone for long is tried again while the old peer serves, and not much more often towards the end.
func TestBreakerDoesNotOutlastTheOldPeer(t *testing.T) {
	for _, wait := range []time.Duration{15 * s, 60 * s, 600 * s} {
		bubble(t, func(t *testing.T) {
			r := newRig(t, Config{MaxHandoffRetries: 1, CircuitBreakerFailureThreshold: 1, CircuitBreakerResetTimeout: 600 * s}, byIP)
			defer r.e.Close()
			r.set(nodeB, node{down: true})
			r.open(3, nodeA)
			r.say(r.conns[0], movingTo(1, wait, nodeB))
			r.pass(wait - 2*s)
			assert.Less(t, r.dialCount(), 15, r.dialLog())
			r.set(nodeB, node{})
			r.pass(2 * s)
			assert.Equal(t, map[string]int{nodeB: 3}, r.peers())
		})
	}
}

// By default the quick retries of one window do not open the breaker before the window is nearly over.
func TestBreakerDoesNotCutAWindowShort(t *testing.T) {
	bubble(t, func(t *testing.T) {
		r := newRig(t, Config{}, byIP)
		defer r.e.Close()
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
			defer r.e.Close()
			r.set(nodeB, node{takes: s})
			r.set(nodeC, node{})
			c := r.open(20, nodeA)
			r.say(c[0], movingTo(9, 15*s, nodeB))
			r.pass(1500 * ms)
			r.say(c[19], second)
			for _, x := range c { // older copies are read late
				r.sayFrom(x, nodeA, movingTo(9, 15*s, nodeB))
			}
			assert.Equal(t, []string{nodeC, nodeA}, r.dialsGo(nodeA), name)
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
		defer r.e.Close()
		for _, n := range []string{nodeB, nodeC} {
			r.set(n, node{})
		}
		c := r.open(10, nodeA)
		r.say(c[0], movingTo(1, 15*s, nodeB))
		r.pass(s)
		r.say(c[5], movingTo(2, 15*s, nodeC)) // read on B
		assert.Equal(t, []string{nodeC, nodeA}, r.dialsGo(nodeA))
		assert.Equal(t, []string{nodeC, nodeB}, r.dialsGo(nodeB))
		r.pass(s)
		assert.Equal(t, map[string]int{nodeC: 10}, r.peers())
		late := r.open(1, nodeA)[0] // still lands on A
		r.e.mover.wake(nodeA)
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
		defer r.e.Close()
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
		defer r.e.Close()
		r.set(nodeA, node{})
		r.set(nodeB, node{})
		c := r.open(20, nodeA)
		r.say(c[0], movingTo(1, 15*s, nodeB))
		r.pass(s)
		assert.Equal(t, map[string]int{nodeB: 20}, r.peers())
		r.say(c[0], movingTo(2, 15*s, nodeA))
		assert.Equal(t, []string{nodeA, nodeB}, r.dialsGo(nodeB), "and the configured address is a place to go to again")
		assert.Equal(t, []string{nodeA}, r.dialsGo(nodeA))
		r.pass(2 * s) // H-120: not all at once again
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
		defer r.e.Close()
		r.setDNS(domain, "10.0.0.1", "10.0.0.2", "10.0.0.3")
		r.set(nodeC, node{})
		a, b := r.open(5, nodeA), r.open(5, nodeB)
		r.say(a[0], movingTo(1, 15*s, "")) // one event, told by both
		r.say(b[0], movingTo(1, 15*s, ""))
		r.pass(3 * s)
		assert.Equal(t, map[string]int{nodeC: 10}, r.peers(), r.dialLog())
	})
}

// H-36: dialled before the announcement, registered after it.
func TestLateJoinerIsMoved(t *testing.T) {
	bubble(t, func(t *testing.T) {
		r := newRig(t, Config{}, byIP)
		defer r.e.Close()
		r.set(nodeB, node{})
		r.open(1, nodeA)
		r.say(r.conns[0], movingTo(1, 15*s, nodeB))
		r.pass(5 * s)
		c := r.open(1, nodeA)[0]
		r.pass(s)
		assert.Equal(t, nodeA, c.Peer(), "negative control: nobody knows of it")
		r.e.mover.wake(c.peer)
		r.pass(0)
		assert.Equal(t, nodeB, c.Peer())
		told := r.open(1, nodeA)[0] // another one is told by the server, with the rest of the time
		r.say(told, movingTo(1, 8*s, nodeB))
		r.pass(0)
		assert.Equal(t, nodeB, told.Peer())
		r.e.mover.wake(nodeC) // nothing retires there
		r.pass(14 * s)
		after := r.open(1, nodeA)[0]
		r.e.mover.wake(after.peer)
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
		defer r.e.Close()
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

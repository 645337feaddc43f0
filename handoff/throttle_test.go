package handoff

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
)

// A server that announces without end costs a few dials a second, and nothing that grows (H-120, which extends H-28).
func TestAnnouncementsWithoutEndCostLittle(t *testing.T) {
	const conns, seconds, each = 60, 15, 100 // announcements a second
	for name, announce := range map[string]func(r *rig, c *fakeConn, i int){
		"new numbers": func(r *rig, c *fakeConn, i int) { r.say(c, movingTo(int64(i), 0, nodeB)) },
		"ping-pong": func(r *rig, c *fakeConn, i int) {
			to := nodeB
			if c.Peer() == nodeB {
				to = nodeA
			}
			r.say(c, movingTo(int64(i), 15*s, to))
		},
		"null in 0 s": func(r *rig, c *fakeConn, i int) { r.say(c, movingTo(int64(i), 0, "")) },
		"new targets that live": func(r *rig, c *fakeConn, i int) {
			to := fmt.Sprintf("10.1.%d.%d:12000", i/250, i%250)
			r.set(to, node{})
			r.say(c, movingTo(int64(i), 15*s, to))
		},
		"new targets that refuse": func(r *rig, c *fakeConn, i int) {
			r.say(c, movingTo(int64(i), 15*s, fmt.Sprintf("10.1.%d.%d:12000", i/250, i%250)))
		},
		"new targets that swallow": func(r *rig, c *fakeConn, i int) {
			to := fmt.Sprintf("10.1.%d.%d:12000", i/250, i%250)
			r.set(to, node{blackhole: true})
			r.say(c, movingTo(int64(i), 15*s, to))
		},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				r := newRig(t, Config{}, byIP)
				defer r.e.Close()
				r.set(nodeA, node{})
				r.set(nodeB, node{})
				c := r.open(conns, nodeA)
				for i := range seconds * each {
					announce(r, c[i%conns], i)
					r.pass(time.Second / each)
				}
				assert.LessOrEqual(t, r.dialCount(), conns+10*seconds+1)
				last := map[uint64]time.Duration{}
				r.mu.Lock()
				dials := slices.Clone(r.dials)
				r.mu.Unlock()
				for i, d := range dials {
					if at, again := last[d.conn]; again && d.at > 5*time.Second {
						assert.GreaterOrEqual(t, d.at-at, restAfterMove, "dial %d of %d", i, d.conn)
					}
					last[d.conn] = d.at
				}
				assert.LessOrEqual(t, r.m.Stats().Abandoned, int64(conns*seconds/4))
				r.pass(time.Minute)
				assert.LessOrEqual(t, len(r.e.mover.throttle.conns), 3*conns)
				assert.Zero(t, r.m.Stats().Jobs)
			})
		})
	}
}

// Connections that are told to go on at once go on, after a rest: A to B to C, each within a window.
func TestFloorLetsAChainThrough(t *testing.T) {
	bubble(t, func(t *testing.T) {
		r := newRig(t, Config{}, byIP)
		defer r.e.Close()
		r.set(nodeB, node{})
		r.set(nodeC, node{})
		c := r.open(100, nodeA)
		r.say(c[0], movingTo(1, 15*s, nodeB))
		r.pass(s / 2)
		assert.Equal(t, map[string]int{nodeB: 100}, r.peers())
		r.say(c[0], movingTo(2, 15*s, nodeC))
		r.pass(7 * s)
		assert.Equal(t, map[string]int{nodeC: 100}, r.peers())
		assert.Equal(t, 200, r.dialCount())
	})
}

func TestFloor(t *testing.T) {
	f := throttle{conns: map[uint64]rested{}}
	f.population(60, at(0))
	for i := range uint64(60) {
		assert.Equal(t, at(0), f.free(at(0)))
		f.begin(i, at(0))
	}
	assert.True(t, f.free(at(0)).After(at(0)), "one for each connection")
	assert.WithinDuration(t, at(0.1), f.free(at(0)), 5*time.Millisecond)
	assert.Equal(t, at(1), f.free(at(1)))
	assert.InDelta(t, 10, f.tokens, 0.1)
	f.moved(1, at(1))
	assert.Equal(t, at(2), f.conns[1].until)
	var pauses []time.Duration
	for range 6 {
		f.begin(2, at(1))
		pauses = append(pauses, f.conns[2].until.Sub(at(1)))
	}
	ms := time.Millisecond
	assert.Equal(t, []time.Duration{200 * ms, 400 * ms, 800 * ms, s, s, s}, pauses, "failures wait longer and longer, also for another plan")
	f.population(600, at(1000))
	assert.Equal(t, at(1000), f.free(at(1000)))
	assert.InDelta(t, 100, f.rate(), 0.1)
}

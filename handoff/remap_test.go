package handoff

import (
	"testing"

	"github.com/stretchr/testify/assert"
)

// H-37, H-38, H-39, H-57.
func TestOnlyDialsToTheRetiringPeerAreRemapped(t *testing.T) {
	const a6, b6 = "[2001:db8::1]:12000", "[2001:db8::2]:12000"
	aToB := []leaving{{peer: nodeA, target: nodeB}}
	stillServing := []leaving{{peer: nodeA, target: nodeB, serves: true}}
	for _, c := range []struct {
		why    string
		listed []string
		out    []leaving
		want   []string
	}{
		{"nothing goes on", []string{nodeA, nodeB}, nil, []string{nodeA, nodeB}},
		{"the peer itself", []string{nodeA}, aToB, []string{nodeB}},
		{"a sibling first in the list stays first", []string{nodeC, nodeA}, aToB, []string{nodeC, nodeB}},
		{"the peer is replaced where it stands", []string{nodeA, nodeC}, aToB, []string{nodeB, nodeC}},
		{"the target is listed already", []string{nodeA, nodeB, nodeC}, aToB, []string{nodeB, nodeC}},
		{"the list does not show the peer any more", []string{nodeC}, aToB, []string{nodeC, nodeB}},
		{"place not known, or sick: the retiring peer comes last", []string{nodeA, nodeC}, []leaving{{peer: nodeA}}, []string{nodeC, nodeA}},
		{"nowhere else to go", []string{nodeA}, []leaving{{peer: nodeA}}, []string{nodeA}},
		{"two peers", []string{nodeA, nodeB}, []leaving{{peer: nodeB, target: nodeC}, {peer: nodeA, target: "10.0.0.4:1"}}, []string{"10.0.0.4:1", nodeC}},
		{"the other IP version may be the same host", []string{a6, nodeA}, aToB, []string{nodeB, a6}},
		{"siblings whose version is known come before", []string{a6, b6, nodeA, nodeC}, aToB, []string{nodeB, nodeC, a6, b6}},
		{"mapped IPv4 is the same address", []string{"[::ffff:10.0.0.1]:12000"}, aToB, []string{nodeB}},
		{"a name nobody resolves", []string{byDNS}, aToB, []string{nodeB, byDNS}},
		{"peers that nobody sees", []string{nodeC}, []leaving{{peer: "pipe", target: nodeB}}, []string{nodeB, nodeC}},
		{"until the announced time the peer itself is the last resort", []string{nodeA}, stillServing, []string{nodeB, nodeA}},
		{"behind siblings, and behind what may be anything", []string{nodeA, a6, nodeC}, stillServing, []string{nodeB, nodeC, a6, nodeA}},
		{"but only if it is listed", []string{nodeC}, stillServing, []string{nodeC, nodeB}},
		{"unix socket", []string{"/tmp/s"}, []leaving{{peer: ""}}, []string{"/tmp/s"}},
		{"another port is another server", []string{"10.0.0.1:1"}, aToB, []string{"10.0.0.1:1", nodeB}},
	} {
		assert.Equal(t, c.want, remap(c.listed, c.out), c.why)
	}
}

func TestRetiringPeerIsTheLastResortUntilTheAnnouncedTime(t *testing.T) {
	bubble(t, func(t *testing.T) {
		r := newRig(t, Config{}, nodeA)
		defer r.e.Close()
		r.set(nodeB, node{})
		r.say(r.open(1, nodeA)[0], movingTo(1, 15*s, nodeB))
		r.pass(14 * s)
		assert.Equal(t, []string{nodeB, nodeA}, r.e.Remap([]string{nodeA}))
		r.pass(2 * s)
		assert.Equal(t, []string{nodeB}, r.e.Remap([]string{nodeA}))
		r.pass(4 * s)
		assert.Equal(t, []string{nodeA}, r.e.Remap([]string{nodeA}))
	})
}

func TestRetiresFollowsTheJobs(t *testing.T) {
	bubble(t, func(t *testing.T) {
		r := newRig(t, Config{}, byDNS)
		defer r.e.Close()
		r.setDNS(domain, "10.0.0.1")
		assert.False(t, r.e.Leaving())
		r.say(r.open(1, nodeA)[0], movingTo(1, 15*s, ""))
		assert.True(t, r.e.Leaving())
		assert.True(t, r.e.Retires(nodeA))
		assert.False(t, r.e.Retires(nodeB))
		r.pass(20 * s)
		assert.False(t, r.e.Retires(nodeA))
	})
}

// The newest announcement names the first place to go if it is not known which peer a dial would reach.
func TestNewestAnnouncementIsAskedFirst(t *testing.T) {
	bubble(t, func(t *testing.T) {
		r := newRig(t, Config{}, byDNS)
		defer r.e.Close()
		r.set(nodeC, node{})
		a, b := r.open(1, nodeA)[0], r.open(1, nodeB)[0]
		r.say(a, movingTo(1, 15*s, nodeC))
		r.say(b, movingTo(2, 15*s, "10.0.0.4:12000"))
		assert.Equal(t, []string{"10.0.0.4:12000", nodeC, byDNS}, r.e.Remap([]string{byDNS}))
	})
}

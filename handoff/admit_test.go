package handoff

import (
	"fmt"
	"testing"
	"time"

	"github.com/baton-go/baton/conn"
	"github.com/stretchr/testify/assert"
)

// The address to which a connection has led counts, not how the server has spelled it (H-121).
func TestAdmitJudgesTheConnectedAddress(t *testing.T) {
	for _, c := range []struct {
		target, peer, connected string
		allow                   func(string) bool
		ok                      bool
	}{
		{"localhost:6379", nodeA, "127.0.0.1:6379", nil, false},
		{"localhost.:6379", nodeA, "[::1]:6379", nil, false},
		{"127.1:6379", nodeA, "127.0.0.1:6379", nil, false},
		{"2130706433:6379", nodeA, "127.0.0.1:6379", nil, false},
		{"evil.example.com:6379", nodeA, "[::ffff:127.0.0.1]:6379", nil, false},
		{"evil.example.com:6379", nodeA, "0.0.0.0:6379", nil, false},
		{"evil.example.com:6379", nodeA, "127.8.8.8:6379", nil, false},
		{"evil.example.com:80", nodeA, "169.254.169.254:80", nil, false},
		{"evil.example.com:80", nodeA, "[fe80::1%eth0]:80", nil, false},
		{"evil.example.com:80", "127.0.0.1:7000", "169.254.169.254:80", nil, false},
		// Negative control.
		{"good.example.com:6379", nodeA, nodeB, nil, true},
		{"localhost:7001", "127.0.0.1:7000", "[::1]:7001", nil, true},
		{"localhost:7001", "", "127.0.0.1:7001", nil, true},
		{"localhost:6379", nodeA, "127.0.0.1:6379", func(string) bool { return true }, true},
		{"localhost:6379", nodeA, "pipe", nil, true},
	} {
		r := newRig(t, Config{AllowEndpoint: c.allow, DryRun: true}, byIP)
		r.receive(ConnInfo{Info: conn.Info{ID: 1, Peer: c.peer}}, movingTo(1, 15*s, c.target), nil)
		err := r.e.Admit(c.target, c.connected)
		why := fmt.Sprintf("%s from %s leads to %s", c.target, c.peer, c.connected)
		assert.Equal(t, c.ok, err == nil, why)
		assert.NoError(t, r.e.Admit("other.example.com:1", c.connected), "nobody has named it: "+why)
		assert.NoError(t, r.e.Admit(byIP, c.connected), "configured: "+why)
		if !c.ok {
			assert.ErrorIs(t, err, errRefused)
			assert.EqualValues(t, 1, r.m.Stats().Refused, why)
			r.receive(ConnInfo{Info: conn.Info{ID: 1, Peer: c.peer}}, movingTo(2, 15*s, c.target), nil)
			assert.EqualValues(t, 2, r.m.Stats().Refused, "named again: "+why)
		}
		r.e.Close()
	}
}

// A local peer that names what a foreign one has named too makes it no better.
func TestAdmitTrustsNobodyMoreThanTheWorst(t *testing.T) {
	h := namedAddrs{}
	assert.Empty(t, h.note("localhost:1", nodeA, at(100), at(0)))
	assert.Empty(t, h.note("localhost:1", "127.0.0.1:7", at(100), at(1)))
	assert.Equal(t, trust{}, h["localhost:1"].trust)
	assert.Empty(t, h.note("localhost:1", "127.0.0.1:7", at(300), at(200)))
	assert.Equal(t, trust{loopback: true}, h["localhost:1"].trust, "forgotten in the end")
}

func TestHearsayIsBounded(t *testing.T) {
	h := namedAddrs{}
	for i := range 3 * maxNamed {
		h.note(fmt.Sprint("h", i, ":1"), nodeA, at(100), at(0))
	}
	assert.Len(t, h, maxNamed)
	assert.NotEmpty(t, h.note("late:1", nodeA, at(100), at(0)), "what is not remembered is not dialled")
	assert.Empty(t, h.note("later:1", nodeA, at(300), at(200)), "until there is room")
}

// A name that leads to loopback is left at once, and everybody goes as if no target had been named.
func TestTargetThatLeadsHomeIsLeft(t *testing.T) {
	for _, addr := range []string{byDNS, byIP} {
		bubble(t, func(t *testing.T) {
			r := newRig(t, Config{}, addr)
			defer r.e.Close()
			r.setDNS(domain, "10.0.0.1")
			r.setDNS("evil", "127.0.0.1")
			r.set("127.0.0.1:6379", node{})
			r.set(nodeA, node{})
			r.set(nodeB, node{})
			c := r.open(30, nodeA)
			r.say(c[0], movingTo(1, 15*s, "evil:6379"))
			r.pass(3 * time.Second)
			assert.LessOrEqual(t, r.dialCount(), maxUnproven, r.dialLog())
			assert.EqualValues(t, 1, r.m.Stats().Refused)
			assert.Equal(t, map[string]int{nodeA: 30}, r.peers())
			assert.NotContains(t, r.dialsGo(nodeA), "evil:6379")
			r.setDNS(domain, "10.0.0.2")
			r.pass(6 * time.Second)
			if addr == byDNS {
				assert.Equal(t, map[string]int{nodeB: 30}, r.peers())
			} else {
				assert.Equal(t, 30, r.events(MoveSucceeded), "at half of the time")
			}
		})
	}
}

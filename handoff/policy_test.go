package handoff

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
)

var (
	announced = movingTo(5, 15*s, nodeB)
	null      = movingTo(5, 15*s, "")
	base      = view{peer: nodeA, cap: 60 * s, jitter: s / 2}
)

func with(f func(v *view)) view { v := base; f(&v); return v }

var decisions = []struct {
	why  string
	n    Notification
	v    view
	want action
}{
	{"no notification", Notification{}, base, action{reason: "no notification"}},
	// openings
	{"opening", shardEvent(Migrating, 1, 2*s), base, action{do: openWindow, until: at(62), reason: "operation announced"}},
	{"opening without seconds", Notification{EventID: EventID{Kind: FailingOver}}, base, action{do: openWindow, until: at(60), reason: "operation announced"}},
	{"slots", Notification{EventID: EventID{SMigrating, 1, true}}, base, action{do: openWindow, until: at(60), reason: "operation announced"}},
	{"opening again", shardEvent(Migrating, 1, 2*s), with(func(v *view) { v.known = true }),
		action{do: extendWindow, until: at(62), repeat: true, reason: "announced before"}},
	// closings
	{"closing of an open window", shardEvent(FailedOver, 2, 0), with(func(v *view) { v.opened = true }), action{do: closeWindow, reason: "operation is over"}},
	{"live MIGRATED looks the peer up", shardEvent(Migrated, 2, 0), with(func(v *view) { v.opened, v.named = true, true }),
		action{do: closeWindow, check: true, reason: "operation is over"}},
	{"live MIGRATED whose opening was missed", shardEvent(Migrated, 2, 0), with(func(v *view) { v.named = true }),
		action{check: true, reason: "no operation is open that it ends"}},
	{"replay", shardEvent(Migrated, 2, 0), with(func(v *view) { v.justOptedIn, v.named = true, true }),
		action{repeat: true, replay: true, reason: "completion kept for new connections"}},
	{"a fresh connection and an open window: not a replay", shardEvent(Migrated, 2, 0), with(func(v *view) { v.justOptedIn, v.opened = true, true }),
		action{do: closeWindow, reason: "operation is over"}},
	{"copy of a closing must not end another window", shardEvent(Migrated, 2, 0), with(func(v *view) { v.known, v.opened = true, true }),
		action{repeat: true, reason: "told before"}},
	// MOVING
	{"named target", announced, base, action{do: move, plan: plan{strategy: namedTarget, targets: []string{nodeB}, start: at(0.5), deadline: at(15)}, until: at(19), reason: "server named a target"}},
	{"no seconds: 15", Notification{EventID: EventID{Kind: Moving}, Endpoint: nodeB}, base,
		action{do: move, plan: plan{strategy: namedTarget, targets: []string{nodeB}, start: at(0.5), deadline: at(15)}, until: at(19), reason: "server named a target"}},
	{"now", movingTo(5, 0, nodeB), with(func(v *view) { v.jitter = 0 }),
		action{do: move, plan: plan{strategy: namedTarget, targets: []string{nodeB}, start: at(0), deadline: at(0)}, until: at(4), reason: "server named a target"}},
	{"copy", announced, with(func(v *view) { v.known = true }), action{do: join, repeat: true, reason: "announced before"}},
	{"told by the place the event led to (H-28)", announced, with(func(v *view) { v.arrived = true }), action{repeat: true, reason: "a handoff of this event led here"}},
	{"already there", announced, with(func(v *view) { v.peer = nodeB }), action{repeat: true, reason: "connected to the target already"}},
	{"null, name and peer known", null, with(func(v *view) { v.named = true }),
		action{do: move, plan: plan{strategy: followName, start: at(0.5), deadline: at(15)}, until: at(19), reason: "no target: wait for the name to move"}},
	{"null, no name: half of the time", null, base,
		action{do: move, plan: plan{strategy: reconnectHalfway, start: at(8), deadline: at(15)}, until: at(19), reason: "no target and nothing to ask: reconnect at half of the time"}},
	{"null, peer unknown", null, with(func(v *view) { v.named, v.peer, v.jitter = true, "", 0 }),
		action{do: move, plan: plan{strategy: reconnectHalfway, start: at(7.5), deadline: at(15)}, until: at(19), reason: "no target and nothing to ask: reconnect at half of the time"}},
	{"one second, H-19", movingTo(5, s, ""), with(func(v *view) { v.jitter = 0 }),
		action{do: move, plan: plan{strategy: reconnectHalfway, start: at(0.5), deadline: at(1)}, until: at(5), reason: "no target and nothing to ask: reconnect at half of the time"}},
	{"unreadable target moves nobody (H-140)", Notification{EventID: EventID{Moving, 5, true}, In: 15 * s, HasIn: true, Unreadable: true}, base,
		action{do: openWindow, until: at(19), reason: "the target cannot be read: nobody moves unless the peer closes"}},
	{"barred target goes as null", announced, with(func(v *view) { v.named, v.refused = true, "AllowEndpoint refuses the target" }),
		action{do: move, plan: plan{strategy: followName, start: at(0.5), deadline: at(15)}, until: at(19), reason: "AllowEndpoint refuses the target"}},
}

func TestDecide(t *testing.T) {
	for _, c := range decisions {
		if c.want.do == move {
			c.want.plan.event, c.want.plan.opened, c.want.plan.until = c.n.EventID, t0, c.want.until
		}
		assert.Equal(t, c.want, decide(c.n, c.v, t0), c.why)
	}
}

func TestJitterBound(t *testing.T) {
	assert.Equal(t, s, jitterBound(movingTo(1, 15*s, ""), s), "at most the setting")
	assert.Equal(t, 200*time.Millisecond, jitterBound(movingTo(1, 2*s, ""), s), "at most a tenth")
	assert.Zero(t, jitterBound(movingTo(1, 0, ""), s), "now means now")
	assert.Equal(t, s, jitterBound(Notification{EventID: EventID{Kind: Moving}}, s), "unknown time")
	assert.Zero(t, jitterBound(movingTo(1, 15*s, ""), -1), "turned off")
	for range 100 {
		assert.Less(t, randomly(s), s)
	}
	assert.Zero(t, randomly(-1))
}

func TestTargetRefused(t *testing.T) {
	const localTarget, refused = "the target is local to this host and the peer is not", "AllowEndpoint refuses the target"
	only := func(host string) bool { return host == "good.example.com" }
	for _, c := range []struct {
		endpoint, peer string
		allow          func(string) bool
		want           string
	}{
		{"", nodeA, only, ""},
		{nodeB, nodeA, nil, ""},
		{"good.example.com:1", nodeA, only, ""},
		{"evil.example.com:1", nodeA, only, refused},
		{nodeB, nodeA, only, refused},
		{nodeB, nodeA, func(string) bool { panic("user's fault") }, refused},
		// Forged announcements.
		{"127.0.0.1:6379", nodeA, nil, localTarget},
		{"[::1]:6379", nodeA, nil, localTarget},
		{"169.254.169.254:80", nodeA, nil, localTarget},
		{"[fe80::1]:6379", nodeA, nil, localTarget},
		{"127.0.0.1:6379", nodeA, func(string) bool { return true }, ""},
		// Negative control: tests and tunnels live on this host.
		{"127.0.0.1:7001", "127.0.0.1:7000", nil, ""},
		{"127.0.0.1:7001", "[::1]:7000", nil, ""},
		{"169.254.1.2:7001", "169.254.1.1:7000", nil, ""},
		{"127.0.0.1:7001", "", nil, ""},
	} {
		assert.Equal(t, c.want, targetRefused(c.endpoint, c.peer, c.allow), "%s from %s", c.endpoint, c.peer)
	}
}

func TestMemory(t *testing.T) {
	m := memory[announcement]{}
	e := announcementOf(movingTo(0, 15*s, nodeB), nodeA)
	assert.False(t, m.has(e, at(0)))
	m.add(e, at(120))
	assert.True(t, m.has(e, at(119)))
	assert.False(t, m.has(e, at(120)), "expires")
	for why, other := range map[string]announcement{
		"H-30: no seq is not seq 0":           announcementOf(Notification{EventID: EventID{Kind: Moving}, Endpoint: nodeB}, nodeA),
		"H-31: another seq, also a lower one": announcementOf(movingTo(-1, 0, nodeB), nodeA),
		"H-32: same seq, other target":        announcementOf(movingTo(0, 0, nodeC), nodeA),
		"H-33: same event, other peer":        announcementOf(movingTo(0, 0, nodeB), nodeC),
		"H-86: same seq, other kind":          announcementOf(shardEvent(Migrated, 0, 0), nodeA),
	} {
		assert.False(t, m.has(other, at(1)), why)
	}
	for i := range int64(4_000) { // H-91
		m.add(announcement{EventID: EventID{Kind: Migrating, Seq: i}}, at(float64(200+i)))
	}
	assert.LessOrEqual(t, len(m), maxMemory)
	assert.True(t, m.has(announcement{EventID: EventID{Kind: Migrating, Seq: 3_999}}, at(1)))
}

// H-13: a breaker that opens must be able to close.
func TestBreaker(t *testing.T) {
	set := breakers{}
	b := set.get(nodeB)
	assert.Same(t, b, set.get(nodeB))
	for range 4 {
		assert.False(t, b.fail(at(0), 5, 60*s))
		assert.True(t, b.allows(at(0)))
	}
	b.succeed(at(0), 3)
	for range 4 {
		assert.False(t, b.fail(at(0), 5, 60*s), "a success in between starts the count anew")
	}
	assert.True(t, b.fail(at(0), 5, 60*s))
	assert.False(t, b.allows(at(59)))
	assert.True(t, b.allows(at(60)), "half-open by the clock alone")
	assert.True(t, b.halfOpen(at(60)))
	assert.True(t, b.fail(at(60), 5, 60*s), "one failure while half-open")
	assert.False(t, b.allows(at(119)))
	for range 2 {
		b.succeed(at(120), 3)
		assert.True(t, b.halfOpen(at(120)))
	}
	b.succeed(at(120), 3)
	assert.False(t, b.halfOpen(at(120)), "closed after three probes")
	assert.False(t, b.fail(at(121), 5, 60*s))
}

// Targets come from the wire.
func TestBreakersAreBounded(t *testing.T) {
	set := breakers{}
	bad := set.get(nodeB)
	bad.fail(at(0), 5, 60*s)
	for i := range 1_000 {
		set.get(time.Duration(i).String())
	}
	assert.LessOrEqual(t, len(set), maxBreakers)
	assert.Same(t, bad, set.get(nodeB), "those with failures are remembered longest")
}

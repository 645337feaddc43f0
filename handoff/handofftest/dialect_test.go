package handofftest_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/baton-go/baton/handoff/handofftest"
)

// dialects are the shapes of a named MOVING, of one without an address, and of a
// shard completion.
var dialects = []struct {
	name                  string
	dialect               handofftest.Dialect
	moving, null, failing string
}{
	{
		"as captured", handofftest.Dialect{},
		">4\r\n$6\r\nMOVING\r\n:0\r\n:15\r\n$3\r\nh:1\r\n",
		">4\r\n$6\r\nMOVING\r\n:1\r\n:15\r\n_\r\n",
		">4\r\n$12\r\nFAILING_OVER\r\n:2\r\n:2\r\n$6\r\n[\"21\"]\r\n",
	},
	{
		"simple strings", handofftest.Dialect{SimpleName: true, SimpleEndpoint: true},
		">4\r\n+MOVING\r\n:0\r\n:15\r\n+h:1\r\n",
		">4\r\n+MOVING\r\n:1\r\n:15\r\n_\r\n",
		">4\r\n+FAILING_OVER\r\n:2\r\n:2\r\n$6\r\n[\"21\"]\r\n",
	},
	{
		"null of RESP2", handofftest.Dialect{NullBulk: true},
		">4\r\n$6\r\nMOVING\r\n:0\r\n:15\r\n$3\r\nh:1\r\n",
		">4\r\n$6\r\nMOVING\r\n:1\r\n:15\r\n$-1\r\n",
		">4\r\n$12\r\nFAILING_OVER\r\n:2\r\n:2\r\n$6\r\n[\"21\"]\r\n",
	},
	{
		"null as text", handofftest.Dialect{NullText: "(nil)"},
		">4\r\n$6\r\nMOVING\r\n:0\r\n:15\r\n$3\r\nh:1\r\n",
		">4\r\n$6\r\nMOVING\r\n:1\r\n:15\r\n$5\r\n(nil)\r\n",
		">4\r\n$12\r\nFAILING_OVER\r\n:2\r\n:2\r\n$6\r\n[\"21\"]\r\n",
	},
	{
		"short", handofftest.Dialect{ShortMoving: true, BareShards: true},
		">3\r\n$6\r\nMOVING\r\n:0\r\n:15\r\n",
		">3\r\n$6\r\nMOVING\r\n:1\r\n:15\r\n",
		">2\r\n$12\r\nFAILING_OVER\r\n:2\r\n",
	},
	{
		"no number", handofftest.Dialect{NoSeq: true},
		">3\r\n$6\r\nMOVING\r\n:15\r\n$3\r\nh:1\r\n",
		">3\r\n$6\r\nMOVING\r\n:15\r\n_\r\n",
		">3\r\n$12\r\nFAILING_OVER\r\n:2\r\n$6\r\n[\"21\"]\r\n",
	},
	{
		"numbers as text, one element more", handofftest.Dialect{TextInts: true, Extra: true},
		">5\r\n$6\r\nMOVING\r\n$1\r\n0\r\n$2\r\n15\r\n$3\r\nh:1\r\n$5\r\nextra\r\n",
		">5\r\n$6\r\nMOVING\r\n$1\r\n1\r\n$2\r\n15\r\n_\r\n$5\r\nextra\r\n",
		">5\r\n$12\r\nFAILING_OVER\r\n$1\r\n2\r\n$1\r\n2\r\n$6\r\n[\"21\"]\r\n$5\r\nextra\r\n",
	},
	{
		"attribute", handofftest.Dialect{Attribute: true},
		"|1\r\n+kit\r\n:1\r\n>4\r\n$6\r\nMOVING\r\n:0\r\n:15\r\n$3\r\nh:1\r\n",
		"|1\r\n+kit\r\n:1\r\n>4\r\n$6\r\nMOVING\r\n:1\r\n:15\r\n_\r\n",
		"|1\r\n+kit\r\n:1\r\n>4\r\n$12\r\nFAILING_OVER\r\n:2\r\n:2\r\n$6\r\n[\"21\"]\r\n",
	},
}

func TestDialectsShapeEveryPush(t *testing.T) {
	for _, tc := range dialects {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				g := newRig(t, handofftest.Options{Dialect: tc.dialect})
				n := g.node("10.0.0.1:6379")
				g.optedIn(n)
				n.Moving(15*time.Second, "h:1")
				n.Moving(15*time.Second, "")
				g.FailingOver(2*time.Second, "21")
				want := []string{tc.moving, tc.null, tc.failing}
				var got []string
				for _, p := range g.Pushes() {
					got = append(got, string(p.Frame))
				}
				assert.Equal(t, want, got)
			})
		})
	}
}

func TestSlotPushes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newRig(t, handofftest.Options{})
		p := g.optedIn(g.node("10.0.0.1:6379"))
		g.SetSeq(16)
		g.SlotsMigrating("123,456,789-1000")
		g.SlotsMigrated(handofftest.SlotMove{From: "10.0.0.1:12000", To: "10.0.0.2:12000", Slots: "0-5460"})
		assert.Equal(t, ">3\r\n$10\r\nSMIGRATING\r\n:16\r\n$16\r\n123,456,789-1000\r\n", encoded(p.read()))
		assert.Equal(t, ">3\r\n$9\r\nSMIGRATED\r\n:17\r\n*1\r\n*3\r\n$14\r\n10.0.0.1:12000\r\n$14\r\n10.0.0.2:12000\r\n$6\r\n0-5460\r\n", encoded(p.read()))
	})
}

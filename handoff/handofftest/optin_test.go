package handofftest_test

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/baton-go/baton/handoff/handofftest"
)

func TestOptInAnswers(t *testing.T) {
	on := []string{"CLIENT", "MAINT_NOTIFICATIONS", "ON"}
	for _, tc := range []struct {
		name  string
		state handofftest.Maintenance
		args  []string
		want  string
	}{
		{"bare", handofftest.MaintenanceOn, on, "OK"},
		{"lower case", handofftest.MaintenanceOn, []string{"client", "maint_notifications", "on", "moving-endpoint-type", "none"}, "OK"},
		{"every word in upper case", handofftest.MaintenanceOn, []string{"CLIENT", "MAINT_NOTIFICATIONS", "ON", "MOVING-ENDPOINT-TYPE", "EXTERNAL-IP"}, "OK"},
		{"off", handofftest.MaintenanceOn, []string{"CLIENT", "MAINT_NOTIFICATIONS", "OFF"}, "OK"},
		{"unknown type", handofftest.MaintenanceOn, append(on, "moving-endpoint-type", "auto"), "-ERR unknown moving-endpoint-type 'auto'"},
		{"type missing", handofftest.MaintenanceOn, append(on, "moving-endpoint-type"), "-ERR syntax error"},
		{"no state", handofftest.MaintenanceOn, on[:2], "-ERR syntax error"},
		{"switched off", handofftest.MaintenanceOff, on, "-ERR maintenance notifications are disabled on this server"},
		{"unknown", handofftest.MaintenanceUnknown, on, "-ERR unknown subcommand 'MAINT_NOTIFICATIONS'. Try CLIENT HELP."},
		{"unknown keeps the case", handofftest.MaintenanceUnknown, []string{"client", "maint_notifications", "on"}, "-ERR unknown subcommand 'maint_notifications'. Try CLIENT HELP."},
	} {
		t.Run(tc.name, func(t *testing.T) {
			g := newRig(t, handofftest.Options{Maintenance: tc.state})
			p := g.resp3(g.node("10.0.0.1:6379"))
			assert.Equal(t, tc.want, p.text(tc.args...))
			assert.Equal(t, "PONG", p.text("PING"), "the replies stay aligned")
		})
	}
}

func TestOptInOnRESP2IsAcceptedAndSilentForEver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newRig(t, handofftest.Options{})
		n := g.node("10.0.0.1:6379")
		p := g.dial(n)
		assert.Equal(t, "OK", p.text("CLIENT", "MAINT_NOTIFICATIONS", "ON"))
		n.Moving(time.Second, "")
		g.FailedOver()
		p.silent(time.Hour)
		require.Error(t, g.CheckOptIn(), "a verdict must not be drawn from this")
	})
}

func TestOptInCheckPassesOnceAConnectionHasOptedIn(t *testing.T) {
	g := newRig(t, handofftest.Options{})
	n := g.node("10.0.0.1:6379")
	g.resp3(n)
	require.ErrorContains(t, g.CheckOptIn(), "1 connections accepted, 1 commands received")
	g.optedIn(n)
	require.NoError(t, g.CheckOptIn())
	assert.EqualValues(t, 1, g.OptIns())
}

func TestOffAndResetEndTheOptIn(t *testing.T) {
	for _, end := range [][]string{{"CLIENT", "MAINT_NOTIFICATIONS", "OFF"}, {"RESET"}, {"HELLO", "2"}} {
		synctest.Test(t, func(t *testing.T) {
			g := newRig(t, handofftest.Options{})
			n := g.node("10.0.0.1:6379")
			p := g.optedIn(n)
			p.do(end...)
			n.Moving(time.Second, "")
			p.silent(time.Minute)
			assert.Zero(t, n.Stats().OptedIn)
		})
	}
}

func TestMovingNamesTheEndpointInTheFormAskedFor(t *testing.T) {
	const addr, name = "10.0.0.2:6379", "node2.example:6379"
	for _, tc := range []struct{ form, target, want string }{
		{"internal-ip", addr, addr},
		{"external-ip", addr, addr},
		{"internal-fqdn", addr, name},
		{"external-fqdn", addr, name},
		{"external-ip", name, addr},
		{"external-fqdn", "10.9.9.9:1", "10.9.9.9:1"},
		{"none", addr, ""},
		{"", addr, ""},
		{"external-ip", "", ""},
	} {
		t.Run(tc.form+" "+tc.target, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				g := newRig(t, handofftest.Options{})
				g.SetName(addr, "node2.example")
				n := g.node("10.0.0.1:6379")
				p := g.resp3(n)
				optIn := []string{"CLIENT", "MAINT_NOTIFICATIONS", "ON", "moving-endpoint-type", tc.form}
				if tc.form == "" {
					optIn = optIn[:3]
				}
				require.Equal(t, "OK", p.text(optIn...))
				n.Moving(15*time.Second, tc.target)
				want := "_\r\n"
				if tc.want != "" {
					want = fmt.Sprintf("$%d\r\n%s\r\n", len(tc.want), tc.want)
				}
				assert.Equal(t, ">4\r\n$6\r\nMOVING\r\n:0\r\n:15\r\n"+want, encoded(p.read()))
			})
		})
	}
}

func TestLateJoinersAreToldTheSecondsThatAreLeft(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newRig(t, handofftest.Options{})
		n := g.node("10.0.0.1:6379")
		begin := time.Now()
		n.Moving(15*time.Second, "10.0.0.2:6379")
		for _, tc := range []struct {
			after time.Duration
			want  int
		}{{0, 15}, {3200 * time.Millisecond, 11}, {15 * time.Second, 0}, {15500 * time.Millisecond, -1}, {20 * time.Second, -5}} {
			time.Sleep(tc.after - time.Since(begin)) // fake time
			p := g.optedIn(n)
			assert.Equal(t, fmt.Sprintf(">4\r\n$6\r\nMOVING\r\n:0\r\n:%d\r\n$13\r\n10.0.0.2:6379\r\n", tc.want), encoded(p.read()), "after %v", tc.after)
		}
		n.EndMoving()
		g.optedIn(n).silent(time.Minute)
	})
}

func TestTheLastShardCompletionIsReplayedToEveryNewcomer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newRig(t, handofftest.Options{})
		n := g.node("10.0.0.1:6379")
		witness := g.optedIn(n)
		require.EqualValues(t, 0, g.FailingOver(2*time.Second, "21"))
		require.EqualValues(t, 1, g.FailedOver("21"))
		assert.Equal(t, ">4\r\n$12\r\nFAILING_OVER\r\n:0\r\n:2\r\n$6\r\n[\"21\"]\r\n", encoded(witness.read()))
		const closer = ">3\r\n$11\r\nFAILED_OVER\r\n:1\r\n$6\r\n[\"21\"]\r\n"
		assert.Equal(t, closer, encoded(witness.read()))
		time.Sleep(3 * time.Hour) // fake time
		for range 2 {
			assert.Equal(t, closer, encoded(g.optedIn(n).read()), "not used up, not aged out, old number")
		}
		g.Migrating(time.Second, "1")
		require.EqualValues(t, 3, g.Migrated("1", "2"))
		assert.Equal(t, ">3\r\n$8\r\nMIGRATED\r\n:3\r\n$9\r\n[\"1\",\"2\"]\r\n", encoded(g.optedIn(n).read()))

		n.Moving(10*time.Second, "")
		p := g.optedIn(n)
		assert.Contains(t, encoded(p.read()), "MIGRATED")
		assert.Contains(t, encoded(p.read()), "MOVING")
		assert.Equal(t, "OK", p.text("CLIENT", "MAINT_NOTIFICATIONS", "ON"), "asked again")
		p.silent(time.Minute)
	})
}

func TestCatchUpComesInTheSegmentOfOKOrLater(t *testing.T) {
	const reply = "+OK\r\n>3\r\n$8\r\nMIGRATED\r\n:0\r\n$5\r\n[\"1\"]\r\n"
	for _, after := range []time.Duration{0, 17 * time.Millisecond} {
		synctest.Test(t, func(t *testing.T) {
			g := newRig(t, handofftest.Options{CatchUp: after})
			g.Migrated()
			p := g.resp3(g.node("10.0.0.1:6379"))
			begin := time.Now()
			p.send("CLIENT", "MAINT_NOTIFICATIONS", "ON")
			b := make([]byte, 1000)
			n, err := p.conn.Read(b)
			require.NoError(t, err)
			if after == 0 {
				assert.Equal(t, reply, string(b[:n]))
				return
			}
			assert.Equal(t, "+OK\r\n", string(b[:n]))
			n, err = p.conn.Read(b)
			require.NoError(t, err)
			assert.Equal(t, reply, "+OK\r\n"+string(b[:n]))
			assert.Equal(t, after, time.Since(begin))
		})
	}
}

func TestSequenceNumbersAreOnePerDatabase(t *testing.T) {
	g := newRig(t, handofftest.Options{})
	a, b := g.node("10.0.0.1:1"), g.node("10.0.0.2:1")
	var got []int64
	got = append(got, a.Moving(1, ""), g.Migrating(1), b.Moving(1, ""), g.SlotsMigrating("1-5"), g.SlotsMigrated())
	assert.Equal(t, []int64{0, 1, 2, 3, 4}, got)
	g.SetSeq(0)
	assert.Zero(t, a.Moving(1, ""), "a counter that starts again")
}

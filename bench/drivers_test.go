package main

import (
	"context"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// testServer starts the server that the benchmark would start.
func testServer(t *testing.T) *server {
	t.Helper()
	s, err := startServer("redis-server", true)
	require.NoError(t, err)
	t.Cleanup(s.stop)
	return s
}

// Every driver gives replies of the right length in every scenario it takes part in, over every network.
func TestDriversGiveWhatScenariosWant(t *testing.T) {
	s := testServer(t)
	for _, network := range []string{"tcp", "unix", "tls"} {
		e, err := (&cell{Cell: Cell{Network: network, Addr: s.addr(network), Roots: s.Roots}, scenario: Scenario{Callers: 1}}).env()
		require.NoError(t, err)
		for _, d := range allDrivers() {
			if d.Open == nil {
				continue
			}
			t.Run(network+"/"+d.Name, func(t *testing.T) {
				session, err := d.Open(e)
				require.NoError(t, err)
				defer session.Close()
				for _, sc := range allScenarios() {
					if sc.Op == nil || !sc.runs(d) {
						continue
					}
					if op := sc.Op(session); op != nil {
						sc.Callers, sc.Burst = 1, false
						l := newLoad(sc, op)
						assert.NoError(t, l.call(context.Background(), l.workers[0]), sc.Name)
						assert.NoError(t, l.call(context.Background(), l.workers[0]), "%s, again", sc.Name)
					}
				}
			})
		}
	}
}

// A server that somebody else runs is not filled.
func TestFillRefusesForeignServer(t *testing.T) {
	theirs := testServer(t)
	ours := testServer(t)
	ours.TCP, theirs.TCP = theirs.TCP, ours.TCP
	assert.ErrorContains(t, ours.fill(), "not ours")
}

// A reply of the wrong length is found: the check above is not blind.
func TestLoadRefusesWrongLength(t *testing.T) {
	short := func(context.Context, *Worker) (int, error) { return smallValue - 1, nil }
	l := newLoad(Scenario{Callers: 1, Want: smallValue}, short)
	assert.EqualError(t, l.call(context.Background(), l.workers[0]), "reply of length 63, want 64")
	l.s.Want = -1
	assert.NoError(t, l.call(context.Background(), l.workers[0]))
	l.op = func(context.Context, *Worker) (int, error) { return 0, nil }
	assert.Error(t, l.call(context.Background(), l.workers[0]), "anything above zero")
}

// A cell measures, and one that its driver cannot do is skipped.
func TestCell(t *testing.T) {
	s := testServer(t)
	c := cell{Cell: Cell{Scenario: "get-8", Driver: "shared-floor", Network: "tcp", Addr: s.TCP, Control: s.TCP, Duration: 20e6}}
	m, err := c.measure()
	require.NoError(t, err)
	for _, name := range []string{"ops", "p50", "p99", "p999", "cpu", "server", "writes"} {
		assert.Positive(t, m[name], name)
	}
	assert.LessOrEqual(t, m["p50"], m["p99"])
	c.Scenario = "mget-100"
	_, err = c.measure()
	assert.ErrorIs(t, err, errNotOffered)
	c.Driver = "nobody"
	_, err = c.measure()
	assert.EqualError(t, err, `driver "nobody": not known`)
}

func TestOrderChangesFromRoundToRound(t *testing.T) {
	names := func(d []Driver) (n []string) {
		for _, x := range d {
			n = append(n, x.Name)
		}
		return n
	}
	all := allDrivers()
	first := names(order(all, 0, "get-1"))
	assert.Equal(t, first, names(order(all, 0, "get-1")), "the same in every run")
	assert.NotEqual(t, first, names(order(all, 1, "get-1")))
	assert.ElementsMatch(t, names(all), first)
}

func TestPlanIsChecked(t *testing.T) {
	var p plan
	p.complete(false, "get-*", "baton,floor")
	p.network = "udp"
	assert.EqualError(t, p.check(), `network "udp": neither tcp, unix nor tls`)
	p.network = "tls"
	assert.NoError(t, p.check())
	assert.True(t, p.wants("tls"))
	assert.False(t, p.wants("unix"))
	p.drivers = nil
	assert.ErrorContains(t, p.check(), "0 drivers selected")
}

// -quick leaves out peers where no goal needs them, and measures what takes seconds once.
func TestQuickTakes(t *testing.T) {
	driver := func(name string) Driver {
		d, err := findDriver(name)
		require.NoError(t, err)
		return d
	}
	for _, c := range []struct {
		scenario, driver string
		round            int
		inQuick, inFull  bool
	}{
		{"get-64", "redigo", 2, true, true},
		{"pipe-1000", "redigo", 0, false, true},
		{"pipe-1000", "floor", 2, true, true},
		{"idle-1000", "baton", 0, true, true},
		{"idle-1000", "baton", 1, false, true},
		{"idle-1000", "redcon", 0, false, false},
	} {
		s, err := findScenario(c.scenario)
		require.NoError(t, err)
		assert.Equal(t, c.inQuick, plan{quick: true}.takes(s, driver(c.driver), c.round), "%+v", c)
		assert.Equal(t, c.inFull, plan{}.takes(s, driver(c.driver), c.round), "%+v", c)
	}
}

// A plan with a budget ends after the round that used it up, and says how many it measured.
func TestBudgetEndsRounds(t *testing.T) {
	var p plan
	p.complete(false, "decode-bulk64", "nobody")
	p.binary, p.network, p.rounds = "redis-server", "tcp", 3
	f, err := p.run(nil)
	require.NoError(t, err)
	assert.Equal(t, 3, f.Rounds)
	p.budget = 1
	f, err = p.run(nil)
	require.NoError(t, err)
	assert.Equal(t, 1, f.Rounds)
}

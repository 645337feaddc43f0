package main

import (
	"bytes"
	"errors"
	"log"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

func TestMeterSeesStalls(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := startMeter()
		defer m.stop()
		<-time.After(time.Second)
		require.Equal(t, lateness{of: time.Second}, m.lap())

		// Nobody is woken while the machine stalls: to the meter that is as if it had been woken long ago.
		stall := func(d time.Duration) {
			synctest.Wait() // for the tick of now
			m.mu.Lock()
			m.last = m.last.Add(-d)
			m.mu.Unlock()
		}
		for _, d := range []time.Duration{time.Second, worthCounting - 1, 20 * time.Millisecond} {
			stall(d)
			<-time.After(time.Second)
		}
		require.Equal(t, lateness{of: 3 * time.Second, longest: time.Second, total: 1020 * time.Millisecond}, m.lap())

		stall(time.Minute)
		require.Equal(t, time.Minute-look, m.lap().longest, "the meter itself has not been woken yet")
		<-time.After(time.Second)
		require.Zero(t, m.lap().longest, "it counts once")
	})
}

func TestWhatCountsAsAStalledMachine(t *testing.T) {
	const s, grace = time.Second, 4 * time.Second
	for late, want := range map[lateness]bool{
		{of: 4 * s}: false,
		{of: 4 * s, longest: s * 4 / 10, total: s * 4 / 10}:       false,
		{of: 4 * s, longest: s*4/10 + 1, total: s*4/10 + 1}:       true,
		{of: 4 * s, longest: 20 * time.Millisecond, total: s}:     false,
		{of: 4 * s, longest: 20 * time.Millisecond, total: s + 1}: true,
	} {
		require.Equal(t, want, late.stalled(grace), "%+v", late)
	}
}

// Only a machine that stalled excuses a failure, and not for ever.
func TestRehearsalIsRepeatedIfTheMachineStalled(t *testing.T) {
	well := func() *outcome { return good() }
	bad := func() *outcome { o := good(); o.Failed = 1; return o }
	stalled := func(o *outcome) *outcome { o.stalled = true; return o }
	painless := func() *outcome { return &outcome{Control: true, Phases: good().Phases} }
	for name, c := range map[string]struct {
		runs []*outcome // as many as there must be
		exit int
	}{
		"pass":                         {[]*outcome{well()}, exitPass},
		"pass in spite of a stall":     {[]*outcome{stalled(well())}, exitPass},
		"failure without a stall":      {[]*outcome{bad()}, exitFail},
		"pass after stalls":            {[]*outcome{stalled(bad()), stalled(bad()), well()}, exitPass},
		"failure after a stall":        {[]*outcome{stalled(bad()), bad()}, exitFail},
		"stalls for ever":              {[]*outcome{stalled(bad()), stalled(bad()), stalled(bad()), stalled(bad()), stalled(bad())}, exitFail},
		"control without pain":         {[]*outcome{painless()}, exitFail},
		"control on a stalled machine": {[]*outcome{stalled(painless()), painless()}, exitFail},
	} {
		var out bytes.Buffer
		n := 0
		o, v, err := settle(log.New(&out, "", 0), func() (*outcome, error) { n++; return c.runs[n-1], nil })
		require.NoError(t, err)
		require.Len(t, c.runs, n, name)
		require.Equal(t, n, o.Tries, name)
		require.Equal(t, c.exit, v.Exit, name)
		require.Equal(t, n-1, bytes.Count(out.Bytes(), []byte("this machine stalled")), name)
	}
	_, _, err := settle(nil, func() (*outcome, error) { return nil, errors.New("no server") })
	require.EqualError(t, err, "no server")
}

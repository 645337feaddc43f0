package main

import (
	"bytes"
	"encoding/json"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// good is an outcome that passes.
func good() *outcome {
	o := &outcome{
		Commands: 300, Errors: errCounts{}, Acked: 100, Total: 100, Checked: 200, OptIns: 10, Workers: 4,
		Moves: []move{{
			From: "127.0.0.2:1", To: "127.0.0.3:1", Grace: time.Second, Conns: 5, Told: 5, Heard: 5, Moved: 5,
			LastCommand: 99 * time.Millisecond, LastConn: 100 * time.Millisecond,
		}},
	}
	for p := before; p < phases; p++ {
		o.Phases = append(o.Phases, segment{Name: p.String(), Calls: 100, Commands: 100, P50: 1, P99: 2, P999: 3, Max: 4})
	}
	return o
}

func TestJudgePasses(t *testing.T) {
	v := judge(good())
	require.True(t, v.Pass)
	require.Empty(t, v.Reasons)
	require.Equal(t, exitPass, v.Exit)

	o := good()
	o.Phases[1].P999 = 1000 * o.Phases[0].P999
	o.Moves[0].Moved = 0 // dialled anew: gone from the old endpoint all the same
	require.True(t, judge(o).Pass, "latency and identity are information")
}

func TestJudgeFails(t *testing.T) {
	for name, c := range map[string]struct {
		spoil func(o *outcome)
		exit  int
		says  string
	}{
		"error":               {func(o *outcome) { o.Failed = 1 }, exitFail, "1 calls failed"},
		"lost increment":      {func(o *outcome) { o.Lost = 1 }, exitFail, "1 increments lost"},
		"doubled increment":   {func(o *outcome) { o.Doubled = 2 }, exitFail, "2 increments executed twice"},
		"lost write":          {func(o *outcome) { o.Stale = 1 }, exitFail, "1 writes lost"},
		"crossed reply":       {func(o *outcome) { o.Crossed = 1 }, exitFail, "1 replies crossed"},
		"no opt-in":           {func(o *outcome) { o.OptIns = 0 }, exitFail, "asked for maintenance notifications"},
		"nobody told":         {func(o *outcome) { o.Moves[0].Told = 0 }, exitFail, "move 1: MOVING was sent to nobody"},
		"nobody heard":        {func(o *outcome) { o.Moves[0].Heard = 0 }, exitFail, "did not receive MOVING"},
		"left behind":         {func(o *outcome) { o.Moves[0].Left = 1 }, exitFail, "1 connections were still on the old endpoint"},
		"never seen to leave": {func(o *outcome) { o.Moves[0].LastConn = 0 }, exitFail, "was not seen to leave"},
		"nothing moved":       {func(o *outcome) { o.Moves = nil }, exitFail, "nothing moved"},
		"quiet before":        {func(o *outcome) { o.Phases[0].Commands = 0 }, exitNothing, "in the phase before"},
		"quiet window":        {func(o *outcome) { o.Phases[1].Commands = 0 }, exitNothing, "in the phase during"},
		"quiet after":         {func(o *outcome) { o.Phases[2].Commands = 0 }, exitNothing, "in the phase after"},
		"dead after":          {func(o *outcome) { o.Phases[2].Commands, o.Failed = 0, 9 }, exitFail, "in the phase after"},
		"no phase":            {func(o *outcome) { o.Phases = nil }, exitNothing, "no phase of the run"},
		"nobody to move":      {func(o *outcome) { o.Moves[0].Conns = 0 }, exitNothing, "no connection was on the old endpoint"},
		"no increment":        {func(o *outcome) { o.Acked = 0 }, exitNothing, "no increment"},
		"empty":               {func(o *outcome) { *o = outcome{} }, exitNothing, "nothing moved"},
	} {
		t.Run(name, func(t *testing.T) {
			o := good()
			c.spoil(o)
			v := judge(o)
			require.False(t, v.Pass)
			require.Equal(t, c.exit, v.Exit)
			require.Contains(t, v.Text, "FAIL")
			require.NotEmpty(t, v.Reasons)
			var text bytes.Buffer
			require.NoError(t, writeText(&text, o, v, true))
			require.Contains(t, text.String(), c.says)
		})
	}
}

// windows gives windows with these p99.9 in milliseconds.
func windows(ms ...int) (list []segment) {
	for _, n := range ms {
		list = append(list, segment{P999: time.Duration(n) * time.Millisecond})
	}
	return list
}

func TestWindowsWithAMoveAreComparedWithThoseWithout(t *testing.T) {
	for _, c := range []struct {
		why           string
		quiet, moving []segment
		slow          bool
	}{
		{"nothing was measured", nil, nil, false},
		{"twice as slow", windows(1, 2, 3, 4, 50), windows(6, 6, 6, 1, 90), false},
		{"slower", windows(1, 2, 3, 4, 50), windows(7, 7, 7, 1, 2), true},
		{"too few to tell", windows(1, 1, 1, 1), windows(9, 9, 9, 9, 9), false},
		{"too few moves to tell", windows(1, 1, 1, 1, 1), windows(9, 9, 9, 9), false},
	} {
		o := good()
		o.Unmoved, o.Windows = c.quiet, c.moving
		require.Equal(t, !c.slow, judge(o).Pass, c.why)
		var text bytes.Buffer
		require.NoError(t, writeText(&text, o, judge(o), true))
		if c.slow {
			require.Contains(t, text.String(), "median window with a move was 7.000ms, more than twice the 3.000ms")
			require.Contains(t, text.String(), "with a move it is 2.33 times that without")
		}
	}
	h := make([]hist, 3)
	h[1].add(time.Second)
	quiet, moving := measured(2, h)
	require.Equal(t, []string{"quiet 1", "quiet 2", "move 1"}, []string{quiet[0].Name, quiet[1].Name, moving[0].Name})
	require.Equal(t, []uint64{0, 1, 0}, []uint64{quiet[0].Calls, quiet[1].Calls, moving[0].Calls})
}

func TestJudgeControl(t *testing.T) {
	suffered := func() *outcome {
		o := good()
		o.Control, o.OptIns, o.Failed, o.Moves[0].Told, o.Moves[0].Left = true, 0, 7, 0, 5
		o.Errors = errCounts{"connection refused, not sent": {Count: 7, Example: "x"}}
		return o
	}
	v := judge(suffered())
	require.True(t, v.Pass)
	require.Equal(t, exitPass, v.Exit)
	require.Equal(t, "negative control: errors appeared, as they must", v.Text)
	for name, c := range map[string]struct {
		spoil func(o *outcome)
		exit  int
	}{
		"no error":       {func(o *outcome) { o.Failed = 0 }, exitFail},
		"feature was on": {func(o *outcome) { o.OptIns = 1 }, exitFail},
		"no traffic":     {func(o *outcome) { o.Phases[0].Commands = 0 }, exitNothing},
		"nothing at all": {func(o *outcome) { o.Phases = nil }, exitNothing},
	} {
		t.Run(name, func(t *testing.T) {
			o := suffered()
			c.spoil(o)
			v := judge(o)
			require.False(t, v.Pass)
			require.Equal(t, c.exit, v.Exit)
			require.Contains(t, v.Text, "FAILED")
		})
	}
}

func TestConcludeAddsUp(t *testing.T) {
	f := &findings{faults: errCounts{"timeout": {Count: 2}}, checked: 50, crossed: 1, stale: 1}
	f.counts[0] = count{acked: 3, sum: 6}
	f.counts[1] = count{acked: 2, sum: 3}
	f.counts[2] = count{acked: 1, sum: 5}
	f.written = []written{{acked: 4, tried: 5}, {acked: 7, tried: 7}}
	f.tallies[before].commands = 10
	f.tallies[during].latency.add(time.Millisecond)
	totals := make([]int64, counters)
	totals[0], totals[1], totals[2] = 2, 3, 1 // one lost, one doubled, one answered with another's number
	o := conclude(f, totals, []int64{5, 6})
	require.EqualValues(t, 1, o.Lost)
	require.EqualValues(t, 1, o.Doubled)
	require.EqualValues(t, 2, o.Crossed)
	require.EqualValues(t, 2, o.Stale, "the second value is older than what was acknowledged")
	require.EqualValues(t, 2, o.Failed)
	require.EqualValues(t, 10, o.Commands)
	require.Len(t, o.Phases, 3)
	require.EqualValues(t, 1, o.Phases[1].Calls)
}

func TestWriteJSON(t *testing.T) {
	var b bytes.Buffer
	o := good()
	o.timeline = []line{{At: time.Second, Text: "announced"}}
	require.NoError(t, writeJSON(&b, o, judge(o), true))
	var m map[string]any
	require.NoError(t, json.Unmarshal(b.Bytes(), &m))
	require.Equal(t, "PASS", m["verdict"])
	require.Equal(t, []any{}, m["reasons"])
	require.Len(t, m["phases"], 3)
	require.Len(t, m["moves"], 1)
	require.EqualValues(t, 1, m["p999_during_to_before"])
	require.Len(t, m["timeline"], 1)
}

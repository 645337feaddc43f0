package main

import (
	"bytes"
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestGoalVerdicts(t *testing.T) {
	r := Results{}
	for _, c := range []struct {
		driver string
		ops    []float64
	}{{"baton", []float64{90, 96, 96}}, {"floor", []float64{100, 100, 100}}} {
		r = append(r, cellsOf("get-1", c.driver, "ops", c.ops...)...)
	}
	g := Goal{Scenario: "get-1", Driver: "baton", Metric: "ops", How: quotient, Against: "floor", AtLeast: true, Limit: .95}
	assert.Equal(t, Met, g.judge(r, nil).Verdict)

	g.Limit = 1.1 // negative control: the same figures against a harder goal
	j := g.judge(r, nil)
	assert.Equal(t, Missed, j.Verdict)
	assert.InDelta(t, .96, j.Found, 1e-9)

	g.Scenario = "get-8"
	assert.Equal(t, NoData, g.judge(r, nil).Verdict)
}

// A goal is near if it is missed by less than half of what the rounds differ, which counts as at least 2 % and at most 10 %.
func TestGoalNear(t *testing.T) {
	tests := []struct {
		name    string
		figures []float64
		metric  string
		atLeast bool
		limit   float64
		want    Verdict
		margin  float64
	}{
		{"steady rounds, 1 % short", []float64{99, 99, 99}, "ops", true, 100, Near, .02},
		{"steady rounds, 3 % short", []float64{97, 97, 97}, "ops", true, 100, Missed, .02},
		{"rounds differ by 12 %, 5 % short", []float64{90, 95, 100.8}, "ops", true, 100, Near, .06},
		{"rounds differ by 12 %, 7 % short", []float64{90, 93, 100.8}, "ops", true, 100, Missed, .06},
		{"rounds differ twofold, 9 % short", []float64{60, 91, 120}, "ops", true, 100, Near, .10},
		{"rounds differ twofold, 11 % short", []float64{60, 89, 120}, "ops", true, 100, Missed, .10},
		{"at most, 1 % over", []float64{101, 101}, "p99", false, 100, Near, .02},
		{"at most, 3 % over", []float64{103, 103}, "p99", false, 100, Missed, .02},
		{"nothing excuses an allocation", []float64{1, 1.2, 3}, "allocs", false, 1.1, Missed, 0},
	}
	for _, c := range tests {
		t.Run(c.name, func(t *testing.T) {
			g := Goal{Scenario: "s", Driver: "d", Metric: c.metric, AtLeast: c.atLeast, Limit: c.limit}
			j := g.judge(cellsOf("s", "d", c.metric, c.figures...), nil)
			assert.Equal(t, c.want, j.Verdict)
			assert.InDelta(t, c.margin, j.Margin, 1e-9)
		})
	}
}

func TestGoalAtMost(t *testing.T) {
	r := cellsOf("pipe-100", "baton", "allocs", 4, 4, 5)
	g := Goal{Scenario: "pipe-100", Driver: "baton", Metric: "allocs", Limit: 4.1}
	assert.Equal(t, Met, g.judge(r, nil).Verdict)
	g.Limit = 3.9
	assert.Equal(t, Missed, g.judge(r, nil).Verdict)
}

func TestGoalSurplus(t *testing.T) {
	r := append(cellsOf("timeout", "baton", "allocs", 5, 5), cellsOf("timeout", "floor", "allocs", 4, 4)...)
	g := Goal{Scenario: "timeout", Driver: "baton", Metric: "allocs", How: surplus, Against: "floor", Limit: 1.1}
	assert.Equal(t, Met, g.judge(r, nil).Verdict)
	g.Limit = .1
	assert.Equal(t, Missed, g.judge(r, nil).Verdict)
}

func TestGoalLowestLooksAtEveryPeer(t *testing.T) {
	r := append(cellsOf("s", "baton", "p99", 10, 10), cellsOf("s", "slow", "p99", 50, 50)...)
	g := Goal{Scenario: "s", Driver: "baton", Metric: "p99", How: lowest, Limit: 1}
	assert.Equal(t, Met, g.judge(r, []string{"slow", "absent"}).Verdict)

	r = append(r, cellsOf("s", "fast", "p99", 8, 8)...)
	j := g.judge(r, []string{"slow", "fast"})
	assert.Equal(t, Missed, j.Verdict, "one faster peer is enough")
	assert.Equal(t, "fast", j.Versus)
	assert.InDelta(t, 1.25, j.Found, 1e-9)
}

func TestGoalsNameWhatExists(t *testing.T) {
	known := map[string]bool{"floor": true, "shared-floor": true, "": true, "rueidis": true, "baton": true, "baton-append": true, "baton-frames": true}
	for _, g := range allGoals() {
		s, err := findScenario(g.Scenario)
		require.NoError(t, err)
		assert.NotEqual(t, quickNone, s.Quick, "%s has a goal and is not in -quick", s.Name)
		if g.How == lowest {
			assert.Equal(t, quickAll, s.Quick, "%s needs the peers", s.Name)
		}
		assert.True(t, known[g.Driver] && known[g.Against], "%+v", g)
		_, err = columnOf(g.Metric)
		assert.NoError(t, err)
	}
}

// The report shows a missed goal as missed and a failed cell as failed.
func TestReportShowsWhatIsWrong(t *testing.T) {
	f := &File{Cells: append(cellsOf("get-1", "baton", "ops", 50, 50), cellsOf("get-1", "floor", "ops", 100, 100)...)}
	f.Cells = append(f.Cells, Cell{Scenario: "get-8", Driver: "redigo", Round: 1, Error: "connection refused"})
	var b bytes.Buffer
	require.NoError(t, report(&b, f))
	assert.Contains(t, b.String(), "MISSED  get-1  baton ops  one caller  0.50  want at least 0.95 of floor")
	assert.Contains(t, b.String(), "FAILED get-8 redigo round 1: connection refused")
	assert.Contains(t, b.String(), "0 met, 0 near, 1 missed")

	for i := range f.Cells {
		if f.Cells[i].Driver == "baton" {
			f.Cells[i].Metrics["ops"] = 97
		}
	}
	b.Reset()
	require.NoError(t, report(&b, f))
	assert.Contains(t, b.String(), "1 met, 0 near, 0 missed")
}

// A verdict that rests on a floor which was disturbed says so; a quiet one does not.
func TestReportWarnsOfNoise(t *testing.T) {
	show := func(floor ...float64) string {
		f := &File{Cells: append(cellsOf("get-1", "baton", "ops", 97, 97), cellsOf("get-1", "floor", "ops", floor...)...)}
		var b bytes.Buffer
		require.NoError(t, report(&b, f))
		return b.String()
	}
	assert.NotContains(t, show(100, 110), "NOISY")
	assert.Contains(t, show(104, 104), "near  get-1  baton ops  one caller  0.93  want at least 0.95 of floor; within the margin of 2%")
	assert.Contains(t, show(100, 30), "NOISY: floor varied 3.3-fold")
}

func TestFileSurvivesJSON(t *testing.T) {
	f := File{Go: "go", Cells: cellsOf("get-1", "floor", "ops", 1.5)}
	b, err := json.Marshal(f)
	require.NoError(t, err)
	var got File
	require.NoError(t, json.Unmarshal(b, &got))
	assert.Equal(t, f, got)
}

func TestSelected(t *testing.T) {
	assert.True(t, selected("get-64", "a,get-*"))
	assert.True(t, selected("get-64", "get-64"))
	assert.False(t, selected("get-64", "get-6"))
	assert.False(t, selected("get-64", ""))
}

package main

import (
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// cellsOf makes cells of one scenario and driver, one round for each figure.
func cellsOf(scenario, driver, metric string, figures ...float64) Results {
	var r Results
	for round, v := range figures {
		r = append(r, Cell{Scenario: scenario, Driver: driver, Round: round, Metrics: Metrics{metric: v}})
	}
	return r
}

func TestMedian(t *testing.T) {
	for _, c := range []struct {
		in   []float64
		want float64
		ok   bool
	}{
		{nil, 0, false}, {[]float64{7}, 7, true}, {[]float64{3, 1}, 2, true}, {[]float64{9, 1, 2}, 2, true}, {[]float64{4, 1, 100, 2}, 3, true},
	} {
		in := slices.Clone(c.in)
		got, ok := median(in)
		assert.Equal(t, c.want, got, "%v", c.in)
		assert.Equal(t, c.ok, ok, "%v", c.in)
		assert.Equal(t, c.in, in, "the argument stays in order")
	}
}

func TestRatioIsTakenWithinRounds(t *testing.T) {
	// The machine slows down tenfold from round to round; the ratio is the same in each, that of the medians is not needed.
	r := append(cellsOf("s", "a", "ops", 50, 500, 5000), cellsOf("s", "b", "ops", 100, 1000, 10000)...)
	q, ok := r.ratio("s", "a", "b", "ops")
	require.True(t, ok)
	assert.InDelta(t, 0.5, q, 1e-9)

	// Rounds that pair badly show: 1, 2 and 30 have the median 2, though the medians 10 and 10 would give 1.
	r = append(cellsOf("s", "a", "ops", 10, 2, 30), cellsOf("s", "b", "ops", 10, 1, 1)...)
	q, _ = r.ratio("s", "a", "b", "ops")
	assert.InDelta(t, 2, q, 1e-9)
}

func TestRatioLeavesOutBrokenRounds(t *testing.T) {
	r := append(cellsOf("s", "a", "ops", 1, 2, 8), cellsOf("s", "b", "ops", 0, 1)...)
	r = append(r, Cell{Scenario: "s", Driver: "b", Round: 2, Error: "gone", Metrics: Metrics{"ops": 1}})
	q, ok := r.ratio("s", "a", "b", "ops")
	require.True(t, ok)
	assert.InDelta(t, 2, q, 1e-9, "round 0 divides by zero, round 2 failed")

	_, ok = r.ratio("s", "a", "nobody", "ops")
	assert.False(t, ok)
	_, ok = r.ratio("s", "a", "b", "p99")
	assert.False(t, ok)
}

func TestExcess(t *testing.T) {
	r := append(cellsOf("s", "a", "allocs", 5, 5.02, 9), cellsOf("s", "b", "allocs", 4, 4, 4)...)
	d, ok := median(r.excesses("s", "a", "b", "allocs"))
	require.True(t, ok)
	assert.InDelta(t, 1.02, d, 1e-9)
}

func TestHistQuantiles(t *testing.T) {
	var h Hist
	assert.Zero(t, h.Quantile(.5), "empty")
	for i := 1; i <= 10000; i++ {
		h.Add(time.Duration(i) * time.Microsecond)
	}
	for _, c := range []struct {
		q    float64
		want time.Duration
	}{{0, time.Microsecond}, {.5, 5 * time.Millisecond}, {.99, 9900 * time.Microsecond}, {.999, 9990 * time.Microsecond}, {1, 10 * time.Millisecond}} {
		assert.InEpsilon(t, float64(c.want), float64(h.Quantile(c.q)), 1.0/histSub, "q=%v", c.q)
	}
}

func TestHistIndexAndValueAgree(t *testing.T) {
	last := -1
	for d := time.Duration(0); d < time.Second; d += d/97 + 1 {
		i := histIndex(d)
		require.GreaterOrEqual(t, i, last, "steps grow with the value")
		require.InDelta(t, float64(d), float64(histValue(i)), float64(d)/histSub+1, "%v", d)
		last = i
	}
	assert.Equal(t, histSub*30-1, histIndex(1<<62), "what is beyond the last step is counted there")
	assert.Zero(t, histIndex(-time.Second))
}

func TestHistMerge(t *testing.T) {
	var a, b Hist
	a.Add(time.Millisecond)
	b.Add(time.Second)
	a.Merge(&b)
	assert.EqualValues(t, 2, a.n)
	assert.Equal(t, time.Second, a.max)
	assert.Equal(t, time.Second, a.Quantile(1))
}

func TestRecorderCountsEverything(t *testing.T) {
	var r Recorder
	for i := range 100 {
		r.Add(time.Duration(i) * time.Millisecond)
	}
	assert.EqualValues(t, 100, r.Hist().n)
	assert.Equal(t, 99*time.Millisecond, r.Hist().max)
}

func TestSpread(t *testing.T) {
	of := func(v ...float64) float64 { return cellsOf("s", "a", "ops", v...).spread("s", "a", "ops") }
	assert.Zero(t, of())
	assert.Zero(t, of(3))
	assert.Zero(t, of(3, 0))
	assert.InDelta(t, 2, of(6, 3), 1e-9)
	assert.InDelta(t, 1.5, of(1000, 2, 3, 0.001), 1e-9, "outliers do not count from four rounds on")
}

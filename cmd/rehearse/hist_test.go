package main

import (
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestHistQuantilesAreWithinAStep(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	var h, one, two hist
	var all []time.Duration
	for i := range 20000 {
		d := time.Duration(rng.ExpFloat64() * float64(100*time.Microsecond))
		all = append(all, d)
		h.add(d)
		if i%2 == 0 {
			one.add(d)
		} else {
			two.add(d)
		}
	}
	one.merge(&two)
	require.Equal(t, h, one)
	slices.Sort(all)
	for _, q := range []float64{0, 0.5, 0.9, 0.99, 0.999, 1} {
		want := all[min(int(q*float64(len(all))), len(all)-1)]
		require.InEpsilon(t, float64(want)+32, float64(h.quantile(q))+32, 1.0/histSteps, "q %v", q)
	}
}

func TestHistStepsCoverAllDurationsInOrder(t *testing.T) {
	last := -1
	for _, d := range []time.Duration{-1, 0, 1, 31, 32, 33, 63, 64, 65, time.Microsecond, time.Second, time.Hour, 1 << 62} {
		step := stepOf(d)
		require.GreaterOrEqual(t, step, last, "%v", d)
		require.Less(t, step, histSize)
		last = step
	}
	for step := range histSize {
		require.Equal(t, step, stepOf(valueOf(step)))
	}
}

func TestHistAddAllocatesNothing(t *testing.T) {
	var h hist
	require.Zero(t, testing.AllocsPerRun(1000, func() { h.add(time.Millisecond) }))
}

func TestHistEmpty(t *testing.T) {
	var h hist
	require.Zero(t, h.quantile(0.99))
}

package main

import (
	"cmp"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// chart is a picture of one figure over the number of callers.
type chart struct {
	file, title string
	metric      string
	unit        string  // of the axis
	scale       float64 // what a figure is divided by to be in that unit
	logY        bool
}

func charts() []chart {
	return []chart{
		{"callers-ops.svg", "GET of 64 bytes over TCP: throughput over callers", "ops", "thousand operations a second", 1000, false},
		{"callers-p99.svg", "GET of 64 bytes over TCP: 99th percentile of latency over callers", "p99", "microseconds", 1, true},
	}
}

// chartPrefix is that of the scenarios along the axis.
const chartPrefix = "get-"

// line is one driver in a chart.
type line struct {
	name   string
	points []point
}

// point is a figure at a number of callers.
type point struct{ x, y float64 }

// writeCharts draws all pictures of a run into a directory.
func writeCharts(dir string, r Results) error {
	for _, c := range charts() {
		lines := c.lines(r)
		if len(lines) == 0 {
			return fmt.Errorf("picture %s: the run has no scenario with the prefix %s", c.file, chartPrefix)
		}
		if err := os.WriteFile(filepath.Join(dir, c.file), []byte(c.draw(lines)), 0o644); err != nil {
			return err
		}
	}
	return nil
}

// lines are the medians of every driver that has some.
func (c chart) lines(r Results) []line {
	var all []line
	for _, name := range driverNames() {
		l := line{name: name}
		for _, s := range allScenarios() {
			if !strings.HasPrefix(s.Name, chartPrefix) || s.Name != fmt.Sprintf("%s%d", chartPrefix, s.Callers) {
				continue
			}
			if v, ok := r.median(s.Name, name, c.metric); ok && v > 0 {
				l.points = append(l.points, point{float64(s.Callers), v / c.scale})
			}
		}
		if len(l.points) > 0 {
			all = append(all, l)
		}
	}
	return all
}

// style is how a driver looks: a colour for each client, a pattern for each of its modes.
type style struct {
	colour, dash string
	width        float64
}

var styles = map[string]style{
	"baton": {"#d1242f", "", 3}, "baton-append": {"#d1242f", "7 4", 2},
	"goredis": {"#0969da", "", 2}, "goredis-ap": {"#0969da", "7 4", 2}, "goredis-fd": {"#0969da", "2 3", 2},
	"rueidis": {"#1a7f37", "", 2}, "rueidis-1": {"#1a7f37", "7 4", 2},
	"radix": {"#8250df", "", 2}, "redigo": {"#b35900", "", 2},
	"floor": {"#6e7781", "2 3", 1.5}, "floor-strings": {"#6e7781", "1 2", 1.5}, "shared-floor": {"#6e7781", "7 4", 1.5},
}

// styleOf is the look of a driver; one that has none of its own is black.
func styleOf(name string) style {
	if s, ok := styles[name]; ok {
		return s
	}
	return style{"#000000", "", 1}
}

// axis places values on a line of pixels.
type axis struct {
	low, high float64 // values at both ends
	from, to  float64 // pixels at both ends
	log       bool
}

func (a axis) at(v float64) float64 {
	low, high := a.low, a.high
	if a.log {
		low, high, v = math.Log(low), math.Log(high), math.Log(v)
	}
	return a.from + (v-low)/(high-low)*(a.to-a.from)
}

// ticks are the values to write beside the axis: 1, 2 and 5 of each power of ten, or about six steps from zero.
func (a axis) ticks() []float64 {
	var all []float64
	if a.log {
		for p := math.Pow(10, math.Floor(math.Log10(a.low))); p <= a.high; p *= 10 {
			for _, f := range []float64{1, 2, 5} {
				if v := f * p; v >= a.low*.999 && v <= a.high*1.001 {
					all = append(all, v)
				}
			}
		}
		return all
	}
	step := niceStep(a.high / 6)
	for v := 0.0; v <= a.high*1.001; v += step {
		all = append(all, v)
	}
	return all
}

// niceStep is the next of 1, 2, 5, 10, 20 and so on.
func niceStep(v float64) float64 {
	p := math.Pow(10, math.Floor(math.Log10(v)))
	for _, f := range []float64{1, 2, 5} {
		if f*p >= v {
			return f * p
		}
	}
	return 10 * p
}

// spreadLabels moves heights apart so that no two are nearer than gap, in their order, and returns them in the order given.
// None lies above low, if there is room.
func spreadLabels(want []float64, gap, low, high float64) []float64 {
	order := make([]int, len(want))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(want[a], want[b]) })
	got := slices.Clone(want)
	last := low - gap
	for _, i := range order { // downwards
		got[i] = max(got[i], last+gap)
		last = got[i]
	}
	next := high + gap
	for _, i := range slices.Backward(order) { // and back from the lower edge
		got[i] = min(got[i], next-gap)
		next = got[i]
	}
	return got
}

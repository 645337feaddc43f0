package main

import (
	"math"
	"slices"
)

// How a goal compares.
type compare int

const (
	absolute compare = iota // the figure itself
	quotient                // divided by that of Against, in the same round
	surplus                 // minus that of Against, in the same round
	lowest                  // not above the lowest of all peers: the quotient to each of them is at most Limit
)

// Goal is one figure to reach.
type Goal struct {
	What     string
	Scenario string
	Driver   string
	Metric   string
	How      compare
	Against  string
	AtLeast  bool // Limit is the least, else the most
	Limit    float64
}

// Verdict says whether a goal is met.
type Verdict string

// The verdicts.
const (
	Met    Verdict = "met"
	Near   Verdict = "near" // missed by less than the rounds differ
	Missed Verdict = "MISSED"
	NoData Verdict = "no data"
)

// Judgement is a goal with what was found.
type Judgement struct {
	Goal
	Found   float64
	Versus  string // the peer that was hardest to beat, if the goal is to be lowest
	Verdict Verdict
	Margin  float64 // share of the limit by which a goal may be missed and still be near
	Noise   float64 // spread of the reference over the rounds; 0 if there is none
}

// quiet is the spread of a floor up to which a verdict can be trusted.
const quiet = 1.5

// Bounds of a margin.
const leastMargin, mostMargin = 0.02, 0.10

// counts are the figures that no noise excuses.
var counts = []string{"allocs", "heap", "goroutines", "size", "modules", "extra", "cut", "failed", "wrong", "missed", "failedpops", "lostpops", "left"}

// judge compares a goal with the results.
func (g Goal) judge(r Results, peers []string) Judgement {
	j := Judgement{Goal: g, Verdict: NoData, Versus: g.Against}
	v := g.figures(r, &j, peers)
	var ok bool
	if j.Found, ok = median(v); !ok {
		return j
	}
	if j.Versus != "" && g.How != surplus {
		j.Noise = r.spread(g.Scenario, j.Versus, g.Metric)
	}
	if !slices.Contains(counts, g.Metric) {
		j.Margin = min(max((spread(v)-1)/2, leastMargin), mostMargin)
	}
	j.Verdict = g.verdict(j.Found, j.Margin)
	return j
}

// figures are what to compare with the limit, one for each round. For a goal to be lowest, they are the quotients to the peer
// that was hardest to beat, whose name is left in the judgement.
func (g Goal) figures(r Results, j *Judgement, peers []string) []float64 {
	switch g.How {
	case quotient:
		return r.ratios(g.Scenario, g.Driver, g.Against, g.Metric)
	case surplus:
		return r.excesses(g.Scenario, g.Driver, g.Against, g.Metric)
	case lowest:
		var hardest []float64
		worst := math.Inf(-1)
		for _, p := range peers {
			v := r.ratios(g.Scenario, g.Driver, p, g.Metric)
			if q, ok := median(v); ok && q > worst {
				hardest, worst, j.Versus = v, q, p
			}
		}
		return hardest
	}
	return r.figures(g.Scenario, g.Driver, g.Metric)
}

func (g Goal) verdict(found, margin float64) Verdict {
	reached := func(limit float64) bool { return g.AtLeast && found >= limit || !g.AtLeast && found <= limit }
	if g.AtLeast {
		margin = -margin
	}
	switch {
	case reached(g.Limit):
		return Met
	case reached(g.Limit * (1 + margin)):
		return Near
	}
	return Missed
}

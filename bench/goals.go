package main

import "fmt"

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
	Missed Verdict = "MISSED"
	NoData Verdict = "no data"
)

// Judgement is a goal with what was found.
type Judgement struct {
	Goal
	Found   float64
	Versus  string // the peer that was hardest to beat, if the goal is to be lowest
	Verdict Verdict
	Noise   float64 // spread of the reference over the rounds; 0 if there is none
}

// quiet is the spread of a floor up to which a verdict can be trusted.
const quiet = 1.5

// judge compares a goal with the results.
func (g Goal) judge(r Results, peers []string) Judgement {
	j := Judgement{Goal: g, Verdict: NoData, Versus: g.Against}
	var ok bool
	switch g.How {
	case absolute:
		j.Found, ok = r.median(g.Scenario, g.Driver, g.Metric)
	case quotient:
		j.Found, ok = r.ratio(g.Scenario, g.Driver, g.Against, g.Metric)
	case surplus:
		j.Found, ok = r.excess(g.Scenario, g.Driver, g.Against, g.Metric)
	case lowest:
		for _, p := range peers {
			if q, has := r.ratio(g.Scenario, g.Driver, p, g.Metric); has && (!ok || q > j.Found) {
				j.Found, j.Versus, ok = q, p, true
			}
		}
	}
	if !ok {
		return j
	}
	if j.Versus != "" && g.How != surplus {
		j.Noise = r.spread(g.Scenario, j.Versus, g.Metric)
	}
	j.Verdict = Missed
	if g.AtLeast && j.Found >= g.Limit || !g.AtLeast && j.Found <= g.Limit {
		j.Verdict = Met
	}
	return j
}

// near is what a count per operation may exceed its goal by: the harness and the collector allocate a little themselves.
const near = 0.1

// allGoals is the list of figures to reach that this module measures.
func allGoals() []Goal {
	var all []Goal
	for _, s := range []string{"get-1", "burst", "cancel"} {
		all = append(all, Goal{What: "one caller", Scenario: s, Metric: "ops", How: quotient, Against: "floor", AtLeast: true, Limit: 0.95})
	}
	all = append(all, Goal{What: "8 callers", Scenario: "get-8", Metric: "ops", How: quotient, Against: "shared-floor", AtLeast: true, Limit: 0.95})
	for _, n := range []int{64, 512, 4096} {
		s, what := fmt.Sprintf("get-%d", n), fmt.Sprintf("%d callers", n)
		all = append(all,
			Goal{What: what, Scenario: s, Metric: "ops", How: quotient, Against: "shared-floor", AtLeast: true, Limit: 0.85},
			Goal{What: what, Scenario: s, Metric: "p99", How: lowest, Limit: 1})
		if n < 4096 {
			all = append(all, Goal{What: what, Scenario: s, Metric: "cpu", How: quotient, Against: "shared-floor", Limit: 1.25})
		}
	}
	all = append(all, valueGoals()...)
	for _, s := range []string{"open-20k", "open-40k"} {
		for _, m := range []string{"p50", "p99", "p999"} {
			all = append(all, Goal{What: "open loop", Scenario: s, Metric: m, How: lowest, Limit: 1})
		}
	}
	all = append(all, allocGoals()...)
	all = append(all, memoryGoals()...)
	for i := range all {
		if all[i].Driver == "" {
			all[i].Driver = "baton"
		}
	}
	return all
}

func valueGoals() []Goal {
	var all []Goal
	floor := func(what, scenario string, limit float64) {
		all = append(all, Goal{What: what, Scenario: scenario, Metric: "ops", How: quotient, Against: "floor", AtLeast: true, Limit: limit})
	}
	floor("pipelines", "pipe-100", 0.8)
	floor("pipelines", "pipe-1000", 0.8)
	floor("into the caller's buffer", "get-64k-into", 0.95)
	floor("into the caller's buffer", "get-1m-into", 0.95)
	for _, s := range []string{"mget-100", "hgetall-1000", "lrange-1000"} {
		floor("aggregates into strings", s, 0.65)
		all = append(all, Goal{What: "aggregates into strings", Scenario: s, Metric: "allocs", Limit: 12 + near})
	}
	return all
}

func allocGoals() []Goal {
	all := []Goal{{What: "pipeline of 100 into strings", Scenario: "pipe-100", Metric: "allocs", Limit: 4 + near}}
	for _, s := range []string{"get-1", "get-64", "cancel"} {
		all = append(all,
			Goal{What: "Get allocates the value", Scenario: s, Metric: "allocs", Limit: 1 + near},
			Goal{What: "AppendGet allocates nothing", Scenario: s, Driver: "baton-append", Metric: "allocs", Limit: near})
	}
	for _, s := range []string{"set", "incr"} {
		all = append(all, Goal{What: "SetBytes and Incr allocate nothing", Scenario: s, Metric: "allocs", Limit: near})
	}
	return append(all,
		Goal{What: "Get beyond what the context costs", Scenario: "timeout", Metric: "allocs", How: surplus, Against: "floor", Limit: 1 + near},
		Goal{What: "AppendGet beyond what the context costs", Scenario: "timeout", Driver: "baton-append", Metric: "allocs", How: surplus, Against: "floor", Limit: near})
}

func memoryGoals() []Goal {
	return []Goal{
		{What: "decoding without values, MB/s", Scenario: "decode-mixed", Driver: "baton-frames", Metric: "mbs", AtLeast: true, Limit: 450},
		{What: "decoding into values, MB/s", Scenario: "decode-mixed", Metric: "mbs", AtLeast: true, Limit: 250},
		{What: "decoding into values", Scenario: "decode-mixed", Metric: "allocs", Limit: 1 + near},
		{What: "decoding 64-byte bulks, MB/s", Scenario: "decode-bulk64", Driver: "baton-frames", Metric: "mbs", AtLeast: true, Limit: 2000},
		{What: "idle connection, KiB of heap", Scenario: "idle-1000", Metric: "heap", Limit: 4},
		{What: "idle connection, goroutines", Scenario: "idle-1000", Metric: "goroutines", Limit: 1.01},
		{What: "1000 idle, % of a core", Scenario: "idle-1000", Metric: "idlecpu", Limit: 0.1},
		{What: "open and 100 first GETs, us", Scenario: "first-100", Metric: "p50", Limit: 2000},
	}
}

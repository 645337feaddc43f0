package main

import (
	"fmt"
	"slices"
	"strings"
)

// slack is what a count per operation may exceed its goal by: the harness and the collector allocate a little themselves.
const slack = 0.1

// allGoals is the list of figures to reach that this module measures.
func allGoals() []Goal {
	var all []Goal
	for _, s := range []string{"get-1", "burst", "cancel"} {
		all = append(all, Goal{What: "one caller", Scenario: s, Metric: "ops", How: quotient, Against: "floor", AtLeast: true, Limit: 0.95})
	}
	for _, n := range []int{8, 64, 512, 4096} {
		all = append(all, sharedGoals(n)...)
	}
	all = append(all, fewGoals()...)
	all = append(all, valueGoals()...)
	for _, s := range []string{"open-20k", "open-40k"} {
		for _, m := range []string{"p50", "p99", "p999"} {
			all = append(all, Goal{What: "open loop", Scenario: s, Metric: m, How: lowest, Limit: 1})
		}
	}
	all = append(all, pubsubGoals()...)
	all = append(all, allocGoals()...)
	all = append(all, memoryGoals()...)
	all = append(all, structGoals()...)
	all = append(all, largeGoals()...)
	all = append(all, programGoals()...)
	all = append(all, stormGoals()...)
	all = append(all, movingGoals()...)
	all = append(all, blockingGoals()...)
	for i := range all {
		if all[i].Driver == "" {
			all[i].Driver = "baton"
		}
	}
	return all
}

// sharedGoals are those for callers that share a connection. The best mode counts, which is AppendGet: like the floor it makes
// no value. Get makes a string each time and is held to the same limits.
func sharedGoals(n int) []Goal {
	scenario := fmt.Sprintf("get-%d", n)
	least := 0.85
	if n == 8 {
		least = 0.95
	}
	var all []Goal
	for driver, method := range map[string]string{"baton-append": "AppendGet", "baton": "Get"} {
		what := fmt.Sprintf("%d callers, %s", n, method)
		all = append(all, Goal{What: what, Scenario: scenario, Driver: driver, Metric: "ops", How: quotient, Against: "shared-floor", AtLeast: true, Limit: least})
		if n == 64 || n == 512 {
			all = append(all, Goal{What: what, Scenario: scenario, Driver: driver, Metric: "cpu", How: quotient, Against: "shared-floor", Limit: 1.25})
		}
	}
	slices.SortFunc(all, func(a, b Goal) int { return strings.Compare(a.What, b.What) })
	if n > 8 {
		all = append(all, Goal{What: fmt.Sprintf("%d callers", n), Scenario: scenario, Metric: "p99", How: lowest, Limit: 1})
	}
	return all
}

func valueGoals() []Goal {
	var all []Goal
	floor := func(what, scenario string, limit float64) {
		all = append(all, Goal{What: what, Scenario: scenario, Metric: "ops", How: quotient, Against: "floor", AtLeast: true, Limit: limit})
	}
	floor("pipelines", "pipe-100", 0.9)
	floor("pipelines", "pipe-1000", 0.9)
	floor("into the caller's buffer", "get-64k-into", 0.97)
	floor("into the caller's buffer", "get-1m-into", 0.97)
	for _, s := range []string{"mget-100", "hgetall-1000", "lrange-1000"} {
		floor("aggregates into strings", s, 0.65)
		all = append(all, Goal{What: "aggregates into strings", Scenario: s, Metric: "allocs", Limit: 12 + slack})
	}
	return all
}

func allocGoals() []Goal {
	all := []Goal{{What: "pipeline of 100 into strings", Scenario: "pipe-100", Metric: "allocs", Limit: 4 + slack}}
	for _, s := range []string{"get-1", "get-64", "cancel"} {
		all = append(all,
			Goal{What: "Get allocates the value", Scenario: s, Metric: "allocs", Limit: 1 + slack},
			Goal{What: "AppendGet allocates nothing", Scenario: s, Driver: "baton-append", Metric: "allocs", Limit: slack})
	}
	for _, s := range []string{"set", "incr"} {
		all = append(all, Goal{What: "SetBytes and Incr allocate nothing", Scenario: s, Metric: "allocs", Limit: slack})
	}
	return append(all,
		Goal{What: "Get beyond what the context costs", Scenario: "timeout", Metric: "allocs", How: surplus, Against: "floor", Limit: 1 + slack},
		Goal{What: "AppendGet beyond what the context costs", Scenario: "timeout", Driver: "baton-append", Metric: "allocs", How: surplus, Against: "floor", Limit: slack})
}

func memoryGoals() []Goal {
	return []Goal{
		{What: "decoding without values, MB/s", Scenario: "decode-mixed", Driver: "baton-frames", Metric: "mbs", AtLeast: true, Limit: 450},
		{What: "decoding into values, MB/s", Scenario: "decode-mixed", Metric: "mbs", AtLeast: true, Limit: 300},
		{What: "decoding into values", Scenario: "decode-mixed", Metric: "allocs", Limit: 1 + slack},
		{What: "decoding 64-byte bulks, MB/s", Scenario: "decode-bulk64", Driver: "baton-frames", Metric: "mbs", AtLeast: true, Limit: 2000},
		{What: "idle connection, KiB of heap", Scenario: "idle-1000", Metric: "heap", Limit: 4},
		{What: "idle connection, goroutines", Scenario: "idle-1000", Metric: "goroutines", Limit: 1.01},
		{What: "1000 idle, % of a core", Scenario: "idle-1000", Metric: "idlecpu", Limit: 0.1},
		{What: "open and 100 first GETs, us", Scenario: "first-100", Metric: "p50", Limit: 2000},
	}
}

func programGoals() []Goal {
	return []Goal{
		{What: "stripped GET/SET program, MB", Scenario: "program", Metric: "size", Limit: 5.1},
		{What: "its first compile, s of CPU", Scenario: "program", Metric: "compile", Limit: 3},
		{What: "modules in it: the client and golang.org/x/sync", Scenario: "program", Metric: "modules", Limit: 2},
	}
}

func stormGoals() []Goal {
	return []Goal{
		{What: "connections more than without cancellations", Scenario: "storm", Metric: "extra", Limit: 0},
		{What: "cancelled calls that end early, of 20,000", Scenario: "storm", Metric: "cut", AtLeast: true, Limit: 100},
	}
}

// movingGoals are those of a window in which everybody is told in time.
func movingGoals() []Goal {
	return []Goal{
		{What: "MOVING under load, failed calls", Scenario: "moving", Metric: "failed", Limit: 0},
		{What: "MOVING under load, increments lost or doubled", Scenario: "moving", Metric: "wrong", Limit: 0},
		{What: "MOVING under load, messages missed", Scenario: "moving", Metric: "missed", Limit: 0},
		{What: "MOVING under load, failed BLPOPs", Scenario: "moving", Metric: "failedpops", Limit: 0},
		{What: "MOVING under load, elements lost", Scenario: "moving", Metric: "lostpops", Limit: 0},
		{What: "MOVING under load, connections cut off", Scenario: "moving", Metric: "left", Limit: 0},
		{What: "MOVING under load, p99.9 of that before", Scenario: "moving", Metric: "slowdown", Limit: 2},
	}
}

// blockingGoals are those of commands that need a connection of their own. A round of BLPOPs is two of them, and two LPUSHes.
func blockingGoals() []Goal {
	var all []Goal
	for _, s := range []string{"blpop-1", "blpop-32"} {
		all = append(all,
			Goal{What: "LPUSH and BLPOP, there and back", Scenario: s, Metric: "ops", How: quotient, Against: "rueidis", AtLeast: true, Limit: 1.1},
			Goal{What: "LPUSH and BLPOP, there and back", Scenario: s, Metric: "allocs", Limit: 18 + slack})
	}
	for _, s := range []string{"watch-8", "watch-64"} {
		for _, m := range []string{"cpu", "p99"} {
			all = append(all, Goal{What: "WATCH, GET, MULTI, SET, EXEC", Scenario: s, Metric: m, How: quotient, Against: "rueidis", Limit: 1})
		}
	}
	return all
}

// elsewhere is what this module does not measure, and what does, in the directory above.
var elsewhere = []struct{ what, command string }{
	{"MOVING on one of 100 idle connections: all on the new peer", "go test -run TestOneMovingMovesAHundredIdleConnections ."},
	{"silence against a server without the feature", "go test -run TestRefusalIsQuiet ./handoff"},
}

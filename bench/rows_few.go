package main

import "fmt"

// fewCallers are the numbers of callers between one, who never waits for another, and many, who share every write.
var fewCallers = []int{2, 3, 4}

// fewScenarios are for few callers. Their floor is one raw socket for each: a client that gives them one connection has to share
// it as fast as they would run apart.
func fewScenarios() []Scenario {
	var all []Scenario
	for _, n := range fewCallers {
		all = append(all, Scenario{
			Name: fmt.Sprintf("get-%d", n), What: fmt.Sprintf("GET of 64 bytes by %d callers", n),
			Callers: n, Want: smallValue, Quick: quickOurs, Op: opGet,
		})
	}
	return all
}

// fewGoals are those of few callers: no peer is faster.
func fewGoals() []Goal {
	var all []Goal
	for _, n := range fewCallers {
		all = append(all, Goal{What: fmt.Sprintf("%d callers", n), Scenario: fmt.Sprintf("get-%d", n), Metric: "p50", How: lowest, Limit: 1})
	}
	return all
}

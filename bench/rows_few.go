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
			Callers: n, Want: smallValue, Quick: map[int]quickness{2: quickAll}[n], Op: opGet,
		})
	}
	return all
}

// fewGoals are those of two callers, who gain least by sharing: no peer is faster.
func fewGoals() []Goal {
	return []Goal{
		{What: "2 callers", Scenario: "get-2", Metric: "ops", How: quotient, Against: "floor", AtLeast: true, Limit: 0.95},
		{What: "2 callers", Scenario: "get-2", Metric: "p50", How: lowest, Limit: 1},
	}
}

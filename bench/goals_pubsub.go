package main

// pubsubGoals are those of subscriptions. Messages share blocks of memory, so that many cost one allocation.
func pubsubGoals() []Goal {
	var all []Goal
	for _, s := range []string{"pubsub-1", "pubsub-32"} {
		all = append(all,
			Goal{What: "messages of one subscription", Scenario: s, Metric: "ops", How: quotient, Against: "rueidis", AtLeast: true, Limit: 1.1},
			Goal{What: "messages of one subscription", Scenario: s, Metric: "allocs", Limit: slack})
	}
	return append(all, Goal{What: "a caller beside a subscription", Scenario: "beside-sub", Metric: "p99", How: lowest, Limit: 1})
}

package main

import "fmt"

// networkScenarios are GETs by some callers over a unix socket and over TLS, whatever network the others use.
func networkScenarios() []Scenario {
	var all []Scenario
	for _, n := range []int{1, 8, 64, 512, 4096} {
		all = append(all, overNetwork("unix", "a unix socket", n))
	}
	for _, n := range []int{1, 64, 512} {
		all = append(all, overNetwork("tls", "TLS", n))
	}
	return all
}

func overNetwork(network, what string, callers int) Scenario {
	return Scenario{
		Name: fmt.Sprintf("%s-%d", network, callers), What: fmt.Sprintf("GET of 64 bytes by %d callers over %s", callers, what),
		Network: network, Callers: callers, Want: smallValue, Op: opGet,
	}
}

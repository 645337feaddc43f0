package main

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// Every client that takes part receives messages of the right length, and reads beside them.
func TestSubscriptionsReceive(t *testing.T) {
	s := testServer(t)
	for _, sc := range pubsubScenarios() {
		for _, d := range allDrivers() {
			if !sc.runs(d) {
				continue
			}
			t.Run(sc.Name+"/"+d.Name, func(t *testing.T) {
				c := cell{Cell: Cell{Scenario: sc.Name, Driver: d.Name, Network: "tcp", Addr: s.TCP, Control: s.TCP, Duration: 50e6}}
				m, err := c.measure()
				require.NoError(t, err)
				assert.Positive(t, m["ops"])
			})
		}
	}
}

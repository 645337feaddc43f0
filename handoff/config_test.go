package handoff

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
)

func TestConfigDefaults(t *testing.T) {
	c := Config{}.WithDefaults(100, 0)
	assert.Equal(t, Config{
		Mode: ModeAuto, EndpointType: EndpointTypeAuto,
		RelaxedTimeout: 10 * s, PostHandoffRelaxedDuration: 20 * s, RelaxedTail: 10 * s, HandoffTimeout: 15 * s,
		MaxWorkers: 33, HandoffQueueSize: 500,
		CircuitBreakerFailureThreshold: 5, CircuitBreakerResetTimeout: 60 * s, CircuitBreakerMaxRequests: 3, MaxHandoffRetries: 3,
		RelaxedCap: 60 * s, Jitter: s, Reprobe: 60 * s,
	}, c)
	assert.NoError(t, c.Validate())
	assert.NoError(t, Config{}.Validate(), "zeroes are fine")
	assert.Equal(t, c, c.WithDefaults(7, 7), "defaults change nothing that is set")
}

func TestConfigFormulas(t *testing.T) {
	for _, c := range []struct{ pool, active, workers, queue int }{
		{100, 0, 33, 500}, {100, 150, 33, 151},
		{0, 0, 1, 5}, {1, 0, 1, 5}, {2, 0, 1, 10}, {10, 0, 5, 50}, {20, 0, 10, 100}, {30, 0, 10, 150}, {64, 0, 21, 320}, {10, 4, 5, 5},
	} {
		got := Config{}.WithDefaults(c.pool, c.active)
		assert.Equal(t, c.workers, got.MaxWorkers, "pool %d active %d", c.pool, c.active)
		assert.Equal(t, c.queue, got.HandoffQueueSize, "pool %d active %d", c.pool, c.active)
	}
	assert.Equal(t, 14*s, Config{RelaxedTimeout: 7 * s}.WithDefaults(1, 0).PostHandoffRelaxedDuration)
	assert.Negative(t, Config{RelaxedTimeout: -1}.WithDefaults(1, 0).PostHandoffRelaxedDuration, "nothing to relax to")
	assert.Equal(t, 9, Config{MaxWorkers: 9}.WithDefaults(100, 0).MaxWorkers)
	assert.Equal(t, 180, Config{MaxWorkers: 9}.WithDefaults(100, 0).HandoffQueueSize)
}

func TestConfigValidateNamesEveryProblem(t *testing.T) {
	err := Config{
		Mode: 9, EndpointType: 9, RelaxedTimeout: 30, HandoffTimeout: -1, RelaxedCap: -1, CircuitBreakerResetTimeout: time.Hour,
		MaxWorkers: -2, HandoffQueueSize: -1, CircuitBreakerFailureThreshold: -1, CircuitBreakerMaxRequests: -1, MaxHandoffRetries: 11,
	}.Validate()
	for _, want := range []string{
		"Mode is 9, limit 2", "EndpointType is 9, limit 5", "RelaxedTimeout is 30ns, limits 1ms to 10m0s", // H-58: a number without its unit
		"HandoffTimeout is -1ns", "RelaxedCap is -1ns", "CircuitBreakerResetTimeout is 1h0m0s", "MaxWorkers is -2", "HandoffQueueSize is -1",
		"CircuitBreakerFailureThreshold is -1", "CircuitBreakerMaxRequests is -1", "MaxHandoffRetries is 11, limits 1 to 10",
	} {
		assert.ErrorContains(t, err, want)
	}
	assert.NoError(t, Config{RelaxedTimeout: -1, PostHandoffRelaxedDuration: -1, Jitter: -1, Reprobe: -1}.Validate(), "negative means none")
}

func TestModeZeroValueIsAuto(t *testing.T) {
	var m Mode
	assert.Equal(t, ModeAuto, m)
	assert.Equal(t, []string{"auto", "enabled", "disabled", "Mode(7)"}, []string{m.String(), ModeEnabled.String(), ModeDisabled.String(), Mode(7).String()})
}

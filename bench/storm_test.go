package main

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// The calls of a storm that end with their cancellation are counted, and only those.
func TestStormCountsCancelledCalls(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var calls, gone atomic.Int64
		l := newLoad(Scenario{Callers: 2, Want: smallValue}, func(ctx context.Context, _ *Worker) (int, error) {
			calls.Add(1)
			select {
			case <-ctx.Done():
				gone.Add(1)
				return 0, errors.New("broken connection")
			case <-time.After(stormDelay / 2):
				return smallValue, nil
			}
		})
		cut, err := l.storm(true)
		require.NoError(t, err)
		assert.EqualValues(t, stormCalls, calls.Load())
		assert.EqualValues(t, gone.Load(), cut)
		assert.InDelta(t, stormCalls/stormShare/2, cut, stormCalls/100, "half of the cancellations come before the reply")

		cut, err = l.storm(false)
		require.NoError(t, err)
		assert.Zero(t, cut)
	})
}

func TestStormReportsWhatNobodyCancelled(t *testing.T) {
	l := newLoad(Scenario{Callers: 2, Want: smallValue}, func(context.Context, *Worker) (int, error) { return 0, errors.New("broken") })
	_, err := l.storm(false)
	assert.EqualError(t, err, "a call that nobody cancelled: broken")
}

// A client that loses a call is found: the storm does not wait for it without end.
func TestStormEndsIfACallDoesNot(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		lost := make(chan struct{})
		l := newLoad(Scenario{Callers: 2, Want: smallValue}, func(context.Context, *Worker) (int, error) {
			<-lost
			return smallValue, nil
		})
		_, err := l.storm(true)
		assert.EqualError(t, err, "callers still wait after 20s")
		close(lost)
	})
}

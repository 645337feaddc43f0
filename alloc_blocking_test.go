//go:build !race

package baton_test

import (
	"context"
	"fmt"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/baton-go/baton"
	"github.com/baton-go/baton/internal/redistest"
)

// A command that blocks makes what only a wait that is given up needs when it is given up.
func TestAllocationsOfABlockingCommand(t *testing.T) {
	c := open(t, baton.Options{Addr: redistest.Start(t)})
	background := context.Background()
	cancellable, cancel := context.WithCancel(background)
	defer cancel()
	for name, tt := range map[string]struct {
		ctx  context.Context
		wait time.Duration
		most float64
	}{
		"for ever":              {background, 0, 6},
		"for a time":            {background, 5 * time.Second, 7},
		"until it is cancelled": {cancellable, 5 * time.Second, 9},
	} {
		pop := func() {
			_, err := c.LPush(tt.ctx, "list", "element")
			require.NoError(t, err)
			_, v, err := c.BLPop(tt.ctx, tt.wait, "list")
			require.NoError(t, err)
			require.True(t, v == "element")
		}
		got := fewest(tt.most, 500, pop)
		t.Log(name, got)
		assert.LessOrEqual(t, got, tt.most, name)
	}
}

// A wait has the goroutine of its caller and the keeper of its connection, with a context that can end or without.
func TestWaitsHaveNoGoroutineOfTheirOwn(t *testing.T) {
	const waits = 20
	c := open(t, baton.Options{Addr: redistest.Start(t)})
	ctx, cancel := context.WithCancel(context.Background())
	require.NoError(t, c.Ready(ctx))
	before := runtime.NumGoroutine()
	var all sync.WaitGroup
	for range waits {
		all.Go(func() { _, _, _ = c.BLPop(ctx, time.Hour, "list") })
	}
	require.Eventually(t, func() bool {
		info, err := baton.As[string](c.Do(ctx, "INFO", "clients"))
		return err == nil && strings.Contains(info, fmt.Sprintf("blocked_clients:%d\r\n", waits))
	}, time.Minute, time.Millisecond)
	assert.LessOrEqual(t, runtime.NumGoroutine()-before, 2*waits+5, "some more for the test and the maintenance of the pool")
	cancel()
	all.Wait()
}

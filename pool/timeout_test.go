package pool_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/baton-go/baton/pool"
)

// The wait for a connection is a timeout like others: what waits already when maintenance is announced waits longer, and
// no longer than that.
func TestRelaxedTimeoutReachesThoseWhoWaitForAConnection(t *testing.T) {
	for name, take := range map[string]func(b *bench) error{
		"lane":  func(b *bench) error { _, err := b.pool.Lane(b.t.Context()); return err },
		"lease": func(b *bench) error { _, err := b.pool.Acquire(b.t.Context()); return err },
	} {
		for _, relaxed := range []bool{true, false} { // without it, the control
			synctest.Test(t, func(t *testing.T) {
				b := newBench(t, pool.Config{})
				defer b.close()
				announced := time.Now().Add(time.Second)
				b.pool.Relaxed = func(_, now time.Time) time.Duration {
					if relaxed && !now.Before(announced) {
						return 10 * time.Second
					}
					return 0
				}
				release := b.holdDials()
				begun := time.Now()
				assert.Error(t, take(b), name)
				want := 3 * time.Second
				if relaxed {
					want = 10 * time.Second
				}
				assert.Equal(t, want, time.Since(begun), name)
				release()
				synctest.Wait()
			})
		}
	}
}

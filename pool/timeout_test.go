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
	for name, take := range map[string]func(p *pair) error{
		"lane":  func(p *pair) error { _, err := p.pool.Lane(p.t.Context()); return err },
		"lease": func(p *pair) error { _, err := p.pool.Acquire(p.t.Context()); return err },
	} {
		for _, relaxed := range []bool{true, false} { // without it, the control
			synctest.Test(t, func(t *testing.T) {
				p := newPair(t, pool.Config{})
				announced := time.Now().Add(time.Second)
				p.pool.Relaxed = func(_, now time.Time) time.Duration {
					if relaxed && !now.Before(announced) {
						return 10 * time.Second
					}
					return 0
				}
				release := p.holdDials()
				begun := time.Now()
				assert.Error(t, take(p), name)
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

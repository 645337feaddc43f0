package pool_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/baton-go/baton/pool"
)

func TestCareKeepsMinIdleAndClosesWhatIsUnused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPair(t, pool.Config{Size: 10, MinIdle: 3, MaxIdleTime: time.Minute})
		var ls []*pool.Lease
		for range 6 {
			ls = append(ls, p.acquire())
		}
		for _, l := range ls {
			l.Release()
		}
		p.check(9, 0, 9, 0, 0)
		<-time.After(2 * time.Minute)
		p.check(3, 0, 3, 0, 0)
		p.A.Shut()
		require.NoError(t, p.A.Reopen())
		<-time.After(time.Minute)
		p.check(3, 0, 3, 0, 0)
	})
}

// An idle connection that becomes the lane leaves a gap, which is filled at once and not at the next round of maintenance.
func TestMinIdleIsMadeUpWhenAnIdleConnectionBecomesTheLane(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPair(t, pool.Config{Size: 10, MinIdle: 3})
		lane, err := p.pool.Lane(t.Context())
		require.NoError(t, err)
		p.check(4, 1, 3, 0, 0)
		<-time.After(12 * time.Second) // between two rounds
		begun := time.Now()
		lane.Close()
		next, err := p.pool.Lane(t.Context())
		require.NoError(t, err)
		assert.NotSame(t, lane, next)
		p.check(4, 1, 3, 0, 0)
		assert.Zero(t, time.Since(begun))
		assert.LessOrEqual(t, p.peak.Load(), int64(3), "dials at once")
	})
}

// MinIdle is due from the first use of the pool on, also if the dial of that use fails.
func TestMinIdleIsDialledAfterALaneWasNot(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPair(t, pool.Config{Size: 10, MinIdle: 3})
		p.A.Shut()
		_, err := p.pool.Lane(t.Context())
		require.Error(t, err)
		require.NoError(t, p.A.Reopen())
		<-time.After(time.Second)
		p.check(3, 0, 3, 0, 0)
	})
}

func TestLifetimeReplacesIdleConnections(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPair(t, pool.Config{Size: 10, MinIdle: 2, MaxLifetime: time.Hour})
		p.acquire().Release()
		<-time.After(50 * time.Minute)
		before := ids(p.pool)
		<-time.After(30 * time.Minute)
		for id := range ids(p.pool) {
			assert.NotContains(t, before, id)
		}
		p.check(2, 0, 2, 0, 0)
	})
}

func TestLifetimeReplacesTheLaneWithoutAGap(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPair(t, pool.Config{Size: 2, MaxLifetime: time.Hour})
		first, err := p.pool.Lane(t.Context())
		require.NoError(t, err)
		for range 120 {
			<-time.After(time.Minute)
			c, err := p.pool.Lane(t.Context())
			require.NoError(t, err)
			require.NoError(t, p.ping(c))
		}
		c, err := p.pool.Lane(t.Context())
		require.NoError(t, err)
		assert.NotEqual(t, first.ID(), c.ID())
		p.check(1, 1, 0, 0, 0)
		assert.Zero(t, p.pool.Stats().Waits)
	})
}

func ids(p *pool.Pool) map[uint64]bool {
	m := map[uint64]bool{}
	for i := range p.Conns() {
		m[i.ID] = true
	}
	return m
}

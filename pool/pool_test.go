package pool_test

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/baton-go/baton/conn"
	"github.com/baton-go/baton/handoff/handofftest"
	"github.com/baton-go/baton/pool"
	"github.com/baton-go/baton/resp3"
)

// pair is a pool whose connections are dialled to the first of two nodes in memory.
type pair struct {
	*handofftest.Pair
	t    *testing.T
	cfg  *conn.Config
	pool *pool.Pool
	hold atomic.Pointer[chan struct{}] // dials wait for it
	peak atomic.Int64                  // most dials at once
	now  atomic.Int64
}

// newPair makes a pool, and closes it when the test ends. No socket may be left then.
func newPair(t *testing.T, cfg pool.Config) *pair {
	p := &pair{Pair: handofftest.NewPair(t), t: t}
	p.cfg = &conn.Config{Dial: p.Network.DialContext, DialTimeout: 5 * time.Second}
	p.cfg.OnState = func(c *conn.Conn, from, to conn.State) {
		if to == conn.Closed && from != conn.Dialing {
			p.pool.Gone(c)
		}
	}
	cfg = cfg.WithDefaults()
	require.NoError(t, cfg.Validate())
	p.pool = pool.New(cfg, func(ctx context.Context) (*conn.Conn, error) {
		n := p.now.Add(1)
		defer p.now.Add(-1)
		for peak := p.peak.Load(); n > peak && !p.peak.CompareAndSwap(peak, n); peak = p.peak.Load() {
		}
		if h := p.hold.Load(); h != nil {
			select {
			case <-*h:
			case <-ctx.Done():
				return nil, ctx.Err()
			}
		}
		return conn.Dial(ctx, p.cfg, p.A.Addr())
	}, nil)
	t.Cleanup(func() {
		p.pool.Close()
		synctest.Wait()
		assert.Zero(t, p.A.Stats().Open)
	})
	return p
}

// holdDials makes dials wait until they are released.
func (p *pair) holdDials() (release func()) {
	ch := make(chan struct{})
	p.hold.Store(&ch)
	return func() { close(ch); p.hold.Store(nil) }
}

// check compares all the numbers at once.
func (p *pair) check(open, lanes, idle, leased, waiting int) {
	p.t.Helper()
	synctest.Wait()
	s := p.pool.Stats()
	assert.Equal(p.t, [5]int{open, lanes, idle, leased, waiting}, [5]int{s.Open, s.Lanes, s.Idle, s.Leased, s.Waiting},
		"open, lanes, idle, leased, waiting")
	assert.EqualValues(p.t, open, p.A.Stats().Open, "sockets at the server")
}

func (p *pair) acquire() *pool.Lease {
	p.t.Helper()
	l, err := p.pool.Acquire(p.t.Context())
	require.NoError(p.t, err)
	return l
}

func (p *pair) ping(c *conn.Conn) error {
	q := p.cfg.NewCall()
	defer q.Free()
	q.Req = resp3.AppendCommand(q.Req, "PING")
	return c.Do(p.t.Context(), q)
}

func TestLaneIsDialledOnceForAllCallers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPair(t, pool.Config{})
		release := p.holdDials()
		got := make(chan *conn.Conn, 50)
		for range 50 {
			go func() {
				c, err := p.pool.Lane(t.Context())
				assert.NoError(t, err)
				got <- c
			}()
		}
		synctest.Wait()
		release()
		first := <-got
		for range 49 {
			assert.Same(t, first, <-got)
		}
		p.check(1, 1, 0, 0, 0)
	})
}

func TestLostLaneIsReplaced(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPair(t, pool.Config{})
		c, err := p.pool.Lane(t.Context())
		require.NoError(t, err)
		p.A.Kill()
		<-c.Done()
		require.NoError(t, p.A.Reopen())
		d, err := p.pool.Lane(t.Context())
		require.NoError(t, err)
		assert.NotSame(t, c, d)
		assert.NoError(t, p.ping(d))
		p.check(1, 1, 0, 0, 0)
		assert.EqualValues(t, 1, p.pool.Stats().Lost)
	})
}

func TestAnotherLaneIsOpenedWhileOneWaitsForASlowReply(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPair(t, pool.Config{MaxIdleTime: time.Minute})
		c, err := p.pool.Lane(t.Context())
		require.NoError(t, err)
		p.A.Stall(true)
		slow := make(chan error, 1)
		go func() { slow <- p.ping(c) }()
		<-time.After(200 * time.Millisecond)
		require.True(t, c.Slow())
		p.A.Stall(false)
		p.A.Delay(time.Second)
		require.NoError(t, <-slow)
		go func() { slow <- p.ping(c) }()
		<-time.After(200 * time.Millisecond)
		p.A.Delay(0)
		_, err = p.pool.Lane(t.Context()) // notices, opens, and does not wait for it
		require.NoError(t, err)
		synctest.Wait()
		d, err := p.pool.Lane(t.Context())
		require.NoError(t, err)
		assert.NotSame(t, c, d)
		require.NoError(t, <-slow)
		p.check(2, 2, 0, 0, 0)
		<-time.After(3 * time.Minute)
		p.check(1, 1, 0, 0, 0) // given up again
	})
}

func TestLeasesAreHandedOverInTheOrderOfAsking(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPair(t, pool.Config{Size: 3})
		first, second := p.acquire(), p.acquire()
		p.check(2, 0, 0, 2, 0) // the third place is the lane's
		order := make(chan int, 5)
		for i := range 5 {
			go func() {
				l := p.acquire()
				order <- i
				l.Release()
			}()
			synctest.Wait()
		}
		p.check(2, 0, 0, 2, 5)
		first.Release()
		for i := range 5 {
			assert.Equal(t, i, <-order)
		}
		second.Release()
		second.Release() // a second time does nothing
		p.check(2, 0, 2, 0, 0)
	})
}

func TestWaitEndsWithAnErrorThatExplains(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPair(t, pool.Config{Size: 2, WaitTimeout: time.Second, MaxWaiting: 2})
		l := p.acquire()
		defer l.Release()
		_, err := p.pool.Acquire(t.Context())
		var te *pool.TimeoutError
		require.ErrorAs(t, err, &te)
		assert.Equal(t, "pool: no connection within 1s (1 of 2 leased, 0 shared, 0 dialing, 0 waiting)", err.Error())

		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
		defer cancel()
		_, err = p.pool.Acquire(ctx)
		assert.ErrorIs(t, err, context.DeadlineExceeded)

		for range 2 {
			go p.pool.Acquire(t.Context())
		}
		synctest.Wait()
		begun := time.Now()
		_, err = p.pool.Acquire(t.Context())
		assert.EqualError(t, err, "pool: no connection, and no more callers may wait for one (1 of 2 leased, 0 shared, 0 dialing, 2 waiting)")
		assert.Zero(t, time.Since(begun), "more than MaxWaiting are refused at once")
		<-time.After(2 * time.Second)
		p.check(1, 0, 0, 1, 0)
	})
}

func TestDialOfAnImpatientCallerServesTheNext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPair(t, pool.Config{Size: 4})
		release := p.holdDials()
		ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
		defer cancel()
		_, err := p.pool.Acquire(ctx)
		require.ErrorIs(t, err, context.DeadlineExceeded)
		release()
		p.check(1, 0, 1, 0, 0)
		l := p.acquire()
		defer l.Release()
		assert.EqualValues(t, 1, p.pool.Stats().Dials)
	})
}

func TestDialsAreBoundedAndFailuresReachTheCallers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPair(t, pool.Config{Size: 20, MaxDialing: 3})
		p.A.Refuse()
		errs := make(chan error, 10)
		for range 10 {
			go func() {
				_, err := p.pool.Acquire(t.Context())
				errs <- err
			}()
		}
		for range 10 {
			err := <-errs
			var ce *conn.Error
			require.ErrorAs(t, err, &ce)
			assert.False(t, ce.Sent)
		}
		assert.LessOrEqual(t, p.peak.Load(), int64(3))
		assert.EqualValues(t, 10, p.pool.Stats().DialErrors)
		require.NoError(t, p.A.Reopen())
		l := p.acquire()
		defer l.Release()
		assert.Equal(t, 1, p.pool.Stats().Leased)
	})
}

func TestDialsThatFailTogetherCountOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPair(t, pool.Config{Size: 20})
		p.A.Refuse()
		begun := time.Now()
		release := p.holdDials()
		errs := make(chan error, 8)
		for range 8 {
			go func() { _, err := p.pool.Acquire(t.Context()); errs <- err }()
		}
		synctest.Wait()
		release()
		for range 8 {
			require.Error(t, <-errs)
		}
		_, err := p.pool.Lane(t.Context())
		require.Error(t, err)
		assert.LessOrEqual(t, time.Since(begun), 8*time.Millisecond, "one round, one pause")
		for range 20 {
			_, err = p.pool.Lane(t.Context())
			require.Error(t, err)
		}
		assert.Greater(t, time.Since(begun), 500*time.Millisecond, "rounds in a row, longer and longer pauses")
	})
}

func TestLaneErrorIsTheDialsAndTheNextCallTriesAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPair(t, pool.Config{})
		p.A.Refuse()
		_, err := p.pool.Lane(t.Context())
		require.ErrorContains(t, err, "refused")
		require.NoError(t, p.A.Reopen())
		_, err = p.pool.Lane(t.Context())
		require.NoError(t, err)
	})
}

func TestUnfitConnectionsAreNotUsedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPair(t, pool.Config{Size: 2})
		l := p.acquire()
		id := l.Conn().ID()
		p.A.Delay(time.Second)
		ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
		q := p.cfg.NewCall()
		q.Req = resp3.AppendCommand(q.Req, "PING")
		require.ErrorIs(t, l.Conn().Do(ctx, q), context.DeadlineExceeded)
		cancel()
		q.Free()
		p.A.Delay(0)
		l.Release() // it still owes a reply
		l = p.acquire()
		assert.NotEqual(t, id, l.Conn().ID())
		id = l.Conn().ID()
		l.Discard()
		l = p.acquire()
		assert.NotEqual(t, id, l.Conn().ID())
		l.Release()
		p.A.Shut()
		<-time.After(100 * time.Millisecond)
		p.check(0, 0, 0, 0, 0) // an idle one that ended is forgotten
	})
}

func TestCloseEndsWaitingAndDialling(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPair(t, pool.Config{Size: 2})
		p.holdDials()
		errs := make(chan error, 2)
		go func() { _, err := p.pool.Acquire(t.Context()); errs <- err }()
		go func() { _, err := p.pool.Lane(t.Context()); errs <- err }()
		synctest.Wait()
		p.pool.Close()
		for range 2 {
			err := <-errs
			assert.True(t, errors.Is(err, pool.ErrClosed), err)
		}
		_, err := p.pool.Acquire(t.Context())
		assert.ErrorIs(t, err, pool.ErrClosed)
		_, err = p.pool.Lane(t.Context())
		assert.ErrorIs(t, err, pool.ErrClosed)
	})
}

func TestDrainWaitsForRepliesAndLeases(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPair(t, pool.Config{Size: 4})
		c, err := p.pool.Lane(t.Context())
		require.NoError(t, err)
		l := p.acquire()
		p.A.Delay(time.Second)
		slow := make(chan error, 1)
		go func() { slow <- p.ping(c) }()
		synctest.Wait()
		drained := make(chan error, 1)
		go func() { drained <- p.pool.Drain(t.Context()) }()
		require.NoError(t, <-slow)
		synctest.Wait()
		assert.Empty(t, drained, "the lease is still out")
		l.Release()
		require.NoError(t, <-drained)
	})
}

func TestDrainEndsWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPair(t, pool.Config{Size: 4})
		p.acquire()
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		assert.ErrorIs(t, p.pool.Drain(ctx), context.DeadlineExceeded)
	})
}

func TestImpossibleSizesAreNamedWithTheirLimits(t *testing.T) {
	err := pool.Config{Size: 4, Lanes: 9, MinIdle: 4, MaxActive: 3, MaxDialing: -1, MaxWaiting: -1}.WithDefaults().Validate()
	require.Error(t, err)
	for _, part := range []string{"Lanes is 9", "MinIdle is 4", "0 to Size-1 (3)", "MaxActive is 3", "MaxDialing is -1", "MaxWaiting is -1"} {
		assert.Contains(t, err.Error(), part)
	}
	assert.NoError(t, pool.Config{}.WithDefaults().Validate())
	assert.EqualError(t, pool.Config{Size: -2}.WithDefaults().Validate(), "Pool.Size is -2, must be from 1 to 1048576")
}

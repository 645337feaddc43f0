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

const addr = "10.0.0.1:6379"

// bench is a pool on a fake server.
type bench struct {
	t    *testing.T
	node *handofftest.Node
	srv  *handofftest.Server
	cfg  *conn.Config
	pool *pool.Pool
	hold atomic.Pointer[chan struct{}] // dials wait for it
	peak atomic.Int64                  // most dials at once
	now  atomic.Int64
}

func newBench(t *testing.T, cfg pool.Config) *bench {
	network := handofftest.NewNetwork()
	b := &bench{t: t, srv: handofftest.NewServer(handofftest.Options{Listen: network.Listen})}
	var err error
	b.node, err = b.srv.Listen(addr)
	require.NoError(t, err)
	b.cfg = &conn.Config{Dial: network.DialContext, DialTimeout: 5 * time.Second}
	b.cfg.OnState = func(c *conn.Conn, from, to conn.State) {
		if to == conn.Closed && from != conn.Dialing {
			b.pool.Gone(c)
		}
	}
	cfg = cfg.WithDefaults()
	require.NoError(t, cfg.Validate())
	b.pool = pool.New(cfg, func(ctx context.Context) (*conn.Conn, error) {
		n := b.now.Add(1)
		defer b.now.Add(-1)
		for p := b.peak.Load(); n > p && !b.peak.CompareAndSwap(p, n); p = b.peak.Load() {
		}
		if h := b.hold.Load(); h != nil {
			select {
			case <-*h:
			case <-ctx.Done():
				return nil, ctx.Err()
			}
		}
		return conn.Dial(ctx, b.cfg, addr)
	}, nil)
	return b
}

func (b *bench) close() {
	b.pool.Close()
	b.srv.Close()
	assert.Zero(b.t, b.node.Stats().Open)
}

func (b *bench) holdDials() (release func()) {
	ch := make(chan struct{})
	b.hold.Store(&ch)
	return func() { close(ch); b.hold.Store(nil) }
}

// check compares all the numbers at once.
func (b *bench) check(open, lanes, idle, leased, waiting int) {
	b.t.Helper()
	synctest.Wait()
	s := b.pool.Stats()
	assert.Equal(b.t, [5]int{open, lanes, idle, leased, waiting}, [5]int{s.Open, s.Lanes, s.Idle, s.Leased, s.Waiting},
		"open, lanes, idle, leased, waiting")
	assert.EqualValues(b.t, open, b.node.Stats().Open, "sockets at the server")
}

func (b *bench) acquire() *pool.Lease {
	b.t.Helper()
	l, err := b.pool.Acquire(b.t.Context())
	require.NoError(b.t, err)
	return l
}

func (b *bench) ping(c *conn.Conn) error {
	q := b.cfg.NewCall()
	defer q.Free()
	q.Req = resp3.AppendCommand(q.Req, "PING")
	return c.Do(b.t.Context(), q)
}

func TestLaneIsDialledOnceForAllCallers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, pool.Config{})
		defer b.close()
		release := b.holdDials()
		got := make(chan *conn.Conn, 50)
		for range 50 {
			go func() {
				c, err := b.pool.Lane(t.Context())
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
		b.check(1, 1, 0, 0, 0)
	})
}

func TestLostLaneIsReplaced(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, pool.Config{})
		defer b.close()
		c, err := b.pool.Lane(t.Context())
		require.NoError(t, err)
		b.node.Kill()
		<-c.Done()
		require.NoError(t, b.node.Reopen())
		d, err := b.pool.Lane(t.Context())
		require.NoError(t, err)
		assert.NotSame(t, c, d)
		assert.NoError(t, b.ping(d))
		b.check(1, 1, 0, 0, 0)
		assert.EqualValues(t, 1, b.pool.Stats().Lost)
	})
}

func TestAnotherLaneIsOpenedWhileOneWaitsForASlowReply(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, pool.Config{MaxIdleTime: time.Minute})
		defer b.close()
		c, err := b.pool.Lane(t.Context())
		require.NoError(t, err)
		b.node.Stall(true)
		slow := make(chan error, 1)
		go func() { slow <- b.ping(c) }()
		<-time.After(200 * time.Millisecond)
		require.True(t, c.Slow())
		b.node.Stall(false)
		b.node.Delay(time.Second)
		require.NoError(t, <-slow)
		go func() { slow <- b.ping(c) }()
		<-time.After(200 * time.Millisecond)
		b.node.Delay(0)
		_, err = b.pool.Lane(t.Context()) // notices, opens, and does not wait for it
		require.NoError(t, err)
		synctest.Wait()
		d, err := b.pool.Lane(t.Context())
		require.NoError(t, err)
		assert.NotSame(t, c, d)
		require.NoError(t, <-slow)
		b.check(2, 2, 0, 0, 0)
		<-time.After(3 * time.Minute)
		b.check(1, 1, 0, 0, 0) // given up again
	})
}

func TestLeasesAreHandedOverInTheOrderOfAsking(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, pool.Config{Size: 3})
		defer b.close()
		first, second := b.acquire(), b.acquire()
		b.check(2, 0, 0, 2, 0) // the third place is the lane's
		order := make(chan int, 5)
		for i := range 5 {
			go func() {
				l := b.acquire()
				order <- i
				l.Release()
			}()
			synctest.Wait()
		}
		b.check(2, 0, 0, 2, 5)
		first.Release()
		for i := range 5 {
			assert.Equal(t, i, <-order)
		}
		second.Release()
		second.Release() // a second time does nothing
		b.check(2, 0, 2, 0, 0)
	})
}

func TestWaitEndsWithAnErrorThatExplains(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, pool.Config{Size: 2, WaitTimeout: time.Second, MaxWaiting: 2})
		defer b.close()
		l := b.acquire()
		defer l.Release()
		_, err := b.pool.Acquire(t.Context())
		var te *pool.TimeoutError
		require.ErrorAs(t, err, &te)
		assert.Equal(t, "pool: no connection within 1s (1 of 2 leased, 0 shared, 0 dialing, 0 waiting)", err.Error())

		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
		defer cancel()
		_, err = b.pool.Acquire(ctx)
		assert.ErrorIs(t, err, context.DeadlineExceeded)

		for range 2 {
			go b.pool.Acquire(t.Context())
		}
		synctest.Wait()
		begun := time.Now()
		_, err = b.pool.Acquire(t.Context())
		assert.EqualError(t, err, "pool: no connection, and no more callers may wait for one (1 of 2 leased, 0 shared, 0 dialing, 2 waiting)")
		assert.Zero(t, time.Since(begun), "more than MaxWaiting are refused at once")
		<-time.After(2 * time.Second)
		b.check(1, 0, 0, 1, 0)
	})
}

func TestDialOfAnImpatientCallerServesTheNext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, pool.Config{Size: 4})
		defer b.close()
		release := b.holdDials()
		ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
		defer cancel()
		_, err := b.pool.Acquire(ctx)
		require.ErrorIs(t, err, context.DeadlineExceeded)
		release()
		b.check(1, 0, 1, 0, 0)
		l := b.acquire()
		defer l.Release()
		assert.EqualValues(t, 1, b.pool.Stats().Dials)
	})
}

func TestDialsAreBoundedAndFailuresReachTheCallers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, pool.Config{Size: 20, MaxDialing: 3})
		defer b.close()
		b.node.Refuse()
		errs := make(chan error, 10)
		for range 10 {
			go func() {
				_, err := b.pool.Acquire(t.Context())
				errs <- err
			}()
		}
		for range 10 {
			err := <-errs
			var ce *conn.Error
			require.ErrorAs(t, err, &ce)
			assert.False(t, ce.Sent)
		}
		assert.LessOrEqual(t, b.peak.Load(), int64(3))
		assert.EqualValues(t, 10, b.pool.Stats().DialErrors)
		require.NoError(t, b.node.Reopen())
		l := b.acquire()
		defer l.Release()
		assert.Equal(t, 1, b.pool.Stats().Leased)
	})
}

func TestDialsThatFailTogetherCountOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, pool.Config{Size: 20})
		defer b.close()
		b.node.Refuse()
		begun := time.Now()
		release := b.holdDials()
		errs := make(chan error, 8)
		for range 8 {
			go func() { _, err := b.pool.Acquire(t.Context()); errs <- err }()
		}
		synctest.Wait()
		release()
		for range 8 {
			require.Error(t, <-errs)
		}
		_, err := b.pool.Lane(t.Context())
		require.Error(t, err)
		assert.LessOrEqual(t, time.Since(begun), 8*time.Millisecond, "one round, one pause")
		for range 20 {
			_, err = b.pool.Lane(t.Context())
			require.Error(t, err)
		}
		assert.Greater(t, time.Since(begun), 500*time.Millisecond, "rounds in a row, longer and longer pauses")
	})
}

func TestLaneErrorIsTheDialsAndTheNextCallTriesAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, pool.Config{})
		defer b.close()
		b.node.Refuse()
		_, err := b.pool.Lane(t.Context())
		require.ErrorContains(t, err, "refused")
		require.NoError(t, b.node.Reopen())
		_, err = b.pool.Lane(t.Context())
		require.NoError(t, err)
	})
}

func TestUnfitConnectionsAreNotUsedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, pool.Config{Size: 2})
		defer b.close()
		l := b.acquire()
		id := l.Conn().ID()
		b.node.Delay(time.Second)
		ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
		q := b.cfg.NewCall()
		q.Req = resp3.AppendCommand(q.Req, "PING")
		require.ErrorIs(t, l.Conn().Do(ctx, q), context.DeadlineExceeded)
		cancel()
		q.Free()
		b.node.Delay(0)
		l.Release() // it still owes a reply
		l = b.acquire()
		assert.NotEqual(t, id, l.Conn().ID())
		id = l.Conn().ID()
		l.Discard()
		l = b.acquire()
		assert.NotEqual(t, id, l.Conn().ID())
		l.Release()
		b.node.Shut()
		<-time.After(100 * time.Millisecond)
		b.check(0, 0, 0, 0, 0) // an idle one that ended is forgotten
	})
}

func TestCloseEndsWaitingAndDialling(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, pool.Config{Size: 2})
		b.holdDials()
		errs := make(chan error, 2)
		go func() { _, err := b.pool.Acquire(t.Context()); errs <- err }()
		go func() { _, err := b.pool.Lane(t.Context()); errs <- err }()
		synctest.Wait()
		b.close()
		for range 2 {
			err := <-errs
			assert.True(t, errors.Is(err, pool.ErrClosed), err)
		}
		_, err := b.pool.Acquire(t.Context())
		assert.ErrorIs(t, err, pool.ErrClosed)
		_, err = b.pool.Lane(t.Context())
		assert.ErrorIs(t, err, pool.ErrClosed)
	})
}

func TestDrainWaitsForRepliesAndLeases(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, pool.Config{Size: 4})
		defer b.close()
		c, err := b.pool.Lane(t.Context())
		require.NoError(t, err)
		l := b.acquire()
		b.node.Delay(time.Second)
		slow := make(chan error, 1)
		go func() { slow <- b.ping(c) }()
		synctest.Wait()
		drained := make(chan error, 1)
		go func() { drained <- b.pool.Drain(t.Context()) }()
		require.NoError(t, <-slow)
		synctest.Wait()
		assert.Empty(t, drained, "the lease is still out")
		l.Release()
		require.NoError(t, <-drained)
	})
}

func TestDrainEndsWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, pool.Config{Size: 4})
		defer b.close()
		b.acquire()
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		assert.ErrorIs(t, b.pool.Drain(ctx), context.DeadlineExceeded)
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

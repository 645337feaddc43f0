package baton_test

import (
	"context"
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/baton-go/baton"
	"github.com/baton-go/baton/handoff/handofftest"
	"github.com/baton-go/baton/pool"
)

// A call that is given up costs its caller the wait and nothing else: the connection goes on, and the late reply is discarded.
func TestTimeoutsOpenNoConnection(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPair(t)
		c := p.client(baton.Options{Pool: pool.Config{Lanes: 1}})
		defer c.Close()
		require.NoError(t, c.Ready(t.Context()))
		p.A.Delay(20 * time.Millisecond)
		var wg sync.WaitGroup
		var late atomic.Int64
		for range 50 {
			wg.Go(func() {
				for range 20 {
					ctx, cancel := context.WithTimeout(t.Context(), 5*time.Millisecond)
					if _, err := c.Incr(ctx, "n"); assert.ErrorIs(t, err, context.DeadlineExceeded) {
						late.Add(1)
					}
					cancel()
				}
			})
		}
		wg.Wait()
		require.EqualValues(t, 1000, late.Load())
		p.A.Delay(0)
		n, err := c.Incr(t.Context(), "n")
		require.NoError(t, err)
		assert.EqualValues(t, 1001, n, "each was executed, and no reply went to another caller")
		assert.EqualValues(t, 1, p.A.Stats().Accepted)

		// The control: a connection that is closed is replaced.
		p.A.Shut()
		require.NoError(t, p.A.Reopen())
		require.NoError(t, c.Ready(t.Context()))
		assert.EqualValues(t, 2, p.A.Stats().Accepted)
	})
}

// A caller's deadline ends every kind of wait, and Close finds nothing that goes on.
func TestDeadlinesAreHonoured(t *testing.T) {
	const limit = 50 * time.Millisecond
	hang := func(ctx context.Context, _, _ string) (net.Conn, error) { <-ctx.Done(); return nil, ctx.Err() }
	get := func(ctx context.Context, c *baton.Client) error { _, err := c.Get(ctx, "k"); return err }
	held := func(ctx context.Context, c *baton.Client) error { _, err := c.Conn(ctx); return err }
	watch := func(ctx context.Context, c *baton.Client) error {
		return c.Tx(ctx, func(*baton.Tx) error { return nil }, "k")
	}
	pop := func(ctx context.Context, c *baton.Client) error { _, _, err := c.BLPop(ctx, 0, "k"); return err }
	subscribe := func(ctx context.Context, c *baton.Client) error { _, err := c.Subscribe(ctx, "k"); return err }
	tests := []struct {
		name    string
		trouble string // what is wrong
		do      func(context.Context, *baton.Client) error
		sent    bool
	}{
		{"command", "stalled", get, true},
		{"pipeline", "stalled", func(ctx context.Context, c *baton.Client) error {
			return c.Pipeline(ctx, func(p *baton.Pipe) error { p.Get("k"); return nil })
		}, true},
		{"command that blocks", "", pop, false},
		{"wait for a lease", "leased", held, false},
		{"wait for a transaction's connection", "leased", watch, false},
		{"wait for a connection to block on", "leased", pop, false},
		{"dial of a shared connection", "hanging", get, false},
		{"dial of a lease", "hanging", held, false},
		{"dial of a connection to block on", "hanging", pop, false},
		{"dial of a subscription", "hanging", subscribe, false},
		{"set-up of a shared connection", "mute", get, false},
		{"set-up of a lease", "mute", held, false},
		{"set-up of a connection to block on", "mute", pop, false},
		{"set-up of a subscription", "mute", subscribe, false},
		{"confirmation of a subscription", "stalled", subscribe, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := newPair(t)
				o := baton.Options{Addr: p.A.Addr(), Dialer: p.Network.DialContext, Pool: pool.Config{Size: 2, Blocking: 1}}
				if tt.trouble == "hanging" {
					o.Dialer = hang
				}
				c, err := baton.New(o)
				require.NoError(t, err)
				defer c.Close()
				switch tt.trouble {
				case "stalled":
					require.NoError(t, c.Ready(t.Context()))
					p.A.Stall(true)
				case "mute":
					p.A.SetTrouble(handofftest.Trouble{Mute: true})
				case "leased":
					_, err = c.Conn(t.Context())
					require.NoError(t, err)
					go func() { _, _, _ = c.BLPop(t.Context(), 0, "other") }()
					synctest.Wait()
				}
				begun := time.Now()
				ctx, cancel := context.WithTimeout(t.Context(), limit)
				defer cancel()
				err = tt.do(ctx, c)
				assert.Equal(t, limit, time.Since(begun))
				assert.ErrorIs(t, err, context.DeadlineExceeded)
				var oe *baton.OpError
				require.ErrorAs(t, err, &oe)
				assert.Equal(t, tt.sent, oe.Sent, err.Error())
				assert.Zero(t, c.Stats().Waiting, "nobody waits any more")
				require.NoError(t, c.Close())
				synctest.Wait()
				assert.Zero(t, p.A.Stats().Open)
			})
		})
	}
}

func TestShutdownHonoursItsDeadline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPair(t)
		c := p.client(baton.Options{})
		_, err := c.Conn(t.Context()) // never given back
		require.NoError(t, err)
		require.NoError(t, c.Ready(t.Context()))
		p.A.Stall(true)
		got := make(chan error, 1)
		go func() { _, err := c.Incr(t.Context(), "n"); got <- err }()
		synctest.Wait()
		begun := time.Now()
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		assert.ErrorIs(t, c.Shutdown(ctx), context.DeadlineExceeded)
		assert.Equal(t, time.Second, time.Since(begun))
		var oe *baton.OpError
		require.ErrorAs(t, <-got, &oe)
		assert.True(t, oe.Sent)
		synctest.Wait()
		assert.Zero(t, p.A.Stats().Open)
	})
}

// The text alone tells whether the pool is too small, somebody keeps connections, or the server is away.
func TestErrorOfAWaitExplains(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPair(t)
		c := p.client(baton.Options{Pool: pool.Config{Size: 65, Lanes: 1, WaitTimeout: 2 * time.Second}})
		defer c.Close()
		var leases []*baton.Conn
		for range 64 {
			l, err := c.Conn(t.Context())
			require.NoError(t, err)
			leases = append(leases, l)
		}
		require.NoError(t, c.Ready(t.Context()))
		for range 12 {
			go func() { _, _ = c.Conn(t.Context()) }()
		}
		synctest.Wait()
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		_, err := c.Conn(ctx)
		assert.EqualError(t, err, "baton: lease: pool: no connection within 1s (64 of 65 leased, 1 shared, 0 dialing, 12 waiting): context deadline exceeded (attempt 1, not sent)")
		<-time.After(2 * time.Second)

		p.A.Refuse()
		leases[0].Discard()
		_, err = c.Conn(t.Context())
		require.ErrorContains(t, err, "refused")
		var dials atomic.Int64
		for range 20 { // the next dials wait: the error of the last one is what a caller has to know
			go func() { _, _ = c.Conn(t.Context()); dials.Add(1) }()
		}
		ctx, cancel = context.WithTimeout(t.Context(), time.Nanosecond)
		defer cancel()
		_, err = c.Conn(ctx)
		require.ErrorContains(t, err, "63 of 65 leased")
		assert.ErrorContains(t, err, "last dial: dial 10.0.0.1:6379")
		<-time.After(time.Minute)
		assert.EqualValues(t, 20, dials.Load())
	})
}

// A crowd that finds nobody there does not dial as a crowd, neither while the server is away nor when it is back.
func TestDialStormsAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPair(t)
		var dials, now, most atomic.Int64
		c := p.client(baton.Options{
			Pool: pool.Config{Size: 20, Lanes: 4, MaxDialing: 5, Blocking: 10},
			Dialer: func(ctx context.Context, network, addr string) (net.Conn, error) {
				dials.Add(1)
				if n := now.Add(1); n > most.Load() {
					most.Store(n)
				}
				defer now.Add(-1)
				<-time.After(time.Millisecond)
				return p.Network.DialContext(ctx, network, addr)
			},
		})
		defer c.Close()
		p.A.Kill()
		dials.Store(0)
		before := p.A.Stats().Accepted
		ctx, stop := context.WithCancel(t.Context())
		var wg sync.WaitGroup
		var served atomic.Int64
		for i := range 200 {
			wg.Go(func() {
				for ctx.Err() == nil {
					var err error
					if i%5 == 0 {
						_, _, err = c.BLPop(ctx, 10*time.Millisecond, "none")
					} else {
						_, err = c.Incr(ctx, "n")
					}
					if err == nil {
						served.Add(1)
					}
					select {
					case <-ctx.Done():
					case <-time.After(10 * time.Millisecond):
					}
				}
			})
		}
		<-time.After(5 * time.Second)
		assert.Less(t, dials.Load(), int64(200), "200 callers that try for five seconds")
		t.Logf("%d dials, %d at a time", dials.Load(), most.Load())
		assert.LessOrEqual(t, most.Load(), int64(10), "MaxDialing, of each of the two pools")
		assert.Zero(t, served.Load())
		require.NoError(t, p.A.Reopen())
		<-time.After(time.Second)
		assert.NotZero(t, served.Load())
		assert.LessOrEqual(t, p.A.Stats().Accepted-before, int64(4+10), "the lanes, and those to block on")
		stop()
		wg.Wait()
	})
}

func TestForgottenLeaseIsInSight(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPair(t)
		c := p.client(baton.Options{})
		defer c.Close()
		leased := func() (since []time.Duration) {
			for i := range c.Conns() {
				if i.Role == pool.Leased {
					since = append(since, i.Since)
				}
			}
			return since
		}
		require.NoError(t, c.Ready(t.Context()))
		assert.Empty(t, leased())
		forgotten, err := c.Conn(t.Context())
		require.NoError(t, err)
		<-time.After(time.Hour)
		assert.Equal(t, []time.Duration{time.Hour}, leased())
		assert.Equal(t, 1, c.Stats().Leased)
		forgotten.Release()
		assert.Empty(t, leased())
	})
}

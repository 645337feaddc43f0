package baton_test

import (
	"context"
	"fmt"
	"log/slog"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/baton-go/baton"
	"github.com/baton-go/baton/handoff"
	"github.com/baton-go/baton/handoff/handofftest"
	"github.com/baton-go/baton/internal/redistest"
	"github.com/baton-go/baton/pool"
)

func TestOneMovingMovesAHundredIdleConnections(t *testing.T) {
	for _, mode := range []handoff.Mode{handoff.ModeAuto, handoff.ModeDisabled} { // the second is the control
		t.Run(mode.String(), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := newPair(t)
				c := p.client(baton.Options{Pool: pool.Config{Size: 110, MinIdle: 99}, Handoff: handoff.Config{Mode: mode}})
				defer c.Close()
				<-time.After(10 * time.Second)
				require.Equal(t, map[string]int{p.A.Addr(): 100}, peers(c))
				before := p.B.Stats().Accepted

				one := p.A.Conns()[42]
				if mode == handoff.ModeDisabled {
					require.False(t, one.OptedIn)
				}
				moving := fmt.Sprintf(">4\r\n$6\r\nMOVING\r\n:7\r\n:15\r\n$%d\r\n%s\r\n", len(p.B.Addr()), p.B.Addr())
				p.Server.Conn(one.ID).Push([]byte(moving)) // one of them alone is told, and none is used
				<-time.After(2 * time.Second)              // at most a second, and jitter of at most a second
				if mode == handoff.ModeDisabled {
					assert.Equal(t, map[string]int{p.A.Addr(): 100}, peers(c))
					return
				}
				assert.Equal(t, map[string]int{p.B.Addr(): 100}, peers(c))
				assert.EqualValues(t, 100, p.B.Stats().Accepted-before, "one dial a connection")
				synctest.Wait()
				assert.Zero(t, p.A.Stats().Open)
			})
		})
	}
}

func TestMovingUnderLoadFailsLosesAndDoublesNothing(t *testing.T) {
	for _, mode := range []handoff.Mode{handoff.ModeAuto, handoff.ModeDisabled} {
		t.Run(mode.String(), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := newPair(t)
				p.A.Delay(time.Millisecond)
				p.B.Delay(time.Millisecond)
				c := p.client(baton.Options{Pool: pool.Config{MinIdle: 5}, Handoff: handoff.Config{Mode: mode}})
				defer c.Close()
				var acked, failed atomic.Int64
				stop := make(chan struct{})
				var wg sync.WaitGroup
				for i := range 16 {
					wg.Go(func() {
						for n := 0; ; n++ {
							select {
							case <-stop:
								return
							case <-time.After(5 * time.Millisecond):
							}
							if work(t.Context(), c, i, n) {
								acked.Add(2)
							} else {
								failed.Add(1)
							}
						}
					})
				}
				<-time.After(time.Second)
				p.A.Moving(3*time.Second, p.B.Addr())
				<-time.After(3 * time.Second)
				left := p.A.Shut()
				<-time.After(2 * time.Second)
				close(stop)
				wg.Wait()
				if mode == handoff.ModeDisabled {
					assert.Positive(t, failed.Load(), "without the feature the move hurts")
					return
				}
				assert.Zero(t, failed.Load())
				assert.Zero(t, left, "nobody was left at the old endpoint")
				v, _ := p.Server.Value("total")
				assert.Equal(t, fmt.Sprint(acked.Load()), v)
				assert.NoError(t, p.Server.CheckOptIn())
			})
		})
	}
}

// work adds two to the total, one of it in a pipeline, and checks that a value belongs to its key.
func work(ctx context.Context, c *baton.Client, worker, n int) bool {
	key := fmt.Sprintf("key-%d-%d", worker, n%7)
	if _, err := c.Set(ctx, key, "of "+key); err != nil {
		return false
	}
	if _, err := c.Incr(ctx, "total"); err != nil {
		return false
	}
	var r baton.Reply[string]
	err := c.Pipeline(ctx, func(p *baton.Pipe) error {
		p.Incr("total")
		r = p.Get(key)
		return nil
	})
	if err != nil {
		return false
	}
	v, err := r.Get()
	return err == nil && v == "of "+key
}

func TestCommandsInFlightAreAnsweredByTheOldEndpoint(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPair(t)
		c := p.client(baton.Options{})
		defer c.Close()
		p.A.Delay(2500 * time.Millisecond)
		slow := make(chan error, 1)
		go func() { _, err := c.Incr(t.Context(), "n"); slow <- err }()
		synctest.Wait()
		p.A.Moving(15*time.Second, p.B.Addr())
		<-time.After(2 * time.Second)
		begun := time.Now()
		_, err := c.Get(t.Context(), "none")
		assert.ErrorIs(t, err, baton.Nil)
		assert.Zero(t, time.Since(begun), "by the new endpoint, not behind the slow one")
		assert.NoError(t, <-slow)
		synctest.Wait()
		assert.Zero(t, p.A.Stats().Open)
	})
}

func TestWaitingCommandSurvivesASlowShard(t *testing.T) { // H-02
	for _, mode := range []handoff.Mode{handoff.ModeAuto, handoff.ModeDisabled} {
		t.Run(mode.String(), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := newPair(t)
				c := p.client(baton.Options{Handoff: handoff.Config{Mode: mode}})
				defer c.Close()
				p.A.Delay(5 * time.Second)
				got := make(chan error, 1)
				go func() { _, err := c.Incr(t.Context(), "n"); got <- err }()
				<-time.After(time.Second)
				p.Server.FailingOver(0, "1")
				err := <-got
				if mode == handoff.ModeDisabled {
					require.Error(t, err)
					return
				}
				require.NoError(t, err)
				p.Server.FailedOver("1")
			})
		})
	}
}

func TestMovingWithoutAnAddressFollowsTheName(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPair(t)
		c := p.client(baton.Options{Addr: handofftest.PairName + ":6379", Pool: pool.Config{MinIdle: 3}})
		defer c.Close()
		<-time.After(time.Second)
		require.Equal(t, map[string]int{p.A.Addr(): 4}, peers(c))
		p.A.Moving(15*time.Second, "")
		<-time.After(9 * time.Second)
		assert.Equal(t, map[string]int{p.A.Addr(): 4}, peers(c), "the name still leads to the old endpoint")
		p.Network.SetHost(handofftest.PairName, "10.0.0.2")
		<-time.After(3 * time.Second)
		assert.Equal(t, map[string]int{p.B.Addr(): 4}, peers(c))
		assert.Zero(t, p.A.Shut())
	})
}

func TestTargetThatRefusesLeavesTheOldEndpointServing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPair(t)
		c := p.client(baton.Options{})
		defer c.Close()
		p.B.Refuse()
		p.A.Moving(15*time.Second, p.B.Addr())
		for range 50 {
			<-time.After(100 * time.Millisecond)
			_, err := c.Incr(t.Context(), "n")
			require.NoError(t, err)
		}
		assert.Equal(t, map[string]int{p.A.Addr(): 1}, peers(c))
		require.NoError(t, p.B.Reopen()) // H-14: within the window it is tried again
		<-time.After(4 * time.Second)
		assert.Equal(t, map[string]int{p.B.Addr(): 1}, peers(c))
	})
}

func TestMalformedNotificationsHurtNobody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPair(t)
		c := p.client(baton.Options{})
		defer c.Close()
		for _, push := range []string{
			">1\r\n$6\r\nMOVING\r\n", ">4\r\n$6\r\nMOVING\r\n+x\r\n+y\r\n*0\r\n", ">4\r\n$6\r\nMOVING\r\n:1\r\n:15\r\n$3\r\n:::\r\n",
			">0\r\n", ">1\r\n:1\r\n", ">2\r\n$9\r\nMIGRATING\r\n%1\r\n+a\r\n+b\r\n", ">2\r\n$8\r\nSURPRISE\r\n:1\r\n", ">1\r\n$9\r\nSMIGRATED\r\n",
		} {
			p.A.Push([]byte(push))
			n, err := c.Incr(t.Context(), "n")
			require.NoError(t, err, "%q", push)
			require.Positive(t, n)
		}
		<-time.After(20 * time.Second)
		_, err := c.Incr(t.Context(), "n")
		require.NoError(t, err)
		assert.Zero(t, c.Stats().Lost, "a MOVING without a readable target counts as one without a target")
		assert.EqualValues(t, 1, p.A.Stats().Open)
		assert.Positive(t, c.Handoffs().Stats().Malformed)
	})
}

func TestServerWithoutTheFeatureIsAskedOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		asked := 0
		p := newPair(t, handofftest.Options{Maintenance: handofftest.MaintenanceUnknown,
			OnCommand: func(_ handofftest.ConnInfo, args [][]byte) {
				if len(args) > 1 && strings.EqualFold(string(args[1]), "MAINT_NOTIFICATIONS") {
					asked++
				}
			}})
		tr := &tracer{}
		c := p.client(baton.Options{Pool: pool.Config{MinIdle: 9}, Tracer: tr})
		defer c.Close()
		<-time.After(time.Second)
		require.Equal(t, map[string]int{p.A.Addr(): 10}, peers(c))
		assert.Equal(t, 1, asked)
		assert.Equal(t, []string{"start PING", "end PING 1 1 <nil>"}, tr.log, "no set-up traffic")
	})
}

// The same in front of a redis-server, which counts the errors that it gives: one more than to a client that does not ask,
// for ten connections, and no line in a log. One that calls itself otherwise, as Valkey does, is not asked.
func TestRealServerWithoutTheFeatureIsAskedOnce(t *testing.T) {
	given, asked := map[handoff.Mode]int{}, 0
	for _, mode := range []handoff.Mode{handoff.ModeDisabled, handoff.ModeAuto} {
		log := &logCounter{}
		c := open(t, baton.Options{
			Addr: redistest.Start(t), Pool: pool.Config{Size: 12, MinIdle: 9},
			Handoff: handoff.Config{Mode: mode}, Logger: slog.New(slog.NewTextHandler(log, nil)),
		})
		require.NoError(t, c.Ready(t.Context()))
		for c.Stats().Open < 10 {
			runtime.Gosched()
		}
		_, err := c.Do(t.Context(), "NO-SUCH-COMMAND") // there is something to count in any case
		require.Error(t, err)
		v, err := c.Do(t.Context(), "INFO", "errorstats")
		require.NoError(t, err)
		text, err := v.Text()
		require.NoError(t, err)
		if about, err := baton.As[string](c.Do(t.Context(), "INFO", "server")); err == nil && !strings.Contains(about, "server_name:valkey") {
			asked = 1
		}
		_, count, found := strings.Cut(text, "errorstat_ERR:count=")
		require.True(t, found, text)
		given[mode], err = strconv.Atoi(strings.TrimSpace(count))
		require.NoError(t, err)
		assert.Zero(t, log.lines())
	}
	assert.Equal(t, given[handoff.ModeDisabled]+asked, given[handoff.ModeAuto])
}

func TestCloseDuringAMoveLeavesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPair(t)
		c := p.client(baton.Options{Pool: pool.Config{MinIdle: 9}})
		p.B.Stall(true)
		p.A.Moving(15*time.Second, p.B.Addr())
		<-time.After(1500 * time.Millisecond)
		require.NoError(t, c.Close())
		p.B.Stall(false)
		synctest.Wait()
		assert.Zero(t, p.A.Stats().Open)
		assert.Zero(t, p.B.Stats().Open)
	})
}

func TestNoGoroutineIsLeftOnRealSockets(t *testing.T) {
	p := newRealPair(t, redistest.Start(t))
	start := runtime.NumGoroutine()
	c := open(t, baton.Options{Addr: p.A.Addr(), Pool: pool.Config{MinIdle: 4}, Handoff: handoff.Config{Jitter: -1}})
	ctx := t.Context()
	for i := range 200 {
		require.True(t, work(ctx, c, 0, i))
		if i == 50 {
			p.A.Moving(time.Minute, p.B.Addr()) // enough on a machine that stands still meanwhile
		}
	}
	for peers(c)[p.A.Addr()] > 0 {
		require.True(t, work(ctx, c, 0, 1))
	}
	require.NoError(t, c.Close())
	p.Server.Close()
	for runtime.NumGoroutine() > start {
		runtime.Gosched()
	}
}

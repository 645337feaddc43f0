package baton_test

import (
	"context"
	"errors"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/baton-go/baton"
	"github.com/baton-go/baton/handoff/handofftest"
	"github.com/baton-go/baton/internal/redistest"
)

// H-136: with the options as they are, a server that is away for two seconds fails no command that was not under way.
func TestServerThatIsAwayForTwoSecondsFailsNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPair(t)
		c := p.client(baton.Options{})
		defer c.Close()
		p.A.Refuse()
		p.A.Kill()
		<-time.After(100 * time.Millisecond) // the client knows
		time.AfterFunc(2*time.Second, func() { assert.NoError(t, p.A.Reopen()) })
		begun := time.Now()
		useEverything(t, c)
		assert.GreaterOrEqual(t, time.Since(begun), 2*time.Second)
		assert.Less(t, time.Since(begun), 4*time.Second)
	})
}

// The bounds of patience, for a server that never comes and for one that never loads.
func TestPatienceEnds(t *testing.T) {
	ctx := context.Background()
	operations := map[string]func(context.Context, *baton.Client) error{
		"command": func(ctx context.Context, c *baton.Client) error { _, err := c.Incr(ctx, "n"); return err },
		"pipeline": func(ctx context.Context, c *baton.Client) error {
			return c.Pipeline(ctx, func(p *baton.Pipe) error { p.Incr("n"); return nil })
		},
		"Tx": func(ctx context.Context, c *baton.Client) error {
			return c.Tx(ctx, func(tx *baton.Tx) error {
				return tx.Exec(ctx, func(p *baton.Pipe) error { p.Incr("n"); return nil })
			})
		},
		"Tx that watches": func(ctx context.Context, c *baton.Client) error {
			return c.Tx(ctx, func(tx *baton.Tx) error {
				return tx.Exec(ctx, func(p *baton.Pipe) error { p.Incr("n"); return nil })
			}, "k")
		},
		"BLPop":     func(ctx context.Context, c *baton.Client) error { _, _, err := c.BLPop(ctx, 0, "l"); return err },
		"Subscribe": func(ctx context.Context, c *baton.Client) error { _, err := c.Subscribe(ctx, "c"); return err },
		"Ready":     func(ctx context.Context, c *baton.Client) error { return c.Ready(ctx) },
	}
	const most = 205 * time.Millisecond // a pause, and what the dials of the pool add
	for name, do := range operations {
		for _, trouble := range []string{"away", "loading"} {
			t.Run(name+" "+trouble, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					var loading atomic.Bool
					p := newPair(t, handofftest.Options{Intercept: func(_ handofftest.ConnInfo, args [][]byte) ([]byte, bool) {
						n := string(args[0])
						return []byte("-LOADING x\r\n"), loading.Load() && n != "HELLO" && n != "CLIENT"
					}})
					if loading.Store(trouble == "loading"); trouble == "away" {
						p.A.Refuse()
					}
					for _, tt := range []struct {
						policy baton.RetryPolicy
						limit  time.Duration // of the context
						least  time.Duration
						most   time.Duration
					}{
						{least: 5 * time.Second, most: 5*time.Second + time.Second + most},
						{policy: baton.RetryPolicy{For: time.Second}, least: time.Second, most: 2*time.Second + most},
						{policy: baton.RetryPolicy{For: time.Second, Max: -1}, least: time.Second, most: 2*time.Second + most},
						{policy: baton.RetryPolicy{For: time.Second, MinBackoff: -1, MaxBackoff: -1}, least: time.Second, most: 2*time.Second + most},
						{policy: baton.RetryPolicy{For: -1}, most: 100 * time.Millisecond},
						{policy: baton.RetryPolicy{Max: -1}},
						{limit: time.Second, least: time.Second, most: time.Second},
						{policy: baton.RetryPolicy{For: time.Hour}, limit: time.Minute, least: time.Minute, most: time.Minute},
					} {
						c, err := baton.New(baton.Options{Addr: p.A.Addr(), Dialer: p.Network.DialContext, Retry: tt.policy})
						require.NoError(t, err)
						within, cancel := ctx, context.CancelFunc(func() {})
						if tt.limit > 0 {
							within, cancel = context.WithTimeout(ctx, tt.limit)
						}
						begun := time.Now()
						err = do(within, c)
						took := time.Since(begun)
						cancel()
						if assert.Error(t, err) && trouble == "away" {
							var oe *baton.OpError
							require.ErrorAs(t, err, &oe)
							assert.False(t, oe.Sent)
							assert.Equal(t, tt.limit > 0, errors.Is(err, context.DeadlineExceeded), err.Error())
						} else {
							assert.True(t, strings.Contains(err.Error(), "LOADING") || errors.Is(err, context.DeadlineExceeded), err.Error())
						}
						assert.GreaterOrEqual(t, took, tt.least, "%+v", tt)
						assert.LessOrEqual(t, took, tt.most, "%+v", tt)
						c.Close()
					}
				})
			})
		}
	}
}

func TestCloseEndsPatience(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPair(t)
		c := p.client(baton.Options{Retry: baton.RetryPolicy{For: time.Hour, MinBackoff: time.Minute, MaxBackoff: time.Minute}})
		p.A.Refuse()
		p.A.Kill()
		<-time.After(100 * time.Millisecond) // the client knows
		var ended atomic.Int64
		for range 64 {
			go func() {
				_, err := c.Incr(t.Context(), "n")
				assert.ErrorIs(t, err, baton.ErrClosed)
				ended.Add(1)
			}()
		}
		time.Sleep(2 * time.Minute)
		begun := time.Now()
		c.Close()
		synctest.Wait()
		assert.EqualValues(t, 64, ended.Load())
		assert.Zero(t, time.Since(begun))
	})
}

// Attempts that may have been executed are counted by Max, however much time there is.
func TestPatienceIsNotForWhatWasSent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var p *pair
		asked := map[string]int{}
		p = newPair(t, handofftest.Options{Intercept: func(_ handofftest.ConnInfo, args [][]byte) ([]byte, bool) {
			if n := string(args[0]); n == "GET" || n == "INCR" {
				asked[n]++
				go func() { p.A.Kill(); _ = p.A.Reopen() }()
				<-time.After(time.Millisecond)
			}
			return nil, false
		}})
		c := p.client(baton.Options{})
		defer c.Close()
		for _, do := range []func() error{
			func() error { _, err := c.Get(t.Context(), "k"); return err },
			func() error { _, err := c.Incr(t.Context(), "n"); return err },
		} {
			var oe *baton.OpError
			require.ErrorAs(t, do(), &oe)
			assert.True(t, oe.Sent)
		}
		assert.Equal(t, map[string]int{"GET": 3, "INCR": 1}, asked)
	})
}

// A server at its limit has room again after a second.
func TestFullServerIsWaitedFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		room := time.Now().Add(time.Second)
		p := newPair(t, handofftest.Options{Intercept: func(handofftest.ConnInfo, [][]byte) ([]byte, bool) {
			return []byte("-ERR max number of clients reached\r\n"), time.Now().Before(room)
		}})
		c := p.client(baton.Options{})
		defer c.Close()
		useEverything(t, c)
	})
}

// renewed gives stale credentials the first times.
type renewed struct{ stale atomic.Int64 }

func (r *renewed) Credentials(context.Context) (baton.Credentials, error) {
	if r.stale.Add(-1) >= 0 {
		return baton.Credentials{Password: "old"}, nil
	}
	return baton.Credentials{Password: "new"}, nil
}

// H-124: a provider may have other credentials the next time.
func TestProviderIsAskedAgainForStaleCredentials(t *testing.T) {
	ctx := context.Background()
	uses := map[string]func(*baton.Client) error{
		"lane": func(c *baton.Client) error { _, err := c.Incr(ctx, "n"); return err },
		"lease": func(c *baton.Client) error {
			session, err := c.Conn(ctx)
			if err == nil {
				session.Release()
			}
			return err
		},
		"BLPop": func(c *baton.Client) error {
			if _, _, err := c.BLPop(ctx, time.Second, "l"); !errors.Is(err, baton.Nil) {
				return err
			}
			return nil
		},
		"Tx":        func(c *baton.Client) error { return c.Tx(ctx, func(*baton.Tx) error { return nil }, "k") },
		"Subscribe": func(c *baton.Client) error { _, err := c.Subscribe(ctx, "c"); return err },
	}
	for _, old := range []bool{false, true} { // a server that has no code for that
		for name, use := range uses {
			if old && name == "Subscribe" {
				continue
			}
			synctest.Test(t, func(t *testing.T) {
				p := newPair(t, handofftest.Options{Password: "new", Resp2Only: old, Intercept: func(_ handofftest.ConnInfo, args [][]byte) ([]byte, bool) {
					return []byte("-ERR invalid password\r\n"), old && string(args[0]) == "AUTH" && string(args[len(args)-1]) == "old"
				}})
				for stale, ok := range map[int64]bool{1: true, 2: true, 3: false} {
					r := &renewed{}
					r.stale.Store(stale)
					c, err := baton.New(baton.Options{Addr: p.A.Addr(), Dialer: p.Network.DialContext, Credentials: r})
					require.NoError(t, err)
					before := p.A.Stats().Accepted
					if err := use(c); ok {
						assert.NoError(t, err, name)
						assert.Equal(t, stale+1, p.A.Stats().Accepted-before)
					} else {
						assert.ErrorContains(t, err, "set up (", name)
						assert.EqualValues(t, 3, p.A.Stats().Accepted-before, "Retry.Max")
					}
					c.Close()
				}
			})
		}
	}
}

func TestMoveWithStaleCredentialsIsTriedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPair(t, handofftest.Options{Password: "new"})
		r := &renewed{}
		c := p.client(baton.Options{Credentials: r})
		defer c.Close()
		s, err := c.Subscribe(t.Context(), "c")
		require.NoError(t, err)
		defer s.Close()
		r.stale.Store(2)
		p.A.Moving(15*time.Second, p.B.Addr())
		time.Sleep(10 * time.Second)
		assert.Equal(t, map[string]int{p.B.Addr(): 2}, peers(c))
		assert.Negative(t, r.stale.Load())
	})
}

// freePort gives the port of a server that has just ended.
func freePort(t *testing.T) string {
	addr, stop := redistest.StartServer(t)
	stop()
	_, port, err := net.SplitHostPort(addr)
	require.NoError(t, err)
	return port
}

// H-136, on a real server that keeps what it was told: it is away while 64 callers begin their commands. No command is under way
// when it ends, so none may fail; all are counted.
func TestRestartOfARealServerFailsNothing(t *testing.T) {
	port, dir := freePort(t), t.TempDir()
	start := func() (stop func()) {
		// Each reply stands behind its write to the file. With appendfsync everysec a write may be put off, and is lost with the process.
		_, stop = redistest.StartServer(t, "--port", port, "--appendonly", "yes", "--appendfsync", "no", "--dir", dir)
		return stop
	}
	stop := start()
	c, ctx := open(t, baton.Options{Addr: "127.0.0.1:" + port, Retry: baton.RetryPolicy{For: time.Minute}}), t.Context() // this machine may be slow
	const callers, each = 64, 50
	acked := atomic.Int64{}
	work := func() *sync.WaitGroup {
		var wg sync.WaitGroup
		for range callers {
			wg.Go(func() {
				for range each {
					if _, err := c.Incr(ctx, "n"); assert.NoError(t, err) {
						acked.Add(1)
					}
				}
				assert.NoError(t, c.Pipeline(ctx, func(p *baton.Pipe) error { p.Incr("n"); p.Incr("n"); return nil }))
				assert.NoError(t, c.Tx(ctx, func(tx *baton.Tx) error {
					return tx.Exec(ctx, func(p *baton.Pipe) error { p.Incr("n"); return nil })
				}, "k"))
				acked.Add(3)
			})
		}
		return &wg
	}
	work().Wait()
	stop()
	for c.Stats().Open > 0 { // what is sent on a connection before its end is seen may have been executed
		<-time.After(time.Millisecond)
	}
	before := c.Stats().DialErrors
	wg := work()
	for c.Stats().DialErrors < before+8 { // it is away for a while
		<-time.After(time.Millisecond)
	}
	start()
	wg.Wait()
	n, err := baton.As[int64](c.Do(ctx, "GET", "n"))
	require.NoError(t, err)
	assert.Equal(t, acked.Load(), n)
	assert.EqualValues(t, 2*callers*(each+3), n)
}

// hosts is a name with these addresses, always in this order.
type hosts []string

func (h hosts) LookupHost(context.Context, string) ([]string, error) { return h, nil }

// H-114, H-136: master and replica change places on real servers under one name, there and back, under 64 callers.
func TestFailoverOfARealServerFailsNothing(t *testing.T) {
	port := freePort(t)
	redistest.Start(t, "--port", port)
	redistest.Start(t, "--port", port, "--bind", "127.0.0.2", "--replica-announce-ip", "127.0.0.2", "--replicaof", "127.0.0.1", port)
	c := open(t, baton.Options{Addr: "db:" + port, Resolver: hosts{"127.0.0.1", "127.0.0.2"}, Retry: baton.RetryPolicy{For: time.Minute}})
	ctx, stopping := context.WithCancel(t.Context())
	defer stopping()
	nodes := [2]*baton.Client{open(t, baton.Options{Addr: "127.0.0.1:" + port}), open(t, baton.Options{Addr: "127.0.0.2:" + port})}
	until := func(node *baton.Client, section, has string) {
		for {
			s, err := baton.As[string](node.Do(t.Context(), "INFO", section))
			require.NoError(t, err)
			if strings.Contains(s, has) {
				return
			}
			<-time.After(10 * time.Millisecond)
		}
	}
	var acked atomic.Int64
	var wg sync.WaitGroup
	for i := range 64 {
		wg.Go(func() {
			for ctx.Err() == nil {
				var err error
				switch i % 4 {
				case 0:
					err = c.Pipeline(t.Context(), func(p *baton.Pipe) error { p.Incr("n"); return nil })
				case 1:
					err = c.Tx(t.Context(), func(tx *baton.Tx) error {
						return tx.Exec(t.Context(), func(p *baton.Pipe) error { p.Incr("n"); return nil })
					}, "k")
				default:
					_, err = c.Incr(t.Context(), "n")
				}
				if !assert.NoError(t, err) {
					return
				}
				acked.Add(1)
			}
		})
	}
	for turn := range 2 {
		from, to := nodes[turn], nodes[1-turn]
		until(from, "replication", "state=online")
		until(to, "replication", "master_link_status:up")
		for before := acked.Load(); acked.Load() < before+500; {
			<-time.After(time.Millisecond)
		}
		_, err := from.Do(t.Context(), "FAILOVER")
		require.NoError(t, err)
		until(to, "replication", "role:master")
		until(from, "replication", "role:slave")
		for before := acked.Load(); acked.Load() < before+500; {
			<-time.After(time.Millisecond)
		}
	}
	stopping()
	wg.Wait()
	n, err := baton.As[int64](nodes[0].Do(t.Context(), "GET", "n"))
	require.NoError(t, err)
	assert.Equal(t, acked.Load(), n)
}

package baton_test

import (
	"context"
	"errors"
	"fmt"
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
	"github.com/baton-go/baton/conn"
	"github.com/baton-go/baton/pool"
	"github.com/baton-go/baton/resp3"
)

// A proxy that has lost its shard goes on to push and answers nothing. It is given up like one that is silent, and callers
// with deadlines of their own are served by another connection soon.
func TestServerThatPushesAndAnswersNothingIsRecoveredFrom(t *testing.T) { // H-115, H-117
	for name, noise := range map[string]string{
		"silent": "", "push": ">2\r\n$5\r\nhello\r\n:1\r\n", "maintenance push": ">3\r\n$9\r\nMIGRATING\r\n:1\r\n:0\r\n",
		"half a push": ">2\r\n$5\r\nhe", "attribute": "|1\r\n+a\r\n:1\r\n",
	} {
		for _, deadline := range []time.Duration{0, 100 * time.Millisecond} {
			t.Run(fmt.Sprint(name, " ", deadline), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					var ill atomic.Bool
					s := newBareServer(t, func(n int, nc net.Conn) {
						next := setUpBy(nc)
						var work sync.WaitGroup
						defer work.Wait()
						if n == 1 {
							work.Go(func() {
								for sent := false; ; {
									<-time.After(200 * time.Millisecond)
									out := ""
									if ill.Load() && !(sent && name == "half a push") {
										out, sent = noise, true
									}
									if _, err := nc.Write([]byte(out)); err != nil {
										return
									}
								}
							})
						}
						for next() != nil {
							if n > 1 || !ill.Load() {
								nc.Write([]byte("+PONG\r\n"))
							}
						}
					})
					c := s.client(baton.Options{ReadTimeout: time.Second, Pool: pool.Config{Size: 1}, Retry: baton.RetryPolicy{Max: -1}})
					require.NoError(t, c.Ready(t.Context()))
					ill.Store(true)
					begun := time.Now()
					var work sync.WaitGroup
					var recovered atomic.Int64
					for range 10 {
						work.Go(func() {
							for {
								ctx, cancel := context.Background(), func() {}
								if deadline > 0 {
									ctx, cancel = context.WithTimeout(ctx, deadline)
								}
								err := c.Ping(ctx)
								cancel()
								took := time.Since(begun)
								if err == nil {
									recovered.Store(max(recovered.Load(), int64(took)))
									return
								}
								if took > 20*time.Second {
									assert.Fail(t, "no recovery", err)
									return
								}
							}
						})
					}
					work.Wait()
					most := 1500 * time.Millisecond
					if name == "maintenance push" {
						most += 9 * time.Second // relaxed
					}
					assert.Less(t, time.Duration(recovered.Load()), most)
				})
			})
		}
	}
}

// Pushes that are about something else than channels do not postpone the heartbeat of a subscription either.
func TestSubscriptionWhoseServerOnlyPushesIsGivenUp(t *testing.T) { // H-115
	for _, noise := range []string{"", ">2\r\n$5\r\nhello\r\n:1\r\n"} {
		synctest.Test(t, func(t *testing.T) {
			p := newPair(t)
			c := p.client(baton.Options{ReadTimeout: time.Second})
			defer c.Close()
			s, err := c.Subscriber(baton.SubscribeOptions{Heartbeat: time.Second}).Subscribe(t.Context(), "x")
			require.NoError(t, err)
			<-time.After(5 * time.Second)
			require.Equal(t, []baton.SubEventKind{baton.SubConnected}, kinds(taken(s)), "a server that answers is not given up")
			p.A.Stall(true)
			for range 25 { // at most twice the heartbeat and the timeout, and the look of the link
				<-time.After(200 * time.Millisecond)
				if noise != "" {
					p.A.Push([]byte(noise))
				}
			}
			p.A.Stall(false)
			es := taken(s)
			require.NotEmpty(t, es)
			assert.Equal(t, baton.SubLost, es[0].Kind)
			assert.ErrorIs(t, es[0].Err, conn.ErrDead)
		})
	}
}

func TestBacklogIsAnErrorThatTellsItsSize(t *testing.T) { // H-116
	synctest.Test(t, func(t *testing.T) {
		s := newBareServer(t, func(n int, nc net.Conn) {
			next := setUpBy(nc)
			if next() != nil { // PING
				nc.Write([]byte("+PONG\r\n"))
			}
			for {
				<-time.After(200 * time.Millisecond)
				if _, err := nc.Write([]byte(">1\r\n+x\r\n")); err != nil {
					return
				}
			}
		})
		c := s.client(baton.Options{ReadTimeout: -1, MaxPending: 1 << 20, Pool: pool.Config{Size: 1}, Retry: baton.RetryPolicy{Max: -1}})
		require.NoError(t, c.Ready(t.Context()))
		big, taken := strings.Repeat("x", 100_000), 0
		for range 100 {
			ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
			_, err := c.Set(ctx, "k", big)
			cancel()
			if !errors.Is(err, conn.ErrBacklog) {
				taken++
				continue
			}
			var e *baton.OpError
			require.ErrorAs(t, err, &e)
			assert.False(t, e.Sent)
			assert.Regexp(t, `too much waits to be written: \d+ bytes, the call has 1000\d\d, limit 1048576 \(attempt 1, not sent\)`, err.Error())
		}
		assert.LessOrEqual(t, taken, 12)
	})
}

// shelf answers some commands by what they ask for, so that a value that belongs to another shows.
func shelf(args []string) string {
	switch args[0] {
	case "GET":
		return string(resp3.AppendBulkString(nil, "value of "+args[1]))
	case "INCR":
		return ":1\r\n"
	case "SET", "PING":
		return "+OK\r\n"
	case "MGET", "HMGET":
		out := fmt.Sprintf("*%d\r\n", len(args)-1)
		for _, k := range args[1:] {
			out += string(resp3.AppendBulkString(nil, "value of "+k))
		}
		return out
	}
	return "-ERR unknown command\r\n"
}

// One reply too many stands in front of the replies of a busy connection. Before: hundreds of callers got another's value. Now the
// crossing ends at the first reply of a kind or a count that its command cannot have: its caller gets a *resp3.TypeError or
// is told the count, those behind it an error with Sent, and then another connection serves.
func TestCrossingOfABusyConnectionEndsAtOnce(t *testing.T) { // H-123
	for name, use := range map[string]func(ctx context.Context, c *baton.Client, i int) (got, want any, err error){
		"texts and integers": func(ctx context.Context, c *baton.Client, i int) (got, want any, err error) {
			if i%2 == 0 {
				got, err = c.Incr(ctx, "n")
				return got, int64(1), err
			}
			got, err = c.Get(ctx, fmt.Sprint(i))
			return got, "value of " + fmt.Sprint(i), err
		},
		"lists of different lengths": func(ctx context.Context, c *baton.Client, i int) (got, want any, err error) {
			keys := make([]string, 1+i%5)
			for j := range keys {
				keys[j] = fmt.Sprint(i, "-", j)
			}
			list, err := c.MGet(ctx, keys...)
			if err != nil {
				return nil, nil, err
			}
			return list[0].V, "value of " + keys[0], nil
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var surplus atomic.Bool
				s := newBareServer(t, func(n int, nc net.Conn) {
					next := setUpBy(nc)
					for args := next(); args != nil; args = next() {
						if args[0] == "GET" || args[0] == "MGET" {
							<-time.After(time.Millisecond)
							if surplus.CompareAndSwap(true, false) {
								nc.Write([]byte(shelf([]string{args[0], "surplus"})))
							}
						}
						nc.Write([]byte(shelf(args)))
					}
				})
				c := s.client(baton.Options{Pool: pool.Config{Size: 1}, Retry: baton.RetryPolicy{Max: -1}})
				var wrong, kinds, lost, served atomic.Int32
				const callers = 20
				var work sync.WaitGroup
				for w := range callers {
					work.Go(func() {
						for i := range 100 {
							if w == 7 && i == 50 {
								surplus.Store(true)
							}
							got, want, err := use(t.Context(), c, w*101+i)
							var e *baton.OpError
							switch {
							case err == nil && got == want:
								served.Add(1)
							case err == nil:
								wrong.Add(1)
							case errors.As(err, &e):
								lost.Add(1)
								assert.ErrorIs(t, err, conn.ErrOutOfStep)
							default:
								kinds.Add(1)
							}
						}
					})
				}
				work.Wait()
				assert.Positive(t, kinds.Load(), "somebody sees it")
				assert.LessOrEqual(t, kinds.Load(), int32(callers), "those who looked at the same time")
				assert.LessOrEqual(t, wrong.Load(), int32(callers), "those under way before it shows")
				assert.Positive(t, lost.Load())
				assert.EqualValues(t, 2000, served.Load()+wrong.Load()+kinds.Load()+lost.Load())
				assert.EqualValues(t, 2, s.accepted.Load(), "one other connection")
			})
		})
	}
}

// A reply that a server may give by right never costs the connection.
func TestRightfulRepliesNeverCondemn(t *testing.T) { // H-123
	for _, protocol := range []int{2, 3} {
		synctest.Test(t, func(t *testing.T) {
			p := newPair(t)
			c := p.client(baton.Options{Protocol: protocol})
			defer c.Close()
			ctx := t.Context()
			_, err := c.Set(ctx, "text", "abc")
			require.NoError(t, err)
			_, err = c.RPush(ctx, "list", "a")
			require.NoError(t, err)
			for _, try := range []func() error{
				func() error { _, err := c.Incr(ctx, "text"); return err },
				func() error { _, err := c.Incr(ctx, "list"); return err },
				func() error { _, err := c.Get(ctx, "list"); return err },
				func() error { _, err := c.HGetAll(ctx, "list"); return err },
				func() error { _, err := c.MGet(ctx, "text", "list", "none"); return err },
				func() error { _, err := c.Get(ctx, "none"); return err },
				func() error { _, err := c.ZRank(ctx, "none", "m"); return err },
				func() error { _, err := c.Set(ctx, "text", "x", baton.NX()); return err },
				func() error { _, err := c.Do(ctx, "SET", "text", "y", "GET"); return err },
				func() error { _, err := c.Do(ctx, "LRANGE", "list", "0", "-1"); return err },
				func() error { _, err := baton.As[int64](c.Do(ctx, "LRANGE", "list", "0", "-1")); return err },
				func() error { _, err := baton.As[[]string](c.Do(ctx, "GET", "text")); return err },
			} {
				var e *baton.OpError
				require.NotErrorAs(t, try(), &e)
			}
			session, err := c.Conn(ctx)
			require.NoError(t, err)
			_, err = session.Do(ctx, "MULTI")
			require.NoError(t, err)
			_, err = session.Incr(ctx, "n")
			assert.ErrorContains(t, err, "only queued between MULTI and EXEC")
			_, err = session.Do(ctx, "INCR", "n")
			require.NoError(t, err)
			_, _, err = session.BLPop(ctx, time.Second, "list") // is answered QUEUED
			require.Error(t, err)
			_, err = session.Do(ctx, "EXEC")
			require.NoError(t, err)
			session.Release()
			require.NoError(t, c.Ready(ctx))
			assert.EqualValues(t, 2, c.Stats().Dials, "the lane and the lease")
			assert.Zero(t, c.Stats().Lost)
		})
	}
}

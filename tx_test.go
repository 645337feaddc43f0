package baton_test

import (
	"context"
	"errors"
	"fmt"
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
)

func TestTx(t *testing.T) {
	for _, watch := range [][]string{nil, {"k", "n"}} {
		t.Run(fmt.Sprintf("watch %v", watch), func(t *testing.T) {
			servers(t, func(t *testing.T, addr string) {
				c, ctx := open(t, baton.Options{Addr: addr}), t.Context()
				var n baton.Reply[int64]
				var s baton.Reply[string]
				require.NoError(t, c.Tx(ctx, func(tx *baton.Tx) error {
					old, err := tx.Get(ctx, "k")
					assert.Empty(t, old)
					assert.ErrorIs(t, err, baton.Nil)
					return tx.Exec(ctx, func(p *baton.Pipe) error {
						p.Set("k", "v")
						n, s = p.Incr("n"), p.Get("k")
						return nil
					})
				}, watch...))
				i, err := n.Get()
				require.NoError(t, err)
				assert.EqualValues(t, 1, i)
				v, err := s.Get()
				require.NoError(t, err)
				assert.Equal(t, "v", v)

				err = c.Tx(ctx, func(tx *baton.Tx) error {
					return tx.Exec(ctx, func(p *baton.Pipe) error { p.Incr("k"); n = p.Incr("n"); return nil })
				}, watch...)
				assert.ErrorContains(t, err, "command 1 of 2 in the transaction, INCR")
				i, err = n.Get()
				require.NoError(t, err)
				assert.EqualValues(t, 2, i, "the others take effect")

				err = c.Tx(ctx, func(tx *baton.Tx) error {
					return tx.Exec(ctx, func(p *baton.Pipe) error { n = p.Incr("n"); p.Do("GET"); return nil })
				}, watch...)
				assert.ErrorContains(t, err, "command 2 of 2 in the transaction, GET")
				assert.ErrorContains(t, err, "EXECABORT")
				_, err = n.Get()
				assert.ErrorContains(t, err, "EXECABORT")
				v, err = c.Get(ctx, "n")
				require.NoError(t, err)
				assert.Equal(t, "2", v, "nothing was executed")

				stop := errors.New("stop")
				assert.Equal(t, stop, c.Tx(ctx, func(tx *baton.Tx) error { return stop }, watch...))
				assert.Equal(t, stop, c.Tx(ctx, func(tx *baton.Tx) error {
					return tx.Exec(ctx, func(p *baton.Pipe) error { p.Incr("n"); return stop })
				}, watch...))
				assert.NoError(t, c.Tx(ctx, func(tx *baton.Tx) error {
					return tx.Exec(ctx, func(*baton.Pipe) error { return nil })
				}, watch...))
				assert.Panics(t, func() { _ = c.Tx(ctx, func(*baton.Tx) error { panic("user") }, watch...) })
				err = c.Tx(ctx, func(tx *baton.Tx) error {
					once := func(p *baton.Pipe) error { p.Incr("n"); return nil }
					require.NoError(t, tx.Exec(ctx, once))
					return tx.Exec(ctx, once)
				}, watch...)
				assert.ErrorContains(t, err, "called before")
				assert.Zero(t, c.Stats().Retired, "no connection was given up")
				assert.Zero(t, c.Stats().Leased)
			})
		})
	}
}

func TestTxIsRepeatedUntilNobodyInterferes(t *testing.T) {
	servers(t, func(t *testing.T, addr string) {
		c, ctx := open(t, baton.Options{Addr: addr, Retry: baton.RetryPolicy{Tx: 200}}), t.Context()
		var wg sync.WaitGroup
		var runs atomic.Int64
		for range 8 {
			wg.Go(func() {
				for range 10 {
					assert.NoError(t, c.Tx(ctx, func(tx *baton.Tx) error {
						s, err := tx.Get(ctx, "n")
						if runs.Add(1) == 1 { // somebody interferes, however the others run
							_, err := c.Incr(ctx, "n")
							assert.NoError(t, err)
						}
						if err != nil && !errors.Is(err, baton.Nil) {
							return err
						}
						n, _ := strconv.Atoi(s)
						return tx.Exec(ctx, func(p *baton.Pipe) error { p.Set("n", strconv.Itoa(n+1)); return nil })
					}, "n"))
				}
			})
		}
		wg.Wait()
		s, err := c.Get(ctx, "n")
		require.NoError(t, err)
		assert.Equal(t, "81", s)
		assert.Greater(t, runs.Load(), int64(80), "they did interfere")
	})
}

func TestTxGivesUpInTheEnd(t *testing.T) {
	servers(t, func(t *testing.T, addr string) {
		c, ctx := open(t, baton.Options{Addr: addr, Retry: baton.RetryPolicy{Tx: 3}}), t.Context()
		runs := 0
		err := c.Tx(ctx, func(tx *baton.Tx) error {
			runs++
			_, err := c.Incr(ctx, "n")
			require.NoError(t, err)
			return tx.Exec(ctx, func(p *baton.Pipe) error { p.Set("m", "x"); return nil })
		}, "n")
		assert.ErrorIs(t, err, baton.ErrTxAborted)
		assert.Equal(t, 4, runs)
		_, err = c.Get(ctx, "m")
		assert.ErrorIs(t, err, baton.Nil)
	})
}

// Maintenance breaks the session between the read and EXEC, and somebody changes the key meanwhile. On the new link nothing is watched,
// so an EXEC there would write what was computed from an old value.
func TestLostWatchLetsNoExecThrough(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPair(t)
		c := p.client(baton.Options{})
		defer c.Close()
		_, err := c.Set(t.Context(), "n", "1")
		require.NoError(t, err)
		runs := 0
		require.NoError(t, c.Tx(t.Context(), func(tx *baton.Tx) error {
			runs++
			s, err := tx.Get(t.Context(), "n")
			require.NoError(t, err)
			n, _ := strconv.Atoi(s)
			if runs == 1 {
				p.A.Moving(5*time.Second, p.B.Addr())
				<-time.After(4500 * time.Millisecond)
				assert.Equal(t, map[string]int{p.B.Addr(): 2}, peers(c), "moved in spite of the session")
				_, err := c.Incr(t.Context(), "n")
				require.NoError(t, err)
			}
			return tx.Exec(t.Context(), func(p *baton.Pipe) error { p.Set("n", strconv.Itoa(n+10)); return nil })
		}, "n"))
		assert.Equal(t, 2, runs)
		v, _ := p.Server.Value("n")
		assert.Equal(t, "12", v)
	})
}

func TestTxThatWasSentIsNotRepeated(t *testing.T) {
	for _, watch := range [][]string{nil, {"n"}} {
		synctest.Test(t, func(t *testing.T) {
			var p *pair
			lose := true
			p = newPair(t, handofftest.Options{OnCommand: func(_ handofftest.ConnInfo, args [][]byte) {
				if string(args[0]) == "EXEC" && lose {
					lose = false
					go func() { <-time.After(time.Millisecond); p.A.Kill(); _ = p.A.Reopen() }()
				}
			}})
			c := p.client(baton.Options{})
			defer c.Close()
			p.A.Delay(10 * time.Millisecond)
			runs := 0
			err := c.Tx(t.Context(), func(tx *baton.Tx) error {
				runs++
				return tx.Exec(t.Context(), func(p *baton.Pipe) error { p.Incr("n"); return nil })
			}, watch...)
			var oe *baton.OpError
			require.ErrorAs(t, err, &oe)
			assert.True(t, oe.Sent)
			assert.Equal(t, 1, runs)
			v, _ := p.Server.Value("n")
			assert.Equal(t, "1", v)
		})
	}
}

// Money is moved between accounts on a real server, from read balances, while the connections move to and fro.
func TestTransfersBalanceAcrossMovesOfARealServer(t *testing.T) {
	p := newRealPair(t, redistest.Start(t))
	c, ctx := open(t, baton.Options{Addr: p.A.Addr(), Retry: baton.RetryPolicy{Tx: 1000, Max: 20}, Handoff: handoff.Config{Jitter: 100 * time.Millisecond}}), t.Context()
	const accounts, each = 4, 1000
	for i := range accounts {
		_, err := c.Set(ctx, fmt.Sprint("account", i), strconv.Itoa(each))
		require.NoError(t, err)
	}
	var done atomic.Int64
	stop := make(chan struct{})
	var wg sync.WaitGroup
	for worker := range 4 {
		wg.Go(func() {
			for n := worker; ; n++ {
				select {
				case <-stop:
					return
				default:
				}
				from, to := fmt.Sprint("account", n%accounts), fmt.Sprint("account", (n+1+n/accounts%(accounts-1))%accounts)
				if assert.NoError(t, transfer(ctx, c, from, to, n%5+1)) {
					done.Add(1)
				}
			}
		})
	}
	for _, step := range []struct{ from, to *handofftest.Node }{{p.A, p.B}, {p.B, p.A}, {p.A, p.B}} {
		before := done.Load()
		step.from.Moving(time.Minute, step.to.Addr())
		onlyAt(t, c, step.to)
		step.from.EndMoving()
		for done.Load() < before+50 {
			<-time.After(time.Millisecond)
		}
	}
	close(stop)
	wg.Wait()
	total := 0
	for i := range accounts {
		n, err := baton.As[int](c.Do(ctx, "GET", fmt.Sprint("account", i)))
		require.NoError(t, err)
		total += n
	}
	assert.Equal(t, accounts*each, total)
	assert.NoError(t, p.Server.CheckOptIn())
}

func transfer(ctx context.Context, c *baton.Client, from, to string, amount int) error {
	return c.Tx(ctx, func(tx *baton.Tx) error {
		x, err := baton.As[int](tx.Do(ctx, "GET", from))
		if err != nil {
			return err
		}
		y, err := baton.As[int](tx.Do(ctx, "GET", to))
		if err != nil {
			return err
		}
		return tx.Exec(ctx, func(p *baton.Pipe) error {
			p.Set(from, strconv.Itoa(x-amount))
			p.Set(to, strconv.Itoa(y+amount))
			return nil
		})
	}, from, to)
}

func TestTxLeavesAReplica(t *testing.T) {
	for _, watch := range [][]string{nil, {"n"}} {
		synctest.Test(t, func(t *testing.T) {
			var p *pair
			p = newPair(t, handofftest.Options{Intercept: func(ci handofftest.ConnInfo, args [][]byte) ([]byte, bool) {
				if ci.Node != "10.0.0.1:6379" {
					return nil, false
				}
				switch string(args[0]) {
				case "INCR":
					p.Network.SetHost(handofftest.PairName, "10.0.0.2")
					return []byte("-READONLY You can't write against a read only replica.\r\n"), true
				case "EXEC":
					return []byte("-EXECABORT Transaction discarded because of previous errors.\r\n"), true
				}
				return nil, false
			}})
			c := p.client(baton.Options{Addr: handofftest.PairName})
			defer c.Close()
			var n baton.Reply[int64]
			require.NoError(t, c.Tx(t.Context(), func(tx *baton.Tx) error {
				return tx.Exec(t.Context(), func(p *baton.Pipe) error { n = p.Incr("n"); return nil })
			}, watch...))
			i, err := n.Get()
			require.NoError(t, err)
			assert.EqualValues(t, 1, i)
		})
	}
}

// A user who may WATCH but not MULTI: the server carries the commands out one by one, and whoever asked for all or none is told.
func TestTxWithoutMultiIsNoSuccess(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPair(t, handofftest.Options{Intercept: func(_ handofftest.ConnInfo, args [][]byte) ([]byte, bool) {
			if string(args[0]) == "MULTI" {
				return []byte("-NOPERM this user has no permissions to run the 'multi' command\r\n"), true
			}
			return nil, false
		}})
		c := p.client(baton.Options{})
		defer c.Close()
		runs := 0
		err := c.Tx(t.Context(), func(tx *baton.Tx) error {
			runs++
			return tx.Exec(t.Context(), func(p *baton.Pipe) error { p.Incr("n"); return nil })
		}, "n")
		var oe *baton.OpError
		require.ErrorAs(t, err, &oe)
		assert.True(t, oe.Sent)
		assert.ErrorContains(t, err, "NOPERM")
		assert.Equal(t, 1, runs)
		assert.EqualValues(t, 1, c.Stats().Retired, "keys may still be watched there")
	})
}

// A server may have no EXEC of that name. Then the transaction stays open, and nobody else may get to its connection.
func TestTransactionThatCannotBeEndedCostsItsConnection(t *testing.T) { // H-109
	synctest.Test(t, func(t *testing.T) {
		p := newPair(t, handofftest.Options{Intercept: func(_ handofftest.ConnInfo, args [][]byte) ([]byte, bool) {
			return []byte("-ERR unknown command 'EXEC'\r\n"), strings.EqualFold(string(args[0]), "EXEC")
		}})
		c := p.client(baton.Options{})
		defer c.Close()
		ctx := t.Context()
		_, err := c.Set(ctx, "k", "v")
		require.NoError(t, err)
		for _, watch := range [][]string{nil, {"k"}} {
			err = c.Tx(ctx, func(tx *baton.Tx) error {
				return tx.Exec(ctx, func(p *baton.Pipe) error { p.Set("k", "other"); return nil })
			}, watch...)
			require.ErrorContains(t, err, "unknown command")
			v, err := c.Get(ctx, "k")
			require.NoError(t, err)
			assert.Equal(t, "v", v, "and not QUEUED")
		}
		short, cancel := context.WithTimeout(ctx, time.Second)
		defer cancel()
		_, _, err = c.BLPop(short, 0, "list") // before it is unblocked, MULTI and EXEC are tried
		require.ErrorIs(t, err, context.DeadlineExceeded)
		v, err := c.Get(ctx, "k")
		require.NoError(t, err)
		assert.Equal(t, "v", v)
	})
}

package baton_test

import (
	"context"
	"fmt"
	"slices"
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
	"github.com/baton-go/baton/pool"
	"github.com/baton-go/baton/resp3"
)

// instant is a time that several goroutines look at. The zero value is before any.
type instant struct{ atomic.Int64 }

func (i *instant) set(t time.Time)        { i.Store(t.UnixNano()) }
func (i *instant) after(t time.Time) bool { return i.Load() > t.UnixNano() }

// H-107: what a script, a module or a command that nobody knows answers may be anybody's text.
func TestTextOfOthersProvesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var said atomic.Pointer[string]
		count := map[string]int{}
		var mu sync.Mutex // of count, between connections
		p := newPair(t, handofftest.Options{Intercept: func(_ handofftest.ConnInfo, args [][]byte) ([]byte, bool) {
			name := strings.ToUpper(string(args[0]))
			if s := said.Load(); s != nil && !slices.Contains([]string{"HELLO", "CLIENT", "SELECT", "PING"}, name) {
				mu.Lock()
				count[name]++
				mu.Unlock()
				return []byte("-" + *s + "\r\n"), true
			}
			return nil, false
		}})
		for _, code := range []string{"LOADING", "READONLY", "MASTERDOWN", "TRYAGAIN", "CLUSTERDOWN", "NOAUTH", "MOVED 1 10.0.0.1:6379"} {
			text := code + " as if by the server"
			said.Store(nil)
			c := p.client(baton.Options{})
			said.Store(&text)
			for name, want := range map[string]int{"EVAL": 1, "evalsha": 1, "FCALL": 1, "JSON.SET": 1, "NEW": 1, "MIGRATE": 1, "DEBUG": 1, "EVAL_RO": 3, "EVALSHA_RO": 3, "FCALL_RO": 3} {
				clear(count)
				_, err := c.Do(t.Context(), name, "x", 0)
				assert.Equal(t, want, count[strings.ToUpper(name)], "%s %s", name, code)
				require.IsType(t, &resp3.Error{}, err, "it is returned as it is")
				assert.EqualError(t, err, text)
			}
			clear(count)
			err := c.Pipeline(t.Context(), func(p *baton.Pipe) error { p.Incr("n"); p.Do("EVAL", "x", 0); p.Do("NEW"); return nil })
			assert.ErrorContains(t, err, text)
			assert.Equal(t, map[string]int{"INCR": 1, "EVAL": 1, "NEW": 1}, count, code)

			session, err := c.Conn(t.Context())
			require.NoError(t, err)
			clear(count)
			_, err = session.Eval(t.Context(), "x", nil)
			assert.EqualError(t, err, text)
			assert.Equal(t, 1, count["EVAL"])
			session.Release()
			c.Close()
		}
	})
}

// H-107, on a real server: what was executed shows in a counter.
func TestScriptsThatSpeakLikeTheServerRunOnce(t *testing.T) {
	c, ctx := open(t, baton.Options{Addr: redistest.Start(t)}), t.Context()
	counted := int64(0)
	executed := func(want int64, what string) {
		t.Helper()
		n, err := baton.As[int64](c.Do(ctx, "INCRBY", "n", 0))
		require.NoError(t, err)
		assert.Equal(t, want, n-counted, what)
		counted = n
	}
	for _, code := range []string{"LOADING", "TRYAGAIN", "CLUSTERDOWN", "READONLY", "MASTERDOWN", "NOAUTH", "BUSY"} {
		for _, script := range []string{
			"redis.call('INCR','n') return redis.error_reply('" + code + " me')",
			"redis.call('INCR','n') error({err='" + code + " me'})",
		} {
			_, err := c.Eval(ctx, script, nil)
			assert.ErrorContains(t, err, code)
			executed(1, code)
			assert.Error(t, c.Pipeline(ctx, func(p *baton.Pipe) error { p.Eval(script, nil); p.Eval(script, nil); return nil }))
			executed(2, code)
			for _, watch := range [][]string{nil, {"k"}} {
				assert.ErrorContains(t, c.Tx(ctx, func(tx *baton.Tx) error {
					return tx.Exec(ctx, func(p *baton.Pipe) error { p.Eval(script, nil); return nil })
				}, watch...), code)
				executed(1, code+" in EXEC")
				assert.ErrorContains(t, c.Tx(ctx, func(tx *baton.Tx) error {
					_, err := tx.Eval(ctx, script, nil)
					return err
				}, watch...), code)
				executed(1, code+" before EXEC")
			}
		}
	}
	const mine = "redis.call('INCR','n') return redis.error_reply("
	for _, s := range []struct {
		source string
		arg    any
	}{
		{mine + "'NOSCRIPT No matching script. Please use EVAL.')", 1},
		{mine + "'NOSCRIPT No matching script.')", 1},
		{mine + "string.upper('noscript')..' No matching script.')", 1},
		{mine + "ARGV[1])", "NOSCRIPT No matching script. Please use EVAL."},
		{mine + "ARGV[1])", []byte("NOSCRIPT No matching script.")},
		{mine + "KEYS[1])", 1},
		{mine + "'NO'..'SCRIPT of mine')", 1},
	} {
		script := baton.NewScript(s.source)
		for range 3 {
			_, err := script.Run(ctx, c, []string{"NOSCRIPT No matching script."}, s.arg)
			assert.ErrorContains(t, err, "NOSCRIPT", s.source)
			executed(1, s.source)
		}
	}
	other := baton.NewScript(mine + "'NO'..'SCRIPT of mine')")
	for range 3 {
		_, err := other.Run(ctx, c, nil)
		assert.ErrorContains(t, err, "of mine")
		executed(1, "words that are not the server's")
	}
}

// Without MULTI the commands were carried out one by one, so its refusal alone proves nothing.
func TestRefusedMultiProvesNothingOfTheCommands(t *testing.T) {
	for name, refused := range map[string]int{"MULTI alone": 1, "everything": 3} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				left := refused
				p := newPair(t, handofftest.Options{Intercept: func(_ handofftest.ConnInfo, args [][]byte) ([]byte, bool) {
					if n := string(args[0]); left > 0 && (n == "MULTI" || n == "INCR" || n == "EXEC") {
						left--
						return []byte("-LOADING wait\r\n"), true
					}
					return nil, false
				}})
				c := p.client(baton.Options{})
				defer c.Close()
				err := c.Tx(t.Context(), func(tx *baton.Tx) error {
					return tx.Exec(t.Context(), func(p *baton.Pipe) error { p.Incr("n"); return nil })
				})
				v, _ := p.Server.Value("n")
				assert.Equal(t, "1", v)
				if refused == 3 {
					assert.NoError(t, err)
					return
				}
				var oe *baton.OpError
				require.ErrorAs(t, err, &oe)
				assert.True(t, oe.Sent)
			})
		})
	}
}

// H-113: the server has forgotten who is at the other end. The connection is given up, no matter which command
// finds it out.
func TestForgottenLoginGivesTheConnectionUp(t *testing.T) {
	ctx := context.Background()
	get := func(c *baton.Client) error { _, err := c.Incr(ctx, "n"); return err }
	for name, tt := range map[string]struct {
		do    func(c *baton.Client) error
		fails bool // the first time
	}{
		"command": {do: get},
		"Do":      {do: func(c *baton.Client) error { _, err := c.Do(ctx, "INCR", "n"); return err }},
		"pipeline": {do: func(c *baton.Client) error {
			return c.Pipeline(ctx, func(p *baton.Pipe) error { p.Incr("n"); p.Incr("n"); return nil })
		}},
		"Tx": {do: func(c *baton.Client) error {
			return c.Tx(ctx, func(tx *baton.Tx) error {
				return tx.Exec(ctx, func(p *baton.Pipe) error { p.Incr("n"); return nil })
			})
		}},
		"Tx that watches": {do: func(c *baton.Client) error {
			return c.Tx(ctx, func(tx *baton.Tx) error {
				if _, err := tx.Exists(ctx, "n"); err != nil {
					return err
				}
				return tx.Exec(ctx, func(p *baton.Pipe) error { p.Incr("n"); return nil })
			}, "k")
		}},
		"BLPop": {do: func(c *baton.Client) error {
			if _, err := c.RPush(ctx, "l", "x"); err != nil {
				return err
			}
			_, _, err := c.BLPop(ctx, 0, "l")
			return err
		}},
		"script": {do: func(c *baton.Client) error { _, err := c.Do(ctx, "NEW"); return err }, fails: true},
		"held": {do: func(c *baton.Client) error {
			session, err := c.Conn(ctx)
			if err != nil {
				return err
			}
			defer session.Release()
			_, err = session.Incr(ctx, "n")
			return err
		}, fails: true},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var forgotten instant
				p := newPair(t, handofftest.Options{Intercept: func(ci handofftest.ConnInfo, args [][]byte) ([]byte, bool) {
					switch {
					case forgotten.after(ci.Opened):
						return []byte("-NOAUTH Authentication required.\r\n"), true
					case string(args[0]) == "NEW":
						return []byte("+OK\r\n"), true
					}
					return nil, false
				}})
				c := p.client(baton.Options{})
				defer c.Close()
				require.NoError(t, tt.do(c)) // so that there is a connection of each kind
				time.Sleep(time.Second)
				forgotten.set(time.Now())
				err := tt.do(c)
				if tt.fails {
					assert.ErrorContains(t, err, "NOAUTH")
					err = tt.do(c)
				}
				for range 20 {
					assert.NoError(t, err)
					err = tt.do(c)
				}
			})
		})
	}
}

// One answer is enough: the others that were opened before are not tried one after the other.
func TestForgottenLoginGivesTheIdleConnectionsUpToo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var forgotten instant
		p := newPair(t, handofftest.Options{Intercept: func(ci handofftest.ConnInfo, _ [][]byte) ([]byte, bool) {
			return []byte("-NOAUTH Authentication required.\r\n"), forgotten.after(ci.Opened)
		}})
		c := p.client(baton.Options{Pool: pool.Config{Size: 12, MinIdle: 10}})
		defer c.Close()
		time.Sleep(10 * time.Second)
		forgotten.set(time.Now())
		failed := 0
		for range 20 {
			session, err := c.Conn(t.Context())
			require.NoError(t, err)
			if _, err := session.Incr(t.Context(), "n"); err != nil {
				failed++
			}
			session.Release()
		}
		assert.Equal(t, 1, failed)
		_, err := c.Incr(t.Context(), "n")
		assert.NoError(t, err)
	})
}

func TestSubscriptionWhoseLoginIsForgottenComesBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var forgotten instant
		p := newPair(t, handofftest.Options{Intercept: func(ci handofftest.ConnInfo, _ [][]byte) ([]byte, bool) {
			return []byte("-NOAUTH Authentication required.\r\n"), forgotten.after(ci.Opened)
		}})
		c := p.client(baton.Options{})
		defer c.Close()
		s, err := c.Subscribe(t.Context(), "c")
		require.NoError(t, err)
		time.Sleep(time.Second)
		forgotten.set(time.Now())
		time.Sleep(2 * time.Minute)
		var kinds []baton.SubEventKind
		for len(s.Events()) > 0 {
			kinds = append(kinds, (<-s.Events()).Kind)
		}
		assert.Equal(t, []baton.SubEventKind{baton.SubConnected, baton.SubLost, baton.SubResubscribed}, kinds)
	})
}

// H-114: one of three addresses cannot serve; the siblings can.
func TestSiblingOfAServerThatCannotServeIsFound(t *testing.T) {
	for _, said := range []string{"LOADING x", "MASTERDOWN x", "READONLY x", "CLUSTERDOWN x", "MOVED 7 itself", "MOVED 7 " + handofftest.PairName + ":6379", "MOVED 7 :6379", "MOVED 7 ?:6379"} {
		for _, bad := range []int{1, 2} {
			t.Run(fmt.Sprint(said, bad), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					p := newPair(t, handofftest.Options{Intercept: func(ci handofftest.ConnInfo, args [][]byte) ([]byte, bool) {
						if n := string(args[0]); n == "HELLO" || n == "CLIENT" || ci.Node == "10.0.0.3:6379" || ci.Node == "10.0.0.2:6379" && bad == 1 {
							return nil, false
						}
						return []byte("-" + strings.Replace(said, "itself", ci.Node, 1) + "\r\n"), true
					}})
					third, err := p.Server.Listen("10.0.0.3:6379")
					require.NoError(t, err)
					p.Network.SetHost(handofftest.PairName, "10.0.0.1", "10.0.0.2", "10.0.0.3")
					c := p.client(baton.Options{Addr: handofftest.PairName + ":6379"})
					defer c.Close()
					useEverything(t, c)
					assert.Zero(t, peers(c)[p.A.Addr()])
					assert.Positive(t, p.B.Stats().Open+third.Stats().Open)
					assert.Less(t, p.A.Stats().Accepted, int64(15))
				})
			})
		}
	}
}

// useEverything runs commands of all kinds from many goroutines; none may fail, and none may be executed twice.
func useEverything(t *testing.T, c *baton.Client) {
	ctx := t.Context()
	const callers = 64
	var wg sync.WaitGroup
	for i := range callers {
		wg.Go(func() {
			list := fmt.Sprint("l", i)
			_, err := c.Incr(ctx, "n")
			assert.NoError(t, err)
			_, err = c.Do(ctx, "INCR", "n")
			assert.NoError(t, err)
			assert.NoError(t, c.Pipeline(ctx, func(p *baton.Pipe) error { p.Incr("n"); p.RPush(list, "x"); return nil }))
			_, _, err = c.BLPop(ctx, 0, list)
			assert.NoError(t, err)
			for _, watch := range [][]string{nil, {list}} {
				assert.NoError(t, c.Tx(ctx, func(tx *baton.Tx) error {
					if _, err := tx.Exists(ctx, "k"); err != nil {
						return err
					}
					return tx.Exec(ctx, func(p *baton.Pipe) error { p.Incr("n"); return nil })
				}, watch...))
			}
		})
	}
	wg.Wait()
	s, err := c.Subscribe(ctx, "c")
	if assert.NoError(t, err) {
		s.Close()
	}
	n, err := baton.As[int](c.Do(ctx, "GET", "n"))
	assert.NoError(t, err)
	assert.Equal(t, 5*callers, n)
}

// H-114: one address, and behind it a server that loads for two seconds.
func TestServerThatLoadsForTwoSecondsFailsNoCommandAndIsNotDialledInAStorm(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var ready instant
		p := newPair(t, handofftest.Options{Intercept: func(_ handofftest.ConnInfo, args [][]byte) ([]byte, bool) {
			n := string(args[0])
			return []byte("-LOADING x\r\n"), n != "HELLO" && n != "CLIENT" && ready.after(time.Now())
		}})
		c := p.client(baton.Options{})
		defer c.Close()
		ready.set(time.Now().Add(2 * time.Second))
		before := p.A.Stats().Accepted
		var wg sync.WaitGroup
		for range 64 {
			wg.Go(func() {
				_, err := c.Incr(t.Context(), "n")
				assert.NoError(t, err)
			})
		}
		wg.Wait()
		assert.Less(t, p.A.Stats().Accepted-before, int64(12))
		v, _ := p.Server.Value("n")
		assert.Equal(t, "64", v)
	})
}

func TestRedirectionElsewhereIsReturned(t *testing.T) {
	for _, said := range []string{"MOVED 7 10.0.0.2:6379", "MOVED 7 10.0.0.1:6380", "MOVED 7 :6380", "MOVED 7", "ASK 7 10.0.0.1:6379"} {
		synctest.Test(t, func(t *testing.T) {
			asked := 0
			p := newPair(t, handofftest.Options{Intercept: func(_ handofftest.ConnInfo, args [][]byte) ([]byte, bool) {
				if string(args[0]) != "INCR" {
					return nil, false
				}
				asked++
				return []byte("-" + said + "\r\n"), true
			}})
			c := p.client(baton.Options{})
			defer c.Close()
			_, err := c.Incr(t.Context(), "n")
			assert.EqualError(t, err, said)
			assert.Equal(t, 1, asked)
			assert.Zero(t, c.Stats().Retired)
		})
	}
}

// A refusal of the set-up counts too, also that for want of room.
func TestSiblingOfAServerThatRefusesSetUpsIsFound(t *testing.T) {
	for _, said := range []string{"LOADING x", "MASTERDOWN x", "ERR max number of clients reached"} {
		synctest.Test(t, func(t *testing.T) {
			p := newPair(t, handofftest.Options{Intercept: func(ci handofftest.ConnInfo, _ [][]byte) ([]byte, bool) {
				return []byte("-" + said + "\r\n"), ci.Node == "10.0.0.1:6379"
			}})
			p.Network.SetHost(handofftest.PairName, "10.0.0.1", "10.0.0.2")
			c := p.client(baton.Options{Addr: handofftest.PairName + ":6379"})
			defer c.Close()
			useEverything(t, c)
			assert.Less(t, p.A.Stats().Accepted, int64(4))
		})
	}
}

// A replica that was a master when the commands were queued: scripts among them have not run.
func TestTransactionDiscardedByAReplicaIsRepeatedElsewhere(t *testing.T) {
	for _, watch := range [][]string{nil, {"k"}} {
		synctest.Test(t, func(t *testing.T) {
			p := newPair(t, handofftest.Options{Intercept: func(ci handofftest.ConnInfo, args [][]byte) ([]byte, bool) {
				switch name := string(args[0]); {
				case name == "EVAL":
					return []byte("+QUEUED\r\n"), true
				case name == "EXEC" && ci.Node == "10.0.0.1:6379":
					return []byte("-EXECABORT Transaction discarded because of: READONLY You can't write against a read only replica.\r\n"), true
				case name == "EXEC":
					return []byte("*1\r\n:1\r\n"), true
				}
				return nil, false
			}})
			p.Network.SetHost(handofftest.PairName, "10.0.0.1", "10.0.0.2")
			c := p.client(baton.Options{Addr: handofftest.PairName})
			defer c.Close()
			begun := time.Now()
			assert.NoError(t, c.Tx(t.Context(), func(tx *baton.Tx) error {
				return tx.Exec(t.Context(), func(p *baton.Pipe) error { p.Eval("x", nil); return nil })
			}, watch...))
			assert.Less(t, time.Since(begun), 100*time.Millisecond)
		})
	}
}

// A state that passes is waited for on the held connection; a replica is told of at once, and its connection goes to nobody else.
func TestHeldConnectionOfAServerThatCannotServe(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var loading instant
		p := newPair(t, handofftest.Options{Intercept: func(ci handofftest.ConnInfo, args [][]byte) ([]byte, bool) {
			switch name := string(args[0]); {
			case name == "GET" && loading.after(time.Now()):
				return []byte("-LOADING x\r\n"), true
			case name == "INCR" && ci.Node == "10.0.0.1:6379":
				return []byte("-READONLY x\r\n"), true
			}
			return nil, false
		}})
		p.Network.SetHost(handofftest.PairName, "10.0.0.1", "10.0.0.2")
		c := p.client(baton.Options{Addr: handofftest.PairName})
		defer c.Close()
		session, err := c.Conn(t.Context())
		require.NoError(t, err)
		begun := time.Now()
		loading.set(begun.Add(time.Second))
		_, err = session.Get(t.Context(), "k")
		assert.ErrorIs(t, err, baton.Nil)
		assert.GreaterOrEqual(t, time.Since(begun), time.Second)
		begun = time.Now()
		_, err = session.Incr(t.Context(), "n")
		assert.EqualError(t, err, "READONLY x")
		assert.Zero(t, time.Since(begun))
		_, err = session.Get(t.Context(), "k")
		assert.ErrorIs(t, err, baton.Nil, "it serves on")
		session.Release()
		session, err = c.Conn(t.Context())
		require.NoError(t, err)
		defer session.Release()
		_, err = session.Incr(t.Context(), "n")
		assert.NoError(t, err)
	})
}

// A program that runs nothing but scripts finds the master too, one error later.
func TestScriptsAloneFindTheMaster(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPair(t, handofftest.Options{Intercept: func(ci handofftest.ConnInfo, args [][]byte) ([]byte, bool) {
			switch {
			case string(args[0]) != "EVAL":
				return nil, false
			case ci.Node == "10.0.0.1:6379":
				return []byte("-READONLY x script: 0, on @user_script:1.\r\n"), true
			}
			return []byte("+OK\r\n"), true
		}})
		p.Network.SetHost(handofftest.PairName, "10.0.0.1", "10.0.0.2")
		c := p.client(baton.Options{Addr: handofftest.PairName})
		defer c.Close()
		_, err := c.Eval(t.Context(), "x", nil)
		assert.ErrorContains(t, err, "READONLY")
		for range 20 {
			_, err := c.Eval(t.Context(), "x", nil)
			assert.NoError(t, err)
		}
	})
}

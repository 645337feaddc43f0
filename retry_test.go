package baton_test

import (
	"context"
	"errors"
	"io"
	"net"
	"strings"
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

func TestUnsentCommandIsTriedAgainAndASentOneOnlyIfHarmless(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		lose := map[string]int{"GET": 1, "INCR": 1}
		var p *pair
		p = newPair(t, handofftest.Options{Intercept: func(ci handofftest.ConnInfo, args [][]byte) ([]byte, bool) {
			name := string(args[0])
			if lose[name] == 0 {
				return nil, false
			}
			lose[name]--
			go func() { p.A.Kill(); p.A.Reopen() }() // executed, and the answer is lost
			<-time.After(time.Millisecond)
			return nil, false
		}})
		c := p.client(baton.Options{})
		defer c.Close()
		_, err := c.Get(t.Context(), "k")
		assert.ErrorIs(t, err, baton.Nil, "a read is repeated")
		_, err = c.Incr(t.Context(), "n")
		var oe *baton.OpError
		require.ErrorAs(t, err, &oe, "an increment is not")
		assert.True(t, oe.Sent)
		assert.Equal(t, 1, oe.Attempt)
		assert.Contains(t, err.Error(), "may have been executed")
		assert.LessOrEqual(t, p.Server.Executed("INCR"), int64(1))
		_, err = c.Incr(t.Context(), "n")
		assert.NoError(t, err)
	})
}

func TestLaterAttemptDoesNotHideThatAnEarlierOneWasSent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var p *pair
		p = newPair(t, handofftest.Options{Intercept: func(_ handofftest.ConnInfo, args [][]byte) ([]byte, bool) {
			if string(args[0]) == "INCR" {
				go p.A.Kill() // executed, the answer is lost, and nobody is there afterwards
				<-time.After(time.Millisecond)
			}
			return nil, false
		}})
		c := p.client(baton.Options{Retry: baton.RetryPolicy{Max: 1, For: -1, UpTo: baton.WriteAccumulate}})
		defer c.Close()
		_, err := c.Incr(t.Context(), "n")
		var oe *baton.OpError
		require.ErrorAs(t, err, &oe)
		assert.Equal(t, 2, oe.Attempt)
		assert.ErrorContains(t, err, "refused", "the second attempt was not sent")
		assert.True(t, oe.Sent, "the first was")
	})
}

func TestRepeatedReadReturnsNothingOfTheFirstAttempt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPair(t)
		c := p.client(baton.Options{})
		defer c.Close()
		big := strings.Repeat("0123456789", 20_000)
		_, err := c.Set(t.Context(), "big", big)
		require.NoError(t, err)
		p.Server.Conn(p.A.Conns()[0].ID).CutAfter(100_000) // in the middle of the value
		got, err := c.AppendGet(t.Context(), []byte("<"), "big")
		require.NoError(t, err)
		assert.Equal(t, "<"+big, string(got))
		assert.EqualValues(t, 2, p.Server.Executed("GET"))
	})
}

func TestAnswersThatProveNothingWasExecutedAreTriedAgain(t *testing.T) {
	left := 2
	_, node := newLoopback(t, handofftest.Options{Intercept: func(_ handofftest.ConnInfo, args [][]byte) ([]byte, bool) {
		if string(args[0]) == "INCR" && left > 0 {
			left--
			return []byte("-LOADING Redis is loading the dataset in memory\r\n"), true
		}
		return nil, false
	}})
	c := open(t, baton.Options{Addr: node.Addr()})
	n, err := c.Incr(t.Context(), "n")
	require.NoError(t, err)
	assert.EqualValues(t, 1, n)
}

func TestRetiredConnectionEndsWithTheClient(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPair(t, handofftest.Options{Intercept: func(_ handofftest.ConnInfo, args [][]byte) ([]byte, bool) {
			switch string(args[0]) {
			case "INCR":
				return []byte("-READONLY You can't write against a read only replica.\r\n"), true
			case "SLOW":
				<-time.After(time.Minute)
			}
			return nil, false
		}})
		c := p.client(baton.Options{Retry: baton.RetryPolicy{Max: -1}, Pool: pool.Config{Size: 1}, ReadTimeout: time.Hour})
		_, err := c.Incr(t.Context(), "n")
		require.ErrorContains(t, err, "READONLY")
		slow := make(chan error, 1)
		go func() { _, err := c.Do(t.Context(), "SLOW"); slow <- err }()
		synctest.Wait()
		begun := time.Now()
		c.Close()
		assert.Error(t, <-slow)
		assert.Zero(t, time.Since(begun))
	})
}

func TestReadOnlyAnswerLeadsToAnotherConnection(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var p *pair
		p = newPair(t, handofftest.Options{Intercept: func(ci handofftest.ConnInfo, args [][]byte) ([]byte, bool) {
			if ci.Node == "10.0.0.1:6379" && (string(args[0]) == "INCR" || string(args[0]) == "incrby") {
				p.Network.SetHost(handofftest.PairName, "10.0.0.2")
				return []byte("-READONLY You can't write against a read only replica.\r\n"), true
			}
			return nil, false
		}})
		c := p.client(baton.Options{Addr: handofftest.PairName})
		defer c.Close()
		n, err := c.Incr(t.Context(), "n")
		require.NoError(t, err)
		assert.EqualValues(t, 1, n)
		assert.Equal(t, map[string]int{p.B.Addr(): 1}, peers(c))
		p.Network.SetHost(handofftest.PairName, "10.0.0.1")
	})
}

// While the name goes on leading to the replica, each answer used to cost a dial.
func TestReadOnlyAnswersDoNotCostADialEach(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var answers, demoted atomic.Int64
		demoted.Store(1)
		p := newPair(t, handofftest.Options{Intercept: func(_ handofftest.ConnInfo, args [][]byte) ([]byte, bool) {
			if demoted.Load() == 0 || !strings.EqualFold(string(args[0]), "SET") {
				return nil, false
			}
			answers.Add(1)
			return []byte("-READONLY You can't write against a read only replica.\r\n"), true
		}})
		c := p.client(baton.Options{Retry: baton.RetryPolicy{For: -1, MinBackoff: 8 * time.Millisecond}})
		defer c.Close()
		begun := time.Now()
		for time.Since(begun) < 5*time.Second {
			_, err := c.Set(t.Context(), "k", "v")
			require.ErrorContains(t, err, "READONLY")
		}
		assert.Greater(t, answers.Load(), int64(300))
		assert.Greater(t, p.A.Stats().Accepted, int64(15), "it goes on looking for the master")
		assert.Less(t, p.A.Stats().Accepted, int64(25))
		demoted.Store(0)
		_, err := c.Set(t.Context(), "k", "v")
		require.NoError(t, err)
	})
}

func TestTimeoutsAreTimeoutsForWhoeverAsks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPair(t)
		c := p.client(baton.Options{ReadTimeout: 100 * time.Millisecond, Retry: baton.RetryPolicy{Max: -1}})
		defer c.Close()
		p.A.Stall(true)
		_, err := c.Get(t.Context(), "k")
		var oe *baton.OpError
		require.ErrorAs(t, err, &oe)
		assert.True(t, oe.Timeout())
		ctx, cancel := context.WithTimeoutCause(t.Context(), 20*time.Millisecond, errors.New("no time left"))
		defer cancel()
		_, err = c.Get(ctx, "k")
		assert.ErrorIs(t, err, context.DeadlineExceeded)
		assert.ErrorContains(t, err, "no time left")
		p.A.Stall(false)
	})
}

func TestWhatCannotBeMendedIsNotTriedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPair(t, handofftest.Options{Password: "right"})
		c, err := baton.New(baton.Options{Addr: p.A.Addr(), Password: "wrong", Dialer: p.Network.DialContext})
		require.NoError(t, err)
		defer c.Close()
		_, err = c.Get(t.Context(), "k")
		require.ErrorContains(t, err, "WRONGPASS")
		assert.EqualValues(t, 1, p.A.Stats().Accepted)

		d, err := baton.New(baton.Options{Addr: p.A.Addr(), Password: "right", Dialer: p.Network.DialContext,
			Pool: pool.Config{Blocking: 1, WaitTimeout: 300 * time.Millisecond}})
		require.NoError(t, err)
		defer d.Close()
		ctx, cancel := context.WithCancel(t.Context())
		held := make(chan struct{})
		go func() { defer close(held); d.Do(ctx, "BLPOP", "a", 0) }()
		synctest.Wait()
		begun := time.Now()
		_, err = d.Do(t.Context(), "BLPOP", "b", 0)
		var te *pool.TimeoutError
		require.ErrorAs(t, err, &te)
		assert.Equal(t, 300*time.Millisecond, time.Since(begun))
		cancel()
		<-held
	})
}

// A server at its limit says so and closes, before the other commands of the set-up have answers. There may be room soon.
func TestServerThatIsFullIsHeardAndTriedAgain(t *testing.T) {
	const token = "0123456789abcdef0123456789abcdef"
	for name, tt := range map[string]struct {
		said     string
		attempts int
		want     string
	}{
		"full":    {"-ERR max number of clients reached\r\n", 3, "set up (HELLO) pipe: ERR max number of clients reached (EOF)"},
		"refused": {"-WRONGPASS no\r\n", 1, "set up (HELLO) pipe: WRONGPASS no (EOF)"},
		"mute":    {"", 3, "set up (HELLO) pipe: EOF"},
		"repeats a part of the password": {"-ERR what is '3' 'AUTH' 'default' '" + token[:24] + "\r\n", 1,
			"set up (HELLO) pipe: ERR (text withheld, since it repeats an argument) (EOF (a proxy"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				dials := 0
				c, err := baton.New(baton.Options{Password: token, Retry: baton.RetryPolicy{For: -1}, Dialer: func(context.Context, string, string) (net.Conn, error) {
					dials++
					ours, theirs := net.Pipe()
					go func() { // ends with this connection
						_, _ = theirs.Read(make([]byte, 1<<10))
						_, _ = io.WriteString(theirs, tt.said)
						theirs.Close()
					}()
					return ours, nil
				}})
				require.NoError(t, err)
				defer c.Close()
				_, err = c.Get(t.Context(), "k")
				assert.ErrorContains(t, err, tt.want)
				assert.ErrorIs(t, err, io.EOF)
				assert.Equal(t, tt.attempts, dials)
			})
		})
	}
}

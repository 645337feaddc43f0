package baton_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/baton-go/baton"
	"github.com/baton-go/baton/handoff"
	"github.com/baton-go/baton/handoff/handofftest"
	"github.com/baton-go/baton/pool"
)

type popped struct {
	value string
	err   error
	took  time.Duration
}

func popLater(ctx context.Context, c *baton.Client, wait time.Duration) <-chan popped {
	out := make(chan popped, 1)
	go func() {
		begun := time.Now()
		_, v, err := c.BLPop(ctx, wait, "list")
		out <- popped{v, err, time.Since(begun)}
	}()
	return out
}

// noUnblock makes the server refuse CLIENT UNBLOCK.
func noUnblock(_ handofftest.ConnInfo, args [][]byte) ([]byte, bool) {
	if len(args) > 1 && strings.EqualFold(string(args[1]), "UNBLOCK") {
		return []byte("-NOPERM no permission\r\n"), true
	}
	return nil, false
}

func TestEndOfContextCallsABlockingCommandBack(t *testing.T) {
	for _, refused := range []bool{false, true} {
		t.Run(fmt.Sprintf("refused %v", refused), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				o := handofftest.Options{}
				if refused {
					o.Intercept = noUnblock
				}
				p := newPair(t, o)
				c := p.client(baton.Options{})
				defer c.Close()
				ctx, cancel := context.WithTimeout(t.Context(), time.Second)
				defer cancel()
				got := <-popLater(ctx, c, 0)
				assert.InDelta(t, time.Second, got.took, float64(10*time.Millisecond))
				assert.ErrorIs(t, got.err, context.DeadlineExceeded)
				var oe *baton.OpError
				require.ErrorAs(t, got.err, &oe)
				assert.Equal(t, refused, oe.Sent)
				synctest.Wait() // a server that has not seen the end of a connection may still pop for it: that is what Sent says
				accepted := p.A.Stats().Accepted
				_, err := c.Do(t.Context(), "RPUSH", "list", "x")
				require.NoError(t, err)
				got = <-popLater(t.Context(), c, 0)
				require.NoError(t, got.err)
				assert.Equal(t, "x", got.value, "nothing was popped and lost")
				assert.Equal(t, refused, p.A.Stats().Accepted > accepted, "the connection is used again unless nobody knows")
			})
		})
	}
}

// A client that does nothing but block opens one connection for its commands and one from which it unblocks them.
func TestCallingBackCostsNoConnectionEach(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPair(t)
		c, err := baton.New(baton.Options{Addr: p.A.Addr(), Dialer: p.Network.DialContext})
		require.NoError(t, err)
		defer c.Close()
		for range 20 {
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			_, _, err := c.BLPop(ctx, 0, "list")
			cancel()
			assert.ErrorIs(t, err, context.DeadlineExceeded)
		}
		assert.EqualValues(t, 2, p.A.Stats().Accepted)
	})
}

func TestBlockingCommandCrossesAMove(t *testing.T) {
	tests := []struct {
		name    string
		wait    time.Duration
		push    time.Duration // when an element comes; 0 never
		options handofftest.Options
		mode    handoff.Mode
		want    string
		is      error
		after   time.Duration
	}{
		{name: "element on the old link", wait: time.Minute, push: 5 * time.Second, want: "x", after: 5 * time.Second},
		{name: "element on the new link", wait: time.Minute, push: 20 * time.Second, want: "x", after: 20 * time.Second},
		{name: "for ever", push: 20 * time.Second, want: "x", after: 20 * time.Second},
		{name: "whole wait", wait: time.Minute, is: baton.Nil, after: time.Minute},
		{name: "over before the move", wait: 2 * time.Second, is: baton.Nil, after: 2 * time.Second},
		{name: "UNBLOCK refused: until cut", wait: time.Minute, options: handofftest.Options{Intercept: noUnblock}, after: 15 * time.Second},
		{name: "control: nobody listens", wait: time.Minute, mode: handoff.ModeDisabled, after: 15 * time.Second},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := newPair(t, tt.options)
				c := p.client(baton.Options{Handoff: handoff.Config{Mode: tt.mode}})
				defer c.Close()
				begun := time.Now()
				got := popLater(t.Context(), c, tt.wait)
				synctest.Wait()
				p.A.Moving(15*time.Second, p.B.Addr())
				left := make(chan int, 1)
				time.AfterFunc(15*time.Second, func() { left <- p.A.Shut() })
				if tt.push > 0 {
					time.AfterFunc(tt.push, func() { _, _ = c.Do(t.Context(), "RPUSH", "list", "x") })
				}
				r := <-got
				assert.InDelta(t, tt.after, time.Since(begun), float64(20*time.Millisecond))
				switch {
				case tt.want != "":
					require.NoError(t, r.err)
					assert.Equal(t, tt.want, r.value)
				case tt.is != nil:
					assert.Equal(t, tt.is, r.err)
				default:
					var oe *baton.OpError
					require.ErrorAs(t, r.err, &oe)
					assert.True(t, oe.Sent)
					return
				}
				<-time.After(30 * time.Second)
				assert.Zero(t, <-left, "nobody was left at the old endpoint")
				n, err := baton.As[int64](c.Do(t.Context(), "LLEN", "list"))
				require.NoError(t, err)
				assert.Zero(t, n)
			})
		})
	}
}

// Interleaving: the pin is broken, the old link still owes the reply, and the caller gives up without knowing. If the connection
// were kept because its new link owes nothing, the old one would go on blocking until its drain time, and pop for nobody.
func TestGivenUpCommandDoesNotGoOnBlockingOnTheOldLink(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPair(t, handofftest.Options{Intercept: noUnblock})
		c := p.client(baton.Options{})
		defer c.Close()
		ctx, cancel := context.WithTimeout(t.Context(), 14200*time.Millisecond)
		defer cancel()
		got := popLater(ctx, c, 0)
		synctest.Wait()
		p.A.Moving(15*time.Second, p.B.Addr())
		r := <-got
		assert.ErrorIs(t, r.err, context.DeadlineExceeded)
		<-time.After(300 * time.Millisecond)
		_, err := c.Do(t.Context(), "RPUSH", "list", "x")
		require.NoError(t, err)
		n, err := baton.As[int64](c.Do(t.Context(), "LLEN", "list"))
		require.NoError(t, err)
		assert.EqualValues(t, 1, n)
	})
}

func TestNullBeforeTheWaitIsOverIsNoAnswer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPair(t)
		c := p.client(baton.Options{})
		defer c.Close()
		got := popLater(t.Context(), c, 10*time.Second)
		synctest.Wait()
		<-time.After(3 * time.Second)
		for _, other := range p.A.Conns() {
			_, err := c.Do(t.Context(), "CLIENT", "UNBLOCK", other.ID)
			require.NoError(t, err)
		}
		r := <-got
		assert.Equal(t, baton.Nil, r.err)
		assert.InDelta(t, 10*time.Second, r.took, float64(time.Millisecond))
		assert.EqualValues(t, 2, p.Server.Executed("BLPOP"))
	})
}

// A command that was given up and may still block would take the next element for nobody.
func TestGivenUpCommandOfALeaseTakesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPair(t, handofftest.Options{Intercept: noUnblock})
		c := p.client(baton.Options{})
		defer c.Close()
		session, err := c.Conn(t.Context())
		require.NoError(t, err)
		defer session.Release()
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		_, _, err = session.BLPop(ctx, 0, "list")
		var oe *baton.OpError
		require.ErrorAs(t, err, &oe)
		assert.True(t, oe.Sent)
		synctest.Wait() // the server sees the end
		_, err = c.RPush(t.Context(), "list", "x")
		require.NoError(t, err)
		n, err := c.LLen(t.Context(), "list")
		require.NoError(t, err)
		assert.EqualValues(t, 1, n)
		_, err = session.Get(t.Context(), "k")
		require.ErrorAs(t, err, &oe)
		assert.False(t, oe.Sent, "the lease has ended with its connection")
	})
}

func TestBlockingCommandFindsADeadPeer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPair(t)
		c := p.client(baton.Options{ReadTimeout: time.Second})
		defer c.Close()
		got := popLater(t.Context(), c, 5*time.Second)
		synctest.Wait()
		p.A.Stall(true)
		r := <-got
		var oe *baton.OpError
		require.ErrorAs(t, r.err, &oe)
		assert.True(t, oe.Timeout())
		assert.True(t, oe.Sent)
		assert.InDelta(t, 7*time.Second, r.took, float64(300*time.Millisecond), "the wait, the timeout, and once more the timeout for the reply to CLIENT UNBLOCK")
		p.A.Stall(false)
	})
}

func TestBlockingCommandsHaveABudgetOfTheirOwn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPair(t)
		c := p.client(baton.Options{Pool: pool.Config{Size: 2, Blocking: 3, WaitTimeout: time.Second}})
		defer c.Close()
		ctx, cancel := context.WithCancel(t.Context())
		var waiting []<-chan popped
		for range 3 {
			waiting = append(waiting, popLater(ctx, c, 0))
		}
		synctest.Wait()
		session, err := c.Conn(ctx)
		require.NoError(t, err, "Size is not touched")
		session.Release()
		_, err = c.Incr(ctx, "n")
		require.NoError(t, err)
		var te *pool.TimeoutError
		require.ErrorAs(t, (<-popLater(ctx, c, 0)).err, &te)
		assert.Equal(t, 3, te.Size)
		assert.Equal(t, 3, c.Stats().Leased)
		cancel()
		for _, got := range waiting {
			assert.ErrorIs(t, (<-got).err, context.Canceled)
		}
		assert.Zero(t, c.Stats().Leased)
	})
}

func TestWaitsThatCannotBe(t *testing.T) {
	c, ctx := open(t, baton.Options{Addr: "127.0.0.1:1"}), t.Context()
	for _, wait := range []time.Duration{-1, -time.Hour, 1, time.Microsecond, 999999, 101 * 365 * 24 * time.Hour} {
		_, _, err := c.BLPop(ctx, wait, "l")
		assert.ErrorContains(t, err, "must be 0 (for ever) or from 1ms to")
		_, err = c.XRead(ctx, baton.ReadOptions{Streams: []string{"s"}, IDs: []baton.StreamID{"0"}, Block: true, Wait: wait})
		assert.ErrorContains(t, err, "must be 0 (for ever) or from 1ms to")
	}
	_, err := c.XRead(ctx, baton.ReadOptions{Streams: []string{"s"}, IDs: []baton.StreamID{"0"}, Count: -1})
	assert.ErrorContains(t, err, "COUNT is -1, must not be negative")
	for _, name := range []string{"WAIT", "wait", "WaitAOF"} {
		_, err := c.Do(ctx, name, 1, 0)
		assert.ErrorContains(t, err, name+" is about the writes of its own connection")
	}
	_, _, err = c.BRPop(ctx, 0)
	assert.ErrorContains(t, err, "at least one key")
	_, err = c.Wait(ctx, 1, 0)
	assert.ErrorContains(t, err, "Client.Conn")
}

// A null that comes at once is answered by asking again, until the wait is over. Names of groups and consumers look like words of the
// command, and long waits have more digits than a float64.
func TestWaitsOfStreamsAreFoundAndKept(t *testing.T) {
	for _, tt := range []struct {
		wait, took    time.Duration
		group, member string
		first         string // wait that was sent
		ends          bool   // before the context does
	}{
		{10 * time.Second, 10 * time.Second, "g", "c", "10000", true},
		{10 * time.Second, 10 * time.Second, "streams", "c", "10000", true},
		{10 * time.Second, 10 * time.Second, "BLOCK", "7", "10000", true},
		{10 * time.Second, 10 * time.Second, "count", "Streams", "10000", true},
		{200*24*time.Hour + time.Millisecond, time.Minute, "g", "c", "17280000001", false},
	} {
		synctest.Test(t, func(t *testing.T) {
			var sent []string
			p := newPair(t, handofftest.Options{Intercept: func(_ handofftest.ConnInfo, args [][]byte) ([]byte, bool) {
				if string(args[0]) != "XREADGROUP" {
					return nil, false
				}
				assert.Equal(t, tt.group+" "+tt.member, string(args[2])+" "+string(args[3]))
				sent = append(sent, string(args[5]))
				return []byte("_\r\n"), true
			}})
			c := p.client(baton.Options{})
			defer c.Close()
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			begun := time.Now()
			_, err := c.XReadGroup(ctx, tt.group, tt.member, baton.ReadOptions{Streams: []string{"s"}, IDs: []baton.StreamID{">"}, Block: true, Wait: tt.wait})
			if tt.ends {
				assert.Equal(t, baton.Nil, err)
			} else {
				assert.ErrorIs(t, err, context.DeadlineExceeded)
			}
			assert.InDelta(t, tt.took, time.Since(begun), float64(600*time.Millisecond), "and one pause at most")
			assert.Greater(t, len(sent), 2)
			assert.Equal(t, tt.first, sent[0])
		})
	}
}

func TestWaitIsAboutTheLinkOfTheLastWrite(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPair(t)
		c := p.client(baton.Options{})
		defer c.Close()
		session, err := c.Conn(t.Context())
		require.NoError(t, err)
		defer session.Release()
		_, err = session.Set(t.Context(), "k", "v")
		require.NoError(t, err)
		n, err := session.Wait(t.Context(), 1, time.Second)
		require.NoError(t, err)
		assert.Zero(t, n)
		p.A.Moving(5*time.Second, p.B.Addr())
		<-time.After(2 * time.Second)
		require.Equal(t, map[string]int{p.B.Addr(): 2}, peers(c))
		_, err = session.Wait(t.Context(), 1, time.Second)
		assert.ErrorIs(t, err, baton.ErrMoved)
		_, err = session.Set(t.Context(), "k", "v")
		require.NoError(t, err)
		_, err = session.Wait(t.Context(), 1, time.Second)
		assert.NoError(t, err)
	})
}

// Interleaving: BLPOP waits on A, MOVING from A to B makes the next link ready and waits for it, MOVING from B to A calls everybody back.
// If the first move were still made, at the end of the wait or shortly before the first deadline, the connection would be on B, which goes.
func TestCallBackReachesAConnectionThatWaitsToMove(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPair(t)
		c := p.client(baton.Options{})
		defer c.Close()
		got := popLater(t.Context(), c, 0)
		<-time.After(time.Second)
		p.A.Moving(30*time.Second, p.B.Addr())
		<-time.After(2 * time.Second)
		require.Equal(t, map[string]int{p.A.Addr(): 1, p.B.Addr(): 1}, peers(c))
		p.A.EndMoving()
		p.B.Moving(10*time.Second, p.A.Addr())
		<-time.After(10 * time.Second)
		assert.Equal(t, map[string]int{p.A.Addr(): 2}, peers(c))
		assert.Zero(t, p.B.Shut(), "nobody is left, and no link that is ready either")
		<-time.After(time.Minute)
		assert.Equal(t, map[string]int{p.A.Addr(): 2}, peers(c))
		_, err := c.RPush(t.Context(), "list", "x")
		require.NoError(t, err)
		r := <-got
		assert.NoError(t, r.err)
		assert.Equal(t, "x", r.value)
	})
}

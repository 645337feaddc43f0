package baton_test

import (
	"context"
	"fmt"
	"io"
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
)

// oneDoor listens on one address and leads each connection to the next of several.
func oneDoor(t *testing.T, next func(n int) string) string {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	var accepted atomic.Int32
	serve(t, l, func(in net.Conn) {
		out, err := net.Dial("tcp", next(int(accepted.Add(1)-1)))
		if err != nil {
			return
		}
		var copies sync.WaitGroup
		for _, way := range [][2]net.Conn{{in, out}, {out, in}} {
			copies.Go(func() {
				_, _ = io.Copy(way[0], way[1])
				way[0].Close()
				way[1].Close()
			})
		}
		copies.Wait()
	})
	return l.Addr().String()
}

// Numbers of connections are those of one server. Behind an address with several, the same number is somebody else's.
func TestOnlyTheServerThatBlocksIsToldToUnblock(t *testing.T) { // H-122
	type told struct{ own, foreign atomic.Int32 }
	var count told
	var homes sync.Map // number of a connection and server, to whether it is one of this client's that blocks
	var nodes []string
	for s := range 2 {
		_, n := newLoopback(t, handofftest.Options{OnCommand: func(ci handofftest.ConnInfo, args [][]byte) {
			switch {
			case strings.EqualFold(string(args[0]), "BLPOP"):
				homes.Store(fmt.Sprint(s, " ", ci.ID, " ", string(args[1])), true)
				homes.Store(fmt.Sprint(s, " ", ci.ID), string(args[1]))
			case len(args) > 2 && strings.EqualFold(string(args[1]), "UNBLOCK"):
				switch key, _ := homes.Load(fmt.Sprint(s, " ", string(args[2]))); key {
				case "foreign":
					count.foreign.Add(1)
				case nil:
				default:
					count.own.Add(1)
				}
			}
		}})
		nodes = append(nodes, n.Addr())
	}
	for range 60 { // other clients, with the numbers that this one's connections have at the other server
		nc := sayTo(t, nodes[1], "BLPOP foreign 0")
		defer nc.Close()
	}
	c := open(t, baton.Options{Addr: oneDoor(t, func(n int) string { return nodes[(n+1)%2] })})
	require.NoError(t, c.Ready(t.Context())) // the lane leads to where the others are
	for range 60 {
		var all sync.WaitGroup
		for range 4 {
			all.Go(func() {
				ctx, cancel := context.WithTimeout(t.Context(), 2*time.Millisecond)
				defer cancel()
				_, _, _ = c.BLPop(ctx, 0, "mine")
			})
		}
		all.Wait()
	}
	assert.NotZero(t, count.own.Load(), "own commands that were")
	assert.Zero(t, count.foreign.Load(), "commands of others that were told to end")
}

// A link is asked for its server once, whatever number of commands block on it.
func TestServerIsAskedForOnceALink(t *testing.T) { // H-122
	for _, proto := range []int{2, 3} {
		synctest.Test(t, func(t *testing.T) {
			p := newPair(t)
			c := p.client(baton.Options{Protocol: proto})
			defer c.Close()
			for i := range 20 {
				ctx, cancel := context.WithTimeout(t.Context(), time.Second)
				_, _, err := c.BLPop(ctx, 0, "list")
				cancel()
				assert.ErrorIs(t, err, context.DeadlineExceeded, "%d", i)
			}
			assert.LessOrEqual(t, p.Server.Executed("INFO"), int64(2))
			assert.EqualValues(t, 2, p.A.Stats().Accepted)
		})
	}
}

// Each CLIENT UNBLOCK is queued in a transaction, behind a command that a paused server postpones.
func TestUnblockNeverGoesOutWithoutItsGuard(t *testing.T) { // H-106
	for _, refuse := range []string{"", "PFCOUNT", "PFCOUNT PUBLISH", "MULTI", "INFO"} {
		t.Run("refused: "+refuse, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var mu sync.Mutex
				last := map[uint64][]string{}
				unblocks, probes := 0, 0
				p := newPair(t, handofftest.Options{Intercept: func(ci handofftest.ConnInfo, args [][]byte) ([]byte, bool) {
					mu.Lock()
					defer mu.Unlock()
					name := strings.ToUpper(string(args[0]))
					if name == "PFCOUNT" || name == "PUBLISH" {
						probes++
					}
					if len(args) > 1 && strings.EqualFold(string(args[1]), "UNBLOCK") {
						unblocks++
						before := last[ci.ID]
						if assert.GreaterOrEqual(t, len(before), 2) {
							assert.Equal(t, "MULTI", before[len(before)-2])
							assert.Contains(t, []string{"PFCOUNT", "PUBLISH"}, before[len(before)-1])
						}
					}
					last[ci.ID] = append(last[ci.ID], name)
					if refuse != "" && strings.Contains(" "+refuse+" ", " "+name+" ") {
						return []byte("-NOPERM this user has no permissions\r\n"), true
					}
					return nil, false
				}})
				c := p.client(baton.Options{})
				defer c.Close()
				for range 5 {
					ctx, cancel := context.WithTimeout(t.Context(), time.Second)
					_, _, err := c.BLPop(ctx, 0, "list")
					cancel()
					assert.ErrorIs(t, err, context.DeadlineExceeded)
				}
				got := popLater(t.Context(), c, 0)
				synctest.Wait()
				p.A.Moving(15*time.Second, p.B.Addr())
				<-time.After(20 * time.Second)
				_, err := c.RPush(t.Context(), "list", "x")
				require.NoError(t, err)
				<-got
				mu.Lock()
				defer mu.Unlock()
				switch refuse {
				case "MULTI", "INFO":
					assert.Zero(t, unblocks, "nobody knows what it would do")
				case "PFCOUNT PUBLISH":
					// This server executes the transaction all the same: the reply to BLPOP may come first, and nobody reads the refusal then.
					assert.LessOrEqual(t, probes, 4, "what is refused is not asked again")
				default:
					assert.GreaterOrEqual(t, unblocks, 5)
				}
			})
		})
	}
}

// The server has taken an element, or has ended the wait, and its reply takes longer than the wait and the timeout together.
func TestSlowServerLosesNoElementOfABlockingCommand(t *testing.T) { // H-137
	for _, element := range []bool{true, false} {
		synctest.Test(t, func(t *testing.T) {
			p := newPair(t)
			c := p.client(baton.Options{ReadTimeout: 2 * time.Second})
			defer c.Close()
			other := p.client(baton.Options{Addr: p.B.Addr()}) // the same keys, by an endpoint that is quick
			defer other.Close()
			got := popLater(t.Context(), c, 3*time.Second)
			synctest.Wait()
			p.A.Stall(true)
			<-time.After(2500 * time.Millisecond)
			if element {
				_, err := other.RPush(t.Context(), "list", "x")
				require.NoError(t, err)
			}
			<-time.After(3 * time.Second)
			p.A.Stall(false)
			r := <-got
			assert.InDelta(t, 5500*time.Millisecond, r.took, float64(100*time.Millisecond))
			if !element {
				assert.Equal(t, baton.Nil, r.err)
				_, err := other.RPush(t.Context(), "list", "y")
				require.NoError(t, err)
				n, err := other.LLen(t.Context(), "list")
				require.NoError(t, err)
				assert.EqualValues(t, 1, n, "nobody pops for a caller who has gone")
				return
			}
			require.NoError(t, r.err)
			assert.Equal(t, "x", r.value)
		})
	}
}

// A command that goes on blocking when its wait is long over is unblocked before it is given up, on the client's own account.
func TestLateCommandIsCalledBackBeforeItIsGivenUp(t *testing.T) { // H-137
	synctest.Test(t, func(t *testing.T) {
		p := newPair(t, handofftest.Options{Intercept: func(_ handofftest.ConnInfo, args [][]byte) ([]byte, bool) {
			if string(args[0]) == "BLPOP" {
				args[len(args)-1] = []byte("0") // a server that does not end the wait in time
			}
			return nil, false
		}})
		c := p.client(baton.Options{ReadTimeout: 2 * time.Second})
		defer c.Close()
		r := <-popLater(t.Context(), c, 3*time.Second)
		assert.Equal(t, baton.Nil, r.err, "the null proves that nothing was taken")
		assert.InDelta(t, 5*time.Second, r.took, float64(100*time.Millisecond))
	})
}

// A connection that was set up while the server was paused seems to have a long round trip. Its caller does not wait so long.
func TestSlowSetUpDoesNotKeepACallerWhoseContextHasEnded(t *testing.T) { // H-106
	synctest.Test(t, func(t *testing.T) {
		p := newPair(t)
		c := p.client(baton.Options{})
		defer c.Close()
		p.A.Stall(true)
		ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
		defer cancel()
		got := popLater(ctx, c, 0)
		<-time.After(2 * time.Second)
		p.A.Stall(false)
		synctest.Wait()
		<-time.After(500 * time.Millisecond)
		p.A.Stall(true)
		r := <-got
		p.A.Stall(false)
		assert.ErrorIs(t, r.err, context.DeadlineExceeded)
		assert.InDelta(t, 3250*time.Millisecond, r.took, float64(300*time.Millisecond))
	})
}

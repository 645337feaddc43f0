package baton_test

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/baton-go/baton"
	"github.com/baton-go/baton/handoff/handofftest"
	"github.com/baton-go/baton/internal/redistest"
	"github.com/baton-go/baton/pool"
)

func anyOf(command string) (words []any) {
	for _, w := range strings.Fields(command) {
		words = append(words, w)
	}
	return words
}

// The second execution of these would answer that the condition does not hold, although the first one has taken effect.
func TestConditionIsNotRepeatedWhenItsReplyIsLost(t *testing.T) {
	for _, x := range []struct {
		upTo    baton.Class
		command string
		times   int
	}{
		{baton.WriteLastWins, "SET k v IFEQ u", 1}, {baton.WriteLastWins, "SET k v IFNE u", 1}, {baton.WriteLastWins, "SET k v NX", 1},
		{baton.WriteLastWins, "SET k v XX PX 5", 1}, {baton.WriteLastWins, "SET k v", 2}, {baton.WriteLastWins, "SET k v XX", 2},
		{baton.WriteOnce, "EXPIREAT k 3000000000 GT", 1}, {baton.WriteOnce, "PEXPIRE k 5 XX LT", 1}, {baton.WriteOnce, "EXPIREAT k 3000000000", 2},
		{baton.WriteOnce, "HEXPIREAT h 3000000000 GT FIELDS 1 f", 1}, {baton.WriteOnce, "HEXPIREAT h 3000000000 FIELDS 1 GT", 2},
		{baton.WriteLastWins, "ZADD z GT CH 5 m", 1}, {baton.WriteLastWins, "ZADD z 5 NX", 2}, {baton.WriteLastWins, "HSETEX h FNX FIELDS 1 f v", 1},
		{baton.WriteLastWins, "DELIFEQ k u", 1}, {baton.WriteLastWins, "SETBIT k 1 1", 1}, {baton.WriteLastWins, "ZUNIONSTORE d 2 d e", 1},
	} {
		synctest.Test(t, func(t *testing.T) {
			name, executed := strings.Fields(x.command)[0], 0
			var p *pair
			p = newPair(t, handofftest.Options{Intercept: func(_ handofftest.ConnInfo, args [][]byte) ([]byte, bool) {
				if string(args[0]) != name {
					return nil, false
				}
				if executed++; executed == 1 {
					go func() { p.A.Kill(); p.A.Reopen() }() // executed, and the answer is lost
					<-time.After(time.Millisecond)
				}
				return []byte("+OK\r\n"), true
			}})
			c := p.client(baton.Options{Retry: baton.RetryPolicy{UpTo: x.upTo}})
			defer c.Close()
			_, err := c.Do(t.Context(), anyOf(x.command)...)
			assert.Equal(t, x.times, executed, x.command)
			if x.times > 1 {
				assert.NoError(t, err, x.command)
				return
			}
			var oe *baton.OpError
			if assert.ErrorAs(t, err, &oe, x.command) {
				assert.True(t, oe.Sent, x.command)
			}
		})
	}
}

func TestPipelineTakesStreamsAndGroupsThatAreCalledLikeOptions(t *testing.T) {
	c, ctx := open(t, baton.Options{Addr: redistest.Start(t)}), t.Context()
	for _, command := range []string{"XADD block 1-1 f v", "XADD STREAMS 1-1 f v", "XGROUP CREATE block BLOCK 0", "SADD store b a"} {
		_, err := c.Do(ctx, anyOf(command)...)
		require.NoError(t, err, command)
	}
	commands := []string{
		"XREAD STREAMS block 0", "XREAD COUNT 1 STREAMS STREAMS block 0 0", "XREADGROUP GROUP BLOCK STREAMS STREAMS block >",
		"XREADGROUP COUNT 1 GROUP BLOCK block STREAMS block 0", "SORT store ALPHA BY store", "SET wait BLOCK", "LPUSH STREAMS.q BLOCK",
	}
	require.NoError(t, c.Pipeline(ctx, func(p *baton.Pipe) error {
		for _, command := range commands {
			p.Do(anyOf(command)...)
		}
		return nil
	}))
	for _, command := range []string{"XREAD BLOCK 5 STREAMS block 0", "XREADGROUP BLOCK 5 GROUP BLOCK c STREAMS block >"} {
		err := c.Pipeline(ctx, func(p *baton.Pipe) error { p.Do(anyOf(command)...); return nil })
		assert.ErrorContains(t, err, "not possible in a pipeline", command)
	}
}

// GROUP may come behind the other options: then too the command must not hold up a connection that others share.
func TestWaitingReadDoesNotHoldUpOthersWhateverTheOrderOfItsOptions(t *testing.T) {
	c, ctx := open(t, baton.Options{Addr: redistest.Start(t), Pool: pool.Config{Lanes: 1}}), t.Context()
	_, err := c.Do(ctx, anyOf("XGROUP CREATE s g 0 MKSTREAM")...)
	require.NoError(t, err)
	for i, command := range []string{
		"XREADGROUP BLOCK 0 GROUP g c STREAMS s >", "XREADGROUP COUNT 1 BLOCK 0 NOACK GROUP g c STREAMS s >", "XREADGROUP GROUP g c BLOCK 0 STREAMS s >",
	} {
		done := make(chan error, 1)
		go func() { _, err := c.Do(ctx, anyOf(command)...); done <- err }()
		for blocked := false; !blocked; {
			about, err := baton.As[string](c.Do(ctx, "INFO", "clients"))
			require.NoError(t, err, command)
			blocked = strings.Contains(about, "blocked_clients:1")
		}
		_, err := c.Do(ctx, "XADD", "s", "*", "f", i)
		require.NoError(t, err, command)
		require.NoError(t, <-done, command)
	}
}

package baton_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/baton-go/baton"
	"github.com/baton-go/baton/handoff"
	"github.com/baton-go/baton/handoff/handofftest"
	"github.com/baton-go/baton/internal/redistest"
)

func TestCancelledBlockingCommandsLoseNoElement(t *testing.T) {
	servers(t, func(t *testing.T, addr string) {
		c, ctx := open(t, baton.Options{Addr: addr}), t.Context()
		seen := map[string]int{}
		const n = 300
		for i := range n {
			short, cancel := context.WithTimeout(ctx, time.Duration(i%20)*50*time.Microsecond)
			got := popLater(short, c, 0)
			if i%2 == 0 {
				time.AfterFunc(time.Duration(i%7)*50*time.Microsecond, cancel)
			}
			_, err := c.Do(ctx, "RPUSH", "list", i)
			require.NoError(t, err)
			if r := <-got; r.err == nil {
				seen[r.value]++
			} else {
				var oe *baton.OpError
				require.ErrorAs(t, r.err, &oe)
				if oe.Sent {
					seen["unknown"]++
				}
			}
			cancel()
		}
		for {
			v, err := baton.As[string](c.Do(ctx, "LPOP", "list"))
			if errors.Is(err, baton.Nil) {
				break
			}
			require.NoError(t, err)
			seen[v]++
		}
		unknown := seen["unknown"]
		delete(seen, "unknown")
		assert.GreaterOrEqual(t, len(seen)+unknown, n)
		for v, times := range seen {
			assert.Equal(t, 1, times, "element %s", v)
		}
	})
}

func TestBlockingCommandsOnARealServer(t *testing.T) {
	for _, proto := range []int{2, 3} {
		t.Run(fmt.Sprintf("RESP%d", proto), func(t *testing.T) {
			c, ctx := open(t, baton.Options{Addr: redistest.Start(t), Protocol: proto}), t.Context()
			do := func(args ...any) {
				t.Helper()
				_, err := c.Do(ctx, args...)
				require.NoError(t, err)
			}
			do("RPUSH", "list", "a", "b", "c")
			k, v, err := c.BLPop(ctx, time.Second, "none", "list")
			require.NoError(t, err)
			assert.Equal(t, "list a", k+" "+v)
			k, v, err = c.BRPop(ctx, 1500*time.Millisecond, "list")
			require.NoError(t, err)
			assert.Equal(t, "list c", k+" "+v)
			v, err = c.BLMove(ctx, time.Second, "list", "other", baton.Left, baton.Right)
			require.NoError(t, err)
			assert.Equal(t, "b", v)
			do("ZADD", "z", 1, "one", 2.5, "two")
			k, v, score, err := c.BZPopMax(ctx, time.Second, "z")
			require.NoError(t, err)
			assert.Equal(t, "z two 2.5", fmt.Sprint(k, " ", v, " ", score))
			_, v, score, err = c.BZPopMin(ctx, time.Second, "z")
			require.NoError(t, err)
			assert.Equal(t, "one 1", fmt.Sprint(v, " ", score))
			for _, wait := range []time.Duration{time.Millisecond, 20 * time.Millisecond} {
				_, _, _, err = c.BZPopMin(ctx, wait, "z")
				assert.Equal(t, baton.Nil, err)
				_, err = c.BLMove(ctx, wait, "list", "x", baton.Left, baton.Left)
				assert.Equal(t, baton.Nil, err)
			}
			do("XADD", "s", "1-1", "f", "v")
			read := baton.ReadOptions{Streams: []string{"s"}, IDs: []baton.StreamID{"0"}}
			entries := []baton.StreamMessages{{Stream: "s", Messages: []baton.XMessage{{ID: "1-1", Fields: []baton.Field{{Name: "f", Value: "v"}}}}}}
			got, err := c.XRead(ctx, read)
			require.NoError(t, err)
			assert.Equal(t, entries, got)
			read.IDs, read.Block, read.Wait = []baton.StreamID{"$"}, true, 10*time.Millisecond
			_, err = c.XRead(ctx, read)
			assert.Equal(t, baton.Nil, err)
			do("XGROUP", "CREATE", "s", "g", "0")
			read.IDs = []baton.StreamID{">"}
			got, err = c.XReadGroup(ctx, "g", "me", read)
			require.NoError(t, err)
			assert.Equal(t, entries, got)
			_, err = c.XReadGroup(ctx, "g", "me", read)
			assert.Equal(t, baton.Nil, err)
			session, err := c.Conn(ctx)
			require.NoError(t, err)
			defer session.Release()
			n, err := session.Wait(ctx, 0, 0)
			require.NoError(t, err)
			assert.Zero(t, n)
			short, cancel := context.WithTimeout(ctx, 20*time.Millisecond)
			defer cancel()
			n, err = session.Wait(short, 1, 0)
			assert.ErrorIs(t, err, context.DeadlineExceeded, "%d", n)
			// The connection is kept if the server ends the wait within 10 ms, which a machine that is slow may not do each time.
			replaced := uint64(1)
			for try := 0; replaced > 0 && try < 200; try++ {
				before := c.Stats().Dials
				short, cancel := context.WithTimeout(ctx, 20*time.Millisecond)
				_, _, err = c.BLPop(short, 0, "list")
				cancel()
				assert.ErrorIs(t, err, context.DeadlineExceeded)
				_, _, err = c.BLPop(ctx, time.Millisecond, "list")
				assert.Equal(t, baton.Nil, err)
				replaced = c.Stats().Dials - before
			}
			assert.Zero(t, replaced, "connections")
		})
	}
}

func TestNumberedElementsAcrossMovesOfARealServer(t *testing.T) {
	p := newRealPair(t, redistest.Start(t))
	c, ctx := open(t, baton.Options{Addr: p.A.Addr(), Handoff: handoff.Config{Jitter: 100 * time.Millisecond}}), t.Context()
	const n, workers = 400, 8
	got := make(chan string, n)
	failed := make(chan error, workers)
	stop, cancel := context.WithCancel(ctx)
	for range workers {
		go func() {
			for {
				switch _, v, err := c.BLPop(stop, 0, "list"); {
				case err == nil:
					got <- v
				case stop.Err() != nil:
					failed <- nil
					return
				default:
					failed <- err
					return
				}
			}
		}()
	}
	next := 0
	for _, step := range []struct{ from, to *handofftest.Node }{{p.A, p.B}, {p.B, p.A}} {
		step.from.Moving(time.Minute, step.to.Addr())
		moved := make(chan struct{})
		go func() { defer close(moved); onlyAt(t, c, step.to) }()
		for begun := next; next < begun+n/2; next++ {
			_, err := c.Do(ctx, "RPUSH", "list", next)
			require.NoError(t, err)
			<-time.After(7 * time.Millisecond)
		}
		<-moved
		step.from.EndMoving()
	}
	seen := map[string]bool{}
	for range n {
		select {
		case v := <-got:
			assert.False(t, seen[v], "%s came twice", v)
			seen[v] = true
		case err := <-failed:
			require.NoError(t, err)
		}
	}
	cancel()
	for range workers {
		assert.NoError(t, <-failed)
	}
	left, err := baton.As[int64](c.Do(ctx, "LLEN", "list"))
	require.NoError(t, err)
	assert.Zero(t, left)
}

func TestNoEntryIsMissedWhenXReadIsInterrupted(t *testing.T) {
	c, ctx := open(t, baton.Options{Addr: redistest.Start(t)}), t.Context()
	_, err := c.Do(ctx, "XADD", "s", "*", "f", "old")
	require.NoError(t, err)
	got := make(chan []baton.StreamMessages, 1)
	go func() {
		e, err := c.XRead(ctx, baton.ReadOptions{Streams: []string{"s"}, IDs: []baton.StreamID{"$"}, Block: true})
		assert.NoError(t, err)
		got <- e
	}()
	id := ""
	for id == "" {
		list, err := baton.As[string](c.Do(ctx, "CLIENT", "LIST"))
		require.NoError(t, err)
		for line := range strings.Lines(list) {
			if strings.Contains(line, "cmd=xread ") && strings.Contains(line, "flags=b") {
				id, _, _ = strings.Cut(strings.TrimPrefix(line, "id="), " ")
			}
		}
	}
	require.NoError(t, c.Tx(ctx, func(tx *baton.Tx) error {
		return tx.Exec(ctx, func(p *baton.Pipe) error {
			p.Do("CLIENT", "UNBLOCK", id)
			p.Do("XADD", "s", "*", "f", "new")
			return nil
		})
	}))
	e := <-got
	require.Len(t, e, 1)
	assert.Equal(t, []baton.Field{{Name: "f", Value: "new"}}, e[0].Messages[0].Fields)
}

package baton_test

import (
	"context"
	"errors"
	"iter"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/baton-go/baton"
	"github.com/baton-go/baton/handoff"
	"github.com/baton-go/baton/handoff/handofftest"
	"github.com/baton-go/baton/handoff/handofftest/resp3test"
	"github.com/baton-go/baton/resp3"
)

func TestSessionOfALeaseAcrossAMove(t *testing.T) {
	tests := []struct {
		name   string
		mode   handoff.Mode
		before []any // command that changes the state
		undo   []any
		undone time.Duration // when
		moved  time.Duration // when the lease is at the new endpoint; 0: it ends
		lost   bool
	}{
		{name: "no session moves freely", moved: 2 * time.Second},
		{name: "WATCH stays", before: []any{"WATCH", "k"}, moved: 9500 * time.Millisecond, lost: true},
		{name: "MULTI stays", before: []any{"multi"}, moved: 9500 * time.Millisecond, lost: true},
		{name: "SELECT stays", before: []any{"SELECT", 3}, moved: 9500 * time.Millisecond, lost: true},
		{name: "UNWATCH lets go", before: []any{"WATCH", "k"}, undo: []any{"UNWATCH"}, undone: 5 * time.Second, moved: 6 * time.Second},
		{name: "EXEC lets go", before: []any{"MULTI"}, undo: []any{"EXEC"}, undone: 5 * time.Second, moved: 6 * time.Second},
		{name: "DISCARD lets go", before: []any{"MULTI"}, undo: []any{"DISCARD"}, undone: 5 * time.Second, moved: 6 * time.Second},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := newPair(t)
				c := p.client(baton.Options{})
				defer c.Close()
				session, err := c.Conn(t.Context())
				require.NoError(t, err)
				begun := time.Now()
				at := func(d time.Duration) { <-time.After(time.Until(begun.Add(d))) }
				if tt.before != nil {
					_, err = session.Do(t.Context(), tt.before...)
					require.NoError(t, err)
				}
				p.A.Moving(10*time.Second, p.B.Addr())
				if tt.undo != nil {
					at(tt.undone)
					assert.Equal(t, map[string]int{p.A.Addr(): 1, p.B.Addr(): 1}, peers(c))
					_, err = session.Do(t.Context(), tt.undo...)
					require.NoError(t, err)
				}
				at(tt.moved)
				assert.Equal(t, map[string]int{p.B.Addr(): 2}, peers(c))
				at(10 * time.Second)
				assert.Zero(t, p.A.Shut())
				for range 2 {
					_, err = session.Do(t.Context(), "INCR", "n")
					if tt.lost {
						var oe *baton.OpError
						require.ErrorAs(t, err, &oe)
						assert.ErrorIs(t, err, baton.ErrMoved)
						assert.False(t, oe.Sent)
					} else {
						assert.NoError(t, err)
					}
				}
				if tt.lost {
					assert.Zero(t, p.Server.Executed("INCR"))
				}
				session.Release()
				session, err = c.Conn(t.Context())
				require.NoError(t, err)
				_, err = session.Do(t.Context(), "INCR", "n")
				assert.NoError(t, err, "the next holder has no part in it")
				session.Release()
				assert.Zero(t, c.Stats().Retired, "and the connection is the same")
			})
		})
	}
}

func TestReleaseLeavesNothingBehind(t *testing.T) {
	servers(t, func(t *testing.T, addr string) {
		c, ctx := open(t, baton.Options{Addr: addr}), t.Context()
		for _, tt := range []struct {
			dirt   [][]any
			closed uint64
		}{
			{[][]any{{"GET", "k"}}, 0},
			{[][]any{{"WATCH", "k"}}, 0},
			{[][]any{{"MULTI"}, {"SET", "k", "v"}}, 0},
			{[][]any{{"WATCH", "k"}, {"MULTI"}}, 0},
			{[][]any{{"SELECT", 5}}, 1},
			{[][]any{{"CLIENT", "SETNAME", "me"}}, 1},
		} {
			before := c.Stats().Retired
			session, err := c.Conn(ctx)
			require.NoError(t, err)
			for _, args := range tt.dirt {
				if _, err := session.Do(ctx, args...); !errors.Is(err, baton.Nil) {
					require.NoError(t, err)
				}
			}
			session.Release()
			session.Release()
			assert.Equal(t, tt.closed, c.Stats().Retired-before, "%v", tt.dirt)
			next, err := c.Conn(ctx)
			require.NoError(t, err)
			v, err := next.Do(ctx, "SET", "k", "w")
			require.NoError(t, err)
			assertSame(t, resp3test.SimpleString("OK"), v, "not queued after %v", tt.dirt)
			got, err := c.Get(ctx, "k")
			require.NoError(t, err)
			assert.Equal(t, "w", got, "the same database after %v", tt.dirt)
			next.Release()
		}
		for _, args := range [][]any{{"SUBSCRIBE", "c"}, {"MONITOR"}, {"CLIENT", "REPLY", "OFF"}, {"RESET"}, {"QUIT"}, {"PSYNC", "?", -1}} {
			session, err := c.Conn(ctx)
			require.NoError(t, err)
			_, err = session.Do(ctx, args...)
			assert.ErrorContains(t, err, "breaks the order", "%v", args)
			session.Release()
		}
	})
}

// A command after Release would run on a connection that somebody else holds, here as a part of his transaction.
func TestALeaseThatHasEndedTakesNoCommand(t *testing.T) {
	servers(t, func(t *testing.T, addr string) {
		c, ctx := open(t, baton.Options{Addr: addr}), t.Context()
		var tx *baton.Tx
		require.NoError(t, c.Tx(ctx, func(t *baton.Tx) error { tx = t; return nil }, "k"))
		gone, err := c.Conn(ctx)
		require.NoError(t, err)
		gone.Release()
		next, err := c.Conn(ctx)
		require.NoError(t, err)
		defer next.Release()
		require.EqualValues(t, 1, c.Stats().Leased+c.Stats().Idle, "it is the same connection")
		_, err = next.Do(ctx, "MULTI")
		require.NoError(t, err)
		for name, use := range map[string]func() error{
			"Do":       func() error { _, err := gone.Do(ctx, "SET", "k", "v"); return err },
			"Set":      func() error { _, err := gone.Set(ctx, "k", "v"); return err },
			"Pipeline": func() error { return gone.Pipeline(ctx, func(p *baton.Pipe) error { p.Set("k", "v"); return nil }) },
			"BLPop":    func() error { _, _, err := gone.BLPop(ctx, time.Second, "k"); return err },
			"MULTI":    func() error { _, err := gone.Do(ctx, "MULTI"); return err },
			"Tx.Set":   func() error { _, err := tx.Set(ctx, "k", "v"); return err },
			"Tx.Exec":  func() error { return tx.Exec(ctx, func(p *baton.Pipe) error { p.Set("k", "v"); return nil }) },
		} {
			assert.ErrorContains(t, use(), "the connection was given back already", name)
		}
		v, err := next.Do(ctx, "EXEC")
		require.NoError(t, err)
		assert.Zero(t, v.Len(), "nothing was slipped into the transaction")
	})
}

// The server answers QUEUED, which is no value of a key and no success of SET NX.
func TestTypedCommandsDoNotTakeQueuedForTheirResult(t *testing.T) {
	servers(t, func(t *testing.T, addr string) {
		c, ctx := open(t, baton.Options{Addr: addr}), t.Context()
		session, err := c.Conn(ctx)
		require.NoError(t, err)
		defer session.Release()
		_, err = session.Do(ctx, "MULTI")
		require.NoError(t, err)
		for name, use := range map[string]func() error{
			"GET":   func() error { _, err := session.Get(ctx, "k"); return err },
			"SET":   func() error { _, err := session.Set(ctx, "k", "v", baton.NX()); return err },
			"INCR":  func() error { _, err := session.Incr(ctx, "k"); return err },
			"MSET":  func() error { return session.MSet(ctx, "k", "v") },
			"BLPOP": func() error { _, _, err := session.BLPop(ctx, time.Second, "l"); return err },
			"WAIT":  func() error { _, err := session.Wait(ctx, 0, time.Second); return err },
			"SCAN":  func() error { return first(session.Scan(ctx, baton.ScanOptions{})) },
			"XREAD": func() error {
				_, err := session.XRead(ctx, baton.ReadOptions{Streams: []string{"s"}, IDs: []baton.StreamID{"0"}})
				return err
			},
		} {
			assert.ErrorContains(t, use(), name+" is only queued between MULTI and EXEC")
		}
		var n baton.Reply[resp3.Value]
		require.NoError(t, session.Pipeline(ctx, func(p *baton.Pipe) error { n = p.Do("INCR", "n"); return nil }))
		v, err := n.Get()
		require.NoError(t, err)
		assertSame(t, resp3test.SimpleString("QUEUED"), v)
		sum, err := baton.As[[]int64](session.Do(ctx, "EXEC"))
		require.NoError(t, err)
		assert.Equal(t, []int64{1}, sum)
		got, err := session.Incr(ctx, "n")
		require.NoError(t, err)
		assert.EqualValues(t, 2, got, "as usual afterwards")
	})
}

// first is the error of the first step of a scan.
func first[T any](seq iter.Seq2[T, error]) error {
	for _, err := range seq {
		return err
	}
	return nil
}

// Commands are given up after they were sent. Their replies are waited for, but not by the caller, and the connection is used again.
func TestGivenUpCommandsOfLeasesCostNoConnection(t *testing.T) {
	tests := map[string]struct {
		after   time.Duration // each command takes 100 ms
		use     func(ctx, short context.Context, c *baton.Client, session *baton.Conn)
		retired int
	}{
		"read": {after: 50 * time.Millisecond, use: func(_, short context.Context, _ *baton.Client, session *baton.Conn) { _, _ = session.Get(short, "k") }},
		"WATCH": {after: 50 * time.Millisecond, use: func(_, short context.Context, _ *baton.Client, session *baton.Conn) {
			_, _ = session.Do(short, "WATCH", "k")
		}},
		"EXEC": {after: 250 * time.Millisecond, use: func(ctx, short context.Context, _ *baton.Client, session *baton.Conn) {
			_, _ = session.Do(ctx, "WATCH", "k")
			_, _ = session.Do(ctx, "MULTI")
			_, _ = session.Do(short, "EXEC")
		}},
		"refused EXEC": {after: 150 * time.Millisecond, retired: 1, use: func(ctx, short context.Context, _ *baton.Client, session *baton.Conn) {
			_, _ = session.Do(ctx, "MULTI")
			_, _ = session.Do(short, "EXEC", "refuse")
		}},
		"MULTI": {after: 50 * time.Millisecond, retired: 1, use: func(_, short context.Context, _ *baton.Client, session *baton.Conn) {
			_, _ = session.Do(short, "MULTI")
		}},
		"SELECT": {after: 50 * time.Millisecond, retired: 1, use: func(_, short context.Context, _ *baton.Client, session *baton.Conn) {
			_, _ = session.Do(short, "SELECT", 1)
		}},
		"Tx": {after: 150 * time.Millisecond, use: func(_, short context.Context, c *baton.Client, session *baton.Conn) {
			session.Release() // so that it is this connection
			_ = c.Tx(short, func(tx *baton.Tx) error {
				return tx.Exec(short, func(p *baton.Pipe) error { p.Get("k"); return nil })
			}, "k")
		}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := newPair(t, handofftest.Options{Intercept: func(_ handofftest.ConnInfo, args [][]byte) ([]byte, bool) {
					return []byte("-NOPERM no\r\n"), len(args) == 2 && string(args[1]) == "refuse"
				}})
				c := p.client(baton.Options{})
				defer c.Close()
				require.NoError(t, c.Ready(t.Context()))
				session, err := c.Conn(t.Context())
				require.NoError(t, err)
				p.A.Delay(100 * time.Millisecond)
				short, cancel := context.WithTimeout(t.Context(), tt.after)
				defer cancel()
				tt.use(t.Context(), short, c, session)
				require.Error(t, short.Err(), "the control: it was given up")
				begun := time.Now()
				session.Release()
				session.Release()
				assert.Zero(t, time.Since(begun), "nobody waits")
				<-time.After(time.Second)
				s := c.Stats()
				assert.EqualValues(t, tt.retired, s.Retired)
				assert.Equal(t, 1-tt.retired, s.Idle)
				next, err := c.Conn(t.Context())
				require.NoError(t, err)
				defer next.Release()
				_, err = next.Do(t.Context(), "MULTI")
				require.NoError(t, err)
				_, err = c.Set(t.Context(), "k", "changed")
				require.NoError(t, err)
				v, err := next.Do(t.Context(), "EXEC")
				require.NoError(t, err)
				assert.False(t, v.IsNull(), "nothing is watched")
				assert.EqualValues(t, 2+tt.retired, c.Stats().Dials)
			})
		})
	}
}

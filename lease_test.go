package baton_test

import (
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/baton-go/baton"
	"github.com/baton-go/baton/handoff"
	"github.com/baton-go/baton/handoff/handofftest"
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
				w := newTown(t, handofftest.Options{})
				defer w.srv.Close()
				c := w.client(baton.Options{})
				defer c.Close()
				held, err := c.Conn(t.Context())
				require.NoError(t, err)
				begun := time.Now()
				at := func(d time.Duration) { <-time.After(time.Until(begun.Add(d))) }
				if tt.before != nil {
					_, err = held.Do(t.Context(), tt.before...)
					require.NoError(t, err)
				}
				w.a.Moving(10*time.Second, w.b.Addr())
				if tt.undo != nil {
					at(tt.undone)
					assert.Equal(t, map[string]int{w.a.Addr(): 1, w.b.Addr(): 1}, peers(c))
					_, err = held.Do(t.Context(), tt.undo...)
					require.NoError(t, err)
				}
				at(tt.moved)
				assert.Equal(t, map[string]int{w.b.Addr(): 2}, peers(c))
				at(10 * time.Second)
				assert.Zero(t, w.a.Shut())
				for range 2 {
					_, err = held.Do(t.Context(), "INCR", "n")
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
					assert.Zero(t, w.srv.Executed("INCR"))
				}
				held.Release()
				held, err = c.Conn(t.Context())
				require.NoError(t, err)
				_, err = held.Do(t.Context(), "INCR", "n")
				assert.NoError(t, err, "the next holder has no part in it")
				held.Release()
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
			held, err := c.Conn(ctx)
			require.NoError(t, err)
			for _, args := range tt.dirt {
				if _, err := held.Do(ctx, args...); !errors.Is(err, baton.Nil) {
					require.NoError(t, err)
				}
			}
			held.Release()
			held.Release()
			assert.Equal(t, tt.closed, c.Stats().Retired-before, "%v", tt.dirt)
			next, err := c.Conn(ctx)
			require.NoError(t, err)
			v, err := next.Do(ctx, "SET", "k", "w")
			require.NoError(t, err)
			assert.Equal(t, resp3.Simple("OK"), v, "not queued after %v", tt.dirt)
			got, err := c.Get(ctx, "k")
			require.NoError(t, err)
			assert.Equal(t, "w", got, "the same database after %v", tt.dirt)
			next.Release()
		}
		for _, args := range [][]any{{"SUBSCRIBE", "c"}, {"MONITOR"}, {"CLIENT", "REPLY", "OFF"}, {"RESET"}, {"QUIT"}, {"PSYNC", "?", -1}} {
			held, err := c.Conn(ctx)
			require.NoError(t, err)
			_, err = held.Do(ctx, args...)
			assert.ErrorContains(t, err, "breaks the order", "%v", args)
			held.Release()
		}
	})
}

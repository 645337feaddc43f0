package baton_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/baton-go/baton"
	"github.com/baton-go/baton/handoff/handofftest"
)

// A move is no fault: as many may interrupt a transaction as somebody may change its keys.
func TestMovesCountAsAbortsOfATransaction(t *testing.T) {
	for limit, runs := range map[int]int{4: 5, 3: 4} {
		synctest.Test(t, func(t *testing.T) {
			p := newPair(t)
			c := p.client(baton.Options{Retry: baton.RetryPolicy{Max: -1, Tx: limit}})
			defer c.Close()
			from, to, n := p.A, p.B, 0
			err := c.Tx(t.Context(), func(tx *baton.Tx) error {
				if _, err := tx.Get(t.Context(), "k"); !errors.Is(err, baton.Nil) {
					return err
				}
				if n++; n <= 4 {
					from.Moving(5*time.Second, to.Addr())
					<-time.After(4500 * time.Millisecond)
					from.EndMoving()
					from, to = to, from
				}
				return tx.Exec(t.Context(), func(p *baton.Pipe) error { p.Set("k", "v"); return nil })
			}, "k")
			assert.Equal(t, runs, n)
			_, written := p.Server.Value("k")
			assert.Equal(t, limit == 4, written)
			if limit == 3 {
				assert.ErrorIs(t, err, baton.ErrMoved)
			} else {
				assert.NoError(t, err)
			}
		})
	}
}

// The connection is reset while a command of the transaction is under way. Nothing was done as long as that was a read.
func TestTxWhoseConnectionIsLostBeforeExec(t *testing.T) {
	read := func(ctx context.Context, tx *baton.Tx) error {
		_, err := tx.Do(ctx, "GET", "k")
		return err
	}
	write := func(ctx context.Context, tx *baton.Tx) error {
		_, err := tx.Incr(ctx, "side")
		return err
	}
	for _, tt := range []struct {
		name   string
		at     string // the command
		before func(context.Context, *baton.Tx) error
		runs   int
		again  bool
	}{
		{name: "WATCH", at: "WATCH", before: read, runs: 1, again: true},
		{name: "a read", at: "GET", before: read, runs: 2, again: true},
		{name: "a write", at: "INCR", before: write, runs: 1},
		{name: "a read after a write", at: "GET", before: func(ctx context.Context, tx *baton.Tx) error {
			return errors.Join(write(ctx, tx), read(ctx, tx))
		}, runs: 1},
		{name: "EXEC", at: "EXEC", before: read, runs: 1},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				lose := true
				var p *pair
				p = newPair(t, handofftest.Options{OnCommand: func(_ handofftest.ConnInfo, args [][]byte) {
					if lose && string(args[0]) == tt.at {
						lose = false
						go func() { <-time.After(time.Millisecond); p.A.Kill(); _ = p.A.Reopen() }()
					}
				}})
				c := p.client(baton.Options{Retry: baton.RetryPolicy{Tx: -1}})
				defer c.Close()
				p.A.Delay(10 * time.Millisecond)
				runs := 0
				err := c.Tx(t.Context(), func(tx *baton.Tx) error {
					runs++
					if err := tt.before(t.Context(), tx); err != nil {
						return err
					}
					return tx.Exec(t.Context(), func(p *baton.Pipe) error { p.Incr("n"); return nil })
				}, "n")
				assert.Equal(t, tt.runs, runs)
				if tt.again {
					assert.NoError(t, err)
					v, _ := p.Server.Value("n")
					assert.Equal(t, "1", v)
					return
				}
				var oe *baton.OpError
				require.ErrorAs(t, err, &oe)
				assert.True(t, oe.Sent)
				assert.LessOrEqual(t, int(p.Server.Executed("INCR")), 1)
			})
		})
	}
}

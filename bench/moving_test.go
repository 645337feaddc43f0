package main

import (
	"context"
	"errors"
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/baton-go/baton/handoff/handofftest"
)

// The record finds whatever a client may do wrong, and nothing with one that does not.
func TestMovingNoticesWrongClients(t *testing.T) {
	broken := errors.New("broken")
	every := func(n int64) func() bool { // true for one of so many
		var calls atomic.Int64
		return func() bool { return calls.Add(1)%n == 0 }
	}
	tests := []struct {
		name  string
		spoil func(m *mover, now func() bool)
		found string // the only figure that is not zero
	}{
		{"nothing", func(*mover, func() bool) {}, ""},
		{"a call fails", func(m *mover, now func() bool) {
			incr := m.incr
			m.incr = func(ctx context.Context, key string) (int64, error) {
				if now() {
					return 0, broken
				}
				return incr(ctx, key)
			}
		}, "failed"},
		{"an increment is lost", func(m *mover, now func() bool) {
			incr := m.incr
			m.incr = func(ctx context.Context, key string) (int64, error) {
				if now() {
					return 1, nil
				}
				return incr(ctx, key)
			}
		}, "wrong"},
		{"an increment is made twice", func(m *mover, now func() bool) {
			incr := m.incr
			m.incr = func(ctx context.Context, key string) (int64, error) {
				if now() {
					_, _ = incr(ctx, key)
				}
				return incr(ctx, key)
			}
		}, "wrong"},
		{"a message is missed", func(m *mover, now func() bool) {
			listen := m.listen
			m.listen = func(ctx context.Context, channel string, got func(string)) error {
				return listen(ctx, channel, func(text string) {
					if !now() {
						got(text)
					}
				})
			}
		}, "missed"},
		{"a pop fails", func(m *mover, now func() bool) {
			pop := m.pop
			m.pop = func(ctx context.Context, key string) (string, error) {
				if now() {
					return "", broken
				}
				return pop(ctx, key)
			}
		}, "failedpops"},
		{"an element is lost", func(m *mover, now func() bool) {
			pop := m.pop
			m.pop = func(ctx context.Context, key string) (string, error) {
				if now() {
					_, _ = pop(ctx, key)
				}
				return pop(ctx, key)
			}
		}, "lostpops"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			srv := handofftest.NewServer(handofftest.Options{})
			defer srv.Close()
			node, err := srv.Listen("127.0.0.1:0")
			require.NoError(t, err)
			m, err := moveBaton(movingEnv{Addr: node.Addr(), now: new(atomic.Pointer[string])})
			require.NoError(t, err)
			defer m.close()
			tt.spoil(m, every(7))
			tr := &traffic{m: m, backend: node.Addr(), patient: time.Minute}
			figures := []string{"failed", "wrong", "missed", "failedpops", "lostpops"}
			if tt.found == "missed" || tt.found == "lostpops" { // what never comes is not waited for, nor is the other
				tr.patient, figures = 0, []string{"failed", "wrong", "failedpops", tt.found}
			}
			require.NoError(t, tr.begin(2))
			for enough := false; !enough; time.Sleep(time.Millisecond) {
				tr.note(func() {
					enough = tr.published > 20 && tr.pushed > 20 && tr.confirmed[0] > 20 && len(tr.popped) > 20 && tr.heard[strconv.Itoa(10)] > 0
				})
			}
			got, err := tr.end()
			require.NoError(t, err)
			for _, figure := range figures {
				if figure == tt.found {
					assert.Positive(t, got[figure], figure)
				} else {
					assert.Zero(t, got[figure], figure)
				}
			}
		})
	}
}

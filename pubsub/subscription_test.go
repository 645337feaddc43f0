package pubsub

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/assert"
)

// leaving is a context that has ended, but its Done is not seen to be closed: select may prefer another channel.
type leaving struct {
	context.Context
	ended atomic.Bool
}

func (l *leaving) Err() error {
	if l.ended.Load() {
		return context.Canceled
	}
	return nil
}

// A loop that is woken for a message as its context ends wakes another loop for it.
func TestLoopThatEndsLeavesTheMessageToAnother(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSubscription(Wiring{}, Options{Buffer: 8}, "SUBSCRIBE", []string{"c"})
		first := &leaving{Context: t.Context()}
		var got []string
		for _, ctx := range []context.Context{first, t.Context()} {
			go func() {
				for m, err := range s.All(ctx) {
					if err == nil {
						got = append(got, m.Payload)
					}
				}
			}()
			synctest.Wait()
		}
		first.ended.Store(true)
		s.locked(func() { s.enqueueLocked([]Message{{Payload: "m"}}) })
		synctest.Wait()
		assert.Equal(t, []string{"m"}, got)
		s.end(errors.New("over"))
	})
}

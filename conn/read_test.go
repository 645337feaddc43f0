package conn

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
)

func TestContextWatchRegistersTheSecondTimeInSuccession(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		interrupts := 0
		w := ctxWatch{interrupt: func() { interrupts++ }}
		assert.True(t, w.covers(context.Background()), "it never ends")

		plain, cancelPlain := context.WithCancel(t.Context())
		timed, cancelTimed := context.WithTimeout(t.Context(), time.Minute)
		for _, ctx := range []context.Context{plain, timed} {
			assert.False(t, w.covers(ctx))
			assert.Nil(t, w.stop)
			assert.True(t, w.covers(ctx))
			assert.True(t, w.covers(ctx))
			assert.NotNil(t, w.stop)
		}
		cancelPlain()
		synctest.Wait()
		assert.Zero(t, interrupts, "another context came since")
		cancelTimed()
		synctest.Wait()
		assert.Equal(t, 1, interrupts, "one registration serves all calls")
		w.forget()
		w.forget()
		assert.False(t, w.covers(plain), "forgotten")
	})
}

package conn_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// Each caller brings a context of its own and comes when the read deadline of the one before has long passed, now and then
// at the instant of the keeper's look. Replies take a millisecond, so the connection is never slow; the last one takes
// long, and then it is.
func TestQuickRepliesAreNotSlow(t *testing.T) {
	for _, every := range []time.Duration{9 * time.Millisecond, 20 * time.Millisecond, 40 * time.Millisecond, 100 * time.Millisecond} {
		synctest.Test(t, func(t *testing.T) {
			p := newPair(t)
			c := p.dial()
			ticker := time.NewTicker(every)
			defer ticker.Stop()
			for i := range 100 {
				<-ticker.C
				ctx, cancel := context.WithCancel(t.Context())
				reply := p.later(ctx, c, "PAUSE", "1")
				<-time.After(500 * time.Microsecond)
				assert.False(t, c.Slow(), "call %d, every %v", i, every)
				require.NoError(t, (<-reply).err)
				cancel()
			}
			reply := p.later(t.Context(), c, "PAUSE", "200")
			<-time.After(100 * time.Millisecond)
			assert.True(t, c.Slow(), "the check can fail")
			require.NoError(t, (<-reply).err)
		})
	}
}

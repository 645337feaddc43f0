package conn_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/baton-go/baton/conn"
	"github.com/baton-go/baton/handoff/handofftest"
	"github.com/baton-go/baton/resp3"
)

// A call that somebody else gives up ends at once, whether its owner reads the link, sleeps, or has the keeper read for it. Its reply
// is discarded, and the link goes on.
func TestGiveUpEndsACallOfAnotherGoroutine(t *testing.T) {
	errGone := errors.New("gone")
	for _, tt := range []struct {
		name   string
		before time.Duration // how long the call has been under way
		others int           // calls before it
	}{
		{"reads", time.Millisecond, 0},
		{"the keeper reads", time.Second, 0},
		{"sleeps", time.Millisecond, 1},
		{"sleeps, and the keeper reads", time.Second, 1},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := newPair(t)
				c := p.dial()
				pin := c.Pin()
				defer pin.Unpin()
				first := make(chan error, tt.others)
				for range tt.others {
					go func() { _, err := p.pinned(pin, "PAUSE", "1800"); first <- err }()
					synctest.Wait()
				}
				q := p.cfg.NewCall()
				q.Mode, q.Timeout, q.Req = conn.Encoded, time.Minute, resp3.AppendCommand(q.Req, "PAUSE", "1900")
				e := &conn.Error{Op: "wait", Sent: true, Err: errGone}
				assert.False(t, pin.GiveUp(q, e), "not queued yet")
				begun, ended := time.Now(), make(chan error, 1)
				go func() { ended <- pin.Do(context.Background(), q) }()
				synctest.Wait()
				<-time.After(tt.before)
				assert.True(t, pin.GiveUp(q, e))
				assert.Same(t, e, <-ended)
				assert.Equal(t, tt.before, time.Since(begun))
				assert.False(t, pin.GiveUp(q, e), "not queued any more")
				q.Free()
				for range tt.others {
					assert.NoError(t, <-first)
				}
				s, err := p.pinned(pin, "ECHO", "next")
				require.NoError(t, err)
				assert.Equal(t, "next", s)
			})
		})
	}
}

// OnBroken calls the latest function, once, before the old link is retired; one that comes late is called at once.
func TestOnBroken(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPair(t)
		c := p.dial()
		pin := c.Pin()
		var told []string
		pin.OnBroken(func() { told = append(told, "replaced") })
		pin.OnBroken(func() {
			_, err := p.pinned(c.Pin(), "ECHO", "new link") // no lock is held
			assert.NoError(t, err)
			told = append(told, "broken")
		})
		require.NoError(t, c.Move(t.Context(), conn.Target{Addr: addrB, Drain: time.Now().Add(time.Second), Hold: time.Now().Add(-time.Second)}))
		synctest.Wait()
		assert.Equal(t, []string{"broken"}, told)
		<-pin.Broken()
		pin.OnBroken(func() { told = append(told, "late") })
		assert.Equal(t, []string{"broken", "late"}, told)
		other := c.Pin()
		other.OnBroken(func() { t.Error("this pin was not broken") })
		other.Unpin()
	})
}

// A call whose reply is just being filled in, and whose owner waits for the rest of it, is ended by the reader, which is its owner.
func TestGiveUpInTheMiddleOfAReply(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		half := make(chan struct{})
		p := newPair(t, handofftest.Options{Intercept: func(_ handofftest.ConnInfo, args [][]byte) ([]byte, bool) {
			switch string(args[0]) {
			case "HALF":
				return []byte("$100000\r\n" + strings.Repeat("h", 50_000)), true
			case "REST":
				<-half
				return []byte(strings.Repeat("r", 50_000) + "\r\n+rest\r\n"), true
			}
			return nil, false
		}})
		pin := p.dial().Pin()
		defer pin.Unpin()
		q := p.cfg.NewCall()
		q.Mode, q.Timeout, q.Req = conn.Encoded, time.Minute, resp3.AppendCommand(q.Req, "HALF")
		ended := make(chan error, 1)
		go func() { ended <- pin.Do(context.Background(), q) }()
		synctest.Wait()
		begun, e := time.Now(), &conn.Error{Op: "wait", Sent: true, Err: errors.New("gone")}
		assert.True(t, pin.GiveUp(q, e))
		assert.Same(t, e, <-ended)
		assert.Zero(t, time.Since(begun))
		q.Free()
		close(half)
		s, err := p.pinned(pin, "REST")
		require.NoError(t, err)
		assert.Equal(t, "rest", s)
	})
}

package conn_test

import (
	"context"
	"fmt"
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

func TestLargeRepliesAreReadToWhereTheyAreWanted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPair(t)
		c := p.dial()
		big := strings.Repeat("0123456789", 30_000)
		p.want(c, "OK", "SET", "big", big)
		p.want(c, big, "GET", "big")

		q := p.cfg.NewCall()
		defer q.Free()
		dst := make([]byte, 4, 4+len(big))
		q.Mode, q.Dst = conn.AppendText, dst
		q.Req = resp3.AppendCommand(q.Req, "GET", "big")
		require.NoError(t, c.Do(t.Context(), q))
		assert.Equal(t, big, string(q.Dst[4:]))
		assert.Same(t, &dst[0], &q.Dst[0], "the caller's memory is used")

		r := p.cfg.NewCall()
		defer r.Free()
		r.Mode, r.Replies = conn.Raw, 3
		for _, k := range []string{"big", "none", "big"} {
			r.Req = resp3.AppendCommand(r.Req, "GET", k)
		}
		require.NoError(t, c.Do(t.Context(), r))
		frame := fmt.Sprintf("$%d\r\n%s\r\n", len(big), big)
		assert.Equal(t, frame+"_\r\n"+frame, r.Block())

		v := p.cfg.NewCall()
		defer v.Free()
		v.Mode = conn.Value
		v.Req = resp3.AppendCommand(v.Req, "GET", "big")
		require.NoError(t, c.Do(t.Context(), v))
		s, err := v.Val.Text()
		require.NoError(t, err)
		assert.Equal(t, big, s)
	})
}

func TestLargeReplyOfACancelledCallIsSwallowed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		half := make(chan struct{})
		p := newPair(t, handofftest.Options{Intercept: func(_ handofftest.ConnInfo, args [][]byte) ([]byte, bool) {
			switch string(args[0]) {
			case "HALF": // the first part of a large value
				return []byte("$100000\r\n" + strings.Repeat("h", 50_000)), true
			case "REST":
				<-half
				return []byte(strings.Repeat("r", 50_000) + "\r\n+rest\r\n"), true
			}
			return nil, false
		}})
		c := p.dial()
		ctx, cancel := context.WithCancel(t.Context())
		first := p.later(ctx, c, "HALF")
		synctest.Wait()
		second := p.later(t.Context(), c, "REST")
		synctest.Wait()
		cancel()
		out := <-first
		assert.ErrorIs(t, out.err, context.Canceled)
		assert.LessOrEqual(t, out.took, 10*time.Millisecond)
		close(half)
		out = <-second
		require.NoError(t, out.err)
		assert.Equal(t, "rest", out.text)
		p.want(c, "after", "ECHO", "after")
	})
}

// trickle makes a server whose BIG begins a value of 100 kB and whose PARTs bring the rest, one second each.
func trickle(parts int) handofftest.Options {
	const part = 25_000
	sent := 0
	return handofftest.Options{Intercept: func(_ handofftest.ConnInfo, args [][]byte) ([]byte, bool) {
		switch string(args[0]) {
		case "BIG":
			return []byte(fmt.Sprintf("$%d\r\n", parts*part)), true
		case "MANY": // the same in one element of an array, which is not streamed
			return []byte(fmt.Sprintf("*1\r\n$%d\r\n", parts*part)), true
		case "PART":
			<-time.After(time.Second)
			out := strings.Repeat("p", part)
			if sent++; sent == parts {
				out += "\r\n" + strings.Repeat("+part\r\n", parts)
			}
			return []byte(out), true
		}
		return nil, false
	}}
}

func TestReplyThatKeepsComingIsWaitedForAndOneThatStopsIsNot(t *testing.T) {
	tests := []struct {
		name, command string
		parts         int
	}{{"string keeps coming", "BIG", 6}, {"string stops", "BIG", 2}, {"array keeps coming", "MANY", 6}, {"array stops", "MANY", 2}}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := newPair(t, trickle(6))
				c := p.dial()
				begun := time.Now()
				big := make(chan error, 1)
				q := p.cfg.NewCall()
				defer q.Free()
				q.Mode, q.Timeout = conn.Raw, 3*time.Second
				q.Req = resp3.AppendCommand(q.Req, tt.command)
				go func() { big <- c.Do(t.Context(), q) }()
				synctest.Wait()
				for range tt.parts { // one at a time: the server sends what it has when it has read all commands
					go func() {
						q := p.cfg.NewCall()
						defer q.Free()
						q.Req = resp3.AppendCommand(q.Req, "PART")
						c.Do(t.Context(), q)
					}()
					<-time.After(1001 * time.Millisecond)
				}
				err := <-big
				took := time.Since(begun)
				if tt.parts < 6 {
					assert.ErrorIs(t, err, conn.ErrTimeout)
					assert.InDelta(t, 5*time.Second, took, float64(600*time.Millisecond))
					return
				}
				require.NoError(t, err)
				assert.Greater(t, len(q.Rep), 150_000)
				assert.Equal(t, 6*time.Second, took.Round(100*time.Millisecond))
			})
		})
	}
}

package baton_test

import (
	"context"
	"io"
	"net"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/baton-go/baton"
	"github.com/baton-go/baton/handoff/handofftest"
	"github.com/baton-go/baton/pool"
)

// A MOVING names this host in one way or another. Moves, subscriptions and new connections may get as far as a stream, and write
// nothing to it: the listener there is told neither the password nor anything else.
func TestTargetThatLeadsHomeIsToldNothing(t *testing.T) { // H-121
	for _, host := range []string{"localhost", "127.1", "2130706433", "0x7f.1", "LOCALHOST.", "evil.example.com"} {
		t.Run(host, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := newPair(t, handofftest.Options{Password: "secret"})
				var streams, bytes atomic.Int64
				l, err := p.Network.Listen("127.0.0.1:7777")
				require.NoError(t, err)
				serve(t, l, func(nc net.Conn) {
					streams.Add(1)
					n, _ := io.Copy(io.Discard, nc)
					bytes.Add(n)
				})
				dial := func(ctx context.Context, network, addr string) (net.Conn, error) { // as a system's resolver would
					if strings.HasSuffix(addr, ":7777") {
						addr = "127.0.0.1:7777"
					}
					return p.Network.DialContext(ctx, network, addr)
				}
				c := p.client(baton.Options{Password: "secret", Dialer: dial, Pool: pool.Config{MinIdle: 4}})
				defer c.Close()
				sub, err := c.Subscribe(t.Context(), "news")
				require.NoError(t, err)
				defer sub.Close()
				<-time.After(time.Second)
				p.Network.SetHost(strings.ToLower(host), "127.0.0.1")
				p.A.Moving(15*time.Second, host+":7777")
				session, err := c.Conn(t.Context())
				require.NoError(t, err)
				session.Release()
				<-time.After(20 * time.Second)
				assert.Positive(t, streams.Load(), "it was tried")
				assert.Less(t, streams.Load(), int64(10))
				assert.Zero(t, bytes.Load())
				assert.EqualValues(t, 1, c.Handoffs().Stats().Refused)
				assert.Len(t, peers(c), 1)
				_, err = c.Set(t.Context(), "k", "v")
				assert.NoError(t, err)
			})
		})
	}
}

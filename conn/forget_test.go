package conn

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/baton-go/baton/handoff/handofftest"
	"github.com/baton-go/baton/resp3"
)

// A context that lives for long must not keep the links that have died under it.
func TestDeadLinkIsNotKeptByAContext(t *testing.T) {
	const a, b = "10.0.0.1:1", "10.0.0.2:1"
	for name, end := range map[string]func(c *Conn, n *handofftest.Node){
		"the server is silent": func(*Conn, *handofftest.Node) { time.Sleep(5 * time.Second) },
		"the link is drained": func(c *Conn, _ *handofftest.Node) {
			_ = c.Move(context.Background(), Target{Addr: b, Drain: time.Now().Add(time.Second)})
			time.Sleep(2 * time.Second)
		},
		"the link is drained at once": func(c *Conn, _ *handofftest.Node) {
			_ = c.Move(context.Background(), Target{Addr: b, Drain: time.Now().Add(50 * time.Millisecond)})
			time.Sleep(2 * time.Second)
		},
		"the server dies": func(_ *Conn, n *handofftest.Node) { n.Kill() },
		"it is closed":    func(c *Conn, _ *handofftest.Node) { c.Close() },
		"it is closed late": func(c *Conn, _ *handofftest.Node) {
			time.Sleep(time.Second)
			c.Close()
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				network := handofftest.NewNetwork()
				srv := handofftest.NewServer(handofftest.Options{Listen: network.Listen})
				defer srv.Close()
				node, err := srv.Listen(a)
				require.NoError(t, err)
				_, err = srv.Listen(b)
				require.NoError(t, err)
				cfg := &Config{Dial: network.DialContext}
				c, err := Dial(t.Context(), cfg, a)
				require.NoError(t, err)
				defer c.Close()
				l := c.cur.Load()
				ctx, cancel := context.WithCancel(context.Background())
				defer cancel()
				ask := func() {
					q := cfg.NewCall()
					defer q.Free()
					q.Timeout, q.Req = 3*time.Second, resp3.AppendCommand(q.Req, "PING")
					_ = c.Do(ctx, q)
				}
				ask()
				ask()
				require.NotNil(t, l.in.watch.stop, "the link has registered")
				node.Stall(true)
				asked := make(chan struct{})
				go func() {
					defer close(asked)
					ask()
				}()
				synctest.Wait()
				end(c, node)
				<-asked
				synctest.Wait()
				require.Error(t, l.err())
				assert.Nil(t, l.in.watch.stop)
			})
		})
	}
}

package pubsub

import (
	"context"
	"errors"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/baton-go/baton/conn"
	"github.com/baton-go/baton/handoff/handofftest"
	"github.com/baton-go/baton/resp3"
)

// The package needs nothing of a client but the functions of its wiring.
func TestGroupKnowsMovesAndClosesItsSubscriptions(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := handofftest.NewPair(t)
		var g Group
		var joined []string
		w := Wiring{
			Group: &g, Limit: 1, ReadTimeout: time.Second,
			Closed: func() error { return nil },
			Config: func() *conn.Config {
				return &conn.Config{Dial: p.Network.DialContext, OnPush: func(*conn.Conn, string, resp3.Value) {}}
			},
			Dial: func(ctx context.Context, cfg *conn.Config) (*conn.Conn, error) {
				return conn.Dial(ctx, cfg, p.A.Addr())
			},
			Lost:            func(*conn.Conn) {},
			Retry:           func(_ context.Context, _ string, attempt func() error) error { return attempt() },
			Joined:          func(cn *conn.Conn) { joined = append(joined, cn.Peer()) },
			Ended:           func(*conn.Conn) {},
			Refused:         func(string, error) {},
			ListenElsewhere: func(context.Context) {},
		}
		s, err := NewSubscriber(w, Options{}).Subscribe(t.Context(), "c", "c")
		require.NoError(t, err)
		_, err = NewSubscriber(w, Options{}).Subscribe(t.Context(), "c")
		assert.ErrorContains(t, err, "the limit is Options.MaxSubscriptions")
		assert.Equal(t, 1, g.Len())

		sent := slices.DeleteFunc(p.Server.Commands(), func(c handofftest.Command) bool { return c.Args[0] != "SUBSCRIBE" })
		require.Len(t, sent, 1)
		assert.Equal(t, []string{"SUBSCRIBE", "c"}, sent[0].Args, "a name that is given twice is sent once")

		p.Server.Publish("c", "before")
		synctest.Wait()
		old := g.Conns()[0]
		next, err := g.Move(t.Context(), old, conn.Target{Addr: p.B.Addr(), Drain: time.Now().Add(time.Second)})
		require.NoError(t, err)
		assert.NotSame(t, old, next)
		assert.Equal(t, []*conn.Conn{next}, g.Conns())
		assert.Equal(t, p.B.Addr(), g.Infos()[0].Peer)
		_, err = g.Move(t.Context(), old, conn.Target{Addr: p.A.Addr()})
		assert.ErrorIs(t, err, conn.ErrClosed, "it serves no subscription any more, and is closed")
		p.Server.Publish("c", "after")
		assert.Equal(t, []string{p.A.Addr(), p.B.Addr()}, joined)

		var got []string
		ended := errors.New("the client has ended")
		for m, err := range s.All(t.Context()) {
			if err != nil {
				assert.Same(t, ended, err)
				break
			}
			if got = append(got, m.Payload); len(got) == 2 {
				g.Close(ended)
			}
		}
		assert.Equal(t, []string{"before", "after"}, got)
		assert.Zero(t, g.Len())
		assert.Empty(t, g.Conns())
		var kinds []EventKind
		for e := range s.Events() {
			kinds = append(kinds, e.Kind)
		}
		assert.Equal(t, []EventKind{Connected, Moved}, kinds)
		synctest.Wait()
		assert.Zero(t, p.A.Stats().Open+p.B.Stats().Open)
	})
}

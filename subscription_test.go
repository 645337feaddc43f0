package baton_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/baton-go/baton"
	"github.com/baton-go/baton/handoff/handofftest"
	"github.com/baton-go/baton/internal/redistest"
	"github.com/baton-go/baton/pool"
	"github.com/baton-go/baton/resp3"
)

// protocols runs a test in both protocols.
func protocols(t *testing.T, test func(t *testing.T, proto int)) {
	for _, proto := range []int{3, 2} {
		t.Run(fmt.Sprintf("RESP%d", proto), func(t *testing.T) { test(t, proto) })
	}
}

// receive takes n messages, which must come within a minute.
func receive(t *testing.T, s *baton.Subscription, n int) (got []baton.Message) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	if n == 0 {
		return nil
	}
	for m, err := range s.All(ctx) {
		require.NoError(t, err, "after %d of %d", len(got), n)
		if got = append(got, m); len(got) == n {
			break
		}
	}
	require.Len(t, got, n)
	return got
}

// taken returns the events that are there.
func taken(s *baton.Subscription) (es []baton.SubEvent) {
	for {
		select {
		case e, ok := <-s.Events():
			if !ok {
				return es
			}
			es = append(es, e)
		default:
			return es
		}
	}
}

func kinds(es []baton.SubEvent) (ks []baton.SubEventKind) {
	for _, e := range es {
		ks = append(ks, e.Kind)
	}
	return ks
}

func TestSubscribeReceivesWhatIsPublished(t *testing.T) {
	protocols(t, func(t *testing.T, proto int) {
		servers(t, func(t *testing.T, addr string) {
			c, ctx := open(t, baton.Options{Addr: addr, Protocol: proto, Pool: pool.Config{Lanes: 1}}), t.Context()
			odd := "news\r\n\xff\x00"
			sub, err := c.Subscribe(ctx, "news", odd, "news")
			require.NoError(t, err)
			pat, err := c.PSubscribe(ctx, "new*", "n?ws")
			require.NoError(t, err)
			shard, err := c.SSubscribe(ctx, "news")
			require.NoError(t, err)
			publish := func(cmd, channel, payload string, receivers int64) {
				n, err := baton.As[int64](c.Do(ctx, cmd, channel, payload))
				require.NoError(t, err)
				require.Equal(t, receivers, n)
			}
			publish("PUBLISH", "news", "", 3) // all are confirmed: nothing is published to nobody
			publish("PUBLISH", odd, "odd\r\n", 2)
			publish("SPUBLISH", "news", "s", 1)
			publish("PUBLISH", "other", "x", 0)
			assert.Equal(t, []baton.Message{{Channel: "news"}, {Channel: odd, Payload: "odd\r\n"}}, receive(t, sub, 2))
			assert.ElementsMatch(t, []baton.Message{{Channel: "news", Pattern: "new*"}, {Channel: "news", Pattern: "n?ws"},
				{Channel: odd, Pattern: "new*", Payload: "odd\r\n"}}, receive(t, pat, 3))
			assert.Equal(t, []baton.Message{{Channel: "news", Payload: "s", Shard: true}}, receive(t, shard, 1))
			roles := map[pool.Role]int{}
			for i := range c.Conns() {
				roles[i.Role]++
			}
			assert.Equal(t, map[pool.Role]int{pool.Lane: 1, pool.Subscribed: 3}, roles)
			for _, s := range []*baton.Subscription{sub, pat, shard} {
				assert.Equal(t, []baton.SubEventKind{baton.SubConnected}, kinds(taken(s)))
				require.NoError(t, s.Close())
				require.NoError(t, s.Close())
				assert.Zero(t, s.Dropped())
				_, open := <-s.Events()
				assert.False(t, open)
				for range s.All(ctx) {
					assert.Fail(t, "a message after Close")
				}
			}
			assert.Equal(t, 1, len(peers(c)))
		})
	})
}

func TestSubscribeIsRefused(t *testing.T) {
	protocols(t, func(t *testing.T, proto int) {
		addr := redistest.Start(t)
		ctx := t.Context()
		admin := open(t, baton.Options{Addr: addr})
		_, err := admin.Do(ctx, "ACL", "SETUSER", "u", "on", ">pw", "+@all", "~*", "resetchannels", "&mine")
		require.NoError(t, err)
		c := open(t, baton.Options{Addr: addr, Protocol: proto, Username: "u", Password: "pw"})
		_, err = c.Subscribe(ctx, "mine", "yours")
		var re *resp3.Error
		require.ErrorAs(t, err, &re)
		assert.Equal(t, "NOPERM", re.Code)
		for i := range c.Conns() {
			assert.NotEqual(t, pool.Subscribed, i.Role)
		}
		s, err := c.Subscribe(ctx, "mine")
		require.NoError(t, err)
		require.NoError(t, s.Close())
	})
}

func TestSubscribeRefusesWhatCannotBe(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPair(t)
		ctx := t.Context()
		c := p.client(baton.Options{MaxSubscriptions: 1})
		defer c.Close()
		_, err := c.Subscribe(ctx)
		assert.ErrorContains(t, err, "needs a channel")
		_, err = c.Subscriber(baton.SubscribeOptions{Buffer: -1, Overflow: 7}).Subscribe(ctx, "c")
		assert.ErrorContains(t, err, "Buffer is -1, must be at least 1")
		assert.ErrorContains(t, err, "Overflow is 7")
		s, err := c.Subscribe(ctx, "c")
		require.NoError(t, err)
		_, err = c.Subscribe(ctx, "c")
		assert.ErrorContains(t, err, "there are 1 subscriptions, the limit is Options.MaxSubscriptions")
		s.Close()
		s, err = c.Subscribe(ctx, "c")
		require.NoError(t, err)
		c.Close()
		for _, err := range s.All(ctx) {
			assert.ErrorIs(t, err, baton.ErrClosed)
		}
		_, err = c.Subscribe(ctx, "c")
		assert.ErrorIs(t, err, baton.ErrClosed)
	})
}

// RESP2 is granted by a server that does not know HELLO, by one that answers it and stays in RESP2, or asked for.
func TestSubscribeInRESP2(t *testing.T) { // H-142
	for name, x := range map[string]struct {
		server  handofftest.Options
		trouble handofftest.Trouble
		client  baton.Options
	}{
		"not known": {server: handofftest.Options{Resp2Only: true}},
		"refused": {server: handofftest.Options{Intercept: func(_ handofftest.ConnInfo, args [][]byte) ([]byte, bool) {
			return []byte("-DENIED\r\n"), string(args[0]) == "HELLO"
		}}},
		"stays":     {trouble: handofftest.Trouble{Resp2Hello: true}},
		"asked for": {client: baton.Options{Protocol: 2}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := newPair(t, x.server)
				p.A.SetTrouble(x.trouble)
				c := p.client(x.client)
				defer c.Close()
				s, err := c.Subscribe(t.Context(), "c", "message", "pong")
				require.NoError(t, err)
				pattern, err := c.PSubscribe(t.Context(), "*")
				require.NoError(t, err)
				for _, m := range []baton.Message{{Channel: "c", Payload: "*3\r\n$7\r\nmessage\r\n$1\r\nc\r\n$1\r\nx\r\n"},
					{Channel: "message", Payload: "-ERR no\r\n"}, {Channel: "pong", Payload: ""}, {Channel: "c", Payload: "\x00\xff+PONG\r\n"},
					{Channel: "c", Payload: strings.Repeat("PING\r\n", 10_000)}} {
					p.Server.Publish(m.Channel, m.Payload)
					assert.Equal(t, m, receive(t, s, 1)[0])
					m.Pattern = "*"
					assert.Equal(t, m, receive(t, pattern, 1)[0])
				}
				<-time.After(10 * time.Minute) // heartbeats are answered by arrays
				assert.Equal(t, []baton.SubEventKind{baton.SubConnected}, kinds(taken(s)))
			})
		})
	}
}

// A connection that speaks RESP3 moves to an endpoint that does not.
func TestSubscriptionMovesToAnEndpointInRESP2(t *testing.T) { // H-142
	synctest.Test(t, func(t *testing.T) {
		p := newPair(t)
		p.B.SetTrouble(handofftest.Trouble{Resp2Hello: true})
		c := p.client(baton.Options{})
		defer c.Close()
		s, err := c.Subscribe(t.Context(), "x", "beat")
		require.NoError(t, err)
		l := keep(s)
		stop := feed(p.Server, time.Millisecond, "x")
		<-time.After(time.Second)
		p.A.Moving(15*time.Second, p.B.Addr())
		<-time.After(15 * time.Second)
		n := stop()
		<-time.After(time.Second)
		missing, doubled := l.missing(t, "x", n)
		assert.Zero(t, missing)
		assert.Zero(t, doubled)
		assert.Equal(t, []baton.SubEventKind{baton.SubConnected, baton.SubMoved}, kinds(taken(s)))
	})
}

func TestSubscribeGivesUpWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPair(t)
		c := p.client(baton.Options{ReadTimeout: -1, DialTimeout: -1})
		defer c.Close()
		p.A.Stall(true)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		begun := time.Now()
		_, err := c.Subscribe(ctx, "c")
		assert.ErrorIs(t, err, context.DeadlineExceeded)
		assert.Equal(t, time.Second, time.Since(begun))
		p.A.Stall(false)
		synctest.Wait()
		assert.EqualValues(t, 1, p.A.Stats().Open)
	})
}

func TestSubscribeTriesAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPair(t)
		c := p.client(baton.Options{Retry: baton.RetryPolicy{Max: 60, MinBackoff: time.Second, MaxBackoff: time.Second}})
		defer c.Close()
		p.A.Refuse()
		time.AfterFunc(time.Second, func() { p.A.Reopen() })
		s, err := c.Subscribe(t.Context(), "c")
		require.NoError(t, err)
		s.Close()
	})
}

func TestAllEnds(t *testing.T) {
	protocols(t, func(t *testing.T, proto int) {
		for _, how := range []string{"context", "close", "client", "break"} {
			t.Run(how, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					p := newPair(t)
					c := p.client(baton.Options{Protocol: proto})
					defer c.Close()
					s, err := c.Subscribe(t.Context(), "c")
					require.NoError(t, err)
					ctx, cancel := context.WithCancel(t.Context())
					defer cancel()
					go func() {
						<-time.After(time.Minute)
						p.Server.Publish("c", "last")
						<-time.After(time.Minute)
						switch how {
						case "context":
							cancel()
						case "close":
							s.Close()
						case "client":
							c.Close()
						}
					}()
					begun, got, last := time.Now(), 0, error(nil)
					for m, err := range s.All(ctx) {
						if last = err; err == nil {
							got++
							assert.Equal(t, "last", m.Payload)
						}
						if how == "break" {
							break
						}
					}
					assert.Equal(t, 1, got)
					if how == "break" {
						p.Server.Publish("c", "next")
						receive(t, s, 1)
						<-time.After(time.Hour)
						return
					}
					want := map[string]error{"context": context.Canceled, "close": nil, "client": baton.ErrClosed}
					assert.ErrorIs(t, last, want[how])
					assert.Equal(t, 2*time.Minute, time.Since(begun), "a silent subscription does not end by itself (H-01)")
					s.Close()
					c.Close()
					synctest.Wait()
					assert.Zero(t, p.A.Stats().Open)
				})
			})
		}
	})
}

func TestSlowConsumer(t *testing.T) {
	protocols(t, func(t *testing.T, proto int) {
		for _, o := range []baton.Overflow{baton.Block, baton.DropOldest, baton.DropNewest} {
			t.Run(fmt.Sprint(o), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					p := newPair(t)
					c := p.client(baton.Options{Protocol: proto})
					defer c.Close()
					s, err := c.Subscriber(baton.SubscribeOptions{Buffer: 10, Overflow: o}).Subscribe(t.Context(), "c")
					require.NoError(t, err)
					const n = 10_000
					for i := range n {
						p.Server.Publish("c", fmt.Sprint(i))
					}
					<-time.After(5 * time.Minute) // heartbeats pass, and nobody takes anything
					require.EqualValues(t, 2, p.A.Stats().Open, "a slow consumer loses no connection")
					require.NoError(t, c.Ready(t.Context()), "and holds up no commands")
					es := taken(s)
					switch o {
					case baton.Block:
						for i, m := range receive(t, s, n) {
							require.Equal(t, fmt.Sprint(i), m.Payload)
						}
						assert.Zero(t, s.Dropped())
						assert.Equal(t, []baton.SubEventKind{baton.SubConnected}, kinds(es))
						return
					case baton.DropOldest:
						assert.Equal(t, fmt.Sprint(n-10), receive(t, s, 10)[0].Payload)
					case baton.DropNewest:
						assert.Equal(t, "9", receive(t, s, 10)[9].Payload)
					}
					assert.EqualValues(t, n-10, s.Dropped())
					require.Equal(t, []baton.SubEventKind{baton.SubConnected, baton.SubDropped}, kinds(es), "one for a run of drops")
					for i := range 20 {
						p.Server.Publish("c", fmt.Sprint(i))
					}
					synctest.Wait()
					assert.EqualValues(t, n, s.Dropped())
					assert.Equal(t, []baton.SubEventKind{baton.SubDropped}, kinds(taken(s)))
				})
			})
		}
	})
}

func TestCloseWhileReadingWaitsForTheConsumer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPair(t)
		c := p.client(baton.Options{})
		defer c.Close()
		s, err := c.Subscriber(baton.SubscribeOptions{Buffer: 1}).Subscribe(t.Context(), "c")
		require.NoError(t, err)
		for i := range 100 {
			p.Server.Publish("c", fmt.Sprint(i))
		}
		synctest.Wait()
		begun := time.Now()
		require.NoError(t, s.Close())
		assert.Zero(t, time.Since(begun))
		synctest.Wait()
		assert.EqualValues(t, 1, p.A.Stats().Open)
	})
}

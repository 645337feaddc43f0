package baton_test

import (
	"fmt"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/baton-go/baton"
	"github.com/baton-go/baton/conn"
	"github.com/baton-go/baton/handoff"
	"github.com/baton-go/baton/handoff/handofftest"
	"github.com/baton-go/baton/handoff/handofftest/resp3test"
	"github.com/baton-go/baton/pool"
	"github.com/baton-go/baton/resp3"
)

func TestLostSubscriptionComesBack(t *testing.T) {
	protocols(t, func(t *testing.T, proto int) {
		synctest.Test(t, func(t *testing.T) {
			p := newPair(t)
			c := p.client(baton.Options{Protocol: proto})
			defer c.Close()
			var names []string
			for i := range 1000 {
				names = append(names, fmt.Sprint("c", i))
			}
			s, err := c.Subscribe(t.Context(), names...)
			require.NoError(t, err)
			for round := range 5 {
				if round%2 == 0 {
					p.A.Kill()
				} else {
					p.A.Shut()
				}
				<-time.After(20 * time.Second)
				p.Server.Publish("c1", "nobody listens")
				require.NoError(t, p.A.Reopen())
				<-time.After(5 * time.Second)
				for _, n := range names {
					require.EqualValues(t, 1, p.Server.Publish(n, "x"), "%s in round %d", n, round)
				}
				receive(t, s, len(names))
				es := taken(s)
				if round == 0 {
					assert.Equal(t, baton.SubConnected, es[0].Kind)
					es = es[1:]
				}
				require.Equal(t, []baton.SubEventKind{baton.SubLost, baton.SubFailed, baton.SubResubscribed}, kinds(es))
				assert.Error(t, es[0].Err)
				assert.Error(t, es[1].Err)
				assert.GreaterOrEqual(t, es[2].Gap, 20*time.Second)
				assert.Less(t, es[2].Gap, 24*time.Second)
			}
		})
	})
}

func TestSilentPeerIsFound(t *testing.T) {
	protocols(t, func(t *testing.T, proto int) {
		for _, beat := range []time.Duration{0, -1} { // the second is the control
			t.Run(fmt.Sprint(beat), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					p := newPair(t)
					c := p.client(baton.Options{Protocol: proto})
					defer c.Close()
					s, err := c.Subscriber(baton.SubscribeOptions{Heartbeat: beat}).Subscribe(t.Context(), "c")
					require.NoError(t, err)
					<-time.After(10 * time.Minute)
					require.Equal(t, []baton.SubEventKind{baton.SubConnected}, kinds(taken(s)), "a peer that answers is left alone")
					p.A.Stall(true)
					<-time.After(70 * time.Second)
					p.A.Stall(false)
					<-time.After(5 * time.Second)
					es := taken(s)
					if beat < 0 {
						assert.Empty(t, es)
						return
					}
					require.Contains(t, [][]baton.SubEventKind{{baton.SubLost, baton.SubResubscribed}, {baton.SubLost, baton.SubFailed, baton.SubResubscribed}}, kinds(es))
					assert.ErrorIs(t, es[0].Err, conn.ErrDead)
					assert.Greater(t, es[len(es)-1].Gap, 60*time.Second, "since it was last heard")
				})
			})
		}
	})
}

func TestChannelThatTheServerEndsIsSubscribedAgain(t *testing.T) {
	protocols(t, func(t *testing.T, proto int) {
		synctest.Test(t, func(t *testing.T) {
			p := newPair(t)
			c := p.client(baton.Options{Protocol: proto})
			defer c.Close()
			s, err := c.SSubscribe(t.Context(), "a", "b")
			require.NoError(t, err)
			taken(s)
			before := p.Server.Executed("SSUBSCRIBE")
			for _, i := range p.A.Conns() {
				if i.ID == 2 { // the subscription's
					p.Server.Conn(i.ID).Push([]byte(map[int]string{2: "*", 3: ">"}[proto] + "3\r\n$12\r\nsunsubscribe\r\n$1\r\na\r\n:1\r\n"))
				}
			}
			synctest.Wait()
			assert.EqualValues(t, before+1, p.Server.Executed("SSUBSCRIBE"))
			es := taken(s)
			require.Equal(t, []baton.SubEventKind{baton.SubLost, baton.SubResubscribed}, kinds(es))
			assert.Equal(t, "a", es[0].Channel)
			assert.EqualValues(t, 2, p.A.Stats().Open, "on the same connection")
		})
	})
}

// MinIdle is due from the first use of the pool on. A subscription does not use it, and has no place in it to give back.
func TestEndOfASubscriptionDialsNothingForThePool(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPair(t)
		c, err := baton.New(baton.Options{Addr: p.A.Addr(), Dialer: p.Network.DialContext, Pool: pool.Config{MinIdle: 3}})
		require.NoError(t, err)
		defer c.Close()
		s, err := c.Subscribe(t.Context(), "c")
		require.NoError(t, err)
		p.A.Kill()
		<-time.After(time.Second)
		require.NoError(t, s.Close())
		<-time.After(time.Second)
		assert.Zero(t, c.Stats().Dials)
	})
}

func TestRefusedReturnIsToldOnce(t *testing.T) {
	protocols(t, func(t *testing.T, proto int) {
		synctest.Test(t, func(t *testing.T) {
			var refusing atomic.Bool
			p := newPair(t, handofftest.Options{Intercept: func(c handofftest.ConnInfo, args [][]byte) ([]byte, bool) {
				if string(args[0]) == "SUBSCRIBE" && refusing.Load() {
					return resp3test.AppendSimpleError(nil, "NOPERM no"), true
				}
				return nil, false
			}})
			c := p.client(baton.Options{Protocol: proto, Handoff: handoff.Config{Mode: handoff.ModeDisabled}})
			defer c.Close()
			s, err := c.Subscribe(t.Context(), "c")
			require.NoError(t, err)
			refusing.Store(true)
			p.A.Kill()
			p.A.Reopen()
			<-time.After(time.Minute)
			es := taken(s)
			require.Equal(t, []baton.SubEventKind{baton.SubConnected, baton.SubLost, baton.SubFailed}, kinds(es))
			var re *resp3.Error
			require.ErrorAs(t, es[2].Err, &re)
			assert.Greater(t, p.A.Stats().Accepted, int64(10), "and it goes on trying")
			assert.Less(t, p.A.Stats().Accepted, int64(200), "without haste")
		})
	})
}

func TestOddPushesHurtNobody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPair(t, handofftest.Options{ByteByByte: true})
		c := p.client(baton.Options{})
		defer c.Close()
		s, err := c.Subscribe(t.Context(), "c")
		require.NoError(t, err)
		for _, push := range []string{
			">0\r\n", ">1\r\n$7\r\nmessage\r\n", ">2\r\n$7\r\nmessage\r\n$1\r\nc\r\n", ">3\r\n$7\r\nmessage\r\n_\r\n_\r\n",
			">3\r\n$7\r\nmessage\r\n$1\r\nc\r\n*0\r\n", ">3\r\n$8\r\npmessage\r\n$1\r\nc\r\n$1\r\nx\r\n", ">5\r\n$7\r\nmessage\r\n:1\r\n:2\r\n:3\r\n:4\r\n",
			">3\r\n*1\r\n$7\r\nmessage\r\n:1\r\n:2\r\n", ">3\r\n$9\r\nsubscribe\r\n$5\r\nother\r\n:9\r\n", ">2\r\n$10\r\ninvalidate\r\n*1\r\n$1\r\nk\r\n",
		} {
			p.A.Push([]byte(push))
			p.Server.Publish("c", push)
			assert.Equal(t, push, receive(t, s, 1)[0].Payload)
		}
		assert.Equal(t, []baton.SubEventKind{baton.SubConnected}, kinds(taken(s)))
	})
}

// The connection is given up by run while its reader waits for the consumer: Close waits for that reader.
func TestConnectionThatWaitsForTheConsumerCanBeGivenUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		flood := resp3test.AppendSimpleError(nil, "MOVED 1 10.0.0.9:6379")
		for range 100_000 {
			flood = append(flood, ">3\r\n$8\r\nsmessage\r\n$1\r\na\r\n$1\r\nx\r\n"...)
		}
		var asked atomic.Int64
		p := newPair(t, handofftest.Options{Intercept: func(_ handofftest.ConnInfo, args [][]byte) ([]byte, bool) {
			return flood, string(args[0]) == "SSUBSCRIBE" && asked.Add(1) == 2
		}})
		c := p.client(baton.Options{})
		defer c.Close()
		s, err := c.Subscriber(baton.SubscribeOptions{Buffer: 1}).SSubscribe(t.Context(), "a")
		require.NoError(t, err)
		p.A.Push([]byte(">3\r\n$12\r\nsunsubscribe\r\n$1\r\na\r\n:0\r\n"))
		<-time.After(time.Minute)
		es := taken(s)
		require.Equal(t, []baton.SubEventKind{baton.SubConnected, baton.SubLost, baton.SubFailed, baton.SubLost, baton.SubResubscribed}, kinds(es))
		assert.Equal(t, "a", es[2].Channel)
	})
}

package baton_test

import (
	"context"
	"fmt"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/baton-go/baton"
	"github.com/baton-go/baton/handoff"
	"github.com/baton-go/baton/handoff/handofftest"
	"github.com/baton-go/baton/internal/redistest"
	"github.com/baton-go/baton/pool"
)

// ledger is what a consumer got, by channel.
type ledger struct {
	mu  sync.Mutex
	got map[string][]string
}

// keep takes messages until the subscription ends.
func keep(s *baton.Subscription) *ledger {
	l := &ledger{got: map[string][]string{}}
	go func() {
		for m, err := range s.All(context.Background()) {
			if err != nil {
				return
			}
			l.mu.Lock()
			l.got[m.Channel] = append(l.got[m.Channel], m.Payload)
			l.mu.Unlock()
		}
	}()
	return l
}

func (l *ledger) of(channel string) []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return append([]string(nil), l.got[channel]...)
}

// missing counts the numbers below n that did not come, and doubled those that came again. Order is checked for all.
func (l *ledger) missing(t *testing.T, channel string, n int) (missing, doubled int) {
	t.Helper()
	next := 0
	for _, p := range l.of(channel) {
		i, err := strconv.Atoi(p)
		require.NoError(t, err)
		if i < next {
			doubled++
			continue
		}
		missing += i - next
		next = i + 1
	}
	return missing + n - next, doubled
}

// feed publishes numbers to the channels, and equal payloads to "beat", until it is stopped; it returns how many to each.
func feed(srv *handofftest.Server, every time.Duration, channels ...string) (stop func() int) {
	var n, quit atomic.Int64
	done := make(chan struct{})
	go func() {
		defer close(done)
		for ; quit.Load() == 0; n.Add(1) {
			for _, c := range channels {
				srv.Publish(c, fmt.Sprint(n.Load()))
			}
			srv.Publish("beat", "beat")
			<-time.After(every)
		}
	}()
	return func() int { quit.Store(1); <-done; return int(n.Load()) }
}

func ofKind(es []baton.SubEvent, k baton.SubEventKind) (out []baton.SubEvent) {
	for _, e := range es {
		if e.Kind == k {
			out = append(out, e)
		}
	}
	return out
}

func TestSubscriptionMovesWithoutLosingOrDoubling(t *testing.T) {
	for _, mode := range []handoff.Mode{handoff.ModeAuto, handoff.ModeDisabled} { // the second is the control
		for _, delay := range [][2]time.Duration{{0, 0}, {30, 20}, {1, 50}, {50, 1}} {
			t.Run(fmt.Sprintf("%v %d and %d ms", mode, delay[0], delay[1]), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					p := newPair(t)
					p.A.Delay(delay[0]*time.Millisecond + 100*time.Microsecond) // of replies; pushes pass
					p.B.Delay(delay[1]*time.Millisecond + 100*time.Microsecond)
					c := p.client(baton.Options{Addr: handofftest.PairName + ":6379", Handoff: handoff.Config{Mode: mode}})
					defer c.Close()
					s, err := c.Subscribe(t.Context(), "x", "y", "beat")
					require.NoError(t, err)
					pat, err := c.PSubscribe(t.Context(), "[xy]", "b*")
					require.NoError(t, err)
					all, allPat := keep(s), keep(pat)
					stop := feed(p.Server, 5*time.Millisecond, "x", "y")
					moves := 0
					for from, to := p.A, p.B; moves < 2; from, to = to, from {
						moves++
						<-time.After(time.Second)
						from.Moving(3*time.Second, to.Addr())
						p.Network.SetHost(handofftest.PairName, map[*handofftest.Node]string{p.A: "10.0.0.1", p.B: "10.0.0.2"}[to])
						<-time.After(3 * time.Second)
						from.Shut()
						<-time.After(2 * time.Second)
						require.NoError(t, from.Reopen())
					}
					n := stop()
					<-time.After(time.Second)
					es := append(taken(s), taken(pat)...)
					if mode == handoff.ModeDisabled {
						lost := 0
						for _, ch := range []string{"x", "y"} {
							m, doubled := all.missing(t, ch, n)
							lost += m
							assert.Zero(t, doubled)
						}
						if delay[1] > 0 {
							assert.Positive(t, lost, "without the feature messages are lost")
						}
						gaps := ofKind(es, baton.SubResubscribed)
						require.Len(t, gaps, 2*moves, "and every gap is told")
						for _, e := range gaps {
							assert.Positive(t, e.Gap)
						}
						return
					}
					for _, ch := range []string{"x", "y"} {
						for _, l := range []*ledger{all, allPat} {
							missing, doubled := l.missing(t, ch, n)
							assert.Zero(t, missing, ch)
							assert.Zero(t, doubled, ch)
						}
					}
					moved := ofKind(es, baton.SubMoved)
					require.Len(t, moved, 2*moves)
					require.Len(t, es, 2*moves+2, "connected, moved, and nothing else: %v", es)
					copies, uncertain := 0, 0
					for _, e := range moved {
						assert.NoError(t, e.Err)
						assert.GreaterOrEqual(t, e.Overlap, e.Duplicates)
						copies += e.Duplicates
						uncertain += e.Uncertain
					}
					if delay[1] > 0 {
						assert.Positive(t, copies, "the test has overlaps")
					}
					beats := len(all.of("beat")) + len(allPat.of("beat"))
					assert.GreaterOrEqual(t, beats, 2*n, "equal payloads are no copies of each other")
					assert.LessOrEqual(t, beats, 2*n+uncertain, "and those that may be are counted")
				})
			})
		}
	}
}

func TestHeartbeatsThatBeginWithTheMoveAreNotLost(t *testing.T) {
	for gap := range 40 { // between two beats, with the move anywhere around them
		synctest.Test(t, func(t *testing.T) {
			p := newPair(t)
			p.A.Delay(10 * time.Millisecond)
			p.B.Delay(10 * time.Millisecond)
			c := p.client(baton.Options{Handoff: handoff.Config{Jitter: -1}})
			defer c.Close()
			s, err := c.Subscribe(t.Context(), "beat")
			require.NoError(t, err)
			l := keep(s)
			p.A.Moving(15*time.Second, p.B.Addr())
			for range 4 {
				p.Server.Publish("beat", "beat")
				<-time.After(time.Duration(gap) * time.Millisecond)
			}
			<-time.After(time.Second)
			es := ofKind(taken(s), baton.SubMoved)
			require.Len(t, es, 1)
			assert.GreaterOrEqual(t, len(l.of("beat")), 4, "%d ms", gap)
			assert.LessOrEqual(t, len(l.of("beat")), 4+es[0].Uncertain, "%d ms", gap)
		})
	}
}

func TestSubscriptionThatNobodyReadsMoves(t *testing.T) {
	for _, o := range []baton.Overflow{baton.Block, baton.DropOldest, baton.DropNewest} {
		t.Run(fmt.Sprint(o), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := newPair(t)
				p.A.Delay(5 * time.Millisecond)
				c := p.client(baton.Options{})
				defer c.Close()
				s, err := c.Subscriber(baton.SubscribeOptions{Buffer: 5, Overflow: o}).Subscribe(t.Context(), "x", "beat")
				require.NoError(t, err)
				stop := feed(p.Server, time.Millisecond, "x")
				<-time.After(100 * time.Millisecond)
				p.A.Moving(3*time.Second, p.B.Addr())
				<-time.After(3 * time.Second)
				assert.Zero(t, p.A.Shut(), "all have gone")
				n := stop()
				assert.Len(t, ofKind(taken(s), baton.SubMoved), 1)
				if o == baton.Block {
					l := keep(s)
					<-time.After(time.Second)
					missing, doubled := l.missing(t, "x", n)
					assert.Zero(t, missing)
					assert.Zero(t, doubled)
				}
			})
		})
	}
}

// TestMovingIsHeardWhileTheOnlyConnectionIsNotRead is about a client that has nothing but a subscription whose reading waits.
func TestMovingIsHeardWhileTheOnlyConnectionIsNotRead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPair(t)
		c, err := baton.New(baton.Options{Addr: p.A.Addr(), Dialer: p.Network.DialContext, Resolver: p.Network})
		require.NoError(t, err)
		defer c.Close()
		s, err := c.Subscriber(baton.SubscribeOptions{Buffer: 5}).Subscribe(t.Context(), "x")
		require.NoError(t, err)
		require.Zero(t, c.Stats().Lanes)
		for i := range 1000 {
			p.Server.Publish("x", fmt.Sprint(i))
		}
		synctest.Wait()
		assert.Equal(t, 1, c.Stats().Lanes, "a lane listens in its place")
		p.A.Moving(3*time.Second, p.B.Addr())
		<-time.After(3 * time.Second)
		assert.Zero(t, p.A.Shut())
		for i, m := range receive(t, s, 1000) {
			require.Equal(t, fmt.Sprint(i), m.Payload)
		}
	})
}

func TestCloseDuringTheMoveOfASubscriptionLeavesNothing(t *testing.T) {
	for ms := 0; ms < 1500; ms += 100 {
		synctest.Test(t, func(t *testing.T) {
			p := newPair(t)
			p.A.Delay(200 * time.Millisecond)
			p.B.Delay(200 * time.Millisecond)
			c := p.client(baton.Options{Handoff: handoff.Config{Jitter: -1}})
			s, err := c.Subscribe(t.Context(), "x")
			require.NoError(t, err)
			p.A.Moving(15*time.Second, p.B.Addr())
			<-time.After(time.Duration(ms) * time.Millisecond)
			begun := time.Now()
			if ms%200 == 0 {
				require.NoError(t, s.Close())
			}
			require.NoError(t, c.Close())
			assert.LessOrEqual(t, time.Since(begun), 10*time.Millisecond, "at %d ms", ms)
			synctest.Wait()
			assert.Zero(t, p.A.Stats().Open)
			assert.Zero(t, p.B.Stats().Open)
		})
	}
}

func TestMoveOfASubscriptionIsOnTheTimelineWithItsNewPeer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPair(t)
		c := p.client(baton.Options{})
		defer c.Close()
		s, err := c.Subscribe(t.Context(), "x")
		require.NoError(t, err)
		p.A.Moving(15*time.Second, p.B.Addr())
		<-time.After(20 * time.Second)
		moved := 0
		for e := range c.Handoffs().Timeline().All() {
			if e.EventKind == handoff.MoveSucceeded {
				moved++
				assert.Equal(t, p.B.Addr(), e.To)
			}
		}
		assert.Equal(t, 2, moved, "lane and subscription, once each")
		for i := range c.Conns() {
			assert.Equal(t, p.B.Addr(), i.Peer)
		}
		assert.Equal(t, p.B.Addr(), ofKind(taken(s), baton.SubMoved)[0].Peer)
		assert.EqualValues(t, 2, p.B.Stats().Accepted)
	})
}

// number publishes 0, 1, 2 and so on to each channel until it is stopped, which returns how many each has had.
func number(t *testing.T, pub *baton.Client, channels ...string) (stop func() []int) {
	t.Helper()
	enough := make(chan struct{})
	var wg sync.WaitGroup
	counts := make([]int, len(channels)) // read after wg.Wait
	for i, ch := range channels {
		wg.Go(func() {
			for ; ; counts[i]++ {
				select {
				case <-enough:
					return
				default:
				}
				_, err := pub.Do(t.Context(), "PUBLISH", ch, counts[i])
				if !assert.NoError(t, err) {
					return
				}
			}
		})
	}
	return func() []int {
		close(enough)
		wg.Wait()
		return counts
	}
}

func TestSubscriptionMovesOnARealServer(t *testing.T) {
	addr := redistest.Start(t)
	p := newRealPair(t, addr)
	ctx := t.Context()
	c := open(t, baton.Options{Addr: p.A.Addr(), Pool: pool.Config{Size: 4}, Handoff: handoff.Config{Jitter: -1}})
	pub := open(t, baton.Options{Addr: addr})
	const subs = 4
	var all []*ledger
	var ss []*baton.Subscription
	for i := range subs { // the first keeps its connection waiting for the consumer most of the time
		s, err := c.Subscriber(baton.SubscribeOptions{Buffer: 1 + 100*i}).Subscribe(ctx, "x", "y")
		require.NoError(t, err)
		ss, all = append(ss, s), append(all, keep(s))
	}
	stop := number(t, pub, "x", "y")
	for _, l := range all { // with little of a channel known, a large overlap is not decided
		for len(l.of("x")) < 200 || len(l.of("y")) < 200 {
			<-time.After(time.Millisecond)
		}
	}
	moves := 0
	for from, to := p.A, p.B; moves < 6; from, to = to, from {
		moves++
		from.Moving(time.Minute, to.Addr())
		for from.Stats().Open > 0 {
			<-time.After(time.Millisecond)
		}
		assert.Zero(t, from.Shut())
		require.NoError(t, from.Reopen())
		require.NoError(t, c.Ready(ctx))
	}
	counts := stop()
	uncertain, copies := 0, 0
	for i, s := range ss {
		for j, ch := range []string{"x", "y"} {
			for got := ""; got != fmt.Sprint(counts[j]-1); { // the last one comes in its time, or the test times out
				<-time.After(time.Millisecond)
				if l := all[i].of(ch); len(l) > 0 {
					got = l[len(l)-1]
				}
			}
			missing, doubled := all[i].missing(t, ch, counts[j])
			assert.Zero(t, missing)
			assert.Zero(t, doubled)
		}
		es := taken(s)
		assert.Len(t, ofKind(es, baton.SubMoved), moves)
		assert.Len(t, es, moves+1)
		for _, e := range es {
			assert.NoError(t, e.Err)
			uncertain += e.Uncertain
			copies += e.Duplicates
		}
	}
	assert.Zero(t, uncertain)
	t.Logf("%d moves of %d subscriptions, %d messages, %d copies left out", moves, subs, counts[0]+counts[1], copies)
}

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
	"github.com/baton-go/baton/handoff"
	"github.com/baton-go/baton/handoff/handofftest"
)

func TestTargetThatRefusesTheSubscriptionLeavesTheOldConnectionServing(t *testing.T) {
	for name, answer := range map[string]string{"error": "-NOPERM no\r\n", "nothing": "", "too few": ">3\r\n$9\r\nsubscribe\r\n$1\r\nx\r\n:1\r\n"} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var bad atomic.Value
				bad.Store("")
				p := newPair(t, handofftest.Options{Intercept: func(c handofftest.ConnInfo, args [][]byte) ([]byte, bool) {
					return []byte(answer), c.Node == bad.Load() && string(args[0]) == "SUBSCRIBE"
				}})
				bad.Store(p.B.Addr())
				if name == "nothing" {
					p.B.Stall(true)
				}
				c := p.client(baton.Options{})
				defer c.Close()
				s, err := c.Subscribe(t.Context(), "x", "beat")
				require.NoError(t, err)
				l := keep(s)
				stop := feed(p.Server, 10*time.Millisecond, "x")
				p.A.Moving(15*time.Second, p.B.Addr())
				<-time.After(5 * time.Second)
				assert.Equal(t, []baton.SubEventKind{baton.SubConnected}, kinds(taken(s)))
				bad.Store("")
				p.B.Stall(false)
				<-time.After(9 * time.Second)
				assert.Zero(t, p.A.Shut(), "within the window it is tried again")
				n := stop()
				<-time.After(time.Second)
				assert.Equal(t, []baton.SubEventKind{baton.SubMoved}, kinds(taken(s)))
				missing, doubled := l.missing(t, "x", n)
				assert.Zero(t, missing)
				assert.Zero(t, doubled)
			})
		})
	}
}

func TestNewConnectionThatDiesLateLeavesTheOldOneServing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		pings := map[uint64]int{}
		var p *pair
		p = newPair(t, handofftest.Options{OnCommand: func(c handofftest.ConnInfo, args [][]byte) {
			if string(args[0]) != "PING" || c.Node != "10.0.0.2:6379" || c.Name != "" {
				return
			}
			if pings[c.ID]++; pings[c.ID] == 2 && len(pings) < 3 { // the first stands behind SUBSCRIBE
				p.Server.Conn(c.ID).Kill()
			}
		}})
		p.A.Delay(5 * time.Millisecond)
		p.B.Delay(5 * time.Millisecond)
		c := p.client(baton.Options{})
		defer c.Close()
		s, err := c.Subscribe(t.Context(), "x", "beat")
		require.NoError(t, err)
		l := keep(s)
		stop := feed(p.Server, time.Millisecond, "x")
		<-time.After(time.Second)
		p.A.Moving(15*time.Second, p.B.Addr())
		<-time.After(14 * time.Second)
		n := stop()
		<-time.After(time.Second)
		require.GreaterOrEqual(t, len(pings), 2, "it has died")
		missing, doubled := l.missing(t, "x", n)
		assert.Zero(t, missing)
		assert.Zero(t, doubled)
		assert.Equal(t, []baton.SubEventKind{baton.SubConnected, baton.SubMoved}, kinds(taken(s)))
	})
}

// The connection is lost while its subscription is busy with a move that fails. The gap begins with the loss, not with the end of the move.
func TestGapBeginsWithALossDuringAMoveThatFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var old atomic.Uint64
		p := newPair(t, handofftest.Options{OnCommand: func(c handofftest.ConnInfo, args [][]byte) {
			if string(args[0]) == "SUBSCRIBE" {
				old.CompareAndSwap(0, c.ID)
			}
		}})
		c := p.client(baton.Options{Handoff: handoff.Config{Jitter: -1}})
		defer c.Close()
		s, err := c.Subscribe(t.Context(), "x")
		require.NoError(t, err)
		p.B.Stall(true)
		p.A.Moving(15*time.Second, p.B.Addr())
		<-time.After(time.Second)
		p.Server.Conn(old.Load()).Kill()
		killed := time.Now()
		<-time.After(10 * time.Second)
		p.B.Stall(false)
		<-time.After(20 * time.Second)
		es := taken(s)
		require.Equal(t, []baton.SubEventKind{baton.SubConnected, baton.SubLost, baton.SubResubscribed, baton.SubMoved}, kinds(es))
		begun := es[2].Time.Add(-es[2].Gap)
		assert.Less(t, begun.Sub(killed).Abs(), 100*time.Millisecond, "%v after the loss", begun.Sub(killed))
	})
}

// The server ends a channel on the old connection before the new one is confirmed: this gap is no part of the move.
func TestChannelThatTheServerEndsDuringAMoveIsTold(t *testing.T) {
	for _, late := range []bool{false, true} {
		t.Run(fmt.Sprint(late), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				end := func(_ *pair, old, _ *handofftest.Conn) {
					old.Push([]byte(">3\r\n$11\r\nunsubscribe\r\n$1\r\nx\r\n:0\r\n"))
				}
				confirm, last := end, end
				if late {
					confirm = nil
				} else {
					last = nil
				}
				p, s := script(t, confirm, last)
				p.B.Delay(20 * time.Millisecond)
				p.A.Moving(15*time.Second, p.B.Addr())
				<-time.After(time.Second)
				es := taken(s)
				if late { // the new one had it before
					require.Equal(t, []baton.SubEventKind{baton.SubConnected, baton.SubMoved}, kinds(es))
					return
				}
				require.Equal(t, []baton.SubEventKind{baton.SubConnected, baton.SubLost, baton.SubResubscribed, baton.SubMoved}, kinds(es))
				assert.Equal(t, []string{"x", "x"}, []string{es[1].Channel, es[2].Channel})
				assert.Positive(t, es[2].Gap)
			})
		})
	}
}

// script runs a move in which each connection gets messages of its own, at the two instants that matter: when the new one
// is about to be confirmed, and when it has been asked for the last time.
func script(t *testing.T, confirm, last func(p *pair, old, next *handofftest.Conn)) (*pair, *baton.Subscription) {
	var p *pair
	var old atomic.Uint64
	pings := 0
	p = newPair(t, handofftest.Options{OnCommand: func(c handofftest.ConnInfo, args [][]byte) {
		name := string(args[0])
		switch {
		case name == "SUBSCRIBE" && c.Node == p.A.Addr():
			old.Store(c.ID)
		case name == "SUBSCRIBE" && confirm != nil:
			confirm(p, p.Server.Conn(old.Load()), p.Server.Conn(c.ID))
		case name == "PING" && c.Node == p.B.Addr():
			if pings++; pings == 2 && last != nil {
				last(p, p.Server.Conn(old.Load()), p.Server.Conn(c.ID))
			}
		}
	}})
	c, err := baton.New(baton.Options{Addr: p.A.Addr(), Dialer: p.Network.DialContext, Resolver: p.Network, Handoff: handoff.Config{Jitter: -1}})
	require.NoError(t, err)
	t.Cleanup(func() { c.Close(); p.Server.Close() })
	s, err := c.Subscribe(t.Context(), "x")
	require.NoError(t, err)
	return p, s
}

func tellX(c *handofftest.Conn, payloads ...string) {
	for _, p := range payloads {
		c.Push([]byte(fmt.Sprintf(">3\r\n$7\r\nmessage\r\n$1\r\nx\r\n$%d\r\n%s\r\n", len(p), p)))
	}
}

func TestWhatTheOldConnectionBringsAfterItsAnswerComesOnceOnly(t *testing.T) {
	for _, dies := range []bool{false, true} {
		t.Run(fmt.Sprint(dies), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p, s := script(t, nil, func(p *pair, old, next *handofftest.Conn) {
					tellX(old, "8", "9") // after the old one's last answer, and earlier than on the new one
					if dies {
						time.AfterFunc(5*time.Millisecond, next.Kill)
						return
					}
					time.AfterFunc(50*time.Millisecond, func() { tellX(next, "8", "9") })
				})
				p.B.Delay(20 * time.Millisecond)
				l := keep(s)
				tellX(p.Server.Conn(p.A.Conns()[0].ID), "0", "1", "2", "3", "4", "5", "6", "7")
				p.A.Moving(15*time.Second, p.B.Addr())
				<-time.After(time.Second)
				missing, doubled := l.missing(t, "x", 10)
				assert.Zero(t, missing)
				assert.Zero(t, doubled)
				assert.Len(t, ofKind(taken(s), baton.SubMoved), 1)
			})
		})
	}
}

func TestEqualMessagesThatTheOldConnectionNoLongerBringsAreNotLost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, s := script(t, func(p *pair, old, next *handofftest.Conn) {
			tellX(next, "beat", "beat", "beat")
			old.Stall(true)
			time.AfterFunc(time.Second, old.Kill)
		}, nil)
		l := keep(s)
		tellX(p.Server.Conn(p.A.Conns()[0].ID), "beat", "beat")
		<-time.After(time.Second)
		p.A.Moving(15*time.Second, p.B.Addr())
		synctest.Wait()
		tellX(p.Server.Conn(p.A.Conns()[0].ID), "beat", "beat", "beat") // and no more of those that the new one brings
		<-time.After(5 * time.Second)
		assert.Len(t, l.of("x"), 2+3+3)
		es := taken(s)
		require.Equal(t, []baton.SubEventKind{baton.SubConnected, baton.SubLost, baton.SubResubscribed}, kinds(es))
		assert.Equal(t, 3, es[2].Uncertain)
	})
}

func TestOldConnectionThatDoesNotAnswerIsGivenUpAndSaid(t *testing.T) {
	for _, how := range []string{"stalls", "dies"} {
		t.Run(how, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := newPair(t)
				p.B.Delay(50 * time.Millisecond)
				c := p.client(baton.Options{})
				defer c.Close()
				s, err := c.Subscribe(t.Context(), "x", "beat")
				require.NoError(t, err)
				l := keep(s)
				stop := feed(p.Server, time.Millisecond, "x")
				<-time.After(200 * time.Millisecond) // as many messages as are remembered: less would not decide so long an overlap
				p.A.Stall(true)                      // of replies: messages come
				p.A.Moving(15*time.Second, p.B.Addr())
				if how == "dies" {
					<-time.After(3 * time.Second) // it waits for the answer
					p.A.Kill()
				}
				<-time.After(20 * time.Second)
				n := stop()
				<-time.After(time.Second)
				es := taken(s)
				require.Equal(t, []baton.SubEventKind{baton.SubConnected, baton.SubLost, baton.SubResubscribed}, kinds(es))
				assert.Error(t, es[1].Err)
				assert.Equal(t, p.A.Addr(), es[2].From, "it is a move all the same")
				// A message under way on the old one may have been published at any time before the new one was confirmed, even if
				// another came there a moment ago.
				assert.Greater(t, es[2].Gap, 2*time.Second, "it begins no later than the move")
				missing, doubled := l.missing(t, "x", n)
				assert.Zero(t, missing, "nothing was under way")
				assert.Zero(t, doubled)
			})
		})
	}
}

func TestOldConnectionThatDiesBeforeTheNewOneIsThere(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPair(t)
		p.B.Delay(time.Second)
		c := p.client(baton.Options{Handoff: handoff.Config{Jitter: -1}})
		defer c.Close()
		s, err := c.Subscribe(t.Context(), "x")
		require.NoError(t, err)
		p.A.Moving(15*time.Second, p.B.Addr())
		<-time.After(500 * time.Millisecond)
		p.A.Kill()
		<-time.After(10 * time.Second)
		require.EqualValues(t, 1, p.Server.Publish("x", "later"))
		receive(t, s, 1)
		es := taken(s)
		require.Equal(t, []baton.SubEventKind{baton.SubConnected, baton.SubLost, baton.SubResubscribed}, kinds(es))
		assert.GreaterOrEqual(t, es[2].Gap, 2*time.Second)
	})
}

package baton_test

import (
	"context"
	"net"
	"runtime"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/baton-go/baton"
	"github.com/baton-go/baton/handoff"
	"github.com/baton-go/baton/handoff/handofftest"
	"github.com/baton-go/baton/pool"
)

// A target that accepts and then refuses the password, or never answers: one of both sockets is closed on every path.
func TestFailedSetUpAtTheTargetLeavesNoSocket(t *testing.T) { // H-16, H-50
	for name, trouble := range map[string]handofftest.Trouble{
		"refuses the password": {RefuseAuth: true}, "never answers": {Mute: true}, "hangs up": {CutAfter: 10},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := newPair(t, handofftest.Options{Password: "secret"})
				c := p.client(baton.Options{Password: "secret", Pool: pool.Config{MinIdle: 4}})
				defer c.Close()
				<-time.After(time.Second)
				p.B.SetTrouble(trouble)
				p.A.Moving(15*time.Second, p.B.Addr())
				<-time.After(25 * time.Second)
				assert.Equal(t, map[string]int{p.A.Addr(): 5}, peers(c))
				assert.Positive(t, p.B.Stats().Accepted, "it was tried")
				assert.Zero(t, p.B.Stats().Open)
				assert.EqualValues(t, 5, p.A.Stats().Open)
				assert.EqualValues(t, 0, c.Stats().Lost)
				p.B.SetTrouble(handofftest.Trouble{})
				p.A.Moving(15*time.Second, p.B.Addr())
				<-time.After(time.Minute) // the breaker may have opened
				p.A.Moving(15*time.Second, p.B.Addr())
				<-time.After(5 * time.Second)
				assert.Equal(t, map[string]int{p.B.Addr(): 5}, peers(c), "and nothing of the failures stays")
				assert.Zero(t, p.A.Stats().Open)
			})
		})
	}
}

// A move is no failure in any count, and costs the pool no dial.
func TestMoveIsNoFailure(t *testing.T) { // H-18, H-56
	synctest.Test(t, func(t *testing.T) {
		p := newPair(t)
		c := p.client(baton.Options{Pool: pool.Config{MinIdle: 4}})
		defer c.Close()
		<-time.After(time.Second)
		before := c.Stats()
		p.A.Moving(15*time.Second, p.B.Addr())
		<-time.After(16 * time.Second)
		assert.Zero(t, p.A.Shut())
		<-time.After(10 * time.Second)
		assert.Equal(t, before, c.Stats())
		assert.Equal(t, map[string]int{p.B.Addr(): 5}, peers(c))
	})
}

// rotating gives another password each time it has been turned.
type rotating struct {
	password atomic.Value
	asked    atomic.Int64
}

func (r *rotating) Credentials(context.Context) (baton.Credentials, error) {
	r.asked.Add(1)
	return baton.Credentials{Username: "default", Password: r.password.Load().(string)}, nil
}

// The token is rotated while the server moves: the new peer gets the new one.
func TestCredentialsAreAskedForAtEveryMove(t *testing.T) { // H-25
	synctest.Test(t, func(t *testing.T) {
		p := newPair(t, handofftest.Options{Password: "old"})
		next := handofftest.NewServer(handofftest.Options{Password: "new", Listen: p.Network.Listen})
		defer next.Close()
		n, err := next.Listen("10.0.0.3:6379")
		require.NoError(t, err)
		r := &rotating{}
		r.password.Store("old")
		c := p.client(baton.Options{Credentials: r, Pool: pool.Config{MinIdle: 2}})
		defer c.Close()
		<-time.After(time.Second)
		asked := r.asked.Load()
		r.password.Store("new")
		p.A.Moving(15*time.Second, n.Addr())
		<-time.After(3 * time.Second)
		assert.Equal(t, map[string]int{n.Addr(): 3}, peers(c))
		assert.Equal(t, asked+3, r.asked.Load())
	})
}

// The target has another port, or is an IPv6 address; both come as the server writes them.
func TestMovingToAnotherPortAndToIPv6(t *testing.T) { // H-45, H-46
	for _, target := range []string{"10.0.0.1:7000", "[2001:db8::5]:12000"} {
		synctest.Test(t, func(t *testing.T) {
			p := newPair(t)
			n, err := p.Server.Listen(target)
			require.NoError(t, err)
			c := p.client(baton.Options{Pool: pool.Config{MinIdle: 2}})
			defer c.Close()
			<-time.After(time.Second)
			p.A.Moving(15*time.Second, target)
			<-time.After(3 * time.Second)
			assert.Equal(t, map[string]int{n.Addr(): 3}, peers(c))
		})
	}
}

// The announcement and the last reply come in one segment, in either order.
func TestAnnouncementAndReplyInOneSegment(t *testing.T) { // H-43a
	const moving = ">4\r\n$6\r\nMOVING\r\n:0\r\n:15\r\n$13\r\n10.0.0.2:6379\r\n"
	for _, reply := range []string{moving + "+together\r\n", "+together\r\n" + moving} {
		synctest.Test(t, func(t *testing.T) {
			p := newPair(t, handofftest.Options{Intercept: func(_ handofftest.ConnInfo, args [][]byte) ([]byte, bool) {
				return []byte(reply), string(args[0]) == "ECHO"
			}})
			c := p.client(baton.Options{})
			defer c.Close()
			got, err := baton.As[string](c.Do(t.Context(), "ECHO", "x"))
			require.NoError(t, err)
			assert.Equal(t, "together", got)
			<-time.After(2 * time.Second)
			assert.Equal(t, map[string]int{p.B.Addr(): 1}, peers(c))
			assert.Zero(t, p.A.Stats().Open, "the old link has noticed that it owes nothing")
		})
	}
}

// stuck is a resolver that hangs when it is told to.
type stuck struct {
	baton.Resolver
	on atomic.Bool
}

func (r *stuck) LookupHost(ctx context.Context, host string) ([]string, error) {
	if r.on.Load() {
		<-ctx.Done()
		return nil, ctx.Err()
	}
	return r.Resolver.LookupHost(ctx, host)
}

// Looking a name up happens beside everything else.
func TestSlowResolverHoldsUpNobody(t *testing.T) { // H-44
	synctest.Test(t, func(t *testing.T) {
		p := newPair(t)
		r := &stuck{Resolver: p.Network}
		c := p.client(baton.Options{Addr: handofftest.PairName + ":6379", Resolver: r, Pool: pool.Config{MinIdle: 2}})
		defer c.Close()
		<-time.After(time.Second)
		r.on.Store(true)
		p.A.Moving(15*time.Second, "")
		p.Server.Migrated()
		for range 100 {
			<-time.After(100 * time.Millisecond)
			begun := time.Now()
			_, err := c.Incr(t.Context(), "n")
			require.NoError(t, err)
			require.Zero(t, time.Since(begun))
		}
		r.on.Store(false)
		p.Network.SetHost(handofftest.PairName, "10.0.0.2")
		<-time.After(4 * time.Second)
		assert.Equal(t, map[string]int{p.B.Addr(): 3}, peers(c), "and goes on when the resolver does")
	})
}

// New connections reach the target that was named although nobody answers for the name.
func TestNewDialsDoNotNeedTheResolver(t *testing.T) { // H-44
	synctest.Test(t, func(t *testing.T) {
		p := newPair(t)
		r := &stuck{Resolver: p.Network}
		c := p.client(baton.Options{Addr: handofftest.PairName + ":6379", Resolver: r})
		defer c.Close()
		r.on.Store(true)
		p.A.Moving(15*time.Second, p.B.Addr())
		<-time.After(2 * time.Second)
		begun := time.Now()
		_, err := c.Do(t.Context(), "BLPOP", "none", "0.01")
		require.NoError(t, err)
		assert.Less(t, time.Since(begun), 3*time.Second)
		assert.Equal(t, map[string]int{p.B.Addr(): 2}, peers(c))
	})
}

// The announcement and the end of the stream arrive together while nobody uses the connection. The next command, half a
// minute later, does not meet a dead socket, and nobody goes to where the server has been long ago.
func TestAnnouncementReadWithTheEndOfTheStream(t *testing.T) { // H-53, H-53a
	synctest.Test(t, func(t *testing.T) {
		p := newPair(t)
		c := p.client(baton.Options{Addr: handofftest.PairName + ":6379", Pool: pool.Config{MinIdle: 3}, Retry: baton.RetryPolicy{Max: -1}})
		defer c.Close()
		<-time.After(time.Second)
		p.Network.SetHost(handofftest.PairName, "10.0.0.2")
		p.A.Moving(15*time.Second, "10.9.9.9:6379") // nobody lives there
		p.A.Shut()
		<-time.After(30 * time.Second)
		_, err := c.Incr(t.Context(), "n")
		require.NoError(t, err)
		for peer := range peers(c) {
			assert.Equal(t, p.B.Addr(), peer)
		}
		assert.Zero(t, c.Handoffs().Stats().Jobs)
		assert.False(t, baton.Leaving(c))
	})
}

// Half a push and the end: the connection is not used again.
func TestHalfAPushEndsTheConnection(t *testing.T) { // H-62
	synctest.Test(t, func(t *testing.T) {
		p := newPair(t)
		c := p.client(baton.Options{})
		defer c.Close()
		p.A.Push([]byte(">4\r\n$6\r\nMOV"))
		<-time.After(time.Second)
		p.Server.Conn(p.A.Conns()[0].ID).Shut()
		<-time.After(time.Second)
		assert.EqualValues(t, 1, c.Stats().Lost)
		_, err := c.Incr(t.Context(), "n")
		require.NoError(t, err)
		assert.Zero(t, c.Handoffs().Stats().Received[handoff.Moving])
	})
}

// A name with several addresses: one of them retires. Dials that would reach another go on reaching it.
func TestNewDialsGoToHealthySiblingsToo(t *testing.T) { // H-39
	synctest.Test(t, func(t *testing.T) {
		p := newPair(t)
		sibling, err := p.Server.Listen("10.0.0.3:6379")
		require.NoError(t, err)
		p.Network.SetHost(handofftest.PairName, "10.0.0.1", "10.0.0.3")
		c := p.client(baton.Options{Addr: handofftest.PairName + ":6379", Pool: pool.Config{Size: 12}})
		defer c.Close()
		<-time.After(time.Second)
		require.Equal(t, map[string]int{p.A.Addr(): 1}, peers(c))
		p.A.Moving(15*time.Second, p.B.Addr())
		<-time.After(2 * time.Second)
		lease := func(n int) {
			done := make(chan error, n)
			for range n {
				go func() { _, err := c.Do(t.Context(), "BLPOP", "none", "0.5"); done <- err }()
			}
			for range n {
				require.NoError(t, <-done)
			}
		}
		lease(3) // the retiring address stands first in the list: its place is the target
		assert.Equal(t, map[string]int{p.B.Addr(): 4}, peers(c))
		p.Network.SetHost(handofftest.PairName, "10.0.0.3", "10.0.0.1")
		lease(6)
		assert.Equal(t, map[string]int{p.B.Addr(): 4, sibling.Addr(): 3}, peers(c), "the sibling stands first: it is left alone")
		p.Network.SetHost(handofftest.PairName, "10.0.0.1", "10.0.0.3")
		sibling.Refuse()
		<-time.After(20 * time.Second) // the window is over
		lease(10)
		assert.Positive(t, peers(c)[p.A.Addr()], "H-40: nothing is pinned to the target")
	})
}

// A target that fails: new connections fall back within their own time, and not to the peer that retires.
func TestFallbackOfNewDials(t *testing.T) { // H-37, H-57
	for _, broken := range []string{"refuses", "swallows"} {
		synctest.Test(t, func(t *testing.T) {
			p := newPair(t)
			sibling, err := p.Server.Listen("10.0.0.3:6379")
			require.NoError(t, err)
			p.Network.SetHost(handofftest.PairName, "10.0.0.1", "10.0.0.3")
			c := p.client(baton.Options{Addr: handofftest.PairName + ":6379", Handoff: handoff.Config{Jitter: 1 << 30}})
			defer c.Close()
			if broken == "refuses" {
				p.B.Refuse()
			} else {
				p.B.SetTrouble(handofftest.Trouble{Mute: true})
			}
			p.A.Moving(15*time.Second, p.B.Addr())
			<-time.After(100 * time.Millisecond) // it has been read
			begun := time.Now()
			_, err = c.Do(t.Context(), "BLPOP", "none", "0.01")
			require.NoError(t, err)
			assert.LessOrEqual(t, time.Since(begun), 10*time.Second)
			assert.Equal(t, 1, peers(c)[sibling.Addr()], "%s: %v", broken, peers(c))
		})
	}
}

// AllowEndpoint refuses: the peer goes on serving, and the hook is told.
func TestAllowEndpointRefuses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPair(t)
		c := p.client(baton.Options{Handoff: handoff.Config{AllowEndpoint: func(host string) bool { return host != "10.0.0.2" }}})
		defer c.Close()
		p.A.Moving(15*time.Second, p.B.Addr())
		<-time.After(20 * time.Second)
		assert.Zero(t, p.B.Stats().Accepted)
		assert.EqualValues(t, 1, c.Handoffs().Stats().Refused)
		_, err := c.Incr(t.Context(), "n")
		assert.NoError(t, err)
	})
}

// The target is dead, and the name lists the retiring peer first: moves fall back to the sibling behind it.
func TestMoveFallsBackToASibling(t *testing.T) { // H-37
	synctest.Test(t, func(t *testing.T) {
		p := newPair(t)
		sibling, err := p.Server.Listen("10.0.0.3:6379")
		require.NoError(t, err)
		p.Network.SetHost(handofftest.PairName, "10.0.0.1", "10.0.0.3")
		c := p.client(baton.Options{Addr: handofftest.PairName + ":6379", Pool: pool.Config{MinIdle: 3}})
		defer c.Close()
		<-time.After(time.Second)
		require.Equal(t, map[string]int{p.A.Addr(): 4}, peers(c))
		p.B.Refuse()
		p.A.Moving(15*time.Second, p.B.Addr())
		<-time.After(5 * time.Second)
		assert.Equal(t, map[string]int{sibling.Addr(): 4}, peers(c))
	})
}

// A target that is slow to set up: a new connection waits for it, half of the relaxed time of a dial.
func TestNewDialToASlowTargetIsWaitedFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPair(t)
		c := p.client(baton.Options{Handoff: handoff.Config{RelaxedTimeout: 16 * time.Second}})
		defer c.Close()
		p.B.Delay(7 * time.Second) // a dial usually has 5 s
		p.A.Moving(15*time.Second, p.B.Addr())
		<-time.After(90 * time.Millisecond)
		require.True(t, baton.Leaving(c))
		begun := time.Now()
		done := make(chan error, 1)
		go func() { _, err := c.Do(t.Context(), "BLPOP", "none", "0.01"); done <- err }()
		<-time.After(7100 * time.Millisecond)
		assert.Equal(t, 1, peers(c)[p.B.Addr()])
		p.B.Delay(0) // the first question about the server is on its way
		assert.NoError(t, <-done)
		assert.Less(t, time.Since(begun), 20*time.Second)
	})
}

// A name that only the user's dialler knows, as behind a tunnel: a window does not make the client look it up in vain. On
// real sockets, since the resolver of the system cannot be used under a fake clock.
func TestNameThatOnlyTheDiallerKnows(t *testing.T) {
	srv, a := newLoopback(t, handofftest.Options{})
	b, err := srv.Listen("127.0.0.1:0")
	require.NoError(t, err)
	const tunnel = "tunnel..x:6379" // no name that a resolver would ask anybody for
	c := open(t, baton.Options{Addr: tunnel, Pool: pool.Config{Lanes: 1}, Dialer: func(ctx context.Context, network, addr string) (net.Conn, error) {
		if addr == tunnel {
			addr = a.Addr()
		}
		return (&net.Dialer{}).DialContext(ctx, network, addr)
	}})
	require.NoError(t, c.Ready(t.Context()))
	b.Refuse()
	a.Moving(15*time.Second, b.Addr())
	for !baton.Leaving(c) {
		runtime.Gosched()
	}
	_, err = c.Do(t.Context(), "BLPOP", "none", "0.01") // needs a new connection
	require.NoError(t, err)
	assert.Equal(t, map[string]int{a.Addr(): 2}, peers(c), "it serves as long as it can")
}

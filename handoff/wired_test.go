package handoff_test

import (
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/baton-go/baton/conn"
	"github.com/baton-go/baton/handoff"
	"github.com/baton-go/baton/handoff/handofftest"
)

// pair is an Engine with real connections to two nodes in memory, in fake time, and without a pool.
type pair struct {
	*handofftest.Pair
	t       *testing.T
	engine  *handoff.Engine
	manager *handoff.Manager
	cfg     *conn.Config

	mu    sync.Mutex
	conns []*conn.Conn
}

// newPair makes an Engine for a client of addr. Engine and connections are closed when the test ends.
func newPair(t *testing.T, cfg handoff.Config, addr string, opts ...handofftest.Options) *pair {
	p := &pair{Pair: handofftest.NewPair(t, opts...), t: t}
	var err error
	p.engine, err = handoff.New(cfg, handoff.Wiring{Network: "tcp", Addr: addr, PoolSize: 20, Conns: p.list, Resolve: p.Network.LookupHost})
	require.NoError(t, err)
	p.manager = p.engine.Manager()
	p.cfg = &conn.Config{
		Network: "tcp", Dial: p.Network.DialContext, DialTimeout: 5 * time.Second,
		OnPush: p.engine.OnPush, Relaxed: p.engine.Relaxed, OptIn: p.engine.OptIn, OptedIn: p.engine.OptedIn,
		OnState: func(c *conn.Conn, _, to conn.State) {
			if to == conn.Closed {
				p.engine.PeerLost(c)
			}
		},
	}
	t.Cleanup(func() {
		p.engine.Close()
		for _, c := range p.list() {
			_ = c.Close()
		}
	})
	return p
}

const nameAddr = handofftest.PairName + ":6379"

func (p *pair) list() []*conn.Conn {
	p.mu.Lock()
	defer p.mu.Unlock()
	return append([]*conn.Conn(nil), p.conns...)
}

func (p *pair) dial(n int, addr string) {
	p.t.Helper()
	for range n {
		c, err := conn.Dial(p.t.Context(), p.cfg, addr)
		require.NoError(p.t, err)
		p.mu.Lock()
		p.conns = append(p.conns, c)
		p.mu.Unlock()
		p.engine.Joined(c)
	}
}

func (p *pair) on(n *handofftest.Node) int {
	count := 0
	for _, c := range p.list() {
		if c.State() != conn.Closed && c.Peer() == n.Addr() {
			count++
		}
	}
	return count
}

func pass(d time.Duration) {
	time.Sleep(d) // fake
	synctest.Wait()
}

// Idle connections, each told by the server, and a late one that the server tells with the rest of the time: one dial each.
func TestRealConnectionsMoveOnce(t *testing.T) {
	for _, mode := range []handoff.Mode{handoff.ModeEnabled, handoff.ModeDisabled} { // the second is the negative control
		synctest.Test(t, func(t *testing.T) {
			p := newPair(t, handoff.Config{Mode: mode}, handofftest.PairA)
			p.dial(20, handofftest.PairA)
			p.A.Moving(15*time.Second, p.B.Addr())
			pass(2 * time.Second)
			p.dial(1, handofftest.PairA)
			pass(2 * time.Second)
			left := p.A.Shut()
			if mode == handoff.ModeDisabled {
				assert.Equal(t, 21, left)
				return
			}
			require.NoError(t, p.Server.CheckOptIn())
			assert.Zero(t, left)
			assert.Equal(t, 21, p.on(p.B))
			assert.EqualValues(t, 21, p.B.Stats().Accepted)
			st := p.manager.Stats()
			assert.EqualValues(t, 21, st.Succeeded)
			assert.EqualValues(t, 21, st.Received[handoff.Moving], "H-69: everybody was told")
			assert.Equal(t, handoff.CapabilitySupported, st.Capability)
			pass(20 * time.Second)
			assert.Zero(t, p.manager.Stats().Jobs)
		})
	}
}

// H-28, H-35: no address, an IP as endpoint. The new links lead to the node that leaves, which tells each of them again: a few rounds,
// ever closer, at least a second apart (H-138).
func TestRealConnectionsDoNotLoop(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPair(t, handoff.Config{}, handofftest.PairA)
		p.dial(5, handofftest.PairA)
		p.A.Moving(15*time.Second, "")
		pass(9 * time.Second)
		assert.EqualValues(t, 10, p.A.Stats().Accepted, "one reconnect each")
		pass(4 * time.Second)
		assert.EqualValues(t, 15, p.A.Stats().Accepted, "at 11.25 s")
		pass(30 * time.Second)
		assert.LessOrEqual(t, p.A.Stats().Accepted, int64(5*9), "not faster than once a second")
		assert.Equal(t, 5, p.on(p.A))
		assert.Zero(t, p.manager.Stats().Jobs)
	})
}

func TestRealConnectionsFollowTheName(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPair(t, handoff.Config{}, nameAddr)
		p.dial(5, nameAddr)
		p.A.Moving(15*time.Second, "")
		pass(9 * time.Second)
		assert.Equal(t, 5, p.on(p.A))
		p.Network.SetHost(handofftest.PairName, "10.0.0.2")
		pass(2 * time.Second)
		assert.Zero(t, p.A.Shut())
		assert.Equal(t, 5, p.on(p.B))
	})
}

// The server keeps the last completion and tells every new connection: nothing of it is live (H-07).
func TestRealReplayIsRecognised(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPair(t, handoff.Config{}, nameAddr, handofftest.Options{CatchUp: 17 * time.Millisecond})
		p.Server.FailingOver(2 * time.Second)
		p.Server.FailedOver()
		p.dial(3, nameAddr)
		before := time.Now().Add(-time.Second)
		pass(100 * time.Millisecond)
		assert.EqualValues(t, 3, p.manager.Stats().Replays)
		assert.Zero(t, p.engine.Relaxed(before, time.Now()))
	})
}

// Proxies leave the name and close without a word (StackExchange.Redis, AdvertisedAddressProbe): the loss of one connection makes the others look.
func TestLossOfARealConnectionMovesItsSiblings(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPair(t, handoff.Config{}, nameAddr)
		p.dial(3, nameAddr)
		_ = p.list()[0].Close() // ours: no reason to look
		pass(5 * time.Second)
		p.Network.SetHost(handofftest.PairName, "10.0.0.2")
		pass(5 * time.Second)
		assert.Equal(t, 2, p.on(p.A))
		p.dial(1, handofftest.PairB)
		assert.Equal(t, 1, p.B.Kill())
		require.NoError(t, p.B.Reopen())
		pass(10 * time.Second)
		assert.Zero(t, p.on(p.A))
		assert.Equal(t, 2, p.on(p.B))
	})
}

func TestNewManagerRefusesBadConfig(t *testing.T) {
	_, err := handoff.New(handoff.Config{MaxHandoffRetries: 99}, handoff.Wiring{})
	assert.ErrorContains(t, err, "MaxHandoffRetries is 99")
	_, err = handoff.New(handoff.Config{}, handoff.Wiring{})
	assert.ErrorContains(t, err, "Conns is nil")
}

// Shard and slot notifications as the server sends them: relaxed from the opening to the closing, whichever connection reads
// them; what is not known is reported once and hurts nobody.
func TestRealOpeningsAndClosingsRelax(t *testing.T) {
	for _, dialect := range []handofftest.Dialect{{}, {SimpleName: true, TextInts: true, Extra: true, Attribute: true}, {BareShards: true}} {
		synctest.Test(t, func(t *testing.T) {
			p := newPair(t, handoff.Config{RelaxedTail: -1}, handofftest.PairA, handofftest.Options{Dialect: dialect})
			p.dial(3, handofftest.PairA)
			relaxed := func() bool { return p.engine.Relaxed(time.Now(), time.Now()) > 0 }
			for _, x := range []struct {
				opens, closes func()
				phase         handoff.Kind
			}{
				{func() { p.Server.Migrating(0) }, func() { p.Server.Migrated() }, handoff.Migrating},
				{func() { p.Server.FailingOver(0) }, func() { p.Server.FailedOver() }, handoff.FailingOver},
				{func() { p.Server.SlotsMigrating("1,5-10") }, func() {
					p.Server.SlotsMigrated(handofftest.SlotMove{From: handofftest.PairA, To: handofftest.PairB, Slots: "1,5-10"})
				}, handoff.SMigrating},
			} {
				pass(time.Second)
				assert.False(t, relaxed(), "negative control")
				x.opens()
				pass(time.Second)
				assert.True(t, relaxed(), "%v", x.phase)
				assert.Equal(t, x.phase, p.manager.Phase())
				x.closes()
				pass(time.Second)
				assert.False(t, relaxed(), "%v", x.phase)
			}
			for range 5 {
				p.A.Push([]byte(">2\r\n$7\r\nSMOVING\r\n:1\r\n"))
				p.A.Push([]byte(">2\r\n$10\r\ninvalidate\r\n_\r\n"))
			}
			pass(time.Second)
			assert.EqualValues(t, 15, p.manager.Stats().Unknown)
			told := 0
			for e := range p.manager.Timeline().All() {
				if e.EventKind == handoff.Unknown {
					told++
					assert.Contains(t, e.String(), `"SMOVING"`)
				}
			}
			assert.Equal(t, 1, told)
			assert.Equal(t, 3, p.on(p.A))
		})
	}
}

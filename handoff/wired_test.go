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

// stand is an Engine with real connections to the fake server, all in memory and in fake time, and without a pool.
type stand struct {
	t    *testing.T
	net  *handofftest.Network
	srv  *handofftest.Server
	a, b *handofftest.Node
	e    *handoff.Engine
	m    *handoff.Manager
	cfg  *conn.Config

	mu    sync.Mutex
	conns []*conn.Conn
}

func newStand(t *testing.T, cfg handoff.Config, addr string, o handofftest.Options) *stand {
	w := &stand{t: t, net: handofftest.NewNetwork()}
	o.Listen = w.net.Listen
	w.srv = handofftest.NewServer(o)
	var err error
	w.a, err = w.srv.Listen("10.0.0.1:6379")
	require.NoError(t, err)
	w.b, err = w.srv.Listen("10.0.0.2:6379")
	require.NoError(t, err)
	w.net.SetHost("db.example.com", "10.0.0.1")
	w.e, err = handoff.New(cfg, handoff.Wiring{Network: "tcp", Addr: addr, PoolSize: 20, Conns: w.list, Resolve: w.net.LookupHost})
	require.NoError(t, err)
	w.m = w.e.Manager()
	w.cfg = &conn.Config{
		Network: "tcp", Dial: w.net.DialContext, DialTimeout: 5 * time.Second,
		OnPush: w.e.OnPush, Relaxed: w.e.Relaxed, OptIn: w.e.OptIn, OptedIn: w.e.OptedIn,
		OnState: func(c *conn.Conn, _, to conn.State) {
			if to == conn.Closed {
				w.e.PeerLost(c)
			}
		},
	}
	return w
}

func (w *stand) close() {
	w.e.Close()
	for _, c := range w.list() {
		_ = c.Close()
	}
	w.srv.Close()
}

func (w *stand) list() []*conn.Conn {
	w.mu.Lock()
	defer w.mu.Unlock()
	return append([]*conn.Conn(nil), w.conns...)
}

func (w *stand) dial(n int, addr string) {
	w.t.Helper()
	for range n {
		c, err := conn.Dial(w.t.Context(), w.cfg, addr)
		require.NoError(w.t, err)
		w.mu.Lock()
		w.conns = append(w.conns, c)
		w.mu.Unlock()
		w.e.Joined(c)
	}
}

func (w *stand) on(n *handofftest.Node) int {
	count := 0
	for _, c := range w.list() {
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
			w := newStand(t, handoff.Config{Mode: mode}, "10.0.0.1:6379", handofftest.Options{})
			defer w.close()
			w.dial(20, "10.0.0.1:6379")
			w.a.Moving(15*time.Second, w.b.Addr())
			pass(2 * time.Second)
			w.dial(1, "10.0.0.1:6379")
			pass(2 * time.Second)
			left := w.a.Shut()
			if mode == handoff.ModeDisabled {
				assert.Equal(t, 21, left)
				return
			}
			require.NoError(t, w.srv.CheckOptIn())
			assert.Zero(t, left)
			assert.Equal(t, 21, w.on(w.b))
			assert.EqualValues(t, 21, w.b.Stats().Accepted)
			st := w.m.Stats()
			assert.EqualValues(t, 21, st.Succeeded)
			assert.EqualValues(t, 21, st.Received[handoff.Moving], "H-69: everybody was told")
			assert.Equal(t, handoff.CapabilitySupported, st.Capability)
			pass(20 * time.Second)
			assert.Zero(t, w.m.Stats().Jobs)
		})
	}
}

// H-28, H-35: no address, an IP as endpoint. The new links lead to the node that leaves, which tells each of them again: a few rounds,
// ever closer, at least a second apart (H-138).
func TestRealConnectionsDoNotLoop(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newStand(t, handoff.Config{}, "10.0.0.1:6379", handofftest.Options{})
		defer w.close()
		w.dial(5, "10.0.0.1:6379")
		w.a.Moving(15*time.Second, "")
		pass(9 * time.Second)
		assert.EqualValues(t, 10, w.a.Stats().Accepted, "one reconnect each")
		pass(4 * time.Second)
		assert.EqualValues(t, 15, w.a.Stats().Accepted, "at 11.25 s")
		pass(30 * time.Second)
		assert.LessOrEqual(t, w.a.Stats().Accepted, int64(5*9), "not faster than once a second")
		assert.Equal(t, 5, w.on(w.a))
		assert.Zero(t, w.m.Stats().Jobs)
	})
}

func TestRealConnectionsFollowTheName(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newStand(t, handoff.Config{}, "db.example.com:6379", handofftest.Options{})
		defer w.close()
		w.dial(5, "db.example.com:6379")
		w.a.Moving(15*time.Second, "")
		pass(9 * time.Second)
		assert.Equal(t, 5, w.on(w.a))
		w.net.SetHost("db.example.com", "10.0.0.2")
		pass(2 * time.Second)
		assert.Zero(t, w.a.Shut())
		assert.Equal(t, 5, w.on(w.b))
	})
}

// The server keeps the last completion and tells every new connection: nothing of it is live (H-07).
func TestRealReplayIsRecognised(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newStand(t, handoff.Config{}, "db.example.com:6379", handofftest.Options{CatchUp: 17 * time.Millisecond})
		defer w.close()
		w.srv.FailingOver(2 * time.Second)
		w.srv.FailedOver()
		w.dial(3, "db.example.com:6379")
		before := time.Now().Add(-time.Second)
		pass(100 * time.Millisecond)
		assert.EqualValues(t, 3, w.m.Stats().Replays)
		assert.Zero(t, w.e.Relaxed(before, time.Now()))
	})
}

// Proxies leave the name and close without a word (StackExchange.Redis, AdvertisedAddressProbe): the loss of one connection makes the others look.
func TestLossOfARealConnectionMovesItsSiblings(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newStand(t, handoff.Config{}, "db.example.com:6379", handofftest.Options{})
		defer w.close()
		w.dial(3, "db.example.com:6379")
		_ = w.list()[0].Close() // ours: no reason to look
		pass(5 * time.Second)
		w.net.SetHost("db.example.com", "10.0.0.2")
		pass(5 * time.Second)
		assert.Equal(t, 2, w.on(w.a))
		w.dial(1, "10.0.0.2:6379")
		assert.Equal(t, 1, w.b.Kill())
		require.NoError(t, w.b.Reopen())
		pass(10 * time.Second)
		assert.Zero(t, w.on(w.a))
		assert.Equal(t, 2, w.on(w.b))
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
			w := newStand(t, handoff.Config{RelaxedTail: -1}, "10.0.0.1:6379", handofftest.Options{Dialect: dialect})
			defer w.close()
			w.dial(3, "10.0.0.1:6379")
			relaxed := func() bool { return w.e.Relaxed(time.Now(), time.Now()) > 0 }
			for _, x := range []struct {
				opens, closes func()
				phase         handoff.Kind
			}{
				{func() { w.srv.Migrating(0) }, func() { w.srv.Migrated() }, handoff.Migrating},
				{func() { w.srv.FailingOver(0) }, func() { w.srv.FailedOver() }, handoff.FailingOver},
				{func() { w.srv.SlotsMigrating("1,5-10") }, func() {
					w.srv.SlotsMigrated(handofftest.SlotMove{From: "10.0.0.1:6379", To: "10.0.0.2:6379", Slots: "1,5-10"})
				}, handoff.SMigrating},
			} {
				pass(time.Second)
				assert.False(t, relaxed(), "negative control")
				x.opens()
				pass(time.Second)
				assert.True(t, relaxed(), "%v", x.phase)
				assert.Equal(t, x.phase, w.m.Phase())
				x.closes()
				pass(time.Second)
				assert.False(t, relaxed(), "%v", x.phase)
			}
			for range 5 {
				w.a.Push([]byte(">2\r\n$7\r\nSMOVING\r\n:1\r\n"))
				w.a.Push([]byte(">2\r\n$10\r\ninvalidate\r\n_\r\n"))
			}
			pass(time.Second)
			assert.EqualValues(t, 15, w.m.Stats().Unknown)
			told := 0
			for e := range w.m.Timeline().All() {
				if e.EventKind == handoff.Unknown {
					told++
					assert.Contains(t, e.String(), `"SMOVING"`)
				}
			}
			assert.Equal(t, 1, told)
			assert.Equal(t, 3, w.on(w.a))
		})
	}
}

package handoff

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/baton-go/baton/conn"
	"github.com/stretchr/testify/require"
)

var errRefusedDial = errors.New("connection refused")

// rig is an Engine with connections and a network that consist of memory only. Use it inside a synctest bubble.
type rig struct {
	t *testing.T
	e *Engine
	m *Manager

	mu        sync.Mutex
	conns     []*fakeConn
	nodes     map[string]node // by ip:port
	dns       map[string][]string
	asked     []time.Time // look-ups
	dials     []dialled
	active    int // dials that run now, and most at once
	maxActive int
	began     time.Time
}

// node is how an address behaves when it is dialled.
type node struct {
	down      bool          // refuses
	blackhole bool          // never answers
	takes     time.Duration // until it is set up
	peer      string        // the address that is seen as peer; "" the dialled one
}

type dialled struct {
	at       time.Duration // since the rig was made
	to, real string        // as asked, and after resolving
	conn     uint64
	target   conn.Target
}

type fakeConn struct {
	r    *rig
	id   uint64
	done chan struct{}
	peer string // guarded by rig.mu
	busy bool   // guarded by rig.mu: a move runs
	// slow, if set, holds a move after the dial, like a pinned session would
	slow time.Duration
}

func newRig(t *testing.T, cfg Config, addr string, change ...func(*Wiring)) *rig {
	r := &rig{t: t, nodes: map[string]node{}, dns: map[string][]string{}, began: time.Now()}
	w := Wiring{Network: "tcp", Addr: addr, PoolSize: 100, Resolve: r.resolve}
	for _, f := range change {
		f(&w)
	}
	if cfg.Jitter == 0 {
		cfg.Jitter = -1 // nothing is spread over time, so that tests can count
	}
	w.Conns = func() []*conn.Conn { return nil }
	var err error
	r.e, err = New(cfg, w)
	require.NoError(t, err)
	r.e.mover.members = r.members
	r.e.mover.move = func(ctx context.Context, c member, t conn.Target) (string, error) {
		err := c.(*fakeConn).move(ctx, t)
		return c.Peer(), err
	}
	r.m = r.e.Manager()
	r.e.mover.jitter = func(time.Duration) time.Duration { return 0 }
	return r
}

func (r *rig) resolve(_ context.Context, host string) ([]string, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.asked = append(r.asked, time.Now())
	if len(r.dns[host]) == 0 {
		return nil, errors.New("no such host")
	}
	return slices.Clone(r.dns[host]), nil
}

func (r *rig) setDNS(host string, ips ...string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.dns[host] = ips
}

func (r *rig) set(addr string, n node) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.nodes[addr] = n
}

// open adds n connections to peer, registered with the client but not told to the Manager.
func (r *rig) open(n int, peer string) []*fakeConn {
	r.mu.Lock()
	defer r.mu.Unlock()
	var out []*fakeConn
	for range n {
		c := &fakeConn{r: r, id: uint64(len(r.conns) + 1), done: make(chan struct{}), peer: peer}
		r.conns = append(r.conns, c)
		out = append(out, c)
	}
	return out
}

func (r *rig) members() []member {
	r.mu.Lock()
	defer r.mu.Unlock()
	var list []member
	for _, c := range r.conns {
		list = append(list, c)
	}
	return list
}

func (c *fakeConn) Peer() string {
	c.r.mu.Lock()
	defer c.r.mu.Unlock()
	return c.peer
}

func (c *fakeConn) ID() uint64 { return c.id }

func (c *fakeConn) Stay() {}

func (c *fakeConn) close() { close(c.done) }

func (c *fakeConn) State() conn.State {
	select {
	case <-c.done:
		return conn.Closed
	default:
		return conn.Ready
	}
}

func (c *fakeConn) move(ctx context.Context, t conn.Target) error {
	c.r.mu.Lock()
	if c.busy {
		c.r.mu.Unlock()
		return conn.ErrMoving
	}
	c.busy = true
	c.r.mu.Unlock()
	peer, err := c.r.dial(ctx, c, t)
	if err == nil && c.slow > 0 {
		err = sleep(ctx, c.slow)
	}
	c.r.mu.Lock()
	defer c.r.mu.Unlock()
	c.busy = false
	switch {
	case err != nil:
		return &conn.Error{Op: "move", Addr: t.Addr, Err: err}
	case peer == t.Avoid:
		return &conn.Error{Op: "move", Addr: t.Addr, Err: conn.ErrSamePeer}
	}
	c.peer = peer
	return nil
}

// dial resolves names as a dialler would and behaves as the node does.
func (r *rig) dial(ctx context.Context, c *fakeConn, t conn.Target) (string, error) {
	host, port, _ := net.SplitHostPort(t.Addr)
	r.mu.Lock()
	if ips := r.dns[host]; len(ips) > 0 {
		host = ips[0]
	}
	addr := net.JoinHostPort(host, port)
	n, known := r.nodes[addr]
	r.dials = append(r.dials, dialled{at: time.Since(r.began), to: t.Addr, real: addr, conn: c.id, target: t})
	r.active++
	r.maxActive = max(r.maxActive, r.active)
	r.mu.Unlock()
	defer func() {
		r.mu.Lock()
		r.active--
		r.mu.Unlock()
	}()
	if n.blackhole {
		<-ctx.Done()
		return "", ctx.Err()
	}
	if err := sleep(ctx, n.takes); err != nil {
		return "", err
	}
	if !known || n.down {
		return "", errRefusedDial
	}
	if n.peer != "" {
		addr = n.peer
	}
	if err := r.e.Admit(t.Addr, addr); err != nil {
		return "", err
	}
	return addr, nil
}

// sleep makes no timer for no time: under the race detector, go1.26 crashes when a bubble selects on a timer that has expired.
func sleep(ctx context.Context, d time.Duration) error {
	if d <= 0 {
		return ctx.Err()
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// say delivers a notification as if it had been read on c, on the link it has now.
func (r *rig) say(c *fakeConn, n Notification) {
	r.receive(ConnInfo{Info: conn.Info{ID: c.id, Peer: c.Peer()}, Addr: r.e.addr}, n, nil)
}

// receive acts upon a notification as OnPush does when it has parsed one.
func (r *rig) receive(info ConnInfo, n Notification, unreadable error) {
	_ = r.e.act(received{info, n, unreadable, time.Now()}, false)
}

// lost tells that a peer has ended a connection.
func (r *rig) lost() { r.e.mover.checkPeers(1, checkEvery, time.Now()) }

// sayFrom delivers one on the link c had to peer, which may be an old one by now.
func (r *rig) sayFrom(c *fakeConn, peer string, n Notification) {
	r.receive(ConnInfo{Info: conn.Info{ID: c.id, Peer: peer}, Addr: r.e.addr}, n, nil)
}

func movingTo(seq int64, in time.Duration, to string) Notification {
	return Notification{EventID: EventID{Moving, seq, true}, In: in, HasIn: true, Endpoint: to}
}

func shardEvent(k Kind, seq int64, in time.Duration) Notification {
	return Notification{EventID: EventID{k, seq, true}, In: in, HasIn: !k.closes()}
}

// pass lets fake time go by until everything has settled at d from now.
func (r *rig) pass(d time.Duration) {
	time.Sleep(d) // fake: the bubble's clock
	synctest.Wait()
}

// peers counts the connections by peer.
func (r *rig) peers() map[string]int {
	r.mu.Lock()
	defer r.mu.Unlock()
	count := map[string]int{}
	for _, c := range r.conns {
		if !closed(c) {
			count[c.peer]++
		}
	}
	return count
}

// dialsGo is where new connections are dialled when the endpoint lists these addresses.
func (r *rig) dialsGo(listed ...string) []string { return r.e.Remap(listed) }

func (r *rig) dialCount() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.dials)
}

func (r *rig) dialLog() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	var s string
	for _, d := range r.dials {
		s += fmt.Sprintf("%v conn %d to %s (%s)\n", d.at, d.conn, d.to, d.real)
	}
	return s
}

func (r *rig) relaxed() bool {
	now := time.Now()
	return r.e.Relaxed(now, now) > 0
}

func (r *rig) events(k EventKind) int {
	n := 0
	for e := range r.m.Timeline().All() {
		if e.EventKind == k {
			n++
		}
	}
	return n
}

// bubble runs f with a rig in fake time and afterwards checks that Close leaves nothing behind: the bubble fails if a
// goroutine stays.
func bubble(t *testing.T, f func(t *testing.T)) {
	t.Helper()
	synctest.Test(t, f)
}

// resolverOf gives a name the addresses that f says, each time.
func resolverOf(f func() []string) func(context.Context, string) ([]string, error) {
	return func(context.Context, string) ([]string, error) { return f(), nil }
}

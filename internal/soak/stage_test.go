package soak

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/baton-go/baton"
	"github.com/baton-go/baton/handoff"
	"github.com/baton-go/baton/handoff/handofftest"
	"github.com/baton-go/baton/internal/redistest"
)

// stage is a redis-server, and addresses in front of it that take turns. The operator is the goroutine of the test.
type stage struct {
	t     *testing.T
	srv   *handofftest.Server
	nodes []*handofftest.Node
	free  []time.Time            // by node: when its last window is over for clients, too
	at    int                    // the node that serves
	name  atomic.Pointer[string] // the address that the configured name leads to
	admin *baton.Client          // straight to the redis-server
	moves int
	left  int            // connections that were not moved in time
	did   map[string]int // faults, by name
}

const (
	hosts = 48 // so that many moves can be made before somebody has to wait for the first
	// slack is how much longer than announced a window lasts, and somewhat more.
	slack = 5 * time.Second
)

func newStage(t *testing.T, sabotage func(admin *baton.Client) handofftest.Options) *stage {
	s := &stage{t: t, did: map[string]int{}, free: make([]time.Time, hosts)}
	backend := redistest.Start(t)
	var err error
	s.admin, err = baton.New(baton.Options{Addr: backend, Handoff: handoff.Config{Mode: handoff.ModeDisabled}})
	require.NoError(t, err)
	t.Cleanup(func() { s.admin.Close() })
	var o handofftest.Options
	if sabotage != nil {
		o = sabotage(s.admin)
	}
	o.Backend = backend
	network := rand.N(1 << 16)               // of loopback addresses: nobody else takes a port there while a node is closed
	for port := "0"; len(s.nodes) < hosts; { // all at one port, since a name gives no other
		if port == "0" {
			if s.srv != nil {
				s.srv.Close()
			}
			s.srv, s.nodes = handofftest.NewServer(o), nil
		}
		n, err := s.srv.Listen(fmt.Sprintf("127.%d.%d.%d:%s", 1+network>>8%250, network&255, 2+len(s.nodes), port))
		if err != nil {
			require.NotEqual(t, "0", port, "%v", err)
			port = "0" // somebody has it
			continue
		}
		s.nodes = append(s.nodes, n)
		_, port, _ = net.SplitHostPort(n.Addr())
	}
	t.Cleanup(func() { s.srv.Close() })
	for _, n := range s.nodes[1:] {
		n.Refuse()
	}
	s.rename()
	for i := range accounts {
		_, err := s.admin.Set(t.Context(), account(i), strconv.Itoa(start))
		require.NoError(t, err)
	}
	return s
}

// LookupHost is the name service.
func (s *stage) LookupHost(context.Context, string) ([]string, error) {
	return []string{*s.name.Load()}, nil
}

func (s *stage) now() *handofftest.Node  { return s.nodes[s.at] }
func (s *stage) next() *handofftest.Node { return s.nodes[(s.at+1)%len(s.nodes)] }

func (s *stage) rename() {
	host, _, _ := net.SplitHostPort(s.now().Addr())
	s.name.Store(&host)
}

func (s *stage) client(o baton.Options) *baton.Client {
	_, port, _ := net.SplitHostPort(s.now().Addr())
	o.Addr, o.Resolver = "soak.example.com:"+port, s
	c, err := baton.New(o)
	require.NoError(s.t, err)
	s.t.Cleanup(func() { c.Close() })
	return c
}

// wait lets time pass for everybody else.
func (s *stage) wait(d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-s.t.Context().Done():
	}
}

// until waits for a condition. The test's own deadline ends it.
func (s *stage) until(what string, holds func() bool) {
	for !holds() {
		require.NoError(s.t, s.t.Context().Err(), what)
		s.wait(2 * time.Millisecond)
	}
}

// move retires the node that serves. during is what happens meanwhile; nil: nothing does, and the old node stays until
// everybody has left.
func (s *stage) move(grace time.Duration, named bool, during func()) {
	old, next := s.now(), s.next()
	s.wait(time.Until(s.free[(s.at+1)%hosts])) // a client does not go where it is told to leave
	require.NoError(s.t, next.Reopen())
	target := ""
	if named {
		target = next.Addr()
	}
	over := time.Now().Add(grace)
	s.free[s.at] = over.Add(slack)
	old.Moving(grace, target)
	s.at = (s.at + 1) % len(s.nodes)
	if !named {
		s.wait(rand.N(grace / 2))
		s.rename()
	}
	if during == nil {
		s.until("connections leave", func() bool { return old.Stats().Open == 0 })
	} else {
		s.wait(rand.N(grace))
		during()
		s.wait(time.Until(over))
	}
	s.rename()
	s.left += old.Shut()
	old.EndMoving()
	s.moves++
}

// faults are what an operator does not announce. old is the node that retires, if there is one.
var faults = []struct {
	name string
	do   func(s *stage, n *handofftest.Node)
}{
	{"none", func(*stage, *handofftest.Node) {}},
	{"node killed", func(s *stage, n *handofftest.Node) {
		n.Kill()
		s.wait(rand.N(150 * time.Millisecond))
		require.NoError(s.t, n.Reopen())
	}},
	{"replies stalled shortly", func(s *stage, n *handofftest.Node) {
		n.Stall(true)
		s.wait(100*time.Millisecond + rand.N(200*time.Millisecond))
		n.Stall(false)
	}},
	{"replies stalled for long", func(s *stage, n *handofftest.Node) {
		n.Stall(true)
		s.wait(1500 * time.Millisecond)
		n.Stall(false)
	}},
	{"stalled, then killed", func(s *stage, n *handofftest.Node) {
		n.Stall(true)
		s.wait(rand.N(100 * time.Millisecond))
		n.Kill()
		n.Stall(false)
		require.NoError(s.t, n.Reopen())
	}},
	{"one connection killed", func(s *stage, n *handofftest.Node) {
		for range 3 {
			if conns := n.Conns(); len(conns) > 0 {
				if c := s.srv.Conn(conns[rand.N(len(conns))].ID); c != nil {
					c.Kill()
				}
			}
			s.wait(20 * time.Millisecond)
		}
	}},
	{"server pauses", func(s *stage, _ *handofftest.Node) { // commands are executed later
		_, err := s.admin.Do(s.t.Context(), "CLIENT", "PAUSE", 250, "ALL")
		require.NoError(s.t, err)
	}},
	{"server ends subscribers", func(s *stage, _ *handofftest.Node) {
		_, err := s.admin.Do(s.t.Context(), "CLIENT", "KILL", "TYPE", "pubsub")
		require.NoError(s.t, err)
	}},
	{"server ends all", func(s *stage, _ *handofftest.Node) {
		_, err := s.admin.Do(s.t.Context(), "CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")
		require.NoError(s.t, err)
	}},
	{"slow replies", func(s *stage, n *handofftest.Node) {
		n.Delay(20 * time.Millisecond)
		s.wait(200 * time.Millisecond)
		n.Delay(0)
	}},
	{"shard migrates", func(s *stage, n *handofftest.Node) {
		s.srv.Migrating(time.Second, "1")
		s.wait(100 * time.Millisecond)
		s.srv.Migrated("1")
	}},
}

// chaos is a move with a fault, on either side, and maybe one more after it. nth makes every fault come up.
func (s *stage) chaos(nth int) {
	f := faults[nth%len(faults)]
	s.did[f.name]++
	retiring, serving := s.now(), s.next()
	n := []*handofftest.Node{retiring, serving}[rand.N(2)]
	s.move(time.Second, nth%4 != 3, func() { f.do(s, n) })
	if nth%2 == 0 {
		f = faults[rand.N(len(faults))]
		s.did[f.name]++
		f.do(s, s.now())
	}
}

// final reads what the server has, when nobody but the admin is connected.
func (s *stage) final(l *ledger) *final {
	ctx := s.t.Context()
	for _, n := range s.nodes {
		n.Stall(false)
		s.until("connections end", func() bool { return n.Stats().Open == 0 })
	}
	s.until("the server is left", func() bool {
		info, err := s.admin.Info(ctx, "clients")
		require.NoError(s.t, err)
		return strings.Contains(info, "connected_clients:1\r\n")
	})
	f := &final{counters: map[string]int64{}, lists: map[string][]string{}}
	number := func(key string) (n int64) {
		v, err := s.admin.Get(ctx, key)
		if err == nil {
			n, err = strconv.ParseInt(v, 10, 64)
		}
		require.NoError(s.t, err, key)
		return n
	}
	list := func(key string) []string {
		v, err := s.admin.LRange(ctx, key, 0, -1)
		require.NoError(s.t, err)
		return v
	}
	for key := range l.counters {
		f.counters[key] = number(key)
	}
	for name, q := range l.queues {
		f.lists[name] = list(name)
		if q.to != "" {
			f.lists[q.to] = list(q.to)
		}
	}
	for i := range accounts {
		f.accounts = append(f.accounts, number(account(i)))
	}
	f.journal = list("journal")
	return f
}

package baton_test

import (
	"cmp"
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/baton-go/baton"
	"github.com/baton-go/baton/handoff/handofftest"
	"github.com/baton-go/baton/internal/redistest"
	"github.com/baton-go/baton/resp3"
)

// pair is a server with two nodes in memory, and makes clients of it.
type pair struct {
	*handofftest.Pair
	t *testing.T
}

func newPair(t *testing.T, o ...handofftest.Options) *pair {
	return &pair{handofftest.NewPair(t, o...), t}
}

// client makes a client with connections to A, or to o.Addr, and waits until it is ready.
func (p *pair) client(o baton.Options) *baton.Client {
	p.t.Helper()
	o.Addr = cmp.Or(o.Addr, p.A.Addr())
	if o.Dialer == nil {
		o.Dialer = p.Network.DialContext
	}
	if o.Resolver == nil {
		o.Resolver = p.Network
	}
	c, err := baton.New(o)
	require.NoError(p.t, err)
	require.NoError(p.t, c.Ready(p.t.Context()))
	return c
}

// newRealPair returns two nodes on loopback addresses, which are proxies of the server at backend.
func newRealPair(t *testing.T, backend string) *handofftest.Pair {
	srv := handofftest.NewServer(handofftest.Options{Backend: backend})
	t.Cleanup(srv.Close)
	a, err := srv.Listen("127.0.0.2:0")
	require.NoError(t, err)
	b, err := srv.Listen("127.0.0.3:0")
	require.NoError(t, err)
	return &handofftest.Pair{Server: srv, A: a, B: b}
}

// peers counts the client's connections by peer.
func peers(c *baton.Client) map[string]int {
	m := map[string]int{}
	for i := range c.Conns() {
		m[i.Peer]++
	}
	return m
}

// onlyAt waits until all connections of c are at node.
func onlyAt(t *testing.T, c *baton.Client, node *handofftest.Node) {
	for all := false; !all; {
		require.NoError(t, t.Context().Err())
		all = true
		for peer, n := range peers(c) {
			all = all && (peer == node.Addr() || n == 0)
		}
		<-time.After(time.Millisecond)
	}
}

// servers runs a test against the kit's server and against a real one.
func servers(t *testing.T, test func(t *testing.T, addr string)) {
	t.Run("kit", func(t *testing.T) {
		_, node := newLoopback(t, handofftest.Options{})
		test(t, node.Addr())
	})
	t.Run("redis", func(t *testing.T) { test(t, redistest.Start(t)) })
}

// newLoopback starts a server of the kit with one node, on a real socket.
func newLoopback(t *testing.T, o handofftest.Options) (*handofftest.Server, *handofftest.Node) {
	t.Helper()
	srv := handofftest.NewServer(o)
	t.Cleanup(srv.Close)
	node, err := srv.Listen("127.0.0.1:0")
	require.NoError(t, err)
	return srv, node
}

// open makes a client on real sockets. It waits for longer than a machine stands still.
func open(t *testing.T, o baton.Options) *baton.Client {
	t.Helper()
	for _, d := range []*time.Duration{&o.DialTimeout, &o.ReadTimeout, &o.Pool.WaitTimeout} {
		*d = cmp.Or(*d, time.Minute)
	}
	c, err := baton.New(o)
	require.NoError(t, err)
	t.Cleanup(func() { c.Close() })
	return c
}

// bareServer is a listener in memory whose connections a test serves itself.
type bareServer struct {
	t        *testing.T
	network  *handofftest.Network
	accepted atomic.Int32
}

// newBareServer serves each connection with handle, and closes it afterwards. Connections are counted from 1.
func newBareServer(t *testing.T, handle func(n int, nc net.Conn)) *bareServer {
	t.Helper()
	s := &bareServer{t: t, network: handofftest.NewNetwork()}
	l, err := s.network.Listen(handofftest.PairA)
	require.NoError(t, err)
	serve(t, l, func(nc net.Conn) { handle(int(s.accepted.Add(1)), nc) })
	return s
}

// client makes a client of s, and closes it when the test ends.
func (s *bareServer) client(o baton.Options) *baton.Client {
	s.t.Helper()
	o.Addr, o.Dialer, o.Resolver = handofftest.PairA, s.network.DialContext, s.network
	c, err := baton.New(o)
	require.NoError(s.t, err)
	s.t.Cleanup(func() { c.Close() })
	return c
}

// serve gives the connections that l accepts to handle, each on a goroutine, and closes them afterwards. The end of the test closes l.
func serve(t *testing.T, l net.Listener, handle func(nc net.Conn)) {
	var work sync.WaitGroup
	t.Cleanup(func() { l.Close(); work.Wait() })
	work.Go(func() {
		for {
			nc, err := l.Accept()
			if err != nil {
				return
			}
			work.Go(func() {
				defer nc.Close()
				handle(nc)
			})
		}
	})
}

// setUpBy returns a function that reads the next command, nil at the end, and answers those of the set-up by itself.
func setUpBy(nc net.Conn) func() []string {
	r := resp3.NewReader(nc, resp3.Limits{})
	return func() []string {
		for {
			v, err := r.ReadValue()
			if err != nil {
				return nil
			}
			args, _ := baton.As[[]string](v, nil)
			switch args[0] {
			case "HELLO":
				nc.Write([]byte("%1\r\n+proto\r\n:3\r\n"))
			case "CLIENT":
				nc.Write([]byte("+OK\r\n"))
			default:
				return args
			}
		}
	}
}

// assertSame is assert.Equal, also for a resp3.Value.
func assertSame(t testing.TB, want, got any, note ...any) {
	t.Helper()
	if v, ok := want.(resp3.Value); ok {
		w, ok := got.(resp3.Value)
		assert.True(t, ok && v.Equal(w), append([]any{"want %v, got %v %v", want, got}, note)...)
		return
	}
	assert.Equal(t, want, got, note...)
}

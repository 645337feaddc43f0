package conn_test

import (
	"context"
	"net"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/baton-go/baton/conn"
	"github.com/baton-go/baton/handoff/handofftest"
	"github.com/baton-go/baton/resp3"
)

// world is a fake server on an in-memory network, with two nodes, under the fake clock of the bubble it is made in.
type world struct {
	t       *testing.T
	net     *handofftest.Network
	srv     *handofftest.Server
	a, b    *handofftest.Node
	cfg     *conn.Config
	timeout time.Duration // of the commands it sends

	mu     sync.Mutex
	pushes []string
	states []string
}

const addrA, addrB = "10.0.0.1:6379", "10.0.0.2:6379"

// newWorld serves at addrA and addrB. Besides what the kit knows, its server understands PAUSE ms, which answers OK after
// that time and holds up what is behind it on the same connection.
func newWorld(t *testing.T, o handofftest.Options) *world {
	w := &world{t: t, net: handofftest.NewNetwork(), timeout: 3 * time.Second}
	o.Listen = w.net.Listen
	other := o.Intercept
	o.Intercept = func(c handofftest.ConnInfo, args [][]byte) ([]byte, bool) {
		if strings.EqualFold(string(args[0]), "PAUSE") {
			ms, _ := strconv.Atoi(string(args[1]))
			<-time.After(time.Duration(ms) * time.Millisecond)
			return []byte("+OK\r\n"), true
		}
		if other != nil {
			return other(c, args)
		}
		return nil, false
	}
	w.srv = handofftest.NewServer(o)
	var err error
	w.a, err = w.srv.Listen(addrA)
	require.NoError(t, err)
	w.b, err = w.srv.Listen(addrB)
	require.NoError(t, err)
	w.cfg = &conn.Config{
		Dial: w.net.DialContext, DialTimeout: 5 * time.Second,
		LibName: "baton", LibVersion: "test",
		OptIn: func(context.Context, conn.Facts) string { return "internal-ip" },
		OnPush: func(_ *conn.Conn, peer string, v resp3.Value) {
			name, _ := v.Index(0).Text()
			w.mu.Lock()
			defer w.mu.Unlock()
			w.pushes = append(w.pushes, peer+" "+name)
		},
		OnState: func(_ *conn.Conn, from, to conn.State) {
			w.mu.Lock()
			defer w.mu.Unlock()
			w.states = append(w.states, from.String()+">"+to.String())
		},
	}
	return w
}

func (w *world) heard() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return append([]string(nil), w.pushes...)
}

func (w *world) steps() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return strings.Join(w.states, " ")
}

// dial opens a connection to node A and closes everything at the end of the test; the bubble then checks that no goroutine is left.
func (w *world) dial() *conn.Conn {
	w.t.Helper()
	c, err := conn.Dial(w.t.Context(), w.cfg, addrA)
	require.NoError(w.t, err)
	return c
}

func (w *world) close(cs ...*conn.Conn) {
	for _, c := range cs {
		c.Close()
	}
	w.srv.Close()
}

// text runs a command whose reply is a text.
func (w *world) text(ctx context.Context, c *conn.Conn, args ...string) (string, error) {
	q := w.cfg.NewCall()
	defer q.Free()
	q.Mode, q.Timeout = conn.Text, w.timeout
	q.Req = resp3.AppendCommand(q.Req, args...)
	if err := c.Do(ctx, q); err != nil {
		return "", err
	}
	return q.Str, q.Err
}

// want runs a command and checks its reply.
func (w *world) want(c *conn.Conn, reply string, args ...string) {
	w.t.Helper()
	s, err := w.text(w.t.Context(), c, args...)
	require.NoError(w.t, err)
	require.Equal(w.t, reply, s)
}

// later runs a command on a goroutine of its own.
func (w *world) later(ctx context.Context, c *conn.Conn, args ...string) <-chan outcome {
	out := make(chan outcome, 1)
	go func() {
		begun := time.Now()
		s, err := w.text(ctx, c, args...)
		out <- outcome{s, err, time.Since(begun)}
	}()
	return out
}

type outcome struct {
	text string
	err  error
	took time.Duration
}

// countWrites counts the writes to sockets that are dialled from here on.
func (w *world) countWrites() *atomic.Int64 {
	var n atomic.Int64
	dial := w.cfg.Dial
	w.cfg.Dial = func(ctx context.Context, network, addr string) (net.Conn, error) {
		nc, err := dial(ctx, network, addr)
		return countingConn{nc, &n}, err
	}
	return &n
}

type countingConn struct {
	net.Conn
	n *atomic.Int64
}

func (c countingConn) Write(b []byte) (int, error) {
	c.n.Add(1)
	return c.Conn.Write(b)
}

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

// pair is a server with two nodes in memory, and dials connections to the first.
type pair struct {
	*handofftest.Pair
	t       *testing.T
	cfg     *conn.Config
	timeout time.Duration // of the commands it sends

	mu     sync.Mutex
	pushes []string
	states []string
}

const addrA, addrB = handofftest.PairA, handofftest.PairB

// newPair takes at most one Options. Besides what the kit knows, its server understands PAUSE ms, which answers OK after that time
// and holds up what is behind it on the same connection.
func newPair(t *testing.T, opts ...handofftest.Options) *pair {
	var o handofftest.Options
	if len(opts) > 0 {
		o = opts[0]
	}
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
	p := &pair{Pair: handofftest.NewPair(t, o), t: t, timeout: 3 * time.Second}
	p.cfg = &conn.Config{
		Dial: p.Network.DialContext, DialTimeout: 5 * time.Second,
		LibName: "baton", LibVersion: "test",
		OptIn: func(context.Context, conn.Facts) string { return "internal-ip" },
		OnPush: func(_ *conn.Conn, peer string, v resp3.Value) {
			name, _ := v.Index(0).Text()
			p.mu.Lock()
			defer p.mu.Unlock()
			p.pushes = append(p.pushes, peer+" "+name)
		},
		OnState: func(_ *conn.Conn, from, to conn.State) {
			p.mu.Lock()
			defer p.mu.Unlock()
			p.states = append(p.states, from.String()+">"+to.String())
		},
	}
	return p
}

func (p *pair) heard() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return append([]string(nil), p.pushes...)
}

func (p *pair) stateChanges() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return strings.Join(p.states, " ")
}

// dial opens a connection to node A, and closes it when the test ends. The bubble then checks that no goroutine is left.
func (p *pair) dial() *conn.Conn {
	p.t.Helper()
	c, err := conn.Dial(p.t.Context(), p.cfg, addrA)
	require.NoError(p.t, err)
	p.t.Cleanup(func() { c.Close() })
	return c
}

// text runs a command whose reply is a text.
func (p *pair) text(ctx context.Context, c *conn.Conn, args ...string) (string, error) {
	q := p.cfg.NewCall()
	defer q.Free()
	q.Mode, q.Timeout = conn.Text, p.timeout
	q.Req = resp3.AppendCommand(q.Req, args...)
	if err := c.Do(ctx, q); err != nil {
		return "", err
	}
	return q.Str, q.Err
}

// want runs a command and checks its reply.
func (p *pair) want(c *conn.Conn, reply string, args ...string) {
	p.t.Helper()
	s, err := p.text(p.t.Context(), c, args...)
	require.NoError(p.t, err)
	require.Equal(p.t, reply, s)
}

// later runs a command on a goroutine of its own.
func (p *pair) later(ctx context.Context, c *conn.Conn, args ...string) <-chan outcome {
	out := make(chan outcome, 1)
	go func() {
		begun := time.Now()
		s, err := p.text(ctx, c, args...)
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
func (p *pair) countWrites() *atomic.Int64 {
	var n atomic.Int64
	dial := p.cfg.Dial
	p.cfg.Dial = func(ctx context.Context, network, addr string) (net.Conn, error) {
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

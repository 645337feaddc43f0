package handofftest_test

import (
	"context"
	"net"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/baton-go/baton/handoff/handofftest"
	"github.com/baton-go/baton/resp3"
)

// peer is a client made of one socket and a codec, so that these tests depend on no
// real client.
type peer struct {
	t    *testing.T
	conn net.Conn
	r    *resp3.Reader
}

// rig is a server on a network of its own. It is closed at the end of the test.
type rig struct {
	*handofftest.Server
	net *handofftest.Network
	t   *testing.T
}

func newRig(t *testing.T, o handofftest.Options) *rig {
	network := handofftest.NewNetwork()
	o.Listen = network.Listen
	s := handofftest.NewServer(o)
	t.Cleanup(s.Close)
	return &rig{Server: s, net: network, t: t}
}

func (g *rig) node(addr string) *handofftest.Node {
	n, err := g.Listen(addr)
	require.NoError(g.t, err)
	return n
}

// dial connects to a node and says nothing.
func (g *rig) dial(n *handofftest.Node) *peer {
	c, err := g.net.DialContext(context.Background(), "tcp", n.Addr())
	require.NoError(g.t, err)
	return newPeer(g.t, c)
}

func newPeer(t *testing.T, c net.Conn) *peer {
	t.Cleanup(func() { _ = c.Close() })
	return &peer{t: t, conn: c, r: resp3.NewReader(c, resp3.Limits{})}
}

// resp3 connects with RESP3 on.
func (g *rig) resp3(n *handofftest.Node) *peer {
	p := g.dial(n)
	require.Equal(g.t, resp3.Map, p.do("HELLO", "3").Kind())
	return p
}

// optedIn connects and asks for notifications with named endpoints.
func (g *rig) optedIn(n *handofftest.Node) *peer {
	p := g.resp3(n)
	require.Equal(g.t, "OK", p.text("CLIENT", "MAINT_NOTIFICATIONS", "ON", "moving-endpoint-type", "external-ip"))
	return p
}

func (p *peer) send(args ...string) {
	p.t.Helper()
	_, err := p.conn.Write(resp3.AppendCommand(nil, args...))
	require.NoError(p.t, err)
}

func (p *peer) read() resp3.Value {
	p.t.Helper()
	v, err := p.r.ReadValue()
	require.NoError(p.t, err)
	return v
}

// do returns the next value after sending a command, whatever it is.
func (p *peer) do(args ...string) resp3.Value {
	p.t.Helper()
	p.send(args...)
	return p.read()
}

// text is do for a reply of text; an error reply gives its text.
func (p *peer) text(args ...string) string {
	p.t.Helper()
	v := p.do(args...)
	if err := v.Err(); err != nil {
		return "-" + err.Error()
	}
	s, err := v.Text()
	require.NoError(p.t, err)
	return s
}

// raw reads n bytes past the codec, so only before any read.
func (p *peer) raw(n int) string {
	p.t.Helper()
	b := make([]byte, n)
	for at := 0; at < n; {
		k, err := p.conn.Read(b[at:])
		require.NoError(p.t, err)
		at += k
	}
	return string(b)
}

// silent requires that nothing comes for d.
func (p *peer) silent(d time.Duration) {
	p.t.Helper()
	require.NoError(p.t, p.conn.SetReadDeadline(time.Now().Add(d)))
	_, err := p.r.Next()
	var timeout net.Error
	require.ErrorAs(p.t, err, &timeout)
	require.True(p.t, timeout.Timeout(), "got %v", err)
	require.NoError(p.t, p.conn.SetReadDeadline(time.Time{}))
}

// encoded is the value as bytes, to compare frames exactly.
func encoded(v resp3.Value) string { return string(resp3.AppendValue(nil, v)) }

package conn

import (
	"net"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/baton-go/baton/resp3"
)

// A free call keeps no argument alive, also none of the commands that were answered before a loss, nor the memory of many.
func TestFreeCallKeepsNoLargeArgument(t *testing.T) {
	cfg, long := &Config{}, strings.Repeat("x", RefAbove)
	with := func(n int) (q *Call, first int) {
		q = cfg.NewCall()
		for range n {
			q.Req = resp3.AppendCommand(q.Req, "SET", "k", "")
			q.ReferString(len(q.Req)-len(emptyText), long)
		}
		return q, len(q.Req) / n
	}
	q, first := with(3)
	q.DropFront(2 * first)
	all := q.Refs[:3]
	q.Free()
	for i := range all {
		assert.Zero(t, len(all[i].Text), i)
	}
	q, _ = with(keepRefs + 1)
	q.Free()
	assert.Zero(t, cap(q.Refs))
}

func TestSizeIsThatOnTheWire(t *testing.T) {
	for _, n := range []int{0, 1, 9, 10, 99, 100, RefAbove} {
		q := &Call{Req: resp3.AppendCommand(nil, "ECHO", "")}
		q.ReferString(len(q.Req)-len(emptyText), strings.Repeat("x", n))
		assert.Equal(t, len(q.AppendWire(nil)), q.size(), n)
	}
}

// Interleaving: the server has answered and closed before it had read a large request; the caller meets the reset while it
// writes, before it has read. The link must not fail then, but when the goroutine that goes on meets it again.
// Negative control: with the link failed by the caller, two of three such answers were lost, and one of twelve without.
func TestErrorOfAWriteAtOnceIsLeftToAGoroutine(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer l.Close()
	nc, err := net.Dial("tcp", l.Addr().String())
	require.NoError(t, err)
	defer nc.Close()
	peer, err := l.Accept()
	require.NoError(t, err)
	require.NoError(t, peer.(*net.TCPConn).SetLinger(0))
	peer.Close()
	_, err = nc.Read(make([]byte, 1))
	require.Error(t, err)
	own := make([]byte, RefAbove)
	d := &load{room: net.Buffers{own}, borrows: true}
	d.parts = d.room
	assert.False(t, d.writeAtOnce(nc))
	assert.NotSame(t, &own[0], &d.parts[0][0], "the caller has its bytes back")
	assert.Error(t, d.writeTo(nc))
	assert.Zero(t, d.taken)
}

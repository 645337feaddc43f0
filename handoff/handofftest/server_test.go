package handofftest_test

import (
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/baton-go/baton/handoff/handofftest"
	"github.com/baton-go/baton/resp3"
)

func TestNodesShareOneKeyspace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newRig(t, handofftest.Options{})
		a, b := g.resp3(g.node("10.0.0.1:6379")), g.resp3(g.node("10.0.0.2:6379"))
		require.Equal(t, "OK", a.text("SET", "k", "v"))
		assert.Equal(t, "v", b.text("GET", "k"))
		assert.Equal(t, "1", b.text("INCR", "n"))
		assert.Equal(t, "2", a.text("INCR", "n"))
		assert.EqualValues(t, 2, g.Executed("incr"))
		v, ok := g.Value("n")
		assert.True(t, ok)
		assert.Equal(t, "2", v)
	})
}

func TestMovingReachesOptedInConnectionsOfItsNodeOnly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newRig(t, handofftest.Options{})
		na, nb := g.node("10.0.0.1:6379"), g.node("10.0.0.2:6379")
		told, deaf, other := g.optedIn(na), g.resp3(na), g.optedIn(nb)
		require.EqualValues(t, 0, na.Moving(15*time.Second, nb.Addr()))
		assert.Equal(t, ">4\r\n$6\r\nMOVING\r\n:0\r\n:15\r\n$13\r\n10.0.0.2:6379\r\n", encoded(told.read()))
		deaf.silent(time.Minute)
		other.silent(time.Minute)
	})
}

func TestAClientThatDoesNotReadHoldsUpNobody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newRig(t, handofftest.Options{})
		n := g.node("10.0.0.1:6379")
		deaf, other := g.optedIn(n), g.optedIn(n)
		const count = 200
		value := strings.Repeat("x", 10_000) // two megabytes of replies, far more than the network buffers
		var b []byte
		for range count {
			b = resp3.AppendCommand(b, "ECHO", value)
		}
		_, err := deaf.conn.Write(b)
		require.NoError(t, err, "the server reads on")
		n.Moving(time.Second, "")
		assert.Equal(t, resp3.Push, other.read().Kind())
		replies := 0
		for range count + 1 {
			if deaf.read().Kind() == resp3.BulkString {
				replies++
			}
		}
		assert.Equal(t, count, replies)
	})
}

func TestRepliesKeepTheOrderOfAPipeline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newRig(t, handofftest.Options{})
		p := g.resp3(g.node("10.0.0.1:6379"))
		const n = 5000
		go func() {
			var b []byte
			for i := range n {
				b = resp3.AppendCommand(b, "ECHO", strconv.Itoa(i))
			}
			_, _ = p.conn.Write(b)
		}()
		for i := range n {
			s, err := p.read().Text()
			require.NoError(t, err)
			require.Equal(t, strconv.Itoa(i), s)
		}
	})
}

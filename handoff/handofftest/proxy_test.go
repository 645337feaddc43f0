package handofftest_test

import (
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/baton-go/baton/handoff/handofftest"
	"github.com/baton-go/baton/internal/redistest"
	"github.com/baton-go/baton/resp3"
)

// proxied is a proxy with one node in front of a redis-server of its own.
func proxied(t *testing.T, o handofftest.Options, redisArgs ...string) (*handofftest.Server, *handofftest.Node) {
	o.Backend = redistest.Start(t, redisArgs...)
	s := handofftest.NewServer(o)
	t.Cleanup(s.Close)
	n, err := s.Listen("127.0.0.1:0")
	require.NoError(t, err)
	return s, n
}

// batch sends commands, one a line, in one write.
func (p *peer) batch(script string) {
	p.t.Helper()
	var b []byte
	for line := range strings.Lines(script) {
		if args := words(line); len(args) > 0 {
			b = resp3.AppendCommand(b, args...)
		}
	}
	_, err := p.conn.Write(b)
	require.NoError(p.t, err)
}

func TestProxyPutsMaintenanceInFrontOfARealServer(t *testing.T) {
	s, n := proxied(t, handofftest.Options{})
	s.FailedOver("21")
	p := tcpPeer(t, n.Addr())
	p.batch(`
		HELLO 3 SETNAME me
		CLIENT GETNAME
		CLIENT MAINT_NOTIFICATIONS ON moving-endpoint-type external-ip
		SELECT 1
		SET k v`)
	hello := p.read()
	assert.Equal(t, resp3.Map, hello.Kind())
	assert.Equal(t, "$2\r\nme\r\n", encoded(p.read()))
	assert.Equal(t, "+OK\r\n", encoded(p.read()))
	assert.Equal(t, ">3\r\n$11\r\nFAILED_OVER\r\n:0\r\n$6\r\n[\"21\"]\r\n", encoded(p.read()), "in its place, right behind +OK")
	assert.Equal(t, "+OK\r\n", encoded(p.read()))
	assert.Equal(t, "+OK\r\n", encoded(p.read()))
	n.Moving(15*time.Second, "10.0.0.2:6379")
	assert.Equal(t, resp3.Push, p.read().Kind())
	assert.Equal(t, "v", p.text("GET", "k"), "the real keyspace")
	require.NoError(t, s.CheckOptIn())
	assert.EqualValues(t, 1, s.Executed("SET"))
	require.Len(t, n.Conns(), 1)
	c := n.Conns()[0]
	assert.Equal(t, []any{"me", 3, true, "external-ip"}, []any{c.Name, c.Proto, c.OptedIn, c.Endpoint})
}

func TestProxyKeepsTheOrderOfRepliesOfBothSides(t *testing.T) {
	_, n := proxied(t, handofftest.Options{})
	p := tcpPeer(t, n.Addr())
	p.do("HELLO", "3")
	const rounds = 500
	go func() {
		var b []byte
		for i := range rounds {
			b = resp3.AppendCommand(b, "ECHO", strconv.Itoa(i))
			b = resp3.AppendCommand(b, "CLIENT", "MAINT_NOTIFICATIONS", "ON")
			b = resp3.AppendCommand(b, "SUBSCRIBE", "ch"+strconv.Itoa(i))
			b = resp3.AppendCommand(b, "NOSUCH")
			b = resp3.AppendCommand(b, "CLIENT", "MAINT_NOTIFICATIONS", "BOGUS")
		}
		_, _ = p.conn.Write(b)
	}()
	for i := range rounds {
		s, err := p.read().Text()
		require.NoError(t, err)
		require.Equal(t, strconv.Itoa(i), s)
		require.Equal(t, "+OK\r\n", encoded(p.read()))
		require.Equal(t, resp3.Push, p.read().Kind())
		require.ErrorContains(t, p.read().Err(), "unknown command")
		require.ErrorContains(t, p.read().Err(), "syntax error")
	}
}

// A client that asks only what calls itself redis is told of maintenance, whatever is behind the proxy.
func TestProxyNamesItselfInHelloAndNotItsBackend(t *testing.T) {
	backend := redistest.Start(t)
	for given, want := range map[string]string{"": "redis", "valkey": "valkey", "dragonfly": "dragonfly"} {
		s := handofftest.NewServer(handofftest.Options{Backend: backend, ServerName: given})
		t.Cleanup(s.Close)
		n, err := s.Listen("127.0.0.1:0")
		require.NoError(t, err)
		for _, proto := range []string{"3", "2"} {
			got, behind := tcpPeer(t, n.Addr()).do("HELLO", proto), tcpPeer(t, backend).do("HELLO", proto)
			assert.Equal(t, behind.Kind(), got.Kind())
			facts, theirs := greetings(got), greetings(behind)
			assert.Equal(t, want, facts["server"])
			for _, own := range []string{"server", "id"} { // connections differ
				delete(facts, own)
				delete(theirs, own)
			}
			assert.Equal(t, theirs, facts, "the rest is the backend's")
			assert.Contains(t, facts, "version")
		}
	}
}

// greetings takes a reply to HELLO apart.
func greetings(v resp3.Value) map[string]string {
	m := map[string]string{}
	for k, val := range v.Pairs() {
		name, _ := k.Text()
		if text, err := val.Text(); err == nil {
			m[name] = text
		} else {
			m[name] = encoded(val)
		}
	}
	return m
}

func TestProxyAnswersOptInAsConfigured(t *testing.T) {
	_, n := proxied(t, handofftest.Options{Maintenance: handofftest.MaintenanceOff})
	p := tcpPeer(t, n.Addr())
	p.do("HELLO", "3")
	assert.Equal(t, "-ERR maintenance notifications are disabled on this server", p.text("CLIENT", "MAINT_NOTIFICATIONS", "ON"))
}

func TestProxyFollowsTheProtocolTheBackendGranted(t *testing.T) {
	s, n := proxied(t, handofftest.Options{}, "--requirepass", "sesame")
	p := tcpPeer(t, n.Addr())
	assert.Contains(t, p.text("HELLO", "3"), "-NOAUTH", "refused, so still RESP2")
	assert.Equal(t, "OK", p.text("CLIENT", "MAINT_NOTIFICATIONS", "ON"))
	assert.Zero(t, s.OptIns())
	assert.Equal(t, resp3.Map, p.do("HELLO", "3", "AUTH", "default", "sesame").Kind())
	assert.Equal(t, "OK", p.text("CLIENT", "MAINT_NOTIFICATIONS", "ON"))
	assert.EqualValues(t, 1, s.OptIns())
	assert.Equal(t, "RESET", p.text("RESET"))
	assert.Zero(t, n.Stats().OptedIn)
	for _, cmd := range s.Commands() {
		assert.NotContains(t, strings.Join(cmd.Args, " "), "sesame")
	}
}

func TestProxyTroubleAtSetUp(t *testing.T) {
	_, n := proxied(t, handofftest.Options{SetupPush: []byte(">1\r\n+x\r\n")}, "--requirepass", "sesame")
	n.SetTrouble(handofftest.Trouble{Resp2Hello: true})
	assert.Equal(t, resp3.Array, tcpPeer(t, n.Addr()).do("HELLO", "3", "AUTH", "default", "sesame").Kind())
	n.SetTrouble(handofftest.Trouble{RefuseAuth: true})
	assert.Contains(t, tcpPeer(t, n.Addr()).text("HELLO", "3", "AUTH", "default", "sesame"), "-WRONGPASS")
	n.SetTrouble(handofftest.Trouble{Surplus: true})
	p := tcpPeer(t, n.Addr())
	assert.Equal(t, resp3.Map, p.do("HELLO", "3", "AUTH", "default", "sesame").Kind())
	assert.Equal(t, "+OK\r\n", encoded(p.read()))
	assert.Equal(t, resp3.Push, p.read().Kind())
	assert.Equal(t, "PONG", p.text("PING"))
	assert.Equal(t, resp3.Push, p.read().Kind())
}

func TestProxyCarriesSubscribersAndBlockedClients(t *testing.T) {
	_, n := proxied(t, handofftest.Options{})
	old, blocked, other := tcpPeer(t, n.Addr()), tcpPeer(t, n.Addr()), tcpPeer(t, n.Addr())
	assert.Equal(t, "*3\r\n$9\r\nsubscribe\r\n$2\r\nch\r\n:1\r\n", encoded(old.do("SUBSCRIBE", "ch")))
	other.do("HELLO", "3")
	id := encoded(blocked.do("CLIENT", "ID"))
	blocked.send("BLPOP", "q", "0")
	for encoded(other.do("CLIENT", "UNBLOCK", strings.Trim(id, ":\r\n"))) != ":1\r\n" { // the backend's ids and its CLIENT UNBLOCK
		runtime.Gosched() // it does not block yet
	}
	assert.True(t, blocked.read().IsNull())
	assert.Equal(t, ":1\r\n", encoded(other.do("PUBLISH", "ch", "m")))
	assert.Equal(t, "*3\r\n$7\r\nmessage\r\n$2\r\nch\r\n$1\r\nm\r\n", encoded(old.read()))
	assert.Equal(t, "OK", other.text("QUIT"))
	_, err := other.r.ReadValue()
	require.Error(t, err)
}

func TestProxyWithoutBackendClosesItsClients(t *testing.T) {
	addr, stop := redistest.StartServer(t)
	s := handofftest.NewServer(handofftest.Options{Backend: addr})
	defer s.Close()
	n, err := s.Listen("127.0.0.1:0")
	require.NoError(t, err)
	p := tcpPeer(t, n.Addr())
	require.Equal(t, "PONG", p.text("PING"))
	stop()
	_, err = p.r.ReadValue()
	require.Error(t, err, "the connection ends with its backend")
	p = tcpPeer(t, n.Addr())
	_, err = p.r.ReadValue()
	require.Error(t, err)
}

func TestProxyNodeShutsAndReopens(t *testing.T) {
	_, n := proxied(t, handofftest.Options{})
	p := tcpPeer(t, n.Addr())
	p.do("SET", "k", "v")
	assert.Equal(t, 1, n.Shut())
	_, err := p.r.ReadValue()
	require.Error(t, err)
	require.NoError(t, n.Reopen())
	assert.Equal(t, "v", tcpPeer(t, n.Addr()).text("GET", "k"))
}

package handofftest_test

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/baton-go/baton/handoff/handofftest"
	"github.com/baton-go/baton/resp3"
)

func TestKeysExpireInFakeTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newRig(t, handofftest.Options{})
		p := g.resp3(g.node("10.0.0.1:6379"))
		p.do("SET", "k", "v", "PX", "1500")
		time.Sleep(1499 * time.Millisecond) // fake time
		assert.Equal(t, "v", p.text("GET", "k"))
		time.Sleep(time.Millisecond)
		assert.True(t, p.do("GET", "k").IsNull())
		assert.Equal(t, ":0\r\n", encoded(p.do("DBSIZE")))
	})
}

func TestAuthIsAskedForBeforeAnythingElse(t *testing.T) {
	g := newRig(t, handofftest.Options{Username: "app", Password: "sesame"})
	n := g.node("10.0.0.1:6379")
	p := g.dial(n)
	assert.Equal(t, "-NOAUTH Authentication required.", p.text("GET", "k"))
	assert.Equal(t, "-NOAUTH Authentication required.", p.text("CLIENT", "MAINT_NOTIFICATIONS", "ON"))
	assert.Contains(t, p.text("HELLO", "3"), "-NOAUTH HELLO must be called")
	assert.Contains(t, p.text("AUTH", "sesame"), "-WRONGPASS", "the default user has no such password")
	assert.Contains(t, p.text("AUTH", "app", "wrong"), "-WRONGPASS")
	assert.Equal(t, "OK", p.text("AUTH", "app", "sesame"))
	assert.True(t, p.do("GET", "k").IsNull())
	assert.Equal(t, resp3.Map, g.dial(n).do("HELLO", "3", "AUTH", "app", "sesame", "SETNAME", "me").Kind())
}

func TestServerWithoutHelloIsRESP2(t *testing.T) {
	g := newRig(t, handofftest.Options{Resp2Only: true})
	p := g.dial(g.node("10.0.0.1:6379"))
	assert.Equal(t, "-ERR unknown command 'HELLO', with args beginning with: '3' ", p.text("HELLO", "3"))
	assert.Equal(t, "$-1\r\n", string(p.rawDo("GET", "k")))
}

// rawDo returns the bytes of a short reply; nothing may be buffered in the codec.
func (p *peer) rawDo(args ...string) []byte {
	p.t.Helper()
	p.send(args...)
	b := make([]byte, 256)
	n, err := p.conn.Read(b)
	require.NoError(p.t, err)
	return b[:n]
}

func TestBlockedPopTakesTheNextElement(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newRig(t, handofftest.Options{})
		n := g.node("10.0.0.1:6379")
		first, second, other := g.resp3(n), g.resp3(n), g.resp3(n)
		first.send("BLPOP", "a", "b", "0")
		synctest.Wait()
		second.send("BRPOP", "b", "0")
		synctest.Wait()
		assert.Equal(t, ":3\r\n", encoded(other.do("RPUSH", "b", "1", "2", "3")))
		assert.Equal(t, "*2\r\n$1\r\nb\r\n$1\r\n1\r\n", encoded(first.read()), "who waits longest is first")
		assert.Equal(t, "*2\r\n$1\r\nb\r\n$1\r\n3\r\n", encoded(second.read()))
		assert.Equal(t, []string{"2"}, g.Elements("b"))
		assert.Equal(t, "PONG", first.text("PING"))
	})
}

func TestBlockedPopEndsWithItsTimeout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newRig(t, handofftest.Options{})
		p := g.resp3(g.node("10.0.0.1:6379"))
		begin := time.Now()
		p.send("BLPOP", "a", "2.5")
		p.send("PING") // waits for its turn
		assert.True(t, p.read().IsNull())
		assert.Equal(t, 2500*time.Millisecond, time.Since(begin))
		assert.Equal(t, "+PONG\r\n", encoded(p.read()))
	})
}

func TestClientUnblockEndsABlockingCommand(t *testing.T) {
	for _, tc := range []struct{ reason, want string }{
		{"TIMEOUT", "_\r\n"},
		{"ERROR", "-UNBLOCKED client unblocked via CLIENT UNBLOCK\r\n"},
	} {
		synctest.Test(t, func(t *testing.T) {
			g := newRig(t, handofftest.Options{})
			n := g.node("10.0.0.1:6379")
			blocked, other := g.resp3(n), g.resp3(n)
			id, err := blocked.do("CLIENT", "ID").Int()
			require.NoError(t, err)
			assert.EqualValues(t, 1, id)
			blocked.send("BLPOP", "q", "0")
			synctest.Wait()
			assert.Equal(t, ":1\r\n", encoded(other.do("CLIENT", "UNBLOCK", "1", tc.reason)))
			assert.Equal(t, tc.want, encoded(blocked.read()))
			assert.Equal(t, ":0\r\n", encoded(other.do("CLIENT", "UNBLOCK", "1")), "not blocked any more")
			other.do("RPUSH", "q", "kept")
			assert.Equal(t, []string{"kept"}, g.Elements("q"))
		})
	}
}

func TestNothingIsPoppedForAClientThatHasGone(t *testing.T) {
	for _, how := range []string{"client closes", "node shuts", "node crashes"} {
		t.Run(how, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				g := newRig(t, handofftest.Options{})
				n, stays := g.node("10.0.0.1:6379"), g.node("10.0.0.2:6379")
				blocked, other := g.resp3(n), g.resp3(stays)
				blocked.send("BLPOP", "q", "0")
				synctest.Wait()
				switch how {
				case "client closes":
					require.NoError(t, blocked.conn.Close())
				case "node shuts":
					n.Shut()
				default:
					n.Kill()
				}
				synctest.Wait()
				other.do("RPUSH", "q", "kept")
				assert.Equal(t, []string{"kept"}, g.Elements("q"))
				if how == "node shuts" {
					_, err := blocked.r.ReadValue()
					require.Error(t, err, "no reply that was never meant")
				}
			})
		})
	}
}

func TestWatchedKeyAbortsTheTransaction(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newRig(t, handofftest.Options{})
		n := g.node("10.0.0.1:6379")
		a, b := g.resp3(n), g.resp3(n)
		a.do("WATCH", "k")
		b.do("SET", "k", "theirs")
		a.do("MULTI")
		a.do("SET", "k", "mine")
		assert.True(t, a.do("EXEC").IsNull())
		assert.Equal(t, "theirs", a.text("GET", "k"))
		a.do("MULTI")
		a.do("SET", "k", "mine")
		assert.Equal(t, "*1\r\n+OK\r\n", encoded(a.do("EXEC")), "watched for one transaction only")
	})
}

func TestPublishedMessagesArePushes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newRig(t, handofftest.Options{})
		n := g.node("10.0.0.1:6379")
		sub, old, pub := g.resp3(n), g.dial(n), g.resp3(n)
		assert.Equal(t, ">3\r\n$9\r\nsubscribe\r\n$2\r\nch\r\n:1\r\n", encoded(sub.do("SUBSCRIBE", "ch")))
		assert.Equal(t, ">3\r\n$10\r\npsubscribe\r\n$2\r\nc*\r\n:2\r\n", encoded(sub.do("PSUBSCRIBE", "c*")))
		assert.Equal(t, "*3\r\n$9\r\nsubscribe\r\n$2\r\nch\r\n:1\r\n", encoded(old.do("SUBSCRIBE", "ch")))
		assert.Equal(t, ":3\r\n", encoded(pub.do("PUBLISH", "ch", "hi")))
		assert.Equal(t, ">3\r\n$7\r\nmessage\r\n$2\r\nch\r\n$2\r\nhi\r\n", encoded(sub.read()))
		assert.Equal(t, ">4\r\n$8\r\npmessage\r\n$2\r\nc*\r\n$2\r\nch\r\n$2\r\nhi\r\n", encoded(sub.read()))
		assert.Equal(t, "*3\r\n$7\r\nmessage\r\n$2\r\nch\r\n$2\r\nhi\r\n", encoded(old.read()))
		assert.Equal(t, "PONG", sub.text("PING"), "RESP3 subscribers may do anything")
		require.NoError(t, old.conn.Close())
		synctest.Wait()
		assert.EqualValues(t, 2, g.Publish("ch", "again"))
	})
}

func TestShardedSubscription(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newRig(t, handofftest.Options{})
		p := g.resp3(g.node("10.0.0.1:6379"))
		assert.Equal(t, ">3\r\n$10\r\nssubscribe\r\n$1\r\ns\r\n:1\r\n", encoded(p.do("SSUBSCRIBE", "s")))
		p.send("SPUBLISH", "s", "m")
		got := []string{encoded(p.read()), encoded(p.read())}
		assert.ElementsMatch(t, []string{":1\r\n", ">3\r\n$8\r\nsmessage\r\n$1\r\ns\r\n$1\r\nm\r\n"}, got)
	})
}

func TestScanVisitsEveryKeyOnce(t *testing.T) {
	g := newRig(t, handofftest.Options{})
	p := g.resp3(g.node("10.0.0.1:6379"))
	for _, k := range strings.Fields("a1 a2 a3 b1 b2 a4 c") {
		p.do("SET", k, "v")
	}
	seen := map[string]int{}
	for cursor, pages := "0", 0; cursor != "0" || pages == 0; pages++ {
		v := p.do("SCAN", cursor, "MATCH", "a[1-3]", "COUNT", "2")
		cursor, _ = v.Index(0).Text()
		for k := range v.Index(1).All() {
			s, err := k.Text()
			require.NoError(t, err)
			seen[s]++
		}
		require.Less(t, pages, 10)
	}
	assert.Equal(t, map[string]int{"a1": 1, "a2": 1, "a3": 1}, seen)
}

func TestClientListShowsTheConnectionsOfTheNode(t *testing.T) {
	g := newRig(t, handofftest.Options{})
	n := g.node("10.0.0.1:6379")
	p := g.resp3(n)
	p.do("CLIENT", "SETINFO", "LIB-NAME", "kit-test")
	g.resp3(n).do("CLIENT", "SETNAME", "second")
	list := p.text("CLIENT", "LIST")
	assert.Equal(t, 2, strings.Count(list, "\n"))
	assert.Contains(t, list, "name=second")
	assert.Contains(t, p.text("CLIENT", "INFO"), "lib-name=kit-test")
	assert.Contains(t, p.text("CLIENT", "SETINFO", "BOGUS", "x"), "-ERR Unrecognized option 'BOGUS'")
}

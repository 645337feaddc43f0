package handofftest_test

import (
	"io"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/baton-go/baton/handoff/handofftest"
	"github.com/baton-go/baton/resp3"
)

func TestShutSendsFINToAllAndRefusesUntilReopened(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newRig(t, handofftest.Options{})
		n := g.node("10.0.0.1:6379")
		told, deaf := g.optedIn(n), g.dial(n)
		require.Equal(t, "PONG", deaf.text("PING"))
		n.Moving(time.Second, "")
		assert.Equal(t, 2, n.Shut(), "opted in or not")
		assert.Equal(t, resp3.Push, told.read().Kind(), "what was sent before the FIN stays readable")
		for _, p := range []*peer{told, deaf} {
			_, err := p.r.ReadValue()
			require.ErrorIs(t, err, io.EOF)
		}
		_, err := g.net.DialContext(t.Context(), "tcp", n.Addr())
		require.ErrorIs(t, err, syscall.ECONNREFUSED)

		require.NoError(t, n.Reopen())
		g.optedIn(n).silent(time.Minute) // the window of before is over
		assert.Equal(t, handofftest.NodeStats{Accepted: 3, Open: 1, OptedIn: 1, OptIns: 2, Commands: 5, Pushes: 1}, n.Stats())
	})
}

func TestShutAnswersWhatHasRunAndDropsTheRest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newRig(t, handofftest.Options{})
		n := g.node("10.0.0.1:6379")
		p := g.resp3(n)
		p.send("INCR", "n")
		synctest.Wait()
		n.Shut()
		p.send("INCR", "n")
		assert.Equal(t, ":1\r\n", encoded(p.read()))
		_, err := p.r.ReadValue()
		require.ErrorIs(t, err, io.EOF)
		v, _ := g.Value("n")
		assert.Equal(t, "1", v)
	})
}

func TestAClientThatStaysAfterFINIsCut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newRig(t, handofftest.Options{})
		n := g.node("10.0.0.1:6379")
		g.resp3(n)
		n.Shut()
		time.Sleep(time.Minute) // fake time
		assert.Zero(t, n.Stats().Open)
	})
}

func TestKillResetsEveryConnection(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newRig(t, handofftest.Options{})
		n := g.node("10.0.0.1:6379")
		p := g.resp3(n)
		assert.Equal(t, 1, n.Kill())
		_, err := p.r.ReadValue()
		require.ErrorIs(t, err, syscall.ECONNRESET)
		synctest.Wait()
		assert.Zero(t, n.Stats().Open)
	})
}

func TestRefuseLeavesConnectionsAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newRig(t, handofftest.Options{})
		n := g.node("10.0.0.1:6379")
		p := g.resp3(n)
		n.Refuse()
		_, err := g.net.DialContext(t.Context(), "tcp", n.Addr())
		require.ErrorIs(t, err, syscall.ECONNREFUSED)
		assert.Equal(t, "PONG", p.text("PING"))
	})
}

func TestStallHoldsRepliesWhileCommandsRunAndPushesPass(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newRig(t, handofftest.Options{})
		n := g.node("10.0.0.1:6379")
		p := g.optedIn(n)
		n.Stall(true)
		p.send("INCR", "a")
		p.send("INCR", "a")
		p.silent(5 * time.Second)
		v, _ := g.Value("a")
		assert.Equal(t, "2", v, "the commands have run")
		g.FailedOver()
		assert.Equal(t, resp3.Push, p.read().Kind())
		p.silent(5 * time.Second)
		n.Stall(false)
		assert.Equal(t, ":1\r\n", encoded(p.read()))
		assert.Equal(t, ":2\r\n", encoded(p.read()))
		assert.Equal(t, "PONG", p.text("PING"))
	})
}

func TestStallOfANodeIncludesNewConnections(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newRig(t, handofftest.Options{})
		n := g.node("10.0.0.1:6379")
		n.Stall(true)
		p := g.dial(n)
		p.send("PING")
		p.silent(time.Minute)
		n.Stall(false)
		assert.Equal(t, "+PONG\r\n", encoded(p.read()))
	})
}

func TestDelayPostponesEachReply(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newRig(t, handofftest.Options{})
		n := g.node("10.0.0.1:6379")
		slow, fast := g.resp3(n), g.resp3(n)
		g.Conn(1).Delay(2 * time.Second)
		begin := time.Now()
		assert.Equal(t, "PONG", fast.text("PING"))
		assert.Zero(t, time.Since(begin), "only the one connection")
		assert.Equal(t, "PONG", slow.text("PING"))
		assert.Equal(t, 2*time.Second, time.Since(begin))
		slow.send("ECHO", "a")
		time.Sleep(time.Second) // fake time
		slow.send("ECHO", "b")
		begin = time.Now()
		assert.Equal(t, "$1\r\na\r\n", encoded(slow.read()))
		assert.Equal(t, time.Second, time.Since(begin))
		assert.Equal(t, "$1\r\nb\r\n", encoded(slow.read()))
		assert.Equal(t, 2*time.Second, time.Since(begin))
		n.Delay(time.Second)
		n.Delay(0)
		assert.Equal(t, "PONG", slow.text("PING"))
	})
}

func TestTroubleAtSetUp(t *testing.T) {
	const pw = "sesame"
	for _, tc := range []struct {
		name    string
		trouble handofftest.Trouble
		args    []string
		want    string // prefix of what comes; "" silence
	}{
		{"mute", handofftest.Trouble{Mute: true}, []string{"HELLO", "3", "AUTH", "default", pw}, ""},
		{"right password refused", handofftest.Trouble{RefuseAuth: true}, []string{"HELLO", "3", "AUTH", "default", pw}, "-WRONGPASS "},
		{"AUTH refused", handofftest.Trouble{RefuseAuth: true}, []string{"AUTH", pw}, "-WRONGPASS "},
		{"RESP2 array", handofftest.Trouble{Resp2Hello: true}, []string{"HELLO", "3", "AUTH", "default", pw}, "*14\r\n$6\r\nserver\r\n$5\r\nredis\r\n$7\r\nversion\r\n$5\r\n7.4.0\r\n$5\r\nproto\r\n:2\r\n"},
		{"none", handofftest.Trouble{}, []string{"HELLO", "3", "AUTH", "default", pw}, "%7\r\n$6\r\nserver\r\n$5\r\nredis\r\n$7\r\nversion\r\n$5\r\n7.4.0\r\n$5\r\nproto\r\n:3\r\n"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				g := newRig(t, handofftest.Options{Password: pw})
				n := g.node("10.0.0.1:6379")
				n.SetTrouble(tc.trouble)
				p := g.dial(n)
				p.send(tc.args...)
				if tc.want == "" {
					p.silent(time.Hour)
					p.send("PING")
					p.silent(time.Hour)
					return
				}
				assert.Equal(t, tc.want, p.raw(len(tc.want)))
			})
		})
	}
}

func TestSurplusReplyFollowsHello(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newRig(t, handofftest.Options{})
		n := g.node("10.0.0.1:6379")
		n.SetTrouble(handofftest.Trouble{Surplus: true})
		p := g.resp3(n)
		assert.Equal(t, "+OK\r\n", encoded(p.read()))
		p.silent(time.Minute)
		assert.Equal(t, "PONG", p.text("PING"), "one only")
	})
}

func TestConnectionIsCutAfterSoManyBytes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newRig(t, handofftest.Options{})
		n := g.node("10.0.0.1:6379")
		n.SetTrouble(handofftest.Trouble{CutAfter: 10})
		p := g.dial(n)
		p.send("PING")
		assert.Equal(t, "+PONG\r\n", p.raw(7))
		p.send("PING")
		b, err := io.ReadAll(p.conn)
		require.NoError(t, err)
		assert.Equal(t, "+PO", string(b))
	})
}

func TestByteByByteSplitsFramesEverywhere(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newRig(t, handofftest.Options{ByteByByte: true})
		n := g.node("10.0.0.1:6379")
		p := g.dial(n)
		p.send("PING")
		b := make([]byte, 64)
		for i := range "+PONG\r\n" {
			k, err := p.conn.Read(b)
			require.NoError(t, err)
			require.Equal(t, "+PONG\r\n"[i:i+1], string(b[:k]))
		}
		p.do("HELLO", "3")
		p.do("CLIENT", "MAINT_NOTIFICATIONS", "ON")
		n.Moving(time.Second, "")
		assert.Equal(t, resp3.Push, p.read().Kind())
	})
}

func TestSetupPushStandsBetweenSetUpReplies(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		push := resp3.AppendBulkString(resp3.AppendHeader(nil, resp3.Push, 1), "surprise")
		g := newRig(t, handofftest.Options{SetupPush: push})
		p := g.dial(g.node("10.0.0.1:6379"))
		var batch []byte
		for _, cmd := range []string{"PING", "HELLO 3", "CLIENT SETNAME me", "SELECT 1", "CLIENT MAINT_NOTIFICATIONS ON", "GET k"} {
			batch = resp3.AppendCommand(batch, strings.Fields(cmd)...)
		}
		_, err := p.conn.Write(batch)
		require.NoError(t, err)
		var kinds []resp3.Kind
		for range 10 {
			kinds = append(kinds, p.read().Kind())
		}
		assert.Equal(t, []resp3.Kind{
			resp3.SimpleString, resp3.Map, resp3.Push, resp3.SimpleString, resp3.Push,
			resp3.SimpleString, resp3.Push, resp3.SimpleString, resp3.Push, resp3.Null,
		}, kinds)
	})
}

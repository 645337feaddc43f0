package baton_test

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/baton-go/baton"
	"github.com/baton-go/baton/handoff"
	"github.com/baton-go/baton/handoff/handofftest"
	"github.com/baton-go/baton/handoff/handofftest/resp3test"
	"github.com/baton-go/baton/internal/redistest"
	"github.com/baton-go/baton/pool"
	"github.com/baton-go/baton/resp3"
)

func TestCommands(t *testing.T) {
	servers(t, func(t *testing.T, addr string) {
		c, ctx := open(t, baton.Options{Addr: addr}), t.Context()
		require.NoError(t, c.Ready(ctx))
		ok, err := c.Set(ctx, "k", "v", baton.EX(time.Minute))
		require.NoError(t, err)
		assert.True(t, ok)
		ok, err = c.Set(ctx, "k", "w", baton.NX())
		require.NoError(t, err)
		assert.False(t, ok)
		ok, err = c.SetBytes(ctx, "k", []byte("w"), baton.XX(), baton.KeepTTL())
		require.NoError(t, err)
		assert.True(t, ok)
		s, err := c.Get(ctx, "k")
		require.NoError(t, err)
		assert.Equal(t, "w", s)
		ttl, err := baton.As[int64](c.Do(ctx, "TTL", "k"))
		require.NoError(t, err)
		assert.Positive(t, ttl)
		_, err = c.Get(ctx, "none")
		assert.ErrorIs(t, err, baton.Nil)
		b, err := c.AppendGet(ctx, []byte("k="), "k")
		require.NoError(t, err)
		assert.Equal(t, "k=w", string(b))
		b, err = c.AppendGet(ctx, []byte("k="), "none")
		assert.ErrorIs(t, err, baton.Nil)
		assert.Equal(t, "k=", string(b))
		n, err := c.Incr(ctx, "n")
		require.NoError(t, err)
		assert.EqualValues(t, 1, n)
		_, err = c.Incr(ctx, "k")
		var re *resp3.Error
		require.ErrorAs(t, err, &re)
		assert.Equal(t, "ERR", re.Code)
		n, err = c.Del(ctx, "k", "n", "none")
		require.NoError(t, err)
		assert.EqualValues(t, 2, n)
		v, err := c.Do(ctx, "GET", "k")
		require.NoError(t, err)
		assert.True(t, v.IsNull())
		_, err = c.Do(ctx, "NOSUCHCOMMAND")
		require.ErrorAs(t, err, &re)
	})
}

func TestBinaryValuesAndEmptyOnes(t *testing.T) {
	servers(t, func(t *testing.T, addr string) {
		c, ctx := open(t, baton.Options{Addr: addr}), t.Context()
		for _, v := range []string{"", "\r\n", "$-1\r\n", "\x00\xff", strings.Repeat("z", 100_000)} {
			_, err := c.Set(ctx, "key with\r\nbreaks", v)
			require.NoError(t, err)
			got, err := c.Get(ctx, "key with\r\nbreaks")
			require.NoError(t, err)
			assert.Equal(t, v, got)
		}
	})
}

func TestPipeline(t *testing.T) {
	servers(t, func(t *testing.T, addr string) {
		c, ctx := open(t, baton.Options{Addr: addr}), t.Context()
		var set, setAgain baton.Reply[bool]
		var get, none baton.Reply[string]
		var n baton.Reply[int64]
		var any baton.Reply[resp3.Value]
		_, err := get.Get()
		assert.Error(t, err, "a reply of no pipeline")
		require.NoError(t, c.Pipeline(ctx, func(p *baton.Pipe) error {
			set, setAgain = p.Set("k", "v"), p.Set("k", "w", baton.NX())
			get, none = p.Get("k"), p.Get("none")
			n, any = p.Incr("n"), p.Do("ECHO", 7)
			p.Del("k")
			_, err := get.Get()
			assert.ErrorContains(t, err, "before its pipeline has ended")
			return nil
		}))
		ok, err := set.Get()
		assert.NoError(t, err)
		assert.True(t, ok)
		ok, err = setAgain.Get()
		assert.NoError(t, err)
		assert.False(t, ok)
		s, err := get.Get()
		assert.NoError(t, err)
		assert.Equal(t, "v", s)
		_, err = none.Get()
		assert.ErrorIs(t, err, baton.Nil)
		i, err := n.Get()
		assert.NoError(t, err)
		assert.EqualValues(t, 1, i)
		v, err := any.Get()
		assert.NoError(t, err)
		assertSame(t, resp3test.BulkString("7"), v)

		require.NoError(t, c.Pipeline(ctx, func(*baton.Pipe) error { return nil }), "empty")
		stop := errors.New("stop")
		assert.ErrorIs(t, c.Pipeline(ctx, func(p *baton.Pipe) error { p.Incr("n"); return stop }), stop)
		err = c.Pipeline(ctx, func(p *baton.Pipe) error { p.Set("s", "x"); p.Incr("s"); n = p.Incr("n"); return nil })
		assert.ErrorContains(t, err, "command 2 of 3 in the pipeline, INCR")
		i, err = n.Get()
		assert.NoError(t, err)
		assert.EqualValues(t, 2, i, "the failed function sent nothing, and an error does not stop those behind it")
	})
}

func TestNothingThatCannotBeEncodedIsSent(t *testing.T) {
	srv, node := newLoopback(t, handofftest.Options{})
	c, ctx := open(t, baton.Options{Addr: node.Addr()}), t.Context()
	for want, args := range map[string][]any{
		"needs a command":                     {},
		"command name as first argument":      {7},
		"struct {}":                           {"SET", "k", struct{}{}},
		"<nil>":                               {"SET", "k", nil},
		"changes the state of its connection": {"select", 1},
		"CLIENT breaks the order":             {"CLIENT", "reply", "off"},
		"CLIENT changes":                      {"CLIENT", []byte("SETNAME"), "x"},
	} {
		_, err := c.Do(ctx, args...)
		assert.ErrorContains(t, err, want, "%v", args)
	}
	_, err := c.Set(ctx, "k", "v", baton.EX(time.Microsecond))
	assert.ErrorContains(t, err, "at least 1 ms")
	_, err = c.Set(ctx, "k", "v", baton.EX(0))
	assert.ErrorContains(t, err, "at least 1 ms")
	for _, args := range [][]any{{}, {7}, {"GET", make(chan int)}, {"BLPOP", "l", 0}, {"MULTI"}} {
		assert.Error(t, c.Pipeline(ctx, func(p *baton.Pipe) error { p.Do(args...); return nil }), "%v", args)
	}
	assert.Empty(t, srv.Commands())
}

func TestBlockingCommandHoldsNobodyUp(t *testing.T) {
	servers(t, func(t *testing.T, addr string) {
		c, ctx := open(t, baton.Options{Addr: addr}), t.Context()
		popped := make(chan []string, 1)
		go func() {
			v, err := baton.As[[]string](c.Do(ctx, "BLPOP", "queue", 0))
			assert.NoError(t, err)
			popped <- v
		}()
		for c.Stats().Leased == 0 {
			_, err := c.Incr(ctx, "n")
			require.NoError(t, err)
			runtime.Gosched()
		}
		_, err := c.Do(ctx, "RPUSH", "queue", "element")
		require.NoError(t, err)
		assert.Equal(t, []string{"queue", "element"}, <-popped)

		short, cancel := context.WithTimeout(ctx, 20*time.Millisecond)
		defer cancel()
		_, err = c.Do(short, "BLPOP", "queue", 0)
		assert.ErrorIs(t, err, context.DeadlineExceeded)
	})
}

func TestErrorsNameWhatIsWrong(t *testing.T) {
	guarded := redistest.Start(t, "--requirepass", "right-word")
	_, old := newLoopback(t, handofftest.Options{Resp2Only: true})
	_, off := newLoopback(t, handofftest.Options{Maintenance: handofftest.MaintenanceOff})
	tests := []struct {
		name string
		o    baton.Options
		want string
	}{
		{"unreachable", baton.Options{Addr: "127.0.0.1:1"}, "connection refused"},
		{"wrong password", baton.Options{Addr: guarded, Password: "wrong-word"}, "WRONGPASS"},
		{"no password", baton.Options{Addr: guarded}, "NOAUTH"},
		{"RESP3 demanded", baton.Options{Addr: old.Addr(), Protocol: 3}, "protocol version not granted"},
		{"maintenance demanded, RESP2", baton.Options{Addr: old.Addr(), Handoff: handoff.Config{Mode: handoff.ModeEnabled}}, "RESP3 was not granted"},
		{"maintenance demanded, refused", baton.Options{Addr: off.Addr(), Handoff: handoff.Config{Mode: handoff.ModeEnabled}}, "disabled on this server"},
		{"maintenance demanded, unknown", baton.Options{Addr: guarded, Password: "right-word", Handoff: handoff.Config{Mode: handoff.ModeEnabled}}, "unknown subcommand"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			tt.o.Retry.For = -1
			c := open(t, tt.o)
			_, err := c.Get(t.Context(), "k")
			require.ErrorContains(t, err, tt.want)
			var oe *baton.OpError
			require.ErrorAs(t, err, &oe)
			assert.False(t, oe.Sent)
			assert.Equal(t, "GET", oe.Command)
			assert.NotContains(t, err.Error(), "-word")
			assert.Error(t, c.Ready(t.Context()))
		})
	}
}

func TestOldServerIsServedInRESP2(t *testing.T) {
	_, node := newLoopback(t, handofftest.Options{Resp2Only: true, Password: "pw"})
	c, ctx := open(t, baton.Options{Addr: node.Addr(), Password: "pw", DB: 2, ClientName: "old"}), t.Context()
	_, err := c.Get(ctx, "none")
	assert.ErrorIs(t, err, baton.Nil)
	_, err = c.Do(ctx, "HSET", "h", "a", 1, "b", 2)
	require.NoError(t, err)
	m, err := baton.As[map[string]string](c.Do(ctx, "HGETALL", "h"))
	require.NoError(t, err)
	assert.Equal(t, map[string]string{"a": "1", "b": "2"}, m)
}

func TestCloseEndsWhatWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPair(t)
		c := p.client(baton.Options{})
		p.A.Stall(true)
		got := make(chan error, 1)
		go func() { _, err := c.Get(t.Context(), "k"); got <- err }()
		synctest.Wait()
		require.NoError(t, c.Close())
		assert.ErrorIs(t, <-got, baton.ErrClosed)
		_, err := c.Get(t.Context(), "k")
		assert.ErrorIs(t, err, baton.ErrClosed)
		assert.ErrorIs(t, c.Pipeline(t.Context(), func(p *baton.Pipe) error { p.Get("k"); return nil }), baton.ErrClosed)
		assert.NoError(t, c.Close(), "a second time does nothing")
		synctest.Wait()
		assert.Zero(t, p.A.Stats().Open)
	})
}

func TestShutdownLetsRunningCommandsFinish(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPair(t)
		c := p.client(baton.Options{})
		p.A.Delay(time.Second)
		got := make(chan error, 1)
		go func() { _, err := c.Incr(t.Context(), "n"); got <- err }()
		synctest.Wait()
		require.NoError(t, c.Shutdown(t.Context()))
		assert.NoError(t, <-got)
		_, err := c.Incr(t.Context(), "n")
		assert.ErrorIs(t, err, baton.ErrClosed)
		assert.EqualValues(t, 1, p.Server.Executed("INCR"))
	})
}

func TestDialProvesTheConnection(t *testing.T) {
	addr := redistest.Start(t)
	c, err := baton.Dial(t.Context(), "redis://"+addr+"/1?client_name=me&pool_size=5&lanes=1&dial_timeout=1m&read_timeout=1m")
	require.NoError(t, err)
	defer c.Close()
	info, err := baton.As[string](c.Do(t.Context(), "CLIENT", "INFO"))
	require.NoError(t, err)
	assert.Contains(t, info, "name=me")
	assert.Contains(t, info, "db=1")
	var conns []pool.ConnInfo
	for i := range c.Conns() {
		conns = append(conns, i)
	}
	require.Len(t, conns, 1)
	assert.Equal(t, addr, conns[0].Peer)
	_, err = baton.Dial(t.Context(), "redis://127.0.0.1:1/?retry_for=-1")
	assert.Error(t, err)
}

func TestUnixSocket(t *testing.T) {
	path := t.TempDir() + "/redis.sock"
	redistest.Start(t, "--unixsocket", path)
	c, err := baton.Dial(t.Context(), "unix://"+path+"?db=2&dial_timeout=1m&read_timeout=1m")
	require.NoError(t, err)
	defer c.Close()
	n, err := c.Incr(t.Context(), "n")
	require.NoError(t, err)
	assert.EqualValues(t, 1, n)
}

type tracer struct{ log []string }

func (t *tracer) CommandStart(ctx context.Context, i baton.CommandInfo) context.Context {
	t.log = append(t.log, "start "+i.Name)
	return ctx
}

func (t *tracer) CommandEnd(_ context.Context, i baton.CommandInfo, r baton.CommandResult) {
	t.log = append(t.log, fmt.Sprintf("end %s %d %d %v", i.Name, i.Count, r.Attempts, r.Err))
}

func TestTracerSeesCommandsAndNoSetUp(t *testing.T) {
	tr := &tracer{}
	c := open(t, baton.Options{Addr: redistest.Start(t), Tracer: tr})
	_, err := c.Get(t.Context(), "none")
	require.ErrorIs(t, err, baton.Nil)
	require.NoError(t, c.Pipeline(t.Context(), func(p *baton.Pipe) error { p.Get("a"); p.Get("b"); return nil }))
	assert.Equal(t, []string{"start GET", "end GET 1 1 <nil>", "start pipeline", "end pipeline 2 1 <nil>"}, tr.log)
}

func TestConnsTellUntilWhenTheyAreRelaxed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPair(t)
		c := p.client(baton.Options{})
		defer c.Close()
		relaxed := func() (n int) {
			<-time.After(time.Second)
			for i := range c.Conns() {
				if i.Relaxed.After(time.Now()) {
					n++
				} else {
					assert.Zero(t, i.Relaxed)
				}
			}
			return n
		}
		assert.Zero(t, relaxed())
		p.Server.Migrating(5*time.Second, "1")
		assert.Equal(t, 1, relaxed())
		p.Server.Migrated("1")
		assert.Equal(t, 1, relaxed(), "replies may be slow again")
		<-time.After(10 * time.Second)
		assert.Zero(t, relaxed())
	})
}

package baton_test

import (
	"context"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/baton-go/baton"
	"github.com/baton-go/baton/internal/redistest"
	"github.com/baton-go/baton/resp3"
)

// blockers are commands that block, each for ever and on a key of its own.
var blockers = map[string]func(ctx context.Context, c *baton.Client, i int) error{
	"BLPOP": func(ctx context.Context, c *baton.Client, i int) error {
		_, _, err := c.BLPop(ctx, 0, fmt.Sprint("list", i))
		return err
	},
	"BLMOVE": func(ctx context.Context, c *baton.Client, i int) error {
		_, err := c.BLMove(ctx, 0, fmt.Sprint("source", i), "target", baton.Left, baton.Right)
		return err
	},
	"BZPOPMIN": func(ctx context.Context, c *baton.Client, i int) error {
		_, _, _, err := c.BZPopMin(ctx, 0, fmt.Sprint("zset", i))
		return err
	},
	"BLMPOP": func(ctx context.Context, c *baton.Client, i int) error {
		_, err := c.Do(ctx, "BLMPOP", 0, 1, fmt.Sprint("mlist", i), "LEFT")
		return err
	},
	"XREAD": func(ctx context.Context, c *baton.Client, _ int) error {
		_, err := c.XRead(ctx, baton.ReadOptions{Streams: []string{"stream"}, IDs: []baton.StreamID{"$"}, Block: true})
		return err
	},
	"XREADGROUP": func(ctx context.Context, c *baton.Client, i int) error {
		_, err := c.XReadGroup(ctx, "g", fmt.Sprint("me", i), baton.ReadOptions{Streams: []string{"stream"}, IDs: []baton.StreamID{">"}, Block: true})
		return err
	},
	"WAIT": func(ctx context.Context, c *baton.Client, _ int) error {
		session, err := c.Conn(ctx)
		if err != nil {
			return err
		}
		defer session.Release()
		_, err = session.Wait(ctx, 9, 0)
		return err
	},
}

// sayTo sends commands on a connection of their own and returns the first bytes of what comes back.
func sayTo(t *testing.T, addr string, commands ...string) (nc net.Conn) {
	nc, err := net.Dial("tcp", addr)
	require.NoError(t, err)
	t.Cleanup(func() { nc.Close() })
	for _, cmd := range commands {
		_, err = nc.Write(resp3.AppendCommand(nil, strings.Fields(cmd)...))
		require.NoError(t, err)
	}
	return nc
}

// blockAll runs each of the blockers, calls pause when those with an even number block, begins the others, lets all contexts end
// while the server is paused, and checks that it lives and that no element is lost.
func blockAll(t *testing.T, addr string, o baton.Options, pause func()) {
	o.Addr = addr
	c, ctx := open(t, o), t.Context()
	admin := open(t, baton.Options{Addr: addr})
	_, err := admin.Do(ctx, "XGROUP", "CREATE", "stream", "g", "$", "MKSTREAM")
	require.NoError(t, err)
	before, cancelBefore := context.WithCancel(ctx)
	defer cancelBefore()
	var all sync.WaitGroup
	run := func(ctx context.Context, name string, i int) {
		all.Go(func() {
			err := blockers[name](ctx, c, i)
			assert.Error(t, err, "%s got something that nobody sent", name)
		})
	}
	for name := range blockers {
		run(before, name, 0)
	}
	for n := 0; n < len(blockers); {
		info, err := baton.As[string](admin.Do(ctx, "INFO", "clients"))
		require.NoError(t, err)
		_, rest, _ := strings.Cut(info, "blocked_clients:")
		n, _ = strconv.Atoi(strings.TrimSpace(strings.SplitN(rest, "\r\n", 2)[0]))
	}
	pause()
	for round := 1; round <= 3; round++ {
		during, cancel := context.WithTimeout(ctx, time.Duration(round)*50*time.Millisecond)
		defer cancel()
		for name := range blockers {
			run(during, name, round)
		}
	}
	cancelBefore()
	all.Wait()
	for i := range 4 { // answered when the pause is over, if the server lives
		for _, key := range []string{"list", "source", "mlist"} {
			n, err := admin.RPush(ctx, fmt.Sprint(key, i), "x")
			require.NoError(t, err)
			assert.EqualValues(t, 1, n)
		}
		_, err := admin.Do(ctx, "ZADD", fmt.Sprint("zset", i), 1, "x")
		require.NoError(t, err)
	}
	for i := range 4 {
		for _, key := range []string{"list", "source", "mlist"} {
			n, err := admin.LLen(ctx, fmt.Sprint(key, i))
			require.NoError(t, err)
			assert.EqualValues(t, 1, n, "%s%d", key, i)
		}
		n, err := baton.As[int64](admin.Do(ctx, "ZCARD", fmt.Sprint("zset", i)))
		require.NoError(t, err)
		assert.EqualValues(t, 1, n)
	}
	for i := range 50 { // replies still belong to their commands
		want := fmt.Sprint("v", i)
		got, err := baton.As[string](c.Do(ctx, "GETSET", "echo", want))
		if i > 0 {
			require.NoError(t, err)
			assert.Equal(t, fmt.Sprint("v", i-1), got)
		}
	}
}

// A server that has postponed a command which blocks dies of a bare CLIENT UNBLOCK (valkey #2111, redis #14164).
func TestPausedServerOutlivesCallingBack(t *testing.T) { // H-106
	for _, proto := range []int{2, 3} {
		for _, mode := range []string{"WRITE", "ALL"} {
			t.Run(fmt.Sprintf("RESP%d %s", proto, mode), func(t *testing.T) {
				addr := redistest.Start(t)
				blockAll(t, addr, baton.Options{Protocol: proto}, func() {
					nc := sayTo(t, addr, "CLIENT PAUSE 1000 "+mode)
					_, err := io.ReadFull(nc, make([]byte, len("+OK\r\n")))
					require.NoError(t, err)
				})
			})
		}
	}
}

// Users whom guards are refused: of one the second, of one the first, of one both, and of one MULTI, which makes the server run the commands
// one by one.
func TestPausedServerOutlivesUsersWithFewPermissions(t *testing.T) { // H-106
	for _, rights := range []string{"+@all ~*", "+@all -pfcount ~* &*", "+@all -pfcount ~*", "+@all -multi ~* &*", "+@all -multi -pfcount -publish ~*", "+@all -info ~* &*", "+@all -client|unblock ~* &*"} {
		t.Run(rights, func(t *testing.T) {
			addr := redistest.Start(t)
			_, err := open(t, baton.Options{Addr: addr}).Do(t.Context(), append([]any{"ACL", "SETUSER", "few", "on", ">secret"}, oneOf(strings.Fields(rights))...)...)
			require.NoError(t, err)
			blockAll(t, addr, baton.Options{Username: "few", Password: "secret"}, func() {
				nc := sayTo(t, addr, "CLIENT PAUSE 700 WRITE")
				_, err := io.ReadFull(nc, make([]byte, len("+OK\r\n")))
				require.NoError(t, err)
			})
		})
	}
}

func oneOf(words []string) (out []any) {
	for _, w := range words {
		out = append(out, w)
	}
	return out
}

// A master that hands over waits for a replica which is busy, and is paused for writes meanwhile. The failover is given up, so that
// what was pushed afterwards can be counted at the same place.
func TestServerThatFailsOverOutlivesCallingBack(t *testing.T) { // H-106
	master := redistest.Start(t)
	host, port, err := net.SplitHostPort(master)
	require.NoError(t, err)
	replica := redistest.Start(t, "--replicaof", host+" "+port, "--enable-debug-command", "yes", "--repl-diskless-sync-delay", "0")
	admin := open(t, baton.Options{Addr: master})
	for online := false; !online; {
		info, err := baton.As[string](admin.Do(t.Context(), "INFO", "replication"))
		require.NoError(t, err)
		online = strings.Contains(info, "state=online")
	}
	blockAll(t, master, baton.Options{}, func() {
		sayTo(t, replica, "DEBUG SLEEP 60")
		_, err := admin.Do(t.Context(), "SET", "k", "v") // the replica is behind now
		require.NoError(t, err)
		_, err = admin.Do(t.Context(), "FAILOVER", "TIMEOUT", "1000")
		require.NoError(t, err)
	})
}

// The control: without a guard the process dies. It is one that this test has started. A server that survives is mended, which
// is no failure.
func TestBareUnblockKillsAPausedServer(t *testing.T) { // H-106
	addr := redistest.Start(t)
	blocked := sayTo(t, addr, "CLIENT ID")
	buf := make([]byte, 64)
	n, err := blocked.Read(buf)
	require.NoError(t, err)
	id := strings.Trim(string(buf[:n]), ":\r\n")
	other := sayTo(t, addr, "CLIENT PAUSE 60000 WRITE")
	_, err = io.ReadFull(other, buf[:len("+OK\r\n")])
	require.NoError(t, err)
	_, err = blocked.Write(resp3.AppendCommand(nil, "BLPOP", "list", "0"))
	require.NoError(t, err)
	for flags := ""; !strings.Contains(flags, "flags=b"); {
		_, err = other.Write(resp3.AppendCommand(nil, "CLIENT", "LIST", "ID", id))
		require.NoError(t, err)
		big := make([]byte, 4096)
		n, err := other.Read(big)
		require.NoError(t, err)
		flags = string(big[:n])
	}
	_, err = other.Write(resp3.AppendCommand(nil, "CLIENT", "UNBLOCK", id, "TIMEOUT"))
	require.NoError(t, err)
	if n, err := other.Read(buf); err == nil {
		t.Logf("this server survives a bare CLIENT UNBLOCK: %q", buf[:n])
	} else {
		t.Logf("the server has died: %v", err)
	}
}

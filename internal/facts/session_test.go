package facts_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/baton-go/baton"
	"github.com/baton-go/baton/internal/errs"
	"github.com/baton-go/baton/internal/facts"
	"github.com/baton-go/baton/internal/redistest"
	"github.com/baton-go/baton/pool"
	"github.com/baton-go/baton/resp3"
)

// Not sent by the next test, and why.
var unsafeToTry = map[string]string{
	"SHUTDOWN": "ends the server", "DEBUG": "ends the server, if it is allowed", "FAILOVER": "waits for a replica", "CLIENT KILL": "ends the connection",
	"CLIENT PAUSE": "stops the server", "REPLICAOF": "makes it a replica", "SLAVEOF": "as REPLICAOF", "CLUSTER": "needs a cluster",
	"PFSELFTEST": "takes long", "LOLWUT": "draws", "MIGRATE": "connects to somebody", "SAVE": "writes a file", "BGSAVE": "as SAVE",
	"BGREWRITEAOF": "as SAVE", "MODULE LOAD": "is refused", "MODULE LOADEX": "is refused",
}

// lane is what the server tells of a connection, without counters and what a command changes by itself.
func lane(t *testing.T, c *baton.Client) map[string]string {
	text, err := baton.As[string](c.Do(t.Context(), "CLIENT", "INFO"))
	require.NoError(t, err)
	m := map[string]string{}
	for _, field := range strings.Fields(text) {
		name, value, _ := strings.Cut(field, "=")
		switch name {
		case "id", "name", "db", "sub", "psub", "ssub", "multi", "watch", "flags", "capa", "redir", "resp", "user", "lib-name", "lib-ver", "no-evict":
			m[name] = value
		}
	}
	require.Contains(t, m, "flags")
	return m
}

// argumentsToTry are what switches something on in one command or another, so many that an arity is met.
func argumentsToTry(arity int) (all [][]string) {
	for _, first := range []string{"ON", "YES", "redirect", "k", "1", "0", "LIB-NAME"} {
		for n := max(arity, -arity) - 1; n < max(arity, -arity)+2; n++ {
			args := make([]string, 0, n)
			for len(args) < n {
				args = append(args, first)
			}
			if n > 1 {
				all = append(all, append([]string{first}, slices.Repeat([]string{"1"}, n-1)...))
			}
			all = append(all, args)
		}
	}
	return all
}

// Every command and subcommand of the server is sent through a shared connection, if the client lets it pass, alone and in
// a pipeline. Afterwards the connection is as before.
func TestNoCommandLeavesStateOnASharedConnection(t *testing.T) {
	c, err := baton.New(baton.Options{Addr: redistest.Start(t), Pool: pool.Config{Lanes: 1}, Retry: baton.RetryPolicy{Max: -1}})
	require.NoError(t, err)
	defer c.Close()
	ctx, before, passed, stopped := t.Context(), lane(t, c), 0, 0
	for _, sc := range serverCommands(t, c) {
		words := strings.Fields(sc.name)
		if f := factOfWords(t, sc.name); f.Use == facts.Blocks || unsafeToTry[sc.name] != "" || unsafeToTry[words[0]] != "" {
			continue
		}
		for _, args := range argumentsToTry(sc.arity - len(words) + 1) {
			command := append(slices.Clone(words), args...)
			if f := factOfWords(t, strings.Join(command, " ")); f.Use == facts.Blocks {
				continue
			}
			words := make([]any, len(command))
			for i, w := range command {
				words[i] = w
			}
			_, err := c.Do(ctx, words...)
			_, answered := errs.As[*resp3.Error](err)
			if err != nil && !answered {
				stopped++
				assert.ErrorContains(t, c.Pipeline(ctx, func(p *baton.Pipe) error { p.Do(words...); return nil }), "not possible in a pipeline", "%v", command)
				continue
			}
			passed++
			err = c.Pipeline(ctx, func(p *baton.Pipe) error { p.Do(words...); return nil })
			_, answered = errs.As[*resp3.Error](err)
			require.True(t, err == nil || answered, "%v: %v", command, err)
		}
		require.Equal(t, before, lane(t, c), sc.name)
	}
	assert.Greater(t, passed, 2000)
	assert.Greater(t, stopped, 200)
}

// The control: what the client stops would have stayed, and a connection on which it did is given to nobody else.
func TestStateStaysOnAHeldConnection(t *testing.T) {
	c, err := baton.New(baton.Options{Addr: redistest.Start(t)})
	require.NoError(t, err)
	defer c.Close()
	known := 0
	for _, x := range []struct{ command, sign string }{
		{"CLIENT NO-EVICT ON", "flags=e"}, {"CLIENT NO-TOUCH ON", "flags=T"}, {"CLIENT CAPA redirect", "capa=r"}, {"CLIENT IMPORT-SOURCE ON", "flags=I"},
		{"CLIENT TRACKING ON", "flags=t"}, {"CLIENT SETNAME x", "name=x"}, {"SELECT 3", "db=3"},
	} {
		session, tell := hold(t, c)
		first := tell()
		words := strings.Fields(x.command)
		args := make([]any, len(words))
		for i, w := range words {
			args[i] = w
		}
		_, err := session.Do(t.Context(), args...)
		_, refused := errs.As[*resp3.Error](err)
		if !refused { // unknown to some servers, and not allowed in general
			require.NoError(t, err)
			require.Contains(t, tell(), x.sign)
			known++
		}
		session.Release()
		session, tell = hold(t, c)
		assert.NotContains(t, tell(), x.sign, x.command)
		if !refused {
			assert.NotContains(t, tell(), first[:strings.Index(first, " ")+1], "%s: not the same connection", x.command)
		}
		session.Release()
	}
	assert.GreaterOrEqual(t, known, 4)
}

// hold leases a connection, of which tell says what the server knows.
func hold(t *testing.T, c *baton.Client) (session *baton.Conn, tell func() string) {
	session, err := c.Conn(t.Context())
	require.NoError(t, err)
	return session, func() string {
		text, err := baton.As[string](session.Do(t.Context(), "CLIENT", "INFO"))
		require.NoError(t, err)
		return text
	}
}

// Redis before 7.2 carries out the options of HELLO one by one, up to the one that it refuses.
func TestRefusedHelloMayHaveChangedTheUser(t *testing.T) {
	c, err := baton.New(baton.Options{Addr: redistest.Start(t)})
	require.NoError(t, err)
	defer c.Close()
	_, err = c.Do(t.Context(), "ACL", "SETUSER", "other", "on", ">pw", "~*", "+@all")
	require.NoError(t, err)
	session, _ := hold(t, c)
	_, err = session.Do(t.Context(), "HELLO", "3", "AUTH", "other", "pw", "BOGUS", "option")
	require.ErrorContains(t, err, "yntax error")
	session.Release()
	session, tell := hold(t, c)
	assert.Contains(t, tell(), "user=default")
	session.Release()
}

func TestUnknownSubcommandOfClientNeedsAHeldConnection(t *testing.T) {
	c, err := baton.New(baton.Options{Addr: redistest.Start(t)})
	require.NoError(t, err)
	defer c.Close()
	for _, words := range [][]any{{"CLIENT", "NO-SUCH"}, {"client", "capa", "redirect"}, {"Client", "Import-Source", "on"}, {"CLIENT"}} {
		_, err := c.Do(t.Context(), words...)
		assert.ErrorContains(t, err, "use Client.Conn", "%v", words)
		err = c.Pipeline(t.Context(), func(p *baton.Pipe) error { p.Do(words...); return nil })
		assert.ErrorContains(t, err, "not possible in a pipeline", "%v", words)
	}
	_, err = c.Do(t.Context(), "CLIENT", "ID")
	assert.NoError(t, err)
}

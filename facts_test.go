package baton

import (
	"context"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/baton-go/baton/internal/redistest"
	"github.com/baton-go/baton/resp3"
)

func factOfWords(t *testing.T, command string) fact {
	t.Helper()
	f, rest := factOf(resp3.AppendCommand(nil, strings.Fields(command)...))
	assert.Empty(t, rest)
	return f
}

func TestFactsFollowArguments(t *testing.T) {
	read, once, last, more := fact{class: Read}, fact{class: WriteOnce}, fact{class: WriteLastWins}, fact{class: WriteAccumulate}
	no, held := fact{class: Never, use: refused}, fact{class: Never, use: heldOnly}
	for command, want := range map[string]fact{
		"GET k": read, "get k": read, "Get k": read, "NOSUCH k": more, strings.Repeat("LONG", 50): more,
		"SET k v": last, "SET k NX": last, "SET k v nx": more, "SET k v EX 5 GET": more, "SET k v XX KEEPTTL": last,
		"GETEX k": read, "GETEX k ex 5": once, "GETEX k PERSIST": once,
		"EXPIRE k 5": once, "EXPIRE k 5 GT": once, "EXPIRE k 5 nx": more, "PEXPIREAT k 5 LT": more,
		"HEXPIRE h 5 FIELDS 1 NX": once, "HEXPIRE h 5 NX FIELDS 1 f": more,
		"ZADD z 1 m": last, "ZADD z NX 1 m": more, "ZADD z GT CH INCR 1 m": more, "ZADD z GT 1 m": last,
		"GEOADD g 1 2 m": last, "GEOADD g NX 1 2 m": more,
		"COPY a b": more, "COPY a b DB 1 REPLACE": last, "RESTORE k 0 x": more, "RESTORE k 0 x REPLACE": last,
		"SORT l": read, "SORT l LIMIT 0 1 STORE d": last, "SORT l " + strings.Repeat("GET p ", 9): last, "SORT_RO l": read,
		"GEORADIUS g 1 2 3 km": read, "GEORADIUS g 1 2 3 km STORE d": last, "GEORADIUSBYMEMBER g m 3 km storedist d": last,
		"BITFIELD b GET u8 0": read, "BITFIELD b GET u8 0 SET u8 0 1": more, "BITFIELD b INCRBY u8 0 1": more,
		"BITFIELD b " + strings.Repeat("GET u8 0 ", 5): more, // too long to look at
		"XADD x * f v": more, "XADD x 1-1 f v": more, "LPUSH l v": more, "HINCRBY h f 1": more, "HSET h f v": last, "DEL k": once,
		"LREM l 0 v": once, "LREM l 1 v": more, "LTRIM l 1 -1": more, "ZREMRANGEBYRANK z 0 0": more, "ZREMRANGEBYSCORE z 0 0": once,
		"EVAL s 0": more, "EVAL_RO s 0": read, "FUNCTION LOAD x": more, "FUNCTION LOAD REPLACE x": last, "function list": read,
		"FUNCTION FLUSH": once, "FUNCTION": more, "SCRIPT EXISTS s": read, "SCRIPT LOAD s": once, "SCRIPT DEBUG YES": no,
		"CONFIG GET x": read, "config set x y": last, "CONFIG": more, "CLIENT ID": read, "CLIENT KILL x": more,
		"CLIENT REPLY OFF": no, "client no-evict on": held, "CLIENT SETINFO a b": held, "ACL LOG": read, "ACL LOG RESET": once,
		"XREAD STREAMS x 0": read, "XREAD COUNT 1 BLOCK 0 STREAMS x 0": {Read, blocks}, "XREAD STREAMS BLOCK 0": read,
		"XREADGROUP GROUP BLOCK c STREAMS x >": more, "XREADGROUP GROUP g c COUNT 1 block 5 STREAMS x >": {WriteAccumulate, blocks},
		"BLPOP l 0": {WriteAccumulate, blocks}, "WAIT 1 0": {Read, blocks}, "DEBUG SLEEP 1": {WriteAccumulate, blocks},
		"MULTI": held, "SUBSCRIBE c": no, "SHUTDOWN": {class: Never},
	} {
		if command == "XREAD STREAMS BLOCK 0" {
			want.use = blocks // a key named so: a connection of its own does no harm
		}
		assert.Equal(t, want, factOfWords(t, command), command)
	}
}

func TestClassOfAPipelineIsThatOfItsWorstCommand(t *testing.T) {
	var req []byte
	assert.Equal(t, Read, classOf(req))
	for _, step := range []struct {
		command string
		want    Class
	}{{"GET k", Read}, {"DEL k", WriteOnce}, {"GET k", WriteOnce}, {"SET k v", WriteLastWins}, {"set k v nx", WriteAccumulate}, {"MULTI", Never}} {
		req = resp3.AppendCommand(req, strings.Fields(step.command)...)
		assert.Equal(t, step.want, classOf(req), step.command)
	}
	for _, torn := range []string{"*1\r\n$3\r\nGE", "*2\r\n$3\r\nGET\r\n", "*", "PING\r\n", "*1\r\n:1\r\n", "*0\r\n", "*-1\r\n"} {
		assert.Equal(t, Never, classOf([]byte(torn)), "%q", torn)
	}
}

// serverCommand is a row of COMMAND.
type serverCommand struct {
	name  string
	flags map[string]bool // and groups, which begin with @
}

func serverCommands(t *testing.T) (all []serverCommand) {
	c, err := New(Options{Addr: redistest.Start(t)})
	require.NoError(t, err)
	defer c.Close()
	v, err := c.Do(context.Background(), "COMMAND")
	require.NoError(t, err)
	var add func(v resp3.Value)
	add = func(v resp3.Value) {
		name, _ := v.Index(0).Text()
		sc := serverCommand{strings.ToUpper(strings.ReplaceAll(name, "|", " ")), map[string]bool{}}
		for f := range v.Index(2).All() {
			s, _ := f.Text()
			sc.flags[s] = true
		}
		all = append(all, sc)
		for f := range v.Index(6).All() {
			s, _ := f.Text()
			sc.flags[s] = true
		}
		for s := range v.Index(9).All() {
			add(s)
		}
	}
	for e := range v.All() {
		add(e)
	}
	require.Greater(t, len(all), 300, "with subcommands")
	return all
}

// Reads by the server's flags that are not Read here, and why.
var notRead = map[string]string{
	"ASKING": "state of the connection",
}

// Writes by the server's flags that are Read here as long as no argument says otherwise, which TestFactsFollowArguments shows.
var readWithoutOption = map[string]bool{"GETEX": true, "SORT": true, "GEORADIUS": true, "GEORADIUSBYMEMBER": true, "BITFIELD": true}

// Blocking by the server's flags, but only with an argument, see there too.
var blocksWithOption = map[string]bool{"XREAD": true, "XREADGROUP": true}

// In the server's groups connection, transaction and pubsub, but for a connection that others share, and why.
var harmless = map[string]string{
	"PING": "changes nothing", "WAIT": "blocks, changes nothing", "ECHO": "changes nothing", "COMMAND": "changes nothing",
	"PUBLISH": "one answer, changes nothing of the connection", "SPUBLISH": "as PUBLISH", "PUBSUB": "tells of subscriptions",
	"CLIENT": "changes others, unless its subcommand is refused",
}

// disagreement says what is wrong with f as the fact of sc, "" if nothing.
func disagreement(sc serverCommand, f fact) string {
	switch {
	case sc.flags["write"] && f.class == Read && !readWithoutOption[sc.name]:
		return "the server writes, the table reads"
	case sc.flags["readonly"] && f.class != Read && notRead[sc.name] == "":
		return "the server reads, the table does not"
	case sc.flags["blocking"] && f.use != blocks && !blocksWithOption[sc.name]:
		return "the server may block"
	case !sc.flags["blocking"] && f.use == blocks && sc.name != "WAIT":
		return "the server never blocks"
	}
	name, _, _ := strings.Cut(sc.name, " ")
	for _, group := range []string{"@connection", "@transaction", "@pubsub"} {
		if sc.flags[group] && f.use < heldOnly && harmless[name] == "" {
			return "the server counts it to " + group
		}
	}
	return ""
}

func TestFactsAgreeWithTheServer(t *testing.T) {
	known := map[string]bool{}
	for _, sc := range serverCommands(t) {
		known[sc.name] = true
		f, listed := facts[sc.name]
		name, sub, isSub := strings.Cut(sc.name, " ")
		if isSub && !listed {
			f, listed = facts[name]
		}
		assert.True(t, listed, "%s is not in the table", sc.name)
		assert.Empty(t, disagreement(sc, f), sc.name)
		if sub == "" {
			continue
		}
		assert.Equal(t, f, factOfWords(t, sc.name), sc.name)
	}
	// What else changes the state of a connection, or is answered by none or many replies.
	for _, name := range strings.Fields(`readonly readwrite asking monitor psync sync replconf`) {
		assert.GreaterOrEqual(t, factOfWords(t, name).use, heldOnly, name)
		assert.True(t, known[strings.ToUpper(name)], name)
	}
	// Rows of commands that this server does not have: a word that is misspelt would be among them.
	newer := strings.Fields(`SUBSTR HEXPIRE HPEXPIRE HEXPIREAT HPEXPIREAT HPERSIST HTTL HPTTL HEXPIRETIME HPEXPIRETIME WAITAOF
		CLIENT_SETINFO CLIENT_MAINT_NOTIFICATIONS CLIENT_NO-TOUCH CLUSTER_MYSHARDID CLUSTER_HELP`)
	for name := range facts {
		assert.True(t, known[name] || slices.Contains(newer, strings.ReplaceAll(name, " ", "_")), "%s: no such command", name)
	}
	for name := range exceptions {
		assert.True(t, known[name] || slices.Contains(newer, name), "%s: no such command", name)
	}
}

// The control: rows that are wrong are noticed.
func TestDisagreementIsNoticed(t *testing.T) {
	flags := func(f string) map[string]bool { return map[string]bool{f: true} }
	assert.NotEmpty(t, disagreement(serverCommand{"X", flags("write")}, fact{class: Read}))
	assert.NotEmpty(t, disagreement(serverCommand{"X", flags("readonly")}, fact{class: WriteOnce}))
	assert.NotEmpty(t, disagreement(serverCommand{"X", flags("blocking")}, fact{}))
	assert.NotEmpty(t, disagreement(serverCommand{"X", nil}, fact{use: blocks}))
	assert.NotEmpty(t, disagreement(serverCommand{"X", flags("@transaction")}, fact{}))
	assert.Empty(t, disagreement(serverCommand{"X", flags("write")}, fact{class: WriteOnce}))
}

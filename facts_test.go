package baton

import (
	"context"
	"fmt"
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
		"SET k v IFEQ old": more, "SET k v IFEQ GET": more, "SET k v ifne x EX 5": more, "SET k v IFDEQ 00": more, "SET k v IFDNE 00": more,
		"SET k v NEWER 5": more, "SET NX v": last, "SET k GET": last, "SET k nx EX 5": last, "SET k v XX": last, "SET k v XX PX 5": more,
		"SET k v EXAT 5 xx": more, "SET k v EXAT 5": last,
		"SET k v": last, "SET k NX": last, "SET k v nx": more, "SET k v EX 5 GET": more, "SET k v XX KEEPTTL": last,
		"GETEX k": read, "GETEX k ex 5": once, "GETEX k PERSIST": once,
		"GETEX k EXAT 5": more, "GETEX k NEWER": more, "GETEX ex": read,
		"HGETEX h FIELDS 2 a b": read, "HGETEX h EX 5 FIELDS 1 a": once, "HGETEX h FIELDS 2 EX PERSIST": read, "HGETEX h PXAT 5 FIELDS 1 a": more,
		"HSETEX h FIELDS 1 f v": last, "HSETEX h FNX FIELDS 1 f v": more, "HSETEX h EX 5 FXX FIELDS 1 f v": more, "HSETEX h FXX FIELDS 1 f v": last,
		"HSETEX h FIELDS 2 FNX NX FNX GET": last, "HSETEX h FIELDS 1 f FNX FNX": more, "HSETEX h FIELDS x FNX": last,
		"EXPIRE k 5": once, "EXPIRE k 5 GT": more, "EXPIRE k 5 XX XX XX gt": more, "EXPIRE k 5 XX": once, "EXPIRE k 5 NEWER": more, "EXPIRE k 5 nx": more, "PEXPIREAT k 5 LT": more,
		"HEXPIRE h 5 FIELDS 1 NX": once, "HEXPIRE h 5 NX FIELDS 1 f": more, "HPEXPIREAT h 5 GT FIELDS 1 f": more, "HEXPIREAT h 5 XX FIELDS 2 GT LT": once,
		"ZADD z 1 m": last, "ZADD z NX 1 m": more, "ZADD z GT CH INCR 1 m": more, "ZADD z GT 1 m": more, "ZADD z XX 1 m": last,
		"ZADD z 1 NX": last, "ZADD z 1 GT 2 CH 3 INCR": last, "ZADD NX 1 m": last, "ZADD z XX CH 1 m": more,
		"GEOADD g 1 2 m": last, "GEOADD g NX 1 2 m": more, "GEOADD g 1 2 NX": last, "GEOADD NX 1 2 m": last, "GEOADD g XX CH 1 2 m": more,
		"COPY a b": more, "COPY a b DB 1 REPLACE": last, "RESTORE k 0 x": more, "RESTORE k 0 x REPLACE": last, "COPY a REPLACE": more,
		"COPY REPLACE REPLACE": more, "RESTORE k 0 REPLACE": more, "RESTORE k 0 x FREQ 5 REPLACE": last, "RESTORE k 0 x NEWER REPLACE": more,
		"SORT l": read, "SORT l LIMIT 0 1 STORE d": last, "SORT l " + strings.Repeat("GET p ", 9): read, "SORT_RO l": read,
		"SORT l BY store": read, "SORT l GET STORE DESC": read, "SORT STORE": read, "SORT l LIMIT 0 1 STORE l": more, "SORT l BY l": read,
		"SORT l " + strings.Repeat("GET p ", 40) + "STORE d": last,
		"SUNIONSTORE d d e": last, "SDIFFSTORE d e d": more, "SDIFFSTORE d e f": last, "ZUNIONSTORE d 2 d e": more, "ZUNIONSTORE d 2 e f": last,
		"ZINTERSTORE d 2 e d WEIGHTS 2 3": more, "ZDIFFSTORE d 2 e d": more, "ZRANGESTORE d d 1 -1": more, "ZRANGESTORE d e 1 -1": last,
		"GEOSEARCHSTORE d d FROMMEMBER m BYRADIUS 1 km": more, "BITOP XOR d d e": more, "BITOP NOT d d": more, "BITOP OR d e f": last,
		"GEORADIUS g 1 2 3 km": read, "GEORADIUS g 1 2 3 km STORE d": last, "GEORADIUSBYMEMBER g m 3 km storedist d": last,
		"GEORADIUS STORE 1 2 3 km": read, "GEORADIUSBYMEMBER g STORE 3 km COUNT 1 ANY": read, "GEORADIUS g 1 2 3 km STORE g": more,
		"BITFIELD b GET u8 0": read, "BITFIELD b GET u8 0 SET u8 0 1": more, "BITFIELD b INCRBY u8 0 1": more,
		"BITFIELD b " + strings.Repeat("GET u8 0 ", 50): read, "BITFIELD b " + strings.Repeat("GET u8 0 ", 50) + "SET u8 0 1": more,
		"BITFIELD SET GET u8 0": read, "BITFIELD b OVERFLOW SAT GET u8 0": read, "SETBIT b 1 1": more,
		"XADD x * f v": more, "XADD x 1-1 f v": more, "LPUSH l v": more, "HINCRBY h f 1": more, "HSET h f v": last, "DEL k": once,
		"LREM l 0 v": once, "LREM l 1 v": more, "LREM l 1 0": more, "LTRIM l 1 -1": more, "ZREMRANGEBYRANK z 0 0": more, "ZREMRANGEBYSCORE z 0 0": once,
		"EVAL s 0": more, "EVAL_RO s 0": read, "FUNCTION LOAD x": more, "FUNCTION LOAD REPLACE x": last, "function list": read,
		"FUNCTION FLUSH": once, "FUNCTION": more, "SCRIPT EXISTS s": read, "SCRIPT LOAD s": once, "SCRIPT DEBUG YES": no,
		"CONFIG GET x": read, "config set x y": last, "CONFIG": more, "ACL SETUSER u": more, "CLIENT ID": read, "CLIENT KILL ID 5": more, "CLIENT KILL x": more,
		"CLIENT REPLY OFF": no, "client no-evict on": held, "CLIENT SETINFO a b": held,
		"CLIENT CAPA redirect": held, "client import-source on": held, "CLIENT NEWER x": held, "CLIENT": held, "CLIENT UNBLOCK 5": more,
		"CLUSTER SYNCSLOTS x": no, "BGSAVE": more, "ACL LOG": read, "ACL LOG RESET": once,
		"XREAD STREAMS x 0": read, "XREAD COUNT 1 BLOCK 0 STREAMS x 0": {Read, blocks}, "XREAD STREAMS BLOCK 0": read,
		"XREAD STREAMS block 0": read, "XREAD COUNT 5 STREAMS a BLOCK 0 0": read, "XREAD BLOCK 5 STREAMS BLOCK 0": {Read, blocks},
		"XREADGROUP GROUP g BLOCK STREAMS x >": more, "XREADGROUP GROUP STREAMS STREAMS BLOCK 0 STREAMS x >": {WriteAccumulate, blocks},
		"XREADGROUP BLOCK 0 GROUP g c STREAMS x >": {WriteAccumulate, blocks}, "XREADGROUP COUNT 1 BLOCK 0 GROUP g c STREAMS x >": {WriteAccumulate, blocks},
		"XREADGROUP GROUP g c NOACK STREAMS BLOCK 0 > >": more, "XREADGROUP GROUP g c CLAIM 5 BLOCK 0 STREAMS x >": {WriteAccumulate, blocks},
		"XREADGROUP GROUP BLOCK c STREAMS x >": more, "XREADGROUP GROUP g c COUNT 1 block 5 STREAMS x >": {WriteAccumulate, blocks},
		"BLPOP l 0": {WriteAccumulate, blocks}, "WAIT 1 0": {Read, blocks}, "DEBUG SLEEP 1": {WriteAccumulate, blocks},
		"MULTI": held, "SUBSCRIBE c": no, "SHUTDOWN": {class: Never},
	} {
		assert.Equal(t, want, factOfWords(t, command), command)
	}
}

func TestPlacesOfAWaitingReadFollowItsOptions(t *testing.T) {
	for _, x := range []struct {
		command string
		at      int
		last    []int
	}{
		{"XREAD STREAMS s $", 0, []int{3}},
		{"XREAD BLOCK 5 COUNT 1 STREAMS block STREAMS $ $", 2, []int{8, 9}},
		{"XREAD COUNT 1 block 5 streams $ s 0 $", 4, []int{9}},
		{"XREAD STREAMS block 5", 0, nil},
		{"XREAD BLOCK 1 BLOCK 7 STREAMS s 0", 4, nil}, // the server takes the last
		{"XREADGROUP GROUP STREAMS BLOCK BLOCK 5 STREAMS $ >", 5, nil},
		{"XREADGROUP BLOCK 5 GROUP g c STREAMS s $", 2, nil},
		{"XREADGROUP GROUP BLOCK 9 STREAMS s >", 0, nil},
		{"DEBUG SLEEP BLOCK 5", 0, nil},
		{"NOSUCH BLOCK 5", 0, nil},
	} {
		at, last := readPlaces(strings.Fields(x.command))
		assert.Equal(t, x.at, at, x.command)
		assert.Equal(t, x.last, last, x.command)
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
	arity int             // with the name; negative: at least so many
}

func serverCommands(t *testing.T, c *Client) (all []serverCommand) {
	v, err := c.Do(context.Background(), "COMMAND")
	require.NoError(t, err)
	var add func(v resp3.Value)
	add = func(v resp3.Value) {
		name, _ := v.Index(0).Text()
		sc := serverCommand{strings.ToUpper(strings.ReplaceAll(name, "|", " ")), map[string]bool{}, 0}
		arity, _ := v.Index(1).Int()
		sc.arity = int(arity)
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
var readWithoutOption = map[string]bool{"GETEX": true, "HGETEX": true, "SORT": true, "GEORADIUS": true, "GEORADIUSBYMEMBER": true, "BITFIELD": true}

// Blocking by the server's flags, but only with an argument, see there too.
var blocksWithOption = map[string]bool{"XREAD": true, "XREADGROUP": true}

// In the server's groups connection, transaction and pubsub, but for a connection that others share, and why.
var harmless = map[string]string{
	"PING": "changes nothing", "WAIT": "blocks, changes nothing", "WAITAOF": "as WAIT", "ECHO": "changes nothing", "COMMAND": "changes nothing",
	"PUBLISH": "one answer, changes nothing of the connection", "SPUBLISH": "as PUBLISH", "PUBSUB": "tells of subscriptions",
	"CLIENT ID": "tells", "CLIENT INFO": "tells", "CLIENT LIST": "tells", "CLIENT GETNAME": "tells", "CLIENT GETREDIR": "tells",
	"CLIENT TRACKINGINFO": "tells", "CLIENT HELP": "tells", "CLIENT KILL": "ends others, and this one for all to see",
	"CLIENT PAUSE": "changes the server", "CLIENT UNPAUSE": "changes the server", "CLIENT UNBLOCK": "changes others",
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
		if sc.flags[group] && f.use < heldOnly && harmless[name] == "" && harmless[sc.name] == "" {
			return "the server counts it to " + group
		}
	}
	return ""
}

func TestFactsAgreeWithTheServer(t *testing.T) {
	c, err := New(Options{Addr: redistest.Start(t)})
	require.NoError(t, err)
	defer c.Close()
	known := map[string]bool{}
	for _, sc := range serverCommands(t, c) {
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
	// Others change the state of a connection, or are answered by none or many replies.
	for _, name := range strings.Fields(`readonly readwrite asking monitor psync sync replconf`) {
		assert.GreaterOrEqual(t, factOfWords(t, name).use, heldOnly, name)
		assert.True(t, known[strings.ToUpper(name)], name)
	}
	// A row for a command that this server does not have may be misspelt.
	absent := absentFrom(t, c)
	for name := range facts {
		assert.True(t, known[name] || absent[name], "%s: no such command", name)
	}
	for name := range syntaxes {
		assert.True(t, known[name] || absent[name], "%s: no such command", name)
	}
}

// newer lists the commands of the table that some servers lack: the first Redis and the first Valkey that have them, 0 for none.
var newer = []struct {
	redis, valkey float64
	names         string
}{
	{7.2, 7.2, "WAITAOF, CLIENT SETINFO, CLIENT NO-TOUCH, CLUSTER MYSHARDID"},
	{7.4, 9, "HEXPIRE, HPEXPIRE, HEXPIREAT, HPEXPIREAT, HPERSIST, HTTL, HPTTL, HEXPIRETIME, HPEXPIRETIME"},
	{8, 9, "HGETEX, HSETEX"},
	{8, 0, "HGETDEL, VADD, VREM, VSETATTR, VCARD, VDIM, VEMB, VGETATTR, VINFO, VISMEMBER, VLINKS, VRANDMEMBER, VSIM"},
	{8.4, 0, "VRANGE"},
	{8.2, 8, "CLUSTER SLOT-STATS"},
	{0, 8, "SCRIPT SHOW, CLIENT CAPA"},
	{0, 8.1, "CLIENT IMPORT-SOURCE, COMMANDLOG, COMMANDLOG RESET"},
	{8.4, 9, "CLUSTER SYNCSLOTS"},
	{0, 0, "CLUSTER HELP, CLIENT MAINT_NOTIFICATIONS"}, // HELP stands in no list, the other is Redis Enterprise's
}

// absentFrom lists the commands that the server of c is too old for, or not the right one.
func absentFrom(t *testing.T, c *Client) map[string]bool {
	about, err := As[string](c.Do(t.Context(), "INFO", "server"))
	require.NoError(t, err)
	version := func(field string) (v float64) {
		_, text, found := strings.Cut(about, field)
		if found {
			_, err := fmt.Sscanf(text, "%f", &v) // "8.1.1" begins with 8.1
			require.NoError(t, err)
		}
		return v
	}
	redis, valkey := version("redis_version:"), version("valkey_version:")
	absent := map[string]bool{}
	for _, row := range newer {
		has := row.redis > 0 && redis >= row.redis
		if valkey > 0 { // which tells an old redis_version too
			has = row.valkey > 0 && valkey >= row.valkey
		}
		for _, name := range strings.Split(row.names, ", ") {
			absent[name] = !has
		}
	}
	return absent
}

// The control: rows that are wrong are noticed.
func TestDisagreementIsNoticed(t *testing.T) {
	flags := func(f string) map[string]bool { return map[string]bool{f: true} }
	assert.NotEmpty(t, disagreement(serverCommand{"X", flags("write"), 0}, fact{class: Read}))
	assert.NotEmpty(t, disagreement(serverCommand{"X", flags("readonly"), 0}, fact{class: WriteOnce}))
	assert.NotEmpty(t, disagreement(serverCommand{"X", flags("blocking"), 0}, fact{}))
	assert.NotEmpty(t, disagreement(serverCommand{"X", nil, 0}, fact{use: blocks}))
	assert.NotEmpty(t, disagreement(serverCommand{"X", flags("@transaction"), 0}, fact{}))
	assert.NotEmpty(t, disagreement(serverCommand{"CLIENT X", flags("@connection"), 0}, fact{}))
	assert.Empty(t, disagreement(serverCommand{"CLIENT ID", flags("@connection"), 0}, fact{}))
	assert.Empty(t, disagreement(serverCommand{"X", flags("write"), 0}, fact{class: WriteOnce}))
}

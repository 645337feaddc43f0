package facts_test

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/baton-go/baton"
	"github.com/baton-go/baton/internal/facts"
	"github.com/baton-go/baton/internal/redistest"
	"github.com/baton-go/baton/resp3"
)

func factOfWords(t *testing.T, command string) facts.Fact {
	t.Helper()
	f, rest := facts.Of(resp3.AppendCommand(nil, strings.Fields(command)...))
	assert.Empty(t, rest)
	return f
}

// serverCommand is a row of COMMAND.
type serverCommand struct {
	name  string
	flags map[string]bool // and groups, which begin with @
	arity int             // with the name; negative: at least so many
}

func serverCommands(t *testing.T, c *baton.Client) (all []serverCommand) {
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

// Reads by the server's flags that are not facts.Read here, and why.
var notRead = map[string]string{
	"ASKING": "state of the connection",
}

// Writes by the server's flags that are facts.Read here as long as no argument says otherwise, which TestFactsFollowArguments shows.
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
func disagreement(sc serverCommand, f facts.Fact) string {
	switch {
	case sc.flags["write"] && f.Class == facts.Read && !readWithoutOption[sc.name]:
		return "the server writes, the table reads"
	case sc.flags["readonly"] && f.Class != facts.Read && notRead[sc.name] == "":
		return "the server reads, the table does not"
	case sc.flags["blocking"] && f.Use != facts.Blocks && !blocksWithOption[sc.name]:
		return "the server may block"
	case !sc.flags["blocking"] && f.Use == facts.Blocks && sc.name != "WAIT":
		return "the server never blocks"
	}
	name, _, _ := strings.Cut(sc.name, " ")
	for _, group := range []string{"@connection", "@transaction", "@pubsub"} {
		if sc.flags[group] && f.Use < facts.Session && harmless[name] == "" && harmless[sc.name] == "" {
			return "the server counts it to " + group
		}
	}
	return ""
}

func TestFactsAgreeWithTheServer(t *testing.T) {
	c, err := baton.New(baton.Options{Addr: redistest.Start(t)})
	require.NoError(t, err)
	defer c.Close()
	known := map[string]bool{}
	for _, sc := range serverCommands(t, c) {
		known[sc.name] = true
		f, listed := facts.Table[sc.name]
		name, sub, isSub := strings.Cut(sc.name, " ")
		if isSub && !listed {
			f, listed = facts.Table[name]
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
		assert.GreaterOrEqual(t, factOfWords(t, name).Use, facts.Session, name)
		assert.True(t, known[strings.ToUpper(name)], name)
	}
	// A row for a command that this server does not have may be misspelt.
	absent := absentFrom(t, c)
	for name := range facts.Table {
		assert.True(t, known[name] || absent[name], "%s: no such command", name)
	}
	for name := range facts.Syntaxes {
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
func absentFrom(t *testing.T, c *baton.Client) map[string]bool {
	about, err := baton.As[string](c.Do(t.Context(), "INFO", "server"))
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
	assert.NotEmpty(t, disagreement(serverCommand{"X", flags("write"), 0}, facts.Fact{Class: facts.Read}))
	assert.NotEmpty(t, disagreement(serverCommand{"X", flags("readonly"), 0}, facts.Fact{Class: facts.WriteOnce}))
	assert.NotEmpty(t, disagreement(serverCommand{"X", flags("blocking"), 0}, facts.Fact{}))
	assert.NotEmpty(t, disagreement(serverCommand{"X", nil, 0}, facts.Fact{Use: facts.Blocks}))
	assert.NotEmpty(t, disagreement(serverCommand{"X", flags("@transaction"), 0}, facts.Fact{}))
	assert.NotEmpty(t, disagreement(serverCommand{"CLIENT X", flags("@connection"), 0}, facts.Fact{}))
	assert.Empty(t, disagreement(serverCommand{"CLIENT ID", flags("@connection"), 0}, facts.Fact{}))
	assert.Empty(t, disagreement(serverCommand{"X", flags("write"), 0}, facts.Fact{Class: facts.WriteOnce}))
}

package facts_test

import (
	_ "embed"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/baton-go/baton"
	"github.com/baton-go/baton/internal/errs"
	"github.com/baton-go/baton/internal/facts"
	"github.com/baton-go/baton/internal/redistest"
	"github.com/baton-go/baton/resp3"
)

//go:embed testdata/twice.txt
var twiceFile string

// tryout is a line of the file.
type tryout struct {
	setup    [][]string
	words    []string // the command
	optional bool     // a server may not know it
}

func tryouts() (all []tryout) {
	for line := range strings.Lines(twiceFile) {
		if strings.HasPrefix(line, "#") {
			continue
		}
		var x tryout
		setup, command, _ := strings.Cut(line, "=>")
		for _, s := range strings.Split(setup, ";") {
			if words := strings.Fields(s); len(words) > 0 {
				x.setup = append(x.setup, words)
			}
		}
		command, x.optional = strings.CutPrefix(strings.TrimSpace(command), "? ")
		x.words = strings.Fields(command)
		all = append(all, x)
	}
	return all
}

// Writes by the server's flags that cannot be tried here, and why.
var untried = map[string]string{
	"MIGRATE": "needs another server", "EVAL": "whatever the script does", "EVALSHA": "as EVAL", "FCALL": "as EVAL",
	"PFDEBUG": "for debugging", "XGROUP HELP": "tells", "FUNCTION HELP": "tells", "XGROUP": "a container",
}

// counts are commands that answer how much they have changed, which is 0 the second time without being a refusal. Their
// arguments have no condition, which is the difference to SETNX.
var counts = strings.Fields(`DEL UNLINK EXPIRE PERSIST HDEL HEXPIRE HPERSIST SADD SREM SMOVE ZREM ZREMRANGEBYSCORE
	ZREMRANGEBYLEX XACK XDEL XTRIM PFADD VREM HSET ZADD GEOADD VADD LREM ACL_DELUSER XGROUP_DESTROY XGROUP_CREATECONSUMER
	XGROUP_DELCONSUMER LATENCY_RESET`)

// Words that make a command conditional: what it answers is what its caller goes by.
var conditionWords = strings.Fields("NX XX GT LT CH INCR GET FNX FXX IFEQ IFNE IFDEQ IFDNE")

// Forms of which the table says more than these examples show, and why.
var careful = map[string]string{
	"SET k v XX PXAT 3000000000000": "the time may be past", "GETEX k EXAT 3000000000": "the time may be past", "HGETEX h PXAT 3000000000000 FIELDS 1 f": "as GETEX",
	"FUNCTION RESTORE FUNCTIONS FLUSH": "an option without a row", "ACL SETUSER u on": "other rules, see the next rows",
}

// outcome is what one execution has brought.
type outcome struct{ answer, state string }

// objection says what is wrong with class for a command that went from state before through two executions, "" if nothing.
func objection(words []string, class facts.Class, before string, first, second outcome) string {
	name := words[0]
	if len(words) > 1 && slices.Contains(counts, name+"_"+words[1]) {
		name += "_" + words[1]
	}
	conditional := slices.ContainsFunc(words, func(w string) bool { return slices.Contains(conditionWords, w) })
	counted := slices.Contains(counts, name) && !conditional && !strings.ContainsAny(second.answer[:1], "-_")
	same := second.answer == first.answer
	switch {
	case class == facts.WriteAccumulate && same && second.state == first.state && careful[strings.Join(words, " ")] == "":
		return "it could be repeated"
	case class == facts.WriteAccumulate:
		return ""
	case second.state != first.state:
		return fmt.Sprintf("it changes again: %s, then %s", first.state, second.state)
	case class == facts.Read && first.state != before:
		return fmt.Sprintf("it writes: %s, then %s", before, first.state)
	case !same && (class == facts.Read || !counted):
		return fmt.Sprintf("it answers otherwise: %q, then %q", first.answer, second.answer)
	}
	return ""
}

// trial is a server on which commands are tried.
type trial struct {
	t *testing.T
	c *baton.Client
	// texts maps names to arguments that are no words.
	texts map[string]string
}

func newTrial(t *testing.T) *trial {
	c, err := baton.New(baton.Options{Addr: redistest.Start(t)})
	require.NoError(t, err)
	t.Cleanup(func() { c.Close() })
	tr := &trial{t: t, c: c, texts: map[string]string{"CODE": "#!lua name=lib\nredis.register_function('f', function() return 1 end)"}}
	tr.must("SET k dumped")
	tr.texts["DUMPED"], err = baton.As[string](c.Do(t.Context(), "DUMP", "k"))
	require.NoError(t, err)
	tr.must("FUNCTION LOAD CODE")
	tr.texts["FUNCTIONS"], err = baton.As[string](c.Do(t.Context(), "FUNCTION", "DUMP"))
	require.NoError(t, err)
	return tr
}

// do executes a command and gives its answer, encoded.
func (tr *trial) do(words ...string) string {
	args := make([]any, len(words))
	for i, w := range words {
		if text, ok := tr.texts[w]; ok {
			w = text
		}
		args[i] = w
	}
	v, err := tr.c.Do(tr.t.Context(), args...)
	if e, ok := errs.As[*resp3.Error](err); ok {
		return "-" + e.Error()
	}
	require.NoError(tr.t, err, "%v", words)
	return string(resp3.AppendValue(nil, v))
}

func (tr *trial) must(command string) {
	got := tr.do(strings.Fields(command)...)
	require.NotEqual(tr.t, "-", got[:1], "%s: %s", command, got)
}

// list gives the texts of an answer that is a list, sorted.
func (tr *trial) list(words ...string) (all []string) {
	v, _, err := resp3.Decode(tr.do(words...))
	require.NoError(tr.t, err)
	for e := range v.All() {
		text, _ := e.Text()
		all = append(all, text)
	}
	slices.Sort(all)
	return all
}

// state is all that the server has.
func (tr *trial) state() string {
	var b strings.Builder
	for _, key := range tr.list("KEYS", "*") {
		kind := strings.TrimSpace(tr.do("TYPE", key)[1:])
		fmt.Fprintf(&b, "%s %s expires %s %q; ", kind, key, when(tr.do("PEXPIRETIME", key)), tr.content(kind, key))
	}
	for _, words := range []string{"FUNCTION LIST", "ACL LIST", "CONFIG GET hz"} {
		b.WriteString(tr.do(strings.Fields(words)...))
	}
	return b.String()
}

// when makes what is relative to now the same each time: a time before the year 2060 is soon.
func when(pexpiretime string) string {
	if len(pexpiretime) == len(":1234567890123\r\n") && pexpiretime < ":29" {
		return "soon"
	}
	return pexpiretime
}

func (tr *trial) content(kind, key string) string {
	switch kind {
	case "string":
		return tr.do("GET", key)
	case "list":
		return tr.do("LRANGE", key, "0", "-1")
	case "set":
		return strings.Join(tr.list("SMEMBERS", key), " ")
	case "zset":
		return tr.do("ZRANGE", key, "0", "-1", "WITHSCORES")
	case "hash":
		text := ""
		for _, f := range tr.list("HKEYS", key) {
			v, _, _ := resp3.Decode(tr.do("HPEXPIRETIME", key, "FIELDS", "1", f))
			text += f + tr.do("HGET", key, f) + when(string(resp3.AppendValue(nil, v.Index(0))))
		}
		return text
	case "stream":
		return tr.stream(key)
	case "vectorset":
		text := ""
		for _, e := range tr.list("VRANDMEMBER", key, "100") {
			text += e + tr.do("VEMB", key, e) + tr.do("VGETATTR", key, e)
		}
		return text
	}
	tr.t.Fatalf("key %s is a %s, which is not known here", key, kind)
	return ""
}

// stream leaves out what is counted from now.
func (tr *trial) stream(key string) string {
	about, _, err := resp3.Decode(tr.do("XINFO", "STREAM", key))
	require.NoError(tr.t, err)
	text := tr.do("XRANGE", key, "-", "+")
	for k, v := range about.Pairs() {
		if name, _ := k.Text(); name == "last-generated-id" {
			text += string(resp3.AppendValue(nil, v))
		}
	}
	text += tr.do("XINFO", "GROUPS", key)
	groups, _, _ := resp3.Decode(tr.do("XINFO", "GROUPS", key))
	for g := range groups.All() {
		name, _ := g.Index(1).Text()
		consumers, _, _ := resp3.Decode(tr.do("XINFO", "CONSUMERS", key, name))
		for c := range consumers.All() {
			for k, v := range c.Pairs() {
				if what, _ := k.Text(); what == "name" {
					text += string(resp3.AppendValue(nil, v))
				}
			}
		}
		pending, _, _ := resp3.Decode(tr.do("XPENDING", key, name, "-", "+", "10"))
		for p := range pending.All() {
			for _, i := range []int{0, 1, 3} { // id, consumer, deliveries
				text += string(resp3.AppendValue(nil, p.Index(i)))
			}
		}
	}
	return text
}

// clear makes the server as it was at first.
func (tr *trial) clear() {
	for _, command := range []string{"FLUSHALL", "FUNCTION FLUSH", "CONFIG SET hz 10", "ACL DELUSER u"} {
		tr.must(command)
	}
}

// unknown reports whether an answer says that the server lacks a command or an option of it.
func unknown(answer string) bool {
	for _, beginning := range []string{"-ERR unknown command", "-ERR syntax error", "-ERR unknown argument", "-ERR Unsupported option"} {
		if strings.HasPrefix(answer, beginning) {
			return true
		}
	}
	return false
}

// twice executes a command two times. It reports false if the server does not know it.
func (tr *trial) twice(x tryout) (before string, first, second outcome, known bool) {
	tr.clear()
	for _, words := range x.setup {
		if got := tr.do(words...); !x.optional {
			require.NotEqual(tr.t, "-", got[:1], "%v: %s", words, got)
		}
	}
	before = tr.state()
	first.answer = tr.do(x.words...)
	if unknown(first.answer) {
		assert.True(tr.t, x.optional, "%v: %s", x.words, first.answer)
		return before, first, second, false
	}
	assert.NotEqual(tr.t, "-", first.answer[:1], "%v: %s", x.words, first.answer)
	first.state = tr.state()
	second.answer = tr.do(x.words...)
	second.state = tr.state()
	return before, first, second, true
}

// Each write is executed twice on the server, which then says whether its row is right. Commands that it does not know are left out.
func TestFactsAreWhatASecondExecutionShows(t *testing.T) {
	tr := newTrial(t)
	tried, left := map[string]bool{}, map[string]bool{}
	for _, x := range tryouts() {
		before, first, second, known := tr.twice(x)
		if !known {
			left[x.words[0]] = true
			continue
		}
		f, _ := facts.Of(resp3.AppendCommand(nil, x.words...))
		assert.Empty(t, objection(x.words, f.Class, before, first, second), "%v is %d in the table", x.words, f.Class)
		tried[x.words[0]] = true
		if len(x.words) > 1 {
			tried[x.words[0]+" "+x.words[1]] = true
		}
	}
	assert.Greater(t, len(tried), 200)
	for _, sc := range serverCommands(t, tr.c) {
		if sc.flags["write"] && untried[sc.name] == "" {
			assert.True(t, tried[sc.name], "%s is not tried", sc.name)
		}
	}
	for name, s := range facts.Syntaxes {
		for _, word := range s.Deciding() {
			assert.True(t, name == "DEBUG" || isTried(s, word), "%s %s is not tried", name, word)
		}
	}
	t.Logf("%d commands tried; the server lacks something of %d: %v", len(tried), len(left), left)
}

// isTried reports whether an option is in the file, with a command of that syntax.
func isTried(s *facts.Syntax, word string) bool {
	return slices.ContainsFunc(tryouts(), func(x tryout) bool {
		of := facts.Syntaxes[x.words[0]] == s || len(x.words) > 1 && facts.Syntaxes[x.words[0]+" "+x.words[1]] == s
		return of && slices.Contains(x.words[1:], word)
	})
}

// The control: a wrong row is noticed.
func TestObjectionsAreMade(t *testing.T) {
	for _, x := range []struct {
		command       string
		class         facts.Class
		before        string
		first, second outcome
		want          string
	}{
		{"SET k v", facts.WriteLastWins, "", outcome{"+OK", "v"}, outcome{"+OK", "v"}, ""},
		{"SET k v IFEQ u", facts.WriteLastWins, "u", outcome{"+OK", "v"}, outcome{"_", "v"}, "answers otherwise"},
		{"EXPIREAT k 5 GT", facts.WriteOnce, "", outcome{":1", "5"}, outcome{":0", "5"}, "answers otherwise"},
		{"EXPIREAT k 5", facts.WriteOnce, "", outcome{":1", "5"}, outcome{":0", "5"}, "answers otherwise"},
		{"DEL k", facts.WriteOnce, "v", outcome{":1", ""}, outcome{":0", ""}, ""},
		{"DEL k", facts.WriteOnce, "v", outcome{":1", ""}, outcome{"-ERR", ""}, "answers otherwise"},
		{"APPEND k v", facts.WriteLastWins, "", outcome{":1", "v"}, outcome{":2", "vv"}, "changes again"},
		{"GET k", facts.Read, "", outcome{"_", "v"}, outcome{"_", "v"}, "writes"},
		{"GET k", facts.Read, "", outcome{":1", ""}, outcome{":0", ""}, "answers otherwise"},
		{"APPEND k v", facts.WriteAccumulate, "", outcome{":1", "v"}, outcome{":2", "vv"}, ""},
		{"LSET k 0 v", facts.WriteAccumulate, "", outcome{"+OK", "v"}, outcome{"+OK", "v"}, "could be repeated"},
	} {
		got := objection(strings.Fields(x.command), x.class, x.before, x.first, x.second)
		if x.want == "" {
			assert.Empty(t, got, x.command)
		} else {
			assert.Contains(t, got, x.want, x.command)
		}
	}
}

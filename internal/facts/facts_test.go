package facts

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/baton-go/baton/resp3"
)

func factOfWords(t *testing.T, command string) Fact {
	t.Helper()
	f, rest := Of(resp3.AppendCommand(nil, strings.Fields(command)...))
	assert.Empty(t, rest)
	return f
}

func TestFactsFollowArguments(t *testing.T) {
	read, once, last, more := Fact{Class: Read}, Fact{Class: WriteOnce}, Fact{Class: WriteLastWins}, Fact{Class: WriteAccumulate}
	no, held := Fact{Class: Never, Use: Refused}, Fact{Class: Never, Use: Session}
	for command, want := range map[string]Fact{
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
		"XREAD STREAMS x 0": read, "XREAD COUNT 1 BLOCK 0 STREAMS x 0": {Read, Blocks}, "XREAD STREAMS BLOCK 0": read,
		"XREAD STREAMS block 0": read, "XREAD COUNT 5 STREAMS a BLOCK 0 0": read, "XREAD BLOCK 5 STREAMS BLOCK 0": {Read, Blocks},
		"XREADGROUP GROUP g BLOCK STREAMS x >": more, "XREADGROUP GROUP STREAMS STREAMS BLOCK 0 STREAMS x >": {WriteAccumulate, Blocks},
		"XREADGROUP BLOCK 0 GROUP g c STREAMS x >": {WriteAccumulate, Blocks}, "XREADGROUP COUNT 1 BLOCK 0 GROUP g c STREAMS x >": {WriteAccumulate, Blocks},
		"XREADGROUP GROUP g c NOACK STREAMS BLOCK 0 > >": more, "XREADGROUP GROUP g c CLAIM 5 BLOCK 0 STREAMS x >": {WriteAccumulate, Blocks},
		"XREADGROUP GROUP BLOCK c STREAMS x >": more, "XREADGROUP GROUP g c COUNT 1 block 5 STREAMS x >": {WriteAccumulate, Blocks},
		"BLPOP l 0": {WriteAccumulate, Blocks}, "WAIT 1 0": {Read, Blocks}, "DEBUG SLEEP 1": {WriteAccumulate, Blocks},
		"MULTI": held, "SUBSCRIBE c": no, "SHUTDOWN": {Class: Never},
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
		w := WaitOf(strings.Fields(x.command))
		assert.Equal(t, x.at, w.At, x.command)
		assert.Equal(t, x.last, w.LastIDs, x.command)
	}
}

func TestClassOfAPipelineIsThatOfItsWorstCommand(t *testing.T) {
	var req []byte
	assert.Equal(t, Read, ClassOf(req))
	for _, step := range []struct {
		command string
		want    Class
	}{{"GET k", Read}, {"DEL k", WriteOnce}, {"GET k", WriteOnce}, {"SET k v", WriteLastWins}, {"set k v nx", WriteAccumulate}, {"MULTI", Never}} {
		req = resp3.AppendCommand(req, strings.Fields(step.command)...)
		assert.Equal(t, step.want, ClassOf(req), step.command)
	}
	for _, torn := range []string{"*1\r\n$3\r\nGE", "*2\r\n$3\r\nGET\r\n", "*", "PING\r\n", "*1\r\n:1\r\n", "*0\r\n", "*-1\r\n"} {
		assert.Equal(t, Never, ClassOf([]byte(torn)), "%q", torn)
	}
}

func TestPlacesOfFixedWaits(t *testing.T) {
	for command, want := range map[string]Wait{
		"blpop a b 5":         {At: 3, Unit: time.Second, Key: 1},
		"BLMPOP 5 2 a b LEFT": {At: 1, Unit: time.Second, Key: 3},
		"WAIT 1 50":           {At: 2, Unit: time.Millisecond, OwnWrites: true},
		"XREADGROUP GROUP STREAMS c BLOCK 5 STREAMS s >": {At: 5, Unit: time.Millisecond, Key: 7},
		"XREAD STREAMS s 0": {Key: 2},
		"GET k":             {},
	} {
		assert.Equal(t, want, WaitOf(strings.Fields(command)), command)
	}
}

func TestSkip(t *testing.T) {
	req := resp3.AppendCommand(resp3.AppendCommand(nil, "SET", "k", "v"), "GET", "k")
	assert.Equal(t, req, Skip(req, 0))
	assert.Equal(t, resp3.AppendCommand(nil, "GET", "k"), Skip(req, 1))
	assert.Empty(t, Skip(req, 2))
	assert.Empty(t, Skip(req, 3))
}

func TestWhatIsKnownSpeaksForItself(t *testing.T) {
	for name, want := range map[string]bool{
		"get": false, "SET": false, "BLPOP": false, "CONFIG": false, "EXEC": false, "WATCH": false,
		"eval": true, "EVALSHA_RO": true, "FCALL": true, "FUNCTION": true, "MIGRATE": true, "DEBUG": true,
		"JSON.SET": true, "FT.SEARCH": true, "NEW": true, "": true, strings.Repeat("x", 100): true,
	} {
		assert.Equal(t, want, Relays(resp3.AppendCommand(nil, name, "x")), name)
	}
	assert.True(t, Relays(nil))
	for name := range relays {
		assert.Contains(t, table, name, "a relay is known")
	}
}

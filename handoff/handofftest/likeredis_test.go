package handofftest_test

import (
	"fmt"
	"maps"
	"net"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/baton-go/baton/handoff/handofftest"
	"github.com/baton-go/baton/internal/redistest"
)

// sessions are scripts of one connection each; every line is one command. The kit
// has to answer each byte for byte as redis-server does.
var sessions = map[string]string{
	"strings": `
		GET s
		SET s hello
		GET s
		set s
		SET s v NX
		SET s v XX
		SET new v XX
		SET s w GET
		SET fresh w GET
		SET fresh w NX GET
		SET s v EX 100
		TTL s
		SET s w KEEPTTL
		TTL s
		SET s v
		TTL s
		PTTL s
		SET s v PX 100000
		TTL s
		SET s v EX 0
		SET s v EX x
		SET s v EX
		SET s v EX 5 PX 5
		SET s v NX XX
		SET s v BOGUS
		SETNX s x
		SETNX s2 x
		GETDEL s2
		GETDEL s2
		MSET a 1 b 2
		MSET a 1 b
		MGET a b nothing
		MGET
		APPEND a 23
		STRLEN a
		STRLEN nothing
		GET a b
		DEL a b nothing
		EXISTS s s nothing
		TYPE s
		TYPE nothing
		UNLINK s`,
	"counters": `
		INCR n
		INCRBY n 10
		DECR n
		DECRBY n 3
		INCRBY n x
		SET t text
		INCR t
		SET big 9223372036854775807
		INCR big
		DECRBY n -9223372036854775808
		SET sp " 1"
		INCR sp
		INCRBY n 1.5
		INCR`,
	"wrong types": `
		RPUSH l a
		GET l
		INCR l
		APPEND l x
		STRLEN l
		HSET l f v
		SADD l m
		ZADD l 1 m
		MGET l
		SET l v GET
		GETDEL l
		SET str v
		LPUSH str a
		LPOP str
		LLEN str
		LRANGE str 0 -1
		BLPOP str 1
		HGET str f
		HGETALL str
		SMEMBERS str
		ZSCORE str m
		ZRANGE str 0 -1
		SET l v
		GET l`,
	"hashes": `
		HSET h f1 v1 f2 v2
		HSET h f1 v3
		HSET h f1
		HSET h f1 v f2
		HGET h f1
		HGET h none
		HGET none f
		HMGET h f1 none
		HGETALL h
		HGETALL none
		HLEN h
		HLEN none
		HEXISTS h f1
		HDEL h f1 none
		HDEL h f2
		EXISTS h
		HDEL none f`,
	"lists": `
		LPUSH l a b c
		RPUSH l x
		LRANGE l 0 -1
		LRANGE l -2 -1
		LRANGE l 5 9
		LRANGE l 0 x
		LRANGE none 0 -1
		LLEN l
		LPOP l
		RPOP l
		LPOP l 5
		LPOP l
		LPOP none 2
		RPUSH l a
		LPOP l 0
		LPOP l -1
		RPOP l 1 1
		LPOP l x
		EXISTS l
		BLPOP l 0
		RPUSH m 1 2 3
		BRPOP l m 0
		BLPOP m x
		BLPOP m -1
		BLPOP none 0.01
		LLEN none`,
	"sets": `
		SADD s m
		SADD s m
		SMEMBERS s
		SMEMBERS none
		SISMEMBER s m
		SISMEMBER s x
		SCARD s
		SREM s m x
		EXISTS s
		SCARD s`,
	"sorted sets": `
		ZADD z 1 a 2 b 1.5 c
		ZADD z 3 a
		ZADD z x a
		ZADD z 1
		ZADD z 1 a 2
		ZSCORE z a
		ZSCORE z c
		ZSCORE z none
		ZSCORE none a
		ZRANGE z 0 -1
		ZRANGE z 0 1 WITHSCORES
		ZRANGE z 0 x
		ZRANGE z 0 1 BOGUS
		ZRANGE none 0 -1
		ZCARD z
		ZREM z a none`,
	"expiry": `
		SET k v
		EXPIRE k 100
		TTL k
		PERSIST k
		PERSIST k
		TTL k
		PEXPIRE k 100000
		TTL k
		EXPIRE none 1
		EXPIRE k x
		EXPIRE k 10 BOGUS
		EXPIRE k 9223372036854775807
		EXPIRE k -1
		EXISTS k
		TTL none
		PTTL none`,
	"transactions": `
		EXEC
		DISCARD
		MULTI
		SET a 1
		INCR a
		GET a b
		EXEC
		MULTI
		SET a x
		INCR a
		HSET h f
		LPOP none 1
		EXEC
		MULTI
		HSET h f v g
		BLPOP none 0
		WAIT 1 0
		EXEC
		MULTI
		NOSUCH x
		EXEC
		MULTI
		SET a 5
		DISCARD
		GET a
		WATCH a
		SET a 6
		MULTI
		GET a
		EXEC
		WATCH a
		SET a 7
		UNWATCH
		MULTI
		GET a
		EXEC
		WATCH a
		MULTI
		UNWATCH
		PING
		EXEC
		MULTI
		EXEC`,
	"connection": `
		PING
		PING hello
		PING a b
		ECHO hi
		ECHO
		SELECT 1
		SET k v
		SELECT 0
		GET k
		SELECT 16
		SELECT x
		SELECT -1
		AUTH pw
		AUTH default pw
		AUTH other pw
		AUTH a b c
		HELLO 4
		HELLO x
		HELLO 3 BOGUS
		HELLO 3 AUTH a
		HELLO 3 SETNAME
		HELLO 3 AUTH other pw
		QUITE
		nosuch a b c
		NOSUCH
		RESET
		PING`,
	"client": `
		CLIENT
		CLIENT NOSUCH
		CLIENT GETNAME
		CLIENT SETNAME me
		CLIENT GETNAME
		CLIENT SETNAME
		CLIENT SETNAME "a b"
		CLIENT ID x
		CLIENT UNBLOCK 9999
		CLIENT UNBLOCK x
		CLIENT UNBLOCK 9999 BOGUS
		CLIENT UNBLOCK
		CLIENT maint_notifications ON
		CLIENT MAINT_NOTIFICATIONS ON moving-endpoint-type none`,
	"server": `
		DBSIZE
		SET a 1
		DBSIZE
		FLUSHDB
		DBSIZE
		SET a 1
		SELECT 2
		SET b 1
		FLUSHALL
		DBSIZE
		SELECT 0
		DBSIZE
		SCAN 0
		SET a 1
		SCAN 0
		SCAN x
		SCAN 0 MATCH b*
		SCAN 0 COUNT
		SCAN 0 COUNT x
		SCAN 0 COUNT 0
		SCAN 0 TYPE list
		SCAN 0 BOGUS 1
		PUBLISH ch m
		WAIT 0 0
		WAIT x 0
		WAIT 1 x
		WAIT 1 -1
		WAIT 1 5
		TIME x`,
	"subscriber": `
		SUBSCRIBE a
		SUBSCRIBE a
		PSUBSCRIBE p*
		PING
		PING x
		GET k
		UNSUBSCRIBE a
		PUNSUBSCRIBE
		UNSUBSCRIBE
		PUNSUBSCRIBE none
		SUBSCRIBE
		PUBLISH a m
		GET k`,
}

// words splits a line at blanks, except inside double quotes.
func words(line string) []string {
	var out []string
	for i, part := range strings.Split(line, `"`) {
		if i%2 == 1 {
			out = append(out, part)
			continue
		}
		out = append(out, strings.Fields(part)...)
	}
	return out
}

// nested is where Valkey differs, since 8.1: it aborts the transaction. The kit does as Redis.
const nested = `
		MULTI
		MULTI
		SET a 1
		EXEC
		WATCH a
		MULTI
		WATCH b
		EXEC`

// TestKitAnswersAsRedisDoes is about all commands of the keyspace at once. A text of
// the kit's own would make the test worth nothing, so there is no exception.
func TestKitAnswersAsRedisDoes(t *testing.T) {
	addr := redistest.Start(t)
	all := maps.Clone(sessions)
	if v := tcpPeer(t, addr).do("HELLO", "3"); !strings.Contains(encoded(v), "valkey") {
		all["nested transactions"] = nested
	}
	for name, script := range all {
		for _, proto := range []string{"2", "3"} {
			t.Run(name+" RESP"+proto, func(t *testing.T) { assert.Empty(t, differences(t, addr, proto, script)) })
		}
	}
}

// The comparison must be able to fail: here is a command that the kit does not know.
func TestComparisonSeesADifference(t *testing.T) {
	got := differences(t, redistest.Start(t), "3", "PING\nSPUBLISH ch m\nLOLWUT\nPING")
	assert.Len(t, got, 1, "%v", got)
}

// differences runs script on the kit and on the redis-server at addr and lists the
// commands that were answered differently.
func differences(t *testing.T, addr, proto, script string) (differ []string) {
	s := handofftest.NewServer(handofftest.Options{Maintenance: handofftest.MaintenanceUnknown})
	defer s.Close()
	n, err := s.Listen("127.0.0.1:0")
	require.NoError(t, err)
	theirs, ours := tcpPeer(t, addr), tcpPeer(t, n.Addr())
	theirs.do("FLUSHALL")
	theirs.do("HELLO", proto)
	ours.do("HELLO", proto)
	for line := range strings.Lines(script) {
		args := words(line)
		if len(args) == 0 {
			continue
		}
		want, got := encoded(theirs.do(args...)), encoded(ours.do(args...))
		if want != got {
			differ = append(differ, fmt.Sprintf("%q: got %q, want %q", args, got, want))
		}
	}
	return differ
}

func tcpPeer(t *testing.T, addr string) *peer {
	c, err := net.Dial("tcp", addr)
	require.NoError(t, err)
	return newPeer(t, c)
}

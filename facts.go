package baton

import (
	"encoding"
	"strings"
)

// fact is what the client has to know of a command it did not encode itself.
type fact struct {
	class Class
	use   use
}

// use says what kind of connection a command needs.
type use uint8

const (
	shared  use = iota // may share a lane
	blocks             // the server may let it wait: needs a lease
	refused            // changes the state of the connection, or is answered by none or many replies: not through Do
)

// facts lists what differs from the default, which is an accumulating write that may share a lane: the careful guess.
var facts = buildFacts()

func buildFacts() map[string]fact {
	m := map[string]fact{}
	add := func(f fact, names string) {
		for _, n := range strings.Fields(names) {
			m[n] = f
		}
	}
	add(fact{class: Read}, `GET MGET STRLEN GETRANGE SUBSTR EXISTS TYPE TTL PTTL EXPIRETIME PEXPIRETIME KEYS SCAN RANDOMKEY DBSIZE DUMP
		TOUCH GETBIT BITCOUNT BITPOS BITFIELD_RO HGET HMGET HGETALL HEXISTS HLEN HKEYS HVALS HSTRLEN HSCAN HRANDFIELD HTTL HPTTL
		LLEN LRANGE LINDEX LPOS SCARD SISMEMBER SMISMEMBER SMEMBERS SRANDMEMBER SINTER SUNION SDIFF SINTERCARD SSCAN
		ZCARD ZSCORE ZMSCORE ZRANK ZREVRANK ZRANGE ZREVRANGE ZRANGEBYSCORE ZREVRANGEBYSCORE ZRANGEBYLEX ZREVRANGEBYLEX ZCOUNT
		ZLEXCOUNT ZRANDMEMBER ZINTER ZUNION ZDIFF ZINTERCARD ZSCAN XLEN XRANGE XREVRANGE XINFO XPENDING PFCOUNT GEODIST GEOHASH
		GEOPOS GEOSEARCH GEORADIUS_RO GEORADIUSBYMEMBER_RO SORT_RO EVAL_RO EVALSHA_RO FCALL_RO LCS OBJECT MEMORY PING ECHO TIME INFO
		COMMAND LASTSAVE PUBSUB`)
	add(fact{class: WriteOnce}, `DEL UNLINK EXPIRE PEXPIRE EXPIREAT PEXPIREAT PERSIST HDEL SREM ZREM SADD XACK XDEL FLUSHDB FLUSHALL`)
	add(fact{class: WriteLastWins}, `SET SETEX PSETEX MSET HSET HMSET LSET SETRANGE SETBIT ZADD LTRIM RESTORE COPY`)
	add(fact{class: WriteAccumulate, use: blocks}, `BLPOP BRPOP BLMOVE BRPOPLPUSH BLMPOP BZPOPMIN BZPOPMAX BZMPOP XREADGROUP WAIT WAITAOF`)
	add(fact{class: Read, use: blocks}, `XREAD`)
	add(fact{class: Never, use: refused}, `SUBSCRIBE PSUBSCRIBE SSUBSCRIBE UNSUBSCRIBE PUNSUBSCRIBE SUNSUBSCRIBE MONITOR SYNC PSYNC
		MULTI EXEC DISCARD WATCH UNWATCH SELECT AUTH HELLO RESET QUIT READONLY READWRITE ASKING`)
	return m
}

// clientRefused lists what CLIENT may not do to a connection that others share.
var clientRefused = map[string]bool{"REPLY": true, "TRACKING": true, "CACHING": true, "SETNAME": true, "NO-EVICT": true,
	"NO-TOUCH": true, "MAINT_NOTIFICATIONS": true}

// factOf looks a command up. Names are matched without regard to case.
func factOf(name string, args []any) fact {
	f, known := facts[name]
	if !known {
		name = strings.ToUpper(name)
		f, known = facts[name]
	}
	switch {
	case name == "CLIENT" && len(args) > 1:
		if sub := word(args[1]); sub == "" || clientRefused[sub] {
			return fact{class: Never, use: refused}
		}
		return fact{class: WriteOnce}
	case name == "SET" && len(args) > 3:
		if hasWord(args[3:], "NX") || hasWord(args[3:], "GET") {
			return fact{class: WriteAccumulate}
		}
	case name == "XREAD" || name == "XREADGROUP":
		if !hasWord(args, "BLOCK") {
			f.use = shared
		}
	}
	if !known {
		return fact{class: WriteAccumulate}
	}
	return f
}

// hasWord reports whether one of args may be the word. An argument that encodes itself may be any.
func hasWord(args []any, want string) bool {
	for _, a := range args {
		switch a.(type) {
		case encoding.TextMarshaler, encoding.BinaryMarshaler:
			return true
		}
		if word(a) == want {
			return true
		}
	}
	return false
}

// word is an argument in upper case, "" if it is no text.
func word(a any) string {
	switch a := a.(type) {
	case string:
		return strings.ToUpper(a)
	case []byte:
		return strings.ToUpper(string(a))
	}
	return ""
}

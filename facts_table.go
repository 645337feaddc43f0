package baton

import "strings"

// buildFacts is the table. Whether a command reads or writes is what COMMAND of the server says; which kind of write it is
// cannot be taken from there and is decided by hand, from what a second execution would change and answer.
func buildFacts() map[string]fact {
	m := make(map[string]fact, 420)
	add := func(f fact, names string) {
		for _, n := range strings.Fields(names) {
			m[n] = f
		}
	}
	sub := func(f fact, container, names string) {
		for _, n := range strings.Fields(names) {
			m[container+" "+n] = f
		}
	}
	addReads(add)
	addWrites(add)
	addContainers(sub)
	add(fact{class: Read, use: blocks}, `WAIT WAITAOF`)
	add(fact{class: WriteAccumulate, use: blocks}, `BLPOP BRPOP BLMOVE BRPOPLPUSH BLMPOP BZPOPMIN BZPOPMAX BZMPOP`)
	add(fact{class: Never, use: heldOnly}, `MULTI EXEC DISCARD SELECT AUTH HELLO READONLY READWRITE ASKING`)
	add(fact{class: Read, use: heldOnly}, `WATCH UNWATCH`)
	add(fact{class: Never, use: refused}, `SUBSCRIBE PSUBSCRIBE SSUBSCRIBE UNSUBSCRIBE PUNSUBSCRIBE SUNSUBSCRIBE MONITOR SYNC
		PSYNC REPLCONF RESET QUIT`)
	add(fact{class: Never}, `SHUTDOWN`) // no answer is the right answer
	return m
}

func addReads(add func(fact, string)) {
	add(fact{class: Read}, `GET MGET STRLEN GETRANGE SUBSTR LCS GETBIT BITCOUNT BITPOS BITFIELD_RO
		EXISTS TYPE TTL PTTL EXPIRETIME PEXPIRETIME KEYS SCAN RANDOMKEY DUMP TOUCH OBJECT SORT_RO
		HGET HMGET HGETALL HEXISTS HLEN HKEYS HVALS HSTRLEN HSCAN HRANDFIELD HTTL HPTTL HEXPIRETIME HPEXPIRETIME
		LLEN LRANGE LINDEX LPOS SCARD SISMEMBER SMISMEMBER SMEMBERS SRANDMEMBER SINTER SUNION SDIFF SINTERCARD SSCAN
		ZCARD ZSCORE ZMSCORE ZRANK ZREVRANK ZRANGE ZREVRANGE ZRANGEBYSCORE ZREVRANGEBYSCORE ZRANGEBYLEX ZREVRANGEBYLEX ZCOUNT
		ZLEXCOUNT ZRANDMEMBER ZINTER ZUNION ZDIFF ZINTERCARD ZSCAN XLEN XRANGE XREVRANGE XINFO XPENDING XREAD PFCOUNT
		GEODIST GEOHASH GEOPOS GEOSEARCH GEORADIUS_RO GEORADIUSBYMEMBER_RO EVAL_RO EVALSHA_RO FCALL_RO
		DBSIZE MEMORY PING ECHO TIME INFO COMMAND LASTSAVE PUBSUB ROLE LOLWUT SLOWLOG LATENCY`)
	// Reads unless their arguments say otherwise, see buildExceptions.
	add(fact{class: Read}, `GETEX SORT GEORADIUS GEORADIUSBYMEMBER BITFIELD`)
}

func addWrites(add func(fact, string)) {
	add(fact{class: WriteOnce}, `DEL UNLINK EXPIRE PEXPIRE EXPIREAT PEXPIREAT PERSIST HDEL HEXPIRE HPEXPIRE HEXPIREAT HPEXPIREAT
		HPERSIST SADD SREM SMOVE ZREM ZREMRANGEBYSCORE ZREMRANGEBYLEX XACK XDEL XTRIM PFADD PFMERGE FLUSHDB FLUSHALL
		SAVE BGSAVE BGREWRITEAOF`)
	add(fact{class: WriteLastWins}, `SET SETEX PSETEX MSET HSET HMSET LSET SETRANGE SETBIT BITOP ZADD GEOADD XSETID
		SINTERSTORE SUNIONSTORE SDIFFSTORE ZRANGESTORE ZUNIONSTORE ZINTERSTORE ZDIFFSTORE GEOSEARCHSTORE
		REPLICAOF SLAVEOF`)
	// LTRIM 1 -1 takes one more each time, RENAME fails the second time, LMOVE moves another element.
	add(fact{class: WriteAccumulate}, `SETNX MSETNX GETSET GETDEL APPEND INCR INCRBY INCRBYFLOAT DECR DECRBY RENAME RENAMENX MOVE COPY
		RESTORE RESTORE-ASKING MIGRATE SWAPDB HSETNX HINCRBY HINCRBYFLOAT LPUSH LPUSHX RPUSH RPUSHX LPOP RPOP LMPOP LMOVE
		RPOPLPUSH LINSERT LREM LTRIM SPOP ZINCRBY ZPOPMIN ZPOPMAX ZMPOP ZREMRANGEBYRANK XADD XCLAIM XAUTOCLAIM XREADGROUP
		EVAL EVALSHA FCALL PUBLISH SPUBLISH XGROUP FUNCTION SCRIPT CONFIG CLIENT CLUSTER ACL MODULE DEBUG FAILOVER
		PFDEBUG PFSELFTEST`)
}

func addContainers(sub func(fact, string, string)) {
	read, once, last := fact{class: Read}, fact{class: WriteOnce}, fact{class: WriteLastWins}
	for _, c := range []string{"ACL", "CLIENT", "CLUSTER", "CONFIG", "FUNCTION", "MODULE", "SCRIPT", "XGROUP"} {
		sub(read, c, `HELP`)
	}
	sub(once, "XGROUP", `DESTROY CREATECONSUMER DELCONSUMER`)
	sub(last, "XGROUP", `SETID`)
	sub(read, "FUNCTION", `DUMP LIST STATS`)
	sub(once, "FUNCTION", `FLUSH`)
	sub(fact{class: WriteAccumulate}, "FUNCTION", `LOAD RESTORE`)
	sub(read, "SCRIPT", `EXISTS`)
	sub(once, "SCRIPT", `LOAD FLUSH`)
	sub(fact{class: Never, use: refused}, "SCRIPT", `DEBUG`)
	sub(read, "CONFIG", `GET`)
	sub(last, "CONFIG", `SET`)
	sub(once, "CONFIG", `RESETSTAT REWRITE`)
	sub(read, "CLIENT", `ID INFO LIST GETNAME GETREDIR TRACKINGINFO`)
	sub(once, "CLIENT", `UNPAUSE`)
	sub(last, "CLIENT", `PAUSE`)
	sub(fact{class: Never, use: refused}, "CLIENT", `REPLY`)
	sub(fact{class: Never, use: heldOnly}, "CLIENT", `TRACKING CACHING SETNAME SETINFO NO-EVICT NO-TOUCH MAINT_NOTIFICATIONS`)
	sub(read, "CLUSTER", `COUNT-FAILURE-REPORTS COUNTKEYSINSLOT GETKEYSINSLOT INFO KEYSLOT LINKS MYID MYSHARDID NODES REPLICAS
		SHARDS SLAVES SLOTS`)
	sub(read, "ACL", `CAT DRYRUN GENPASS GETUSER LIST LOG USERS WHOAMI`)
	sub(once, "ACL", `DELUSER LOAD SAVE`)
	sub(last, "ACL", `SETUSER`)
	sub(read, "MODULE", `LIST`)
	sub(once, "MEMORY", `PURGE`)
	sub(once, "SLOWLOG", `RESET`)
	sub(once, "LATENCY", `RESET`)
}

// buildExceptions is the table of arguments that decide. Something conditional that is executed twice answers as if it had
// failed, so it counts as accumulating: that answer is what its caller goes by.
func buildExceptions() map[string][]exception {
	m := map[string][]exception{}
	add := func(names string, from, to int, words string, f fact) {
		for _, n := range strings.Split(names, ",") {
			m[n] = append(m[n], exception{from, to, strings.Fields(words), f})
		}
	}
	once, last, more := fact{class: WriteOnce}, fact{class: WriteLastWins}, fact{class: WriteAccumulate}
	const anywhere = factArgs + 1
	add("SET", 3, 9, "NX GET", more)
	add("GETEX", 2, 4, "EX PX EXAT PXAT PERSIST", once)
	add("EXPIRE,PEXPIRE,EXPIREAT,PEXPIREAT,HEXPIRE,HPEXPIRE,HEXPIREAT,HPEXPIREAT", 3, 5, "NX LT", more)
	add("ZADD", 2, 7, "NX INCR", more)
	add("GEOADD", 2, 4, "NX", more)
	add("COPY", 3, 6, "REPLACE", last)
	add("RESTORE", 4, 10, "REPLACE", last)
	add("SORT", 2, anywhere, "STORE", last)
	add("GEORADIUS", 6, anywhere, "STORE STOREDIST", last)
	add("GEORADIUSBYMEMBER", 5, anywhere, "STORE STOREDIST", last)
	add("BITFIELD", 2, anywhere, "SET INCRBY", more)
	add("LREM", 2, 3, "0", once) // all of them
	add("FUNCTION LOAD,FUNCTION RESTORE", 2, 4, "REPLACE", last)
	add("ACL LOG", 2, 3, "RESET", once)
	add("XREAD", 1, 5, "BLOCK", fact{class: Read, use: blocks})
	add("XREADGROUP", 4, 10, "BLOCK", fact{class: WriteAccumulate, use: blocks})
	add("DEBUG", 1, 2, "SLEEP", fact{class: WriteAccumulate, use: blocks})
	return m
}

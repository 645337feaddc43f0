package baton

import "strings"

// factRows is the table. Whether a command reads or writes is what COMMAND of the server says; which kind of write it is
// cannot be taken from there and is decided by hand, from what a second execution would change and answer.
var factRows = [...]struct {
	class      Class
	use        use
	containers string // "" for commands of one word
	names      string
}{
	{Read, shared, "", `GET MGET STRLEN GETRANGE SUBSTR LCS GETBIT BITCOUNT BITPOS BITFIELD_RO
		EXISTS TYPE TTL PTTL EXPIRETIME PEXPIRETIME KEYS SCAN RANDOMKEY DUMP TOUCH OBJECT SORT_RO
		HGET HMGET HGETALL HEXISTS HLEN HKEYS HVALS HSTRLEN HSCAN HRANDFIELD HTTL HPTTL HEXPIRETIME HPEXPIRETIME
		LLEN LRANGE LINDEX LPOS SCARD SISMEMBER SMISMEMBER SMEMBERS SRANDMEMBER SINTER SUNION SDIFF SINTERCARD SSCAN
		ZCARD ZSCORE ZMSCORE ZRANK ZREVRANK ZRANGE ZREVRANGE ZRANGEBYSCORE ZREVRANGEBYSCORE ZRANGEBYLEX ZREVRANGEBYLEX ZCOUNT
		ZLEXCOUNT ZRANDMEMBER ZINTER ZUNION ZDIFF ZINTERCARD ZSCAN XLEN XRANGE XREVRANGE XINFO XPENDING XREAD PFCOUNT
		GEODIST GEOHASH GEOPOS GEOSEARCH GEORADIUS_RO GEORADIUSBYMEMBER_RO EVAL_RO EVALSHA_RO FCALL_RO
		DBSIZE MEMORY PING ECHO TIME INFO COMMAND LASTSAVE PUBSUB ROLE LOLWUT SLOWLOG LATENCY`},
	// Reads unless their arguments say otherwise, see exceptionRows.
	{Read, shared, "", `GETEX SORT GEORADIUS GEORADIUSBYMEMBER BITFIELD`},
	{WriteOnce, shared, "", `DEL UNLINK EXPIRE PEXPIRE EXPIREAT PEXPIREAT PERSIST HDEL HEXPIRE HPEXPIRE HEXPIREAT HPEXPIREAT
		HPERSIST SADD SREM SMOVE ZREM ZREMRANGEBYSCORE ZREMRANGEBYLEX XACK XDEL XTRIM PFADD PFMERGE FLUSHDB FLUSHALL
		SAVE BGSAVE BGREWRITEAOF`},
	{WriteLastWins, shared, "", `SET SETEX PSETEX MSET HSET HMSET LSET SETRANGE SETBIT BITOP ZADD GEOADD XSETID
		SINTERSTORE SUNIONSTORE SDIFFSTORE ZRANGESTORE ZUNIONSTORE ZINTERSTORE ZDIFFSTORE GEOSEARCHSTORE
		REPLICAOF SLAVEOF`},
	// LTRIM 1 -1 takes one more each time, RENAME fails the second time, LMOVE moves another element.
	{WriteAccumulate, shared, "", `SETNX MSETNX GETSET GETDEL APPEND INCR INCRBY INCRBYFLOAT DECR DECRBY RENAME RENAMENX MOVE COPY
		RESTORE RESTORE-ASKING MIGRATE SWAPDB HSETNX HINCRBY HINCRBYFLOAT LPUSH LPUSHX RPUSH RPUSHX LPOP RPOP LMPOP LMOVE
		RPOPLPUSH LINSERT LREM LTRIM SPOP ZINCRBY ZPOPMIN ZPOPMAX ZMPOP ZREMRANGEBYRANK XADD XCLAIM XAUTOCLAIM XREADGROUP
		EVAL EVALSHA FCALL PUBLISH SPUBLISH XGROUP FUNCTION SCRIPT CONFIG CLIENT CLUSTER ACL MODULE DEBUG FAILOVER
		PFDEBUG PFSELFTEST`},
	{Read, blocks, "", `WAIT WAITAOF`},
	{WriteAccumulate, blocks, "", `BLPOP BRPOP BLMOVE BRPOPLPUSH BLMPOP BZPOPMIN BZPOPMAX BZMPOP`},
	{Never, heldOnly, "", `MULTI EXEC DISCARD SELECT AUTH HELLO READONLY READWRITE ASKING`},
	{Read, heldOnly, "", `WATCH UNWATCH`},
	{Never, refused, "", `SUBSCRIBE PSUBSCRIBE SSUBSCRIBE UNSUBSCRIBE PUNSUBSCRIBE SUNSUBSCRIBE MONITOR SYNC
		PSYNC REPLCONF RESET QUIT`},
	{Never, shared, "", `SHUTDOWN`}, // no answer is the right answer

	{Read, shared, "ACL CLIENT CLUSTER CONFIG FUNCTION MODULE SCRIPT XGROUP", "HELP"},
	{WriteOnce, shared, "XGROUP", `DESTROY CREATECONSUMER DELCONSUMER`},
	{WriteLastWins, shared, "XGROUP", `SETID`},
	{Read, shared, "FUNCTION", `DUMP LIST STATS`},
	{WriteOnce, shared, "FUNCTION", `FLUSH`},
	{WriteAccumulate, shared, "FUNCTION", `LOAD RESTORE`},
	{Read, shared, "SCRIPT", `EXISTS`},
	{WriteOnce, shared, "SCRIPT", `LOAD FLUSH`},
	{Never, refused, "SCRIPT", `DEBUG`},
	{Read, shared, "CONFIG", `GET`},
	{WriteLastWins, shared, "CONFIG", `SET`},
	{WriteOnce, shared, "CONFIG", `RESETSTAT REWRITE`},
	{Read, shared, "CLIENT", `ID INFO LIST GETNAME GETREDIR TRACKINGINFO`},
	{WriteOnce, shared, "CLIENT", `UNPAUSE`},
	{WriteLastWins, shared, "CLIENT", `PAUSE`},
	{Never, refused, "CLIENT", `REPLY`},
	{Never, heldOnly, "CLIENT", `TRACKING CACHING SETNAME SETINFO NO-EVICT NO-TOUCH MAINT_NOTIFICATIONS`},
	{Read, shared, "CLUSTER", `COUNT-FAILURE-REPORTS COUNTKEYSINSLOT GETKEYSINSLOT INFO KEYSLOT LINKS MYID MYSHARDID NODES REPLICAS
		SHARDS SLAVES SLOTS`},
	{Read, shared, "ACL", `CAT DRYRUN GENPASS GETUSER LIST LOG USERS WHOAMI`},
	{WriteOnce, shared, "ACL", `DELUSER LOAD SAVE`},
	{WriteLastWins, shared, "ACL", `SETUSER`},
	{Read, shared, "MODULE", `LIST`},
	{WriteOnce, shared, "MEMORY", `PURGE`},
	{WriteOnce, shared, "SLOWLOG", `RESET`},
	{WriteOnce, shared, "LATENCY", `RESET`},
}

func buildFacts() map[string]fact {
	m := make(map[string]fact, 420)
	for _, row := range factRows {
		for _, name := range strings.Fields(row.names) {
			if row.containers == "" {
				m[name] = fact{row.class, row.use}
			}
			for _, container := range strings.Fields(row.containers) {
				m[container+" "+name] = fact{row.class, row.use}
			}
		}
	}
	return m
}

// anywhere is behind the last argument.
const anywhere = factArgs + 1

// exceptionRows is the table of arguments that decide, see exception. Something conditional that is executed twice answers as
// if it had failed, so it counts as accumulating: that answer is what its caller goes by.
var exceptionRows = [...]struct {
	names    string
	from, to int
	words    string
	fact     fact
}{
	{"SET", 3, 9, "NX GET", fact{class: WriteAccumulate}},
	{"GETEX", 2, 4, "EX PX EXAT PXAT PERSIST", fact{class: WriteOnce}},
	{"EXPIRE,PEXPIRE,EXPIREAT,PEXPIREAT,HEXPIRE,HPEXPIRE,HEXPIREAT,HPEXPIREAT", 3, 5, "NX LT", fact{class: WriteAccumulate}},
	{"ZADD", 2, 7, "NX INCR", fact{class: WriteAccumulate}},
	{"GEOADD", 2, 4, "NX", fact{class: WriteAccumulate}},
	{"COPY", 3, 6, "REPLACE", fact{class: WriteLastWins}},
	{"RESTORE", 4, 10, "REPLACE", fact{class: WriteLastWins}},
	{"SORT", 2, anywhere, "STORE", fact{class: WriteLastWins}},
	{"GEORADIUS", 6, anywhere, "STORE STOREDIST", fact{class: WriteLastWins}},
	{"GEORADIUSBYMEMBER", 5, anywhere, "STORE STOREDIST", fact{class: WriteLastWins}},
	{"BITFIELD", 2, anywhere, "SET INCRBY", fact{class: WriteAccumulate}},
	{"LREM", 2, 3, "0", fact{class: WriteOnce}}, // all of them
	{"FUNCTION LOAD,FUNCTION RESTORE", 2, 4, "REPLACE", fact{class: WriteLastWins}},
	{"ACL LOG", 2, 3, "RESET", fact{class: WriteOnce}},
	{"XREAD", 1, 5, "BLOCK", fact{class: Read, use: blocks}},
	{"XREADGROUP", 4, 10, "BLOCK", fact{class: WriteAccumulate, use: blocks}},
	{"DEBUG", 1, 2, "SLEEP", fact{class: WriteAccumulate, use: blocks}},
}

func buildExceptions() map[string][]exception {
	m := map[string][]exception{}
	for _, row := range exceptionRows {
		e := exception{row.from, row.to, strings.Fields(row.words), row.fact}
		for _, name := range strings.Split(row.names, ",") {
			m[name] = append(m[name], e)
		}
	}
	return m
}

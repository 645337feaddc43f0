package facts

import "strings"

// table has a row for each command and for each subcommand that matters, "CONFIG GET".
var table = buildTable()

// commandRows are the rows of the table. COMMAND of the server says whether a command reads or writes. The kind of write was
// decided by hand, by the changes and the answer of a second execution.
var commandRows = [...]struct {
	class      Class
	use        Use
	containers string // "" for commands of one word
	names      string
}{
	{Read, Shared, "", `GET MGET STRLEN GETRANGE SUBSTR LCS GETBIT BITCOUNT BITPOS BITFIELD_RO
		EXISTS TYPE TTL PTTL EXPIRETIME PEXPIRETIME KEYS SCAN RANDOMKEY DUMP TOUCH OBJECT SORT_RO
		HGET HMGET HGETALL HEXISTS HLEN HKEYS HVALS HSTRLEN HSCAN HRANDFIELD HTTL HPTTL HEXPIRETIME HPEXPIRETIME
		LLEN LRANGE LINDEX LPOS SCARD SISMEMBER SMISMEMBER SMEMBERS SRANDMEMBER SINTER SUNION SDIFF SINTERCARD SSCAN
		ZCARD ZSCORE ZMSCORE ZRANK ZREVRANK ZRANGE ZREVRANGE ZRANGEBYSCORE ZREVRANGEBYSCORE ZRANGEBYLEX ZREVRANGEBYLEX ZCOUNT
		ZLEXCOUNT ZRANDMEMBER ZINTER ZUNION ZDIFF ZINTERCARD ZSCAN XLEN XRANGE XREVRANGE XINFO XPENDING XREAD PFCOUNT
		GEODIST GEOHASH GEOPOS GEOSEARCH GEORADIUS_RO GEORADIUSBYMEMBER_RO EVAL_RO EVALSHA_RO FCALL_RO
		VCARD VDIM VEMB VGETATTR VINFO VISMEMBER VLINKS VRANDMEMBER VRANGE VSIM
		DBSIZE MEMORY PING ECHO TIME INFO COMMAND LASTSAVE PUBSUB ROLE LOLWUT SLOWLOG COMMANDLOG LATENCY`},
	// Reads unless their arguments say otherwise, see optionRows.
	{Read, Shared, "", `GETEX HGETEX SORT GEORADIUS GEORADIUSBYMEMBER BITFIELD`},
	{WriteOnce, Shared, "", `DEL UNLINK EXPIRE PEXPIRE EXPIREAT PEXPIREAT PERSIST HDEL HEXPIRE HPEXPIRE HEXPIREAT HPEXPIREAT
		HPERSIST SADD SREM SMOVE ZREM ZREMRANGEBYSCORE ZREMRANGEBYLEX XACK XDEL XTRIM PFADD PFMERGE VREM FLUSHDB FLUSHALL
		SAVE`},
	{WriteLastWins, Shared, "", `SET SETEX PSETEX MSET HSET HMSET HSETEX LSET SETRANGE BITOP ZADD GEOADD XSETID VADD VSETATTR
		SINTERSTORE SUNIONSTORE SDIFFSTORE ZRANGESTORE ZUNIONSTORE ZINTERSTORE ZDIFFSTORE GEOSEARCHSTORE
		REPLICAOF SLAVEOF`},
	// LTRIM 1 -1 takes one more each time, RENAME fails the second time, LMOVE moves another element, SETBIT answers its own
	// bit as the old one, BGSAVE is refused while the first one is under way.
	{WriteAccumulate, Shared, "", `SETNX MSETNX GETSET GETDEL APPEND INCR INCRBY INCRBYFLOAT DECR DECRBY SETBIT RENAME RENAMENX MOVE COPY
		RESTORE RESTORE-ASKING MIGRATE SWAPDB HSETNX HINCRBY HINCRBYFLOAT LPUSH LPUSHX RPUSH RPUSHX LPOP RPOP LMPOP LMOVE HGETDEL
		RPOPLPUSH LINSERT LREM LTRIM SPOP ZINCRBY ZPOPMIN ZPOPMAX ZMPOP ZREMRANGEBYRANK XADD XCLAIM XAUTOCLAIM XREADGROUP
		EVAL EVALSHA FCALL PUBLISH SPUBLISH XGROUP FUNCTION SCRIPT CONFIG CLUSTER ACL MODULE DEBUG FAILOVER
		BGSAVE BGREWRITEAOF PFDEBUG PFSELFTEST`},
	{Read, Blocks, "", `WAIT WAITAOF`},
	{WriteAccumulate, Blocks, "", `BLPOP BRPOP BLMOVE BRPOPLPUSH BLMPOP BZPOPMIN BZPOPMAX BZMPOP`},
	{Never, Session, "", `MULTI EXEC DISCARD SELECT AUTH HELLO READONLY READWRITE ASKING`},
	{Read, Session, "", `WATCH UNWATCH`},
	{Never, Refused, "", `SUBSCRIBE PSUBSCRIBE SSUBSCRIBE UNSUBSCRIBE PUNSUBSCRIBE SUNSUBSCRIBE MONITOR SYNC
		PSYNC REPLCONF RESET QUIT`},
	{Never, Shared, "", `SHUTDOWN`}, // no answer is the right answer

	// Other subcommands may leave state on the connection: careful.
	{Never, Session, "", `CLIENT`},
	{Read, Shared, "CLIENT", `ID INFO LIST GETNAME GETREDIR TRACKINGINFO`},
	{WriteOnce, Shared, "CLIENT", `UNPAUSE`},
	{WriteLastWins, Shared, "CLIENT", `PAUSE`},
	{WriteAccumulate, Shared, "CLIENT", `KILL UNBLOCK`}, // others
	{Never, Refused, "CLIENT", `REPLY`},
	{Never, Session, "CLIENT", `TRACKING CACHING SETNAME SETINFO NO-EVICT NO-TOUCH CAPA IMPORT-SOURCE MAINT_NOTIFICATIONS`},

	{Read, Shared, "ACL CLIENT CLUSTER CONFIG FUNCTION MODULE SCRIPT XGROUP", "HELP"},
	{WriteOnce, Shared, "XGROUP", `DESTROY CREATECONSUMER DELCONSUMER`},
	{WriteLastWins, Shared, "XGROUP", `SETID`},
	{Read, Shared, "FUNCTION", `DUMP LIST STATS`},
	{WriteOnce, Shared, "FUNCTION", `FLUSH`},
	{WriteAccumulate, Shared, "FUNCTION", `LOAD RESTORE`},
	{Read, Shared, "SCRIPT", `EXISTS SHOW`},
	{WriteOnce, Shared, "SCRIPT", `LOAD FLUSH`},
	{Never, Refused, "SCRIPT", `DEBUG`},
	{Read, Shared, "CONFIG", `GET`},
	{WriteLastWins, Shared, "CONFIG", `SET`},
	{WriteOnce, Shared, "CONFIG", `RESETSTAT REWRITE`},
	{Read, Shared, "CLUSTER", `COUNT-FAILURE-REPORTS COUNTKEYSINSLOT GETKEYSINSLOT INFO KEYSLOT LINKS MYID MYSHARDID NODES REPLICAS
		SHARDS SLAVES SLOT-STATS SLOTS`},
	{Never, Refused, "CLUSTER", `SYNCSLOTS`}, // turns the connection into one of replication
	{Read, Shared, "ACL", `CAT DRYRUN GENPASS GETUSER LIST LOG USERS WHOAMI`},
	{WriteOnce, Shared, "ACL", `DELUSER LOAD SAVE`}, // SETUSER adds a selector each time, and refuses to remove a password twice
	{Read, Shared, "MODULE", `LIST`},
	{WriteOnce, Shared, "MEMORY", `PURGE`},
	{WriteOnce, Shared, "SLOWLOG COMMANDLOG", `RESET`},
	{WriteOnce, Shared, "LATENCY", `RESET`},
}

func buildTable() map[string]Fact {
	m := make(map[string]Fact, 440)
	for _, row := range commandRows {
		for _, name := range strings.Fields(row.names) {
			if row.containers == "" {
				m[name] = Fact{row.class, row.use}
			}
			for _, container := range strings.Fields(row.containers) {
				m[container+" "+name] = Fact{row.class, row.use}
			}
		}
	}
	return m
}

// decision is what options make of the fact of their command. If several decide, the most careful fact holds.
type decision struct {
	words string
	fact  Fact
}

// Options that expiring commands have in common.
const (
	optExpiry     = " EX:1 PX:1 EXAT:1 PXAT:1"
	optConditions = "NX XX GT LT"
	optFields     = " FIELDS:n"
	optOthers     = "..."
)

var (
	factOnce  = Fact{Class: WriteOnce}
	factLast  = Fact{Class: WriteLastWins}
	factAgain = Fact{Class: WriteAccumulate}
)

// optionRows is the table of options, see syntax. A word is followed by its arguments, see optionOf; "..." says that other
// arguments follow. Options that are not listed make a command accumulate. So does a condition whose second execution
// answers as if the first had failed: XX too if there is an expiry, which may have removed the key.
var optionRows = [...]struct {
	names  string
	from   int
	words  string
	target int
	decide []decision
}{
	{"SET", 3, "XX KEEPTTL NX GET IFEQ:1 IFNE:1 IFDEQ:1 IFDNE:1" + optExpiry, 0, []decision{{"NX GET IFEQ IFNE IFDEQ IFDNE", factAgain}}},
	// A time in the past removes what is there, and the second time there is nothing.
	{"GETEX", 2, "PERSIST" + optExpiry, 0, []decision{{"EX PX PERSIST", factOnce}, {"EXAT PXAT", factAgain}}},
	{"HGETEX", 2, "PERSIST" + optExpiry + optFields, 0, []decision{{"EX PX PERSIST", factOnce}, {"EXAT PXAT", factAgain}}},
	{"HSETEX", 2, "NX XX FNX FXX KEEPTTL" + optExpiry + " FIELDS:2n", 0, []decision{{"NX FNX", factAgain}}},
	// Equal is neither greater nor less.
	{"EXPIRE,PEXPIRE,EXPIREAT,PEXPIREAT", 3, optConditions, 0, []decision{{"NX GT LT", factAgain}}},
	{"HEXPIRE,HPEXPIRE,HEXPIREAT,HPEXPIREAT", 3, optConditions + optFields, 0, []decision{{"NX GT LT", factAgain}}},
	{"ZADD", 2, optConditions + " CH INCR " + optOthers, 0, []decision{{"NX GT LT CH INCR", factAgain}}},
	{"GEOADD", 2, "NX XX CH " + optOthers, 0, []decision{{"NX CH", factAgain}}},
	{"COPY", 3, "DB:1 REPLACE", 0, []decision{{"REPLACE", factLast}}},
	{"RESTORE", 4, "REPLACE ABSTTL IDLETIME:1 FREQ:1", 0, []decision{{"REPLACE", factLast}}},
	{"SORT", 2, "BY:1 LIMIT:2 GET:1 ASC DESC ALPHA STORE:1", 1, []decision{{"STORE", factLast}}},
	{"GEORADIUS", 6, "WITHCOORD WITHDIST WITHHASH COUNT:1 ANY ASC DESC STORE:1 STOREDIST:1", 1, []decision{{"STORE STOREDIST", factLast}}},
	{"GEORADIUSBYMEMBER", 5, "WITHCOORD WITHDIST WITHHASH COUNT:1 ANY ASC DESC STORE:1 STOREDIST:1", 1, []decision{{"STORE STOREDIST", factLast}}},
	// A result that is stored where it was read from changes again: it is counted twice, subtracted from itself, cut once more.
	{"ZUNIONSTORE,ZINTERSTORE,ZDIFFSTORE,SDIFFSTORE,ZRANGESTORE,GEOSEARCHSTORE", 1, optOthers, 1, nil},
	{"BITOP", 1, optOthers, 2, nil},
	{"BITFIELD", 2, "GET:2 SET:3 INCRBY:3 OVERFLOW:1", 0, []decision{{"SET INCRBY", factAgain}}},
	{"LREM", 2, "0 " + optOthers, 0, []decision{{"0", factOnce}}}, // all of them
	{"FUNCTION LOAD", 2, "REPLACE " + optOthers, 0, []decision{{"REPLACE", factLast}}},
	{"FUNCTION RESTORE", 3, "FLUSH APPEND REPLACE", 0, []decision{{"REPLACE", factLast}}},
	{"ACL LOG", 2, "RESET " + optOthers, 0, []decision{{"RESET", factOnce}}},
	{"XREAD", 1, "COUNT:1 BLOCK:1 STREAMS:all", 0, []decision{{"BLOCK", Fact{Class: Read, Use: Blocks}}}},
	{"XREADGROUP", 1, "GROUP:2 COUNT:1 BLOCK:1 CLAIM:1 NOACK STREAMS:all", 0, []decision{{"BLOCK", Fact{Class: WriteAccumulate, Use: Blocks}}}},
	{"DEBUG", 1, "SLEEP " + optOthers, 0, []decision{{"SLEEP", Fact{Class: WriteAccumulate, Use: Blocks}}}},
}

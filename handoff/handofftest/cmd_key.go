package handofftest

import (
	"math"
	"slices"
	"strconv"
	"time"

	"github.com/baton-go/baton/resp3"
)

// maxTTL bounds times to live, so that they fit a time.Duration.
const maxTTL = time.Duration(math.MaxInt64)

var keyCommands = []command{
	{key: "DEL", arity: -2, run: cmdDel},
	{key: "UNLINK", arity: -2, run: cmdDel},
	{key: "EXISTS", arity: -2, run: cmdExists},
	{key: "TYPE", arity: 2, run: cmdType},
	{key: "EXPIRE", arity: -3, run: func(c *Conn, args [][]byte) { c.expire(args, time.Second, "expire") }},
	{key: "PEXPIRE", arity: -3, run: func(c *Conn, args [][]byte) { c.expire(args, time.Millisecond, "pexpire") }},
	{key: "PERSIST", arity: 2, run: cmdPersist},
	{key: "TTL", arity: 2, run: func(c *Conn, args [][]byte) { c.ttl(args[1], time.Second) }},
	{key: "PTTL", arity: 2, run: func(c *Conn, args [][]byte) { c.ttl(args[1], time.Millisecond) }},
	{key: "SCAN", arity: -2, run: cmdScan},
}

func cmdDel(c *Conn, args [][]byte) {
	var n int64
	for _, key := range args[1:] {
		if c.server.keys.get(c.db, key) != nil {
			c.server.keys.delete(c.db, string(key))
			n++
		}
	}
	c.integer(n)
}

func cmdExists(c *Conn, args [][]byte) {
	var n int64
	for _, key := range args[1:] {
		if c.server.keys.get(c.db, key) != nil {
			n++
		}
	}
	c.integer(n)
}

func (k kind) String() string {
	return [...]string{"string", "list", "hash", "set", "zset"}[k]
}

func cmdType(c *Conn, args [][]byte) {
	e := c.server.keys.get(c.db, args[1])
	if e == nil {
		c.simple("none")
		return
	}
	c.simple(e.kind.String())
}

// expire answers EXPIRE and PEXPIRE. The conditions NX, XX, GT and LT of Redis 7
// are not there.
func (c *Conn) expire(args [][]byte, unit time.Duration, name string) {
	n, err := resp3.ParseInt(args[2])
	if err != nil {
		c.error(errNotInt)
		return
	}
	if len(args) > 3 {
		c.error("ERR Unsupported option " + string(args[3]))
		return
	}
	if n > int64(maxTTL/unit) || n < -int64(maxTTL/unit) {
		c.error("ERR invalid expire time in '" + name + "' command")
		return
	}
	e := c.server.keys.get(c.db, args[1])
	switch {
	case e == nil:
		c.integer(0)
		return
	case n <= 0:
		c.server.keys.delete(c.db, string(args[1]))
	default:
		e.expires = time.Now().Add(time.Duration(n) * unit)
		c.changed(args[1], e)
	}
	c.integer(1)
}

func cmdPersist(c *Conn, args [][]byte) {
	e := c.server.keys.get(c.db, args[1])
	if e == nil || e.expires.IsZero() {
		c.integer(0)
		return
	}
	e.expires = time.Time{}
	c.changed(args[1], e)
	c.integer(1)
}

// ttl answers with the rest of a key's life, rounded as Redis does.
func (c *Conn) ttl(key []byte, unit time.Duration) {
	e := c.server.keys.get(c.db, key)
	switch {
	case e == nil:
		c.integer(-2)
	case e.expires.IsZero():
		c.integer(-1)
	default:
		c.integer(int64((time.Until(e.expires) + unit/2) / unit))
	}
}

// cmdScan walks the sorted keys; the cursor is how many of them were passed. A key
// that stays is reported at least once unless others before it are deleted.
func cmdScan(c *Conn, args [][]byte) {
	cursor, err := strconv.ParseUint(string(args[1]), 10, 32)
	if err != nil {
		c.error("ERR invalid cursor")
		return
	}
	pattern, typeName, count := "*", "", int64(10)
	for i := 2; i < len(args); i += 2 {
		if i+1 == len(args) {
			c.error(errSyntax)
			return
		}
		switch word, v := args[i], args[i+1]; {
		case equalFold(word, "MATCH"):
			pattern = string(v)
		case equalFold(word, "TYPE"):
			typeName = string(v)
		case equalFold(word, "COUNT"):
			if count, err = resp3.ParseInt(v); err != nil {
				c.error(errNotInt)
				return
			}
		default:
			c.error(errSyntax)
			return
		}
		if count < 1 {
			c.error(errSyntax)
			return
		}
	}
	c.scanPage(int(cursor), int(min(count, 1<<20)), pattern, typeName)
}

func (c *Conn) scanPage(cursor, count int, pattern, typeName string) {
	keys := c.server.keys.live(c.db)
	slices.Sort(keys)
	page := keys[min(cursor, len(keys)):]
	next := 0
	if len(page) > count {
		page, next = page[:count], cursor+count
	}
	var found []string
	for _, key := range page {
		e := c.server.keys.get(c.db, []byte(key))
		if globMatch(pattern, key) && (typeName == "" || e.kind.String() == typeName) {
			found = append(found, key)
		}
	}
	c.array(2)
	c.bulkString(strconv.Itoa(next))
	c.array(len(found))
	c.bulks(found...)
}

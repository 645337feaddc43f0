package handofftest

import "github.com/baton-go/baton/resp3"

var listCommands = []command{
	{key: "LPUSH", arity: -3, run: func(c *Conn, args [][]byte) { c.pushElements(args, true) }},
	{key: "RPUSH", arity: -3, run: func(c *Conn, args [][]byte) { c.pushElements(args, false) }},
	{key: "LPOP", arity: -2, run: func(c *Conn, args [][]byte) { c.popElements(args, true) }},
	{key: "RPOP", arity: -2, run: func(c *Conn, args [][]byte) { c.popElements(args, false) }},
	{key: "LLEN", arity: 2, run: cmdLLen},
	{key: "LRANGE", arity: 4, run: cmdLRange},
	{key: "BLPOP", arity: -3, run: func(c *Conn, args [][]byte) { c.blockingPop(args, true) }},
	{key: "BRPOP", arity: -3, run: func(c *Conn, args [][]byte) { c.blockingPop(args, false) }},
	{key: "WAIT", arity: 3, run: cmdWait},
}

func (c *Conn) pushElements(args [][]byte, head bool) {
	e, ok := c.obtain(args[1], kindList)
	if !ok {
		return
	}
	for _, a := range args[2:] {
		if head {
			e.list = append([]string{string(a)}, e.list...)
		} else {
			e.list = append(e.list, string(a))
		}
	}
	c.changed(args[1], e)
	c.integer(int64(len(e.list)))
	c.server.keys.grew(c.db, string(args[1]))
}

// pop takes one element out of a list that has some.
func (e *entry) pop(head bool) (v string) {
	if head {
		v, e.list = e.list[0], e.list[1:]
		return v
	}
	last := len(e.list) - 1
	v, e.list = e.list[last], e.list[:last]
	return v
}

func (c *Conn) popElements(args [][]byte, head bool) {
	if len(args) > 3 {
		c.wrongArgs(map[bool]string{true: "lpop", false: "rpop"}[head])
		return
	}
	count := int64(1)
	if len(args) == 3 {
		var err error
		if count, err = resp3.ParseInt(args[2]); err != nil || count < 0 {
			c.error(errRange)
			return
		}
	}
	e, ok := c.lookup(args[1], kindList)
	switch {
	case !ok:
	case e == nil && len(args) == 3:
		c.nullArray()
	case e == nil:
		c.null()
	case len(args) == 2:
		c.bulkString(e.pop(head))
		c.changed(args[1], e)
	default:
		n := int(min(count, int64(len(e.list))))
		c.array(n)
		for range n {
			c.bulkString(e.pop(head))
		}
		c.changed(args[1], e)
	}
}

func cmdLLen(c *Conn, args [][]byte) {
	e, ok := c.lookup(args[1], kindList)
	if !ok {
		return
	}
	n := 0
	if e != nil {
		n = len(e.list)
	}
	c.integer(int64(n))
}

// sliceRange turns the two inclusive indices of a range command, which may count from
// the end, into a slice of n elements.
func sliceRange(start, stop int64, n int) (from, to int) {
	size := int64(n)
	if start < 0 {
		start = max(start+size, 0)
	}
	if stop < 0 {
		stop += size
	}
	stop = min(stop, size-1)
	if start > stop {
		return 0, 0
	}
	return int(start), int(stop) + 1
}

// parseRange reads two indices; with ok false the error has been answered.
func (c *Conn) parseRange(first, second []byte) (start, stop int64, ok bool) {
	start, err1 := resp3.ParseInt(first)
	stop, err2 := resp3.ParseInt(second)
	if err1 != nil || err2 != nil {
		c.error(errNotInt)
		return 0, 0, false
	}
	return start, stop, true
}

func cmdLRange(c *Conn, args [][]byte) {
	start, stop, ok := c.parseRange(args[2], args[3])
	if !ok {
		return
	}
	e, ok := c.lookup(args[1], kindList)
	if !ok {
		return
	}
	if e == nil {
		c.array(0)
		return
	}
	from, to := sliceRange(start, stop, len(e.list))
	c.array(to - from)
	c.bulks(e.list[from:to]...)
}

package handofftest

import (
	"math"
	"strconv"

	"github.com/baton-go/baton/resp3"
)

var counterCommands = []command{
	{key: "INCR", arity: 2, run: func(c *Conn, args [][]byte) { c.add(args[1], 1) }},
	{key: "DECR", arity: 2, run: func(c *Conn, args [][]byte) { c.add(args[1], -1) }},
	{key: "INCRBY", arity: 3, run: cmdIncrBy},
	{key: "DECRBY", arity: 3, run: cmdDecrBy},
}

func cmdIncrBy(c *Conn, args [][]byte) {
	n, err := resp3.ParseInt(args[2])
	if err != nil {
		c.error(errNotInt)
		return
	}
	c.add(args[1], n)
}

func cmdDecrBy(c *Conn, args [][]byte) {
	n, err := resp3.ParseInt(args[2])
	switch {
	case err != nil:
		c.error(errNotInt)
	case n == math.MinInt64:
		c.error("ERR decrement would overflow")
	default:
		c.add(args[1], -n)
	}
}

// add changes a counter and answers with its new value.
func (c *Conn) add(key []byte, by int64) {
	e, ok := c.lookup(key, kindString)
	if !ok {
		return
	}
	var old int64
	if e != nil {
		var err error
		if old, err = resp3.ParseInt(e.str); err != nil {
			c.error(errNotInt)
			return
		}
	}
	if by > 0 && old > math.MaxInt64-by || by < 0 && old < math.MinInt64-by {
		c.error(errOverflow)
		return
	}
	if e == nil {
		e, _ = c.obtain(key, kindString)
	}
	e.str = strconv.AppendInt(e.str[:0], old+by, 10)
	c.changed(key, e)
	c.integer(old + by)
}

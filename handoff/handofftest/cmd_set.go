package handofftest

import (
	"maps"
	"slices"
)

var setCommands = []command{
	{key: "SADD", arity: -3, run: cmdSAdd},
	{key: "SREM", arity: -3, run: cmdSRem},
	{key: "SMEMBERS", arity: 2, run: cmdSMembers},
	{key: "SISMEMBER", arity: 3, run: cmdSIsMember},
	{key: "SCARD", arity: 2, run: cmdSCard},
}

func cmdSAdd(c *Conn, args [][]byte) {
	e, ok := c.obtain(args[1], kindSet)
	if !ok {
		return
	}
	if e.set == nil {
		e.set = make(map[string]struct{})
	}
	before := len(e.set)
	for _, m := range args[2:] {
		e.set[string(m)] = struct{}{}
	}
	c.changed(args[1], e)
	c.integer(int64(len(e.set) - before))
}

func cmdSRem(c *Conn, args [][]byte) {
	e, ok := c.lookup(args[1], kindSet)
	if !ok {
		return
	}
	var n int64
	if e != nil {
		before := len(e.set)
		for _, m := range args[2:] {
			delete(e.set, string(m))
		}
		n = int64(before - len(e.set))
		if n > 0 {
			c.changed(args[1], e)
		}
	}
	c.integer(n)
}

// cmdSMembers sorts the members, so that tests have one answer to expect.
func cmdSMembers(c *Conn, args [][]byte) {
	e, ok := c.lookup(args[1], kindSet)
	if !ok {
		return
	}
	var members []string
	if e != nil {
		members = slices.Sorted(maps.Keys(e.set))
	}
	c.setHead(len(members))
	c.bulks(members...)
}

func cmdSIsMember(c *Conn, args [][]byte) {
	e, ok := c.lookup(args[1], kindSet)
	if !ok {
		return
	}
	has := false
	if e != nil {
		_, has = e.set[string(args[2])]
	}
	c.truth(has)
}

func cmdSCard(c *Conn, args [][]byte) {
	e, ok := c.lookup(args[1], kindSet)
	if !ok {
		return
	}
	n := 0
	if e != nil {
		n = len(e.set)
	}
	c.integer(int64(n))
}

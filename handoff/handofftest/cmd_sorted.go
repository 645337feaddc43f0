package handofftest

import (
	"cmp"
	"maps"
	"math"
	"slices"
	"strconv"
)

// The sorted set commands are the minimum a client test needs: ZADD without
// options, ZRANGE by index.
var sortedCommands = []command{
	{key: "ZADD", arity: -4, run: cmdZAdd},
	{key: "ZSCORE", arity: 3, run: cmdZScore},
	{key: "ZRANGE", arity: -4, run: cmdZRange},
	{key: "ZCARD", arity: 2, run: cmdZCard},
	{key: "ZREM", arity: -3, run: cmdZRem},
}

func cmdZAdd(c *Conn, args [][]byte) {
	if len(args)%2 != 0 {
		c.error(errSyntax)
		return
	}
	scores := make([]float64, 0, len(args)/2)
	for i := 2; i < len(args); i += 2 {
		f, err := strconv.ParseFloat(string(args[i]), 64)
		if err != nil || math.IsNaN(f) {
			c.error(errNotFloat)
			return
		}
		scores = append(scores, f)
	}
	e, ok := c.obtain(args[1], kindSorted)
	if !ok {
		return
	}
	if e.sorted == nil {
		e.sorted = make(map[string]float64)
	}
	before := len(e.sorted)
	for i, f := range scores {
		e.sorted[string(args[3+2*i])] = f
	}
	c.changed(args[1], e)
	c.integer(int64(len(e.sorted) - before))
}

func cmdZScore(c *Conn, args [][]byte) {
	e, ok := c.lookup(args[1], kindSorted)
	if !ok {
		return
	}
	if e != nil {
		if f, has := e.sorted[string(args[2])]; has {
			c.double(f)
			return
		}
	}
	c.null()
}

// ranked lists the members by score, then by name.
func ranked(m map[string]float64) []string {
	return slices.SortedFunc(maps.Keys(m), func(a, b string) int {
		return cmp.Or(cmp.Compare(m[a], m[b]), cmp.Compare(a, b))
	})
}

func cmdZRange(c *Conn, args [][]byte) {
	withScores := len(args) == 5 && equalFold(args[4], "WITHSCORES")
	if len(args) > 4 && !withScores {
		c.error(errSyntax)
		return
	}
	start, stop, ok := c.parseRange(args[2], args[3])
	if !ok {
		return
	}
	e, ok := c.lookup(args[1], kindSorted)
	if !ok {
		return
	}
	var members []string
	if e != nil {
		members = ranked(e.sorted)
	}
	from, to := sliceRange(start, stop, len(members))
	members = members[from:to]
	if !withScores {
		c.array(len(members))
		c.bulks(members...)
		return
	}
	c.scoredArray(members, e)
}

// scoredArray answers with pairs: nested in RESP3, flat in RESP2.
func (c *Conn) scoredArray(members []string, e *entry) {
	if c.protocol3() {
		c.array(len(members))
	} else {
		c.array(2 * len(members))
	}
	for _, m := range members {
		if c.protocol3() {
			c.array(2)
		}
		c.bulkString(m)
		c.double(e.sorted[m])
	}
}

func cmdZCard(c *Conn, args [][]byte) {
	e, ok := c.lookup(args[1], kindSorted)
	if !ok {
		return
	}
	n := 0
	if e != nil {
		n = len(e.sorted)
	}
	c.integer(int64(n))
}

func cmdZRem(c *Conn, args [][]byte) {
	e, ok := c.lookup(args[1], kindSorted)
	if !ok {
		return
	}
	var n int64
	if e != nil {
		before := len(e.sorted)
		for _, m := range args[2:] {
			delete(e.sorted, string(m))
		}
		n = int64(before - len(e.sorted))
		if n > 0 {
			c.changed(args[1], e)
		}
	}
	c.integer(n)
}

package handofftest

import "slices"

var hashCommands = []command{
	{key: "HSET", arity: -4, run: cmdHSet},
	{key: "HGET", arity: 3, run: cmdHGet},
	{key: "HMGET", arity: -3, run: cmdHMGet},
	{key: "HGETALL", arity: 2, run: cmdHGetAll},
	{key: "HDEL", arity: -3, run: cmdHDel},
	{key: "HEXISTS", arity: 3, run: cmdHExists},
	{key: "HLEN", arity: 2, run: cmdHLen},
}

// hash keeps its fields in the order they were added, as small hashes of Redis do.
type hash struct {
	values map[string]string
	order  []string
}

func (h *hash) len() int { return len(h.values) }

// set says whether the field is new.
func (h *hash) set(field, value string) bool {
	if h.values == nil {
		h.values = make(map[string]string)
	}
	_, had := h.values[field]
	if !had {
		h.order = append(h.order, field)
	}
	h.values[field] = value
	return !had
}

func (h *hash) del(field string) bool {
	if _, had := h.values[field]; !had {
		return false
	}
	delete(h.values, field)
	h.order = slices.DeleteFunc(h.order, func(f string) bool { return f == field })
	return true
}

func cmdHSet(c *Conn, args [][]byte) {
	if len(args)%2 != 0 {
		c.wrongArgs("hset")
		return
	}
	e, ok := c.obtain(args[1], kindHash)
	if !ok {
		return
	}
	var added int64
	for i := 2; i < len(args); i += 2 {
		if e.hash.set(string(args[i]), string(args[i+1])) {
			added++
		}
	}
	c.changed(args[1], e)
	c.integer(added)
}

// field answers with one field of a hash that may not exist.
func (c *Conn) field(e *entry, name []byte) {
	if e != nil {
		if v, ok := e.hash.values[string(name)]; ok {
			c.bulkString(v)
			return
		}
	}
	c.null()
}

func cmdHGet(c *Conn, args [][]byte) {
	if e, ok := c.lookup(args[1], kindHash); ok {
		c.field(e, args[2])
	}
}

func cmdHMGet(c *Conn, args [][]byte) {
	e, ok := c.lookup(args[1], kindHash)
	if !ok {
		return
	}
	c.array(len(args) - 2)
	for _, name := range args[2:] {
		c.field(e, name)
	}
}

func cmdHGetAll(c *Conn, args [][]byte) {
	e, ok := c.lookup(args[1], kindHash)
	if !ok {
		return
	}
	if e == nil {
		c.mapHead(0)
		return
	}
	c.mapHead(e.hash.len())
	for _, f := range e.hash.order {
		c.bulks(f, e.hash.values[f])
	}
}

func cmdHDel(c *Conn, args [][]byte) {
	e, ok := c.lookup(args[1], kindHash)
	if !ok {
		return
	}
	var n int64
	if e != nil {
		for _, f := range args[2:] {
			n += int64(asInt(e.hash.del(string(f))))
		}
		if n > 0 {
			c.changed(args[1], e)
		}
	}
	c.integer(n)
}

func cmdHExists(c *Conn, args [][]byte) {
	e, ok := c.lookup(args[1], kindHash)
	if !ok {
		return
	}
	has := false
	if e != nil {
		_, has = e.hash.values[string(args[2])]
	}
	c.truth(has)
}

func cmdHLen(c *Conn, args [][]byte) {
	e, ok := c.lookup(args[1], kindHash)
	if !ok {
		return
	}
	n := 0
	if e != nil {
		n = e.hash.len()
	}
	c.integer(int64(n))
}

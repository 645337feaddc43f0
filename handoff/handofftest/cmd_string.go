package handofftest

import (
	"time"

	"github.com/baton-go/baton/resp3"
)

var stringCommands = []command{
	{key: "GET", arity: 2, run: cmdGet},
	{key: "SET", arity: -3, run: cmdSet},
	{key: "SETNX", arity: 3, run: cmdSetNX},
	{key: "GETDEL", arity: 2, run: cmdGetDel},
	{key: "MGET", arity: -2, run: cmdMGet},
	{key: "MSET", arity: -3, run: cmdMSet},
	{key: "APPEND", arity: 3, run: cmdAppend},
	{key: "STRLEN", arity: 2, run: cmdStrlen},
}

// value answers with what a string key holds.
func (c *Conn) value(e *entry) {
	if e == nil {
		c.null()
		return
	}
	c.bulk(e.str)
}

func cmdGet(c *Conn, args [][]byte) {
	if e, ok := c.lookup(args[1], kindString); ok {
		c.value(e)
	}
}

// setString stores a copy of value, reusing the memory of an entry of its own.
func (c *Conn) setString(key, value []byte, expires time.Time) {
	k := &c.server.keys
	if e := k.dbs[c.db][string(key)]; e != nil && e.kind == kindString {
		e.str = append(e.str[:0], value...)
		e.expires = expires
		k.touch(c.db, string(key))
		return
	}
	k.put(c.db, string(key), &entry{kind: kindString, str: append([]byte(nil), value...), expires: expires})
}

// setOptions are the options of SET.
type setOptions struct {
	nx, xx, get, keepTTL bool
	expires              time.Time
}

// parse reads the words after the value; problem is the error text, "" for none.
func (o *setOptions) parse(words [][]byte) (errText string) {
	for i := 0; i < len(words); i++ {
		switch w := words[i]; {
		case equalFold(w, "NX") && !o.xx:
			o.nx = true
		case equalFold(w, "XX") && !o.nx:
			o.xx = true
		case equalFold(w, "GET"):
			o.get = true
		case equalFold(w, "KEEPTTL") && o.expires.IsZero():
			o.keepTTL = true
		case !o.keepTTL && o.expires.IsZero() && i+1 < len(words):
			i++
			if errText = o.parseExpiry(w, words[i]); errText != "" {
				return errText
			}
		default:
			return errSyntax
		}
	}
	return ""
}

// parseExpiry reads EX, PX, EXAT or PXAT and its number.
func (o *setOptions) parseExpiry(word, number []byte) (errText string) {
	unit, from := time.Second, time.Now()
	switch {
	case equalFold(word, "EX"):
	case equalFold(word, "PX"):
		unit = time.Millisecond
	case equalFold(word, "EXAT"):
		from = time.Unix(0, 0)
	case equalFold(word, "PXAT"):
		unit, from = time.Millisecond, time.Unix(0, 0)
	default:
		return errSyntax
	}
	n, err := resp3.ParseInt(number)
	if err != nil {
		return errNotInt
	}
	if n <= 0 || n > int64(maxTTL/unit) {
		return "ERR invalid expire time in 'set' command"
	}
	o.expires = from.Add(time.Duration(n) * unit)
	return ""
}

func cmdSet(c *Conn, args [][]byte) {
	var o setOptions
	if len(args) > 3 {
		if errText := o.parse(args[3:]); errText != "" {
			c.error(errText)
			return
		}
	}
	old := c.server.keys.get(c.db, args[1])
	if o.get {
		if old != nil && old.kind != kindString {
			c.error(errWrongType)
			return
		}
		c.value(old)
	}
	if o.nx && old != nil || o.xx && old == nil {
		if !o.get {
			c.null()
		}
		return
	}
	if o.keepTTL && old != nil {
		o.expires = old.expires
	}
	c.setString(args[1], args[2], o.expires)
	if !o.get {
		c.ok()
	}
}

func cmdSetNX(c *Conn, args [][]byte) {
	free := c.server.keys.get(c.db, args[1]) == nil
	if free {
		c.setString(args[1], args[2], time.Time{})
	}
	c.truth(free)
}

func cmdGetDel(c *Conn, args [][]byte) {
	e, ok := c.lookup(args[1], kindString)
	if !ok {
		return
	}
	c.value(e)
	c.server.keys.delete(c.db, string(args[1]))
}

func cmdMGet(c *Conn, args [][]byte) {
	c.array(len(args) - 1)
	for _, key := range args[1:] {
		e := c.server.keys.get(c.db, key)
		if e != nil && e.kind != kindString {
			e = nil
		}
		c.value(e)
	}
}

func cmdMSet(c *Conn, args [][]byte) {
	if len(args)%2 == 0 {
		c.wrongArgs("mset")
		return
	}
	for i := 1; i < len(args); i += 2 {
		c.setString(args[i], args[i+1], time.Time{})
	}
	c.ok()
}

func cmdAppend(c *Conn, args [][]byte) {
	e, ok := c.obtain(args[1], kindString)
	if !ok {
		return
	}
	e.str = append(e.str, args[2]...)
	c.changed(args[1], e)
	c.integer(int64(len(e.str)))
}

func cmdStrlen(c *Conn, args [][]byte) {
	e, ok := c.lookup(args[1], kindString)
	if !ok {
		return
	}
	n := 0
	if e != nil {
		n = len(e.str)
	}
	c.integer(int64(n))
}

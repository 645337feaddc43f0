package handofftest

import (
	"strconv"

	"github.com/baton-go/baton/handoff/handofftest/resp3test"
	"github.com/baton-go/baton/resp3"
)

// Texts that several commands answer with, as Redis 7 words them.
const (
	errWrongType = "WRONGTYPE Operation against a key holding the wrong kind of value"
	errNotInt    = "ERR value is not an integer or out of range"
	errNotFloat  = "ERR value is not a valid float"
	errSyntax    = "ERR syntax error"
	errOverflow  = "ERR increment or decrement would overflow"
	errRange     = "ERR value is out of range, must be positive"
)

// The methods here append to the reply under construction, in the protocol the
// connection has negotiated.

func (c *Conn) simple(s string)       { c.w = resp3test.AppendSimpleString(c.w, s) }
func (c *Conn) ok()                   { c.w = append(c.w, "+OK\r\n"...) }
func (c *Conn) error(text string)     { c.w = resp3test.AppendSimpleError(c.w, text) }
func (c *Conn) integer(i int64)       { c.w = resp3test.AppendInteger(c.w, i) }
func (c *Conn) bulk(b []byte)         { c.w = resp3.AppendBulkString(c.w, b) }
func (c *Conn) bulkString(s string)   { c.w = resp3.AppendBulkString(c.w, s) }
func (c *Conn) array(n int)           { c.w = resp3.AppendHeader(c.w, resp3.Array, n) }
func (c *Conn) protocol3() bool       { return c.proto == 3 }
func (c *Conn) pushHead(elems int)    { c.w = appendPushHead(c.w, c.proto, elems) }
func (c *Conn) truth(yes bool)        { c.integer(int64(asInt(yes))) }
func (c *Conn) bulks(texts ...string) { c.w = appendBulks(c.w, texts) }

func asInt(yes bool) int {
	if yes {
		return 1
	}
	return 0
}

func (c *Conn) null() {
	if c.protocol3() {
		c.w = resp3test.AppendNull(c.w)
		return
	}
	c.w = resp3test.AppendNullBulkString(c.w)
}

func (c *Conn) nullArray() {
	if c.protocol3() {
		c.w = resp3test.AppendNull(c.w)
		return
	}
	c.w = resp3test.AppendNullArray(c.w)
}

// mapHead begins a map; RESP2 has a flat array instead.
func (c *Conn) mapHead(pairs int) {
	if c.protocol3() {
		c.w = resp3.AppendHeader(c.w, resp3.Map, pairs)
		return
	}
	c.array(2 * pairs)
}

func (c *Conn) setHead(n int) {
	if c.protocol3() {
		c.w = resp3.AppendHeader(c.w, resp3.Set, n)
		return
	}
	c.array(n)
}

func (c *Conn) double(f float64) {
	if c.protocol3() {
		c.w = resp3test.AppendDouble(c.w, f)
		return
	}
	c.bulkString(strconv.FormatFloat(f, 'g', 17, 64))
}

func appendBulks(dst []byte, texts []string) []byte {
	for _, t := range texts {
		dst = resp3.AppendBulkString(dst, t)
	}
	return dst
}

// appendPushHead begins a push; RESP2 has an array instead.
func appendPushHead(dst []byte, proto, elems int) []byte {
	if proto == 3 {
		return resp3.AppendHeader(dst, resp3.Push, elems)
	}
	return resp3.AppendHeader(dst, resp3.Array, elems)
}

// upperName is a command name in upper case. Names of the table need no memory.
func upperName(b []byte) string {
	var buf [32]byte
	if len(b) > len(buf) {
		return string(b)
	}
	for i, ch := range b {
		if 'a' <= ch && ch <= 'z' {
			ch -= 'a' - 'A'
		}
		buf[i] = ch
	}
	if cmd := commands[string(buf[:len(b)])]; cmd != nil {
		return cmd.key
	}
	return string(buf[:len(b)])
}

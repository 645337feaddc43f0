package resp3

import (
	"fmt"
	"iter"
	"slices"
	"strconv"
	"unsafe"
)

// AppendHeader appends the header of an aggregate: an array, set or push of n elements, or a map or attribute of n pairs. They have
// to follow. A push must not stand inside another value. Another kind or a negative n panics.
func AppendHeader(dst []byte, k Kind, n int) []byte {
	if n < 0 || !k.aggregate() {
		panic(fmt.Sprintf("resp3: %s of %d elements", k, n))
	}
	return appendHeader(dst, k, n)
}

// appendHeader appends a type byte, a length and CRLF.
func appendHeader(dst []byte, k Kind, n int) []byte {
	switch {
	case uint(n) < 10:
		return append(dst, byte(k), byte('0'+n), '\r', '\n')
	case uint(n) < 100:
		return append(dst, byte(k), byte('0'+n/10), byte('0'+n%10), '\r', '\n')
	}
	return append(strconv.AppendInt(append(dst, byte(k)), int64(n), 10), '\r', '\n')
}

// AppendBulkString appends s as a bulk string.
func AppendBulkString[T string | []byte](dst []byte, s T) []byte {
	return appendBlob(dst, BulkString, s)
}

func appendBlob[T string | []byte](dst []byte, k Kind, s T) []byte {
	dst = appendHeader(dst, k, len(s))
	dst = append(dst, s...)
	return append(dst, '\r', '\n')
}

// AppendValue appends the encoding of v with its attributes. A value that was read is written as it came, except that streamed
// forms get their lengths and integers lose a plus sign and leading zeros. The zero Value is written as null.
func AppendValue(dst []byte, v Value) []byte {
	if len(v.elems()) == 0 && !v.tagged {
		return appendElement(dst, v)
	}
	for e := range v.walk(true) {
		dst = appendElement(dst, e)
	}
	return dst
}

// appendElement appends a scalar, or the header of an aggregate.
func appendElement(dst []byte, v Value) []byte {
	switch v.kind {
	case Array, Map, Set, Push, Attribute:
		if v.null {
			return append(dst, "*-1\r\n"...)
		}
		return appendHeader(dst, v.kind, v.Len())
	case BulkString, VerbatimString, BulkError:
		if v.null {
			return append(dst, "$-1\r\n"...)
		}
		return appendBlob(dst, v.kind, v.text())
	case SimpleString, SimpleError, Double, BigNumber:
		return append(append(append(dst, byte(v.kind)), v.text()...), '\r', '\n')
	case Integer:
		return append(strconv.AppendInt(append(dst, ':'), v.n, 10), '\r', '\n')
	case Boolean:
		if v.n != 0 {
			return append(dst, "#t\r\n"...)
		}
		return append(dst, "#f\r\n"...)
	}
	return append(dst, "_\r\n"...)
}

// rest is what walk has not visited yet of an aggregate.
type rest struct {
	values []Value
	bare   bool // the attributes in front of the first have been visited
}

// walk visits a value and all inside it in the order of their encoding, attributes in front if they are wanted. It has a stack of
// its own, since values may be nested to any depth; their number too is the peer's choice, so no more memory is taken than needed.
func (v Value) walk(attributes bool) iter.Seq[Value] {
	return func(yield func(Value) bool) {
		lists := []rest{{values: []Value{v}}}
		for len(lists) > 0 {
			top := &lists[len(lists)-1]
			if len(top.values) == 0 {
				lists = lists[:len(lists)-1]
				continue
			}
			e := &top.values[0]
			if e.tagged && attributes && !top.bare {
				top.bare = true
				lists = slices.Grow(lists, e.tags())
				for ; e.tagged; e = e.tag() { // the first received is visited first
					lists = append(lists, rest{values: unsafe.Slice(e.tag(), 1), bare: true})
				}
				continue
			}
			top.values, top.bare = top.values[1:], false
			if !yield(e.bare()) {
				return
			}
			if inner := e.elems(); len(inner) > 0 {
				lists = append(lists, rest{values: inner})
			}
		}
	}
}

// What String shows: bytes of the result and of one text.
const (
	shownBytes = 256
	shownText  = 64
)

// String returns the value for people to read, cut to about 256 bytes. Its form is not fixed. Use Text for the content.
func (v Value) String() string {
	var out []byte
	for e := range v.walk(true) {
		if len(out) > 0 {
			out = append(out, ' ')
		}
		if len(out) >= shownBytes {
			return string(append(out, "..."...))
		}
		out = appendShown(out, e)
	}
	return string(out)
}

func appendShown(out []byte, v Value) []byte {
	switch {
	case v.IsNull():
		return append(out, "null"...)
	case v.kind.aggregate():
		return fmt.Appendf(out, "%s(%d)", v.kind, v.Len())
	case v.kind == Integer:
		return strconv.AppendInt(out, v.n, 10)
	case v.kind == Boolean:
		return strconv.AppendBool(out, v.n != 0)
	case v.kind == Invalid:
		return append(out, v.kind.String()...)
	case v.kind == SimpleError || v.kind == BulkError:
		out = append(out, "error "...)
	}
	text := v.text()
	shown := text[:min(len(text), shownText)]
	if v.kind == Double || v.kind == BigNumber {
		return append(out, shown...)
	}
	if out = strconv.AppendQuote(out, shown); len(text) > shownText {
		out = append(out, "..."...)
	}
	return out
}

package resp3

import (
	"slices"
	"strconv"
)

// AppendValue appends the encoding of v with its attributes. A value that was
// read is written as it came, except that streamed forms get their lengths and
// integers lose a plus sign and leading zeros. The zero Value is written as
// null.
func AppendValue(dst []byte, v Value) []byte {
	if len(v.elems) == 0 && !v.tagged {
		return appendElement(dst, v)
	}
	w := walk{}
	for w.start(v); w.next(); {
		dst = appendElement(dst, w.v)
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
	case BulkString:
		if v.null {
			return append(dst, "$-1\r\n"...)
		}
		return AppendBulkString(dst, v.text)
	case VerbatimString, BulkError:
		return appendBlob(dst, v.kind, v.text)
	case SimpleString, SimpleError, Double, BigNumber:
		return appendLine(dst, v.kind, v.text)
	case Integer:
		return appendInteger(dst, v.num)
	case Boolean:
		if v.num != 0 {
			return append(dst, "#t\r\n"...)
		}
		return append(dst, "#f\r\n"...)
	}
	return append(dst, "_\r\n"...)
}

// walk visits a value and all inside it in the order of their encoding,
// attributes in front. It keeps a stack of its own, since values may be nested
// to any depth.
type walk struct {
	v     Value // visited now
	bare  bool  // attributes are left out
	first [1]Value
	lists []rest // of the aggregates that are open
}

// rest is what is to be visited of an aggregate.
type rest struct {
	values []Value
	bare   bool // the attribute in front of the first has been visited
}

// start begins with v.
func (w *walk) start(v Value) {
	w.first[0] = v
	w.lists = append(w.lists[:0], rest{values: w.first[:]})
}

// next moves to the next value and reports whether there is one.
func (w *walk) next() bool {
	for len(w.lists) > 0 {
		top := len(w.lists) - 1
		l := &w.lists[top]
		if len(l.values) == 0 {
			w.lists = w.lists[:top]
			continue
		}
		v := &l.values[0]
		if v.tagged && !l.bare && !w.bare {
			l.bare = true
			w.attributes(v)
			continue
		}
		l.values, l.bare = l.values[1:], false
		w.v = v.bare()
		if len(v.elems) > 0 {
			w.lists = append(w.lists, rest{values: v.elems})
		}
		return true
	}
	return false
}

// attributes goes on with what stands in front of v, the first received first.
// Their number is the peer's choice, so no more memory is taken than they need.
func (w *walk) attributes(v *Value) {
	w.lists = slices.Grow(w.lists, v.tags())
	for ; v.tagged; v = v.tag() {
		w.lists = append(w.lists, rest{values: v.elems[len(v.elems) : len(v.elems)+1], bare: true})
	}
}

// shown bounds what String shows: bytes of the result and of one text.
const (
	shownBytes = 256
	shownText  = 64
)

// String returns the value for people to read, cut to about 256 bytes. Its
// form is not fixed. Use Text for the content.
func (v Value) String() string {
	var out []byte
	w := walk{}
	for w.start(v); w.next(); {
		if len(out) > 0 {
			out = append(out, ' ')
		}
		if len(out) >= shownBytes {
			return string(append(out, "..."...))
		}
		out = appendShown(out, w.v)
	}
	return string(out)
}

func appendShown(out []byte, v Value) []byte {
	switch {
	case v.IsNull():
		return append(out, "null"...)
	case v.kind.aggregate():
		out = append(append(out, v.kind.String()...), '(')
		return append(strconv.AppendInt(out, int64(v.Len()), 10), ')')
	}
	switch v.kind {
	case Integer:
		return strconv.AppendInt(out, v.num, 10)
	case Boolean:
		return strconv.AppendBool(out, v.num != 0)
	case Invalid:
		return append(out, "invalid"...)
	case Double, BigNumber:
		return append(out, v.text[:min(len(v.text), shownText)]...)
	case SimpleError, BulkError:
		out = append(out, "error "...)
	}
	out = strconv.AppendQuote(out, v.text[:min(len(v.text), shownText)])
	if len(v.text) > shownText {
		out = append(out, "..."...)
	}
	return out
}

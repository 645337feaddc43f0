package resp3

import (
	"fmt"
	"math/big"
	"slices"
)

// Str returns a BulkString.
func Str(s string) Value { return Value{kind: BulkString, text: s} }

// Simple returns a SimpleString. CR and LF become blanks when it is written.
func Simple(s string) Value { return Value{kind: SimpleString, text: s} }

// Fault returns a SimpleError with a text such as "ERR no such key".
func Fault(text string) Value { return Value{kind: SimpleError, text: text} }

// BulkFault returns a BulkError, which may hold any bytes.
func BulkFault(text string) Value { return Value{kind: BulkError, text: text} }

// Verbatim returns a VerbatimString of a format, "txt" or "mkd". A format that
// is not three bytes long panics.
func Verbatim(format, s string) Value {
	checkFormat(format)
	return Value{kind: VerbatimString, text: format + ":" + s}
}

// Int64 returns an Integer.
func Int64(i int64) Value { return Value{kind: Integer, num: i} }

// Float64 returns a Double.
func Float64(f float64) Value {
	return Value{kind: Double, text: string(appendFloat(nil, f))}
}

// Bool returns a Boolean.
func Bool(b bool) Value {
	v := Value{kind: Boolean}
	if b {
		v.num = 1
	}
	return v
}

// Big returns a BigNumber; nil is null.
func Big(n *big.Int) Value {
	if n == nil {
		return Nil()
	}
	return Value{kind: BigNumber, text: n.String()}
}

// Nil returns the null of RESP3.
func Nil() Value { return Value{kind: Null} }

// NilStr returns the null bulk string of RESP2.
func NilStr() Value { return Value{kind: BulkString, null: true} }

// NilList returns the null array of RESP2.
func NilList() Value { return Value{kind: Array, null: true} }

// List returns an Array.
func List(elems ...Value) Value { return aggregate(Array, elems) }

// SetOf returns a Set.
func SetOf(elems ...Value) Value { return aggregate(Set, elems) }

// PushOf returns a Push; its first element is its name.
func PushOf(elems ...Value) Value { return aggregate(Push, elems) }

// Dict returns a Map of keys and values that alternate. An odd number of them
// panics.
func Dict(flat ...Value) Value { return aggregate(Map, flat) }

// WithAttrs returns v with an attribute in front, of keys and values that
// alternate. An odd number of them panics.
func (v Value) WithAttrs(flat ...Value) Value {
	places := slices.Grow(slices.Clone(v.elems), 1)
	tag := aggregate(Attribute, flat)
	if v.tagged {
		// The attributes that v has come first.
		tag.elems = append(slices.Clip(tag.elems), *v.tag())[:len(tag.elems)]
		tag.tagged = true
	}
	v.elems = append(places, tag)[:len(v.elems)]
	v.tagged = true
	return v
}

func aggregate(k Kind, elems []Value) Value {
	if k.paired() && len(elems)%2 != 0 {
		panic(fmt.Sprintf("resp3: %s of %d keys and values", k, len(elems)))
	}
	return Value{kind: k, elems: slices.Clone(elems)}
}

package resp3test

import (
	"bytes"
	"fmt"
	"math/big"

	"github.com/baton-go/baton/resp3"
)

// SimpleString returns a SimpleString. CR and LF become blanks.
func SimpleString(s string) resp3.Value { return decode(AppendSimpleString(nil, s)) }

// SimpleError returns a SimpleError with a text such as "ERR no such key". CR and LF become blanks.
func SimpleError(text string) resp3.Value { return decode(AppendSimpleError(nil, text)) }

// BulkError returns a BulkError, which may hold any bytes.
func BulkError(text string) resp3.Value { return decode(AppendBulkError(nil, text)) }

// BulkString returns a BulkString.
func BulkString(s string) resp3.Value { return resp3.BulkStringValue(s) }

// VerbatimString returns a VerbatimString of a format, "txt" or "mkd". A format that is not three bytes long panics.
func VerbatimString(format, s string) resp3.Value {
	return decode(AppendVerbatimString(nil, format, s))
}

// Integer returns an Integer.
func Integer(i int64) resp3.Value { return decode(AppendInteger(nil, i)) }

// Double returns a Double.
func Double(f float64) resp3.Value { return decode(AppendDouble(nil, f)) }

// Boolean returns a Boolean.
func Boolean(b bool) resp3.Value { return decode(AppendBoolean(nil, b)) }

// BigNumber returns a BigNumber; nil is null.
func BigNumber(n *big.Int) resp3.Value { return decode(AppendBigNumber(nil, n)) }

// Null returns the null of RESP3.
func Null() resp3.Value { return decode(AppendNull(nil)) }

// NullBulkString returns the null bulk string of RESP2.
func NullBulkString() resp3.Value { return decode(AppendNullBulkString(nil)) }

// NullArray returns the null array of RESP2.
func NullArray() resp3.Value { return decode(AppendNullArray(nil)) }

// Array returns an Array.
func Array(elems ...resp3.Value) resp3.Value { return resp3.ArrayValue(elems...) }

// Set returns a Set.
func Set(elems ...resp3.Value) resp3.Value { return aggregate(resp3.Set, elems) }

// Push returns a Push; its first element is its name.
func Push(elems ...resp3.Value) resp3.Value { return aggregate(resp3.Push, elems) }

// Map returns a Map of alternating keys and values. An odd number of them panics.
func Map(flat ...resp3.Value) resp3.Value { return aggregate(resp3.Map, flat) }

// WithAttributes returns v with an attribute behind those that it has, of alternating keys and values. An odd number of them
// panics.
func WithAttributes(v resp3.Value, flat ...resp3.Value) resp3.Value {
	encoded := resp3.AppendValue(nil, v)
	head := 0 // where the attributes of v end
	if f, err := resp3.NewReader(bytes.NewReader(encoded), resp3.Limits{}).Next(); err == nil {
		head = f.Attrs
	}
	dst := appendElems(encoded[:head:head], resp3.Attribute, flat)
	return decode(append(dst, encoded[head:]...))
}

func aggregate(k resp3.Kind, elems []resp3.Value) resp3.Value {
	return decode(appendElems(nil, k, elems))
}

func appendElems(dst []byte, k resp3.Kind, elems []resp3.Value) []byte {
	n := len(elems)
	if k == resp3.Map || k == resp3.Attribute {
		if n%2 != 0 {
			panic(fmt.Sprintf("resp3test: %s of %d keys and values", k, n))
		}
		n /= 2
	}
	dst = resp3.AppendHeader(dst, k, n)
	for _, e := range elems {
		dst = resp3.AppendValue(dst, e)
	}
	return dst
}

// decode reads a value that this package has written. An error is a push inside another value, or nesting beyond the limits.
func decode(encoded []byte) resp3.Value {
	v, _, err := resp3.Decode(string(encoded))
	if err != nil {
		panic("resp3test: " + err.Error())
	}
	return v
}

package resp3

import (
	"iter"
	"slices"
)

// Value is one value of RESP, with everything inside it. It is immutable and
// may be used by many goroutines at once. The zero Value has Kind Invalid and
// behaves like a value of no content.
//
// A Value owns its memory: no buffer of a [Reader] is behind it. Its texts are
// pieces of one block, so a kept text keeps the block of the reply it came in.
type Value struct {
	text  string  // scalars but Integer, Boolean and Null; verbatim with its format in front
	elems []Value // elements, keys and values alternating; if tagged, attributes stand behind them
	num   int64   // Integer and Boolean
	kind  Kind
	null  bool // $-1 or *-1
	// tagged says that one more Value lies in elems between length and
	// capacity: an Attribute that stood in front. It may be tagged itself.
	tagged bool
}

// BulkStringValue returns a BulkString.
func BulkStringValue(s string) Value { return Value{kind: BulkString, text: s} }

// ArrayValue returns an Array of copies of elems.
func ArrayValue(elems ...Value) Value { return Value{kind: Array, elems: slices.Clone(elems)} }

// Kind returns the type of the value. Nulls of RESP2 keep theirs: $-1 is a
// BulkString and *-1 an Array, see IsNull.
func (v Value) Kind() Kind { return v.kind }

// IsNull reports whether the value is null in one of its three forms: _, $-1
// or *-1.
func (v Value) IsNull() bool { return v.null || v.kind == Null }

// Err returns the [*Error] that a SimpleError or BulkError holds, else nil.
func (v Value) Err() error {
	if v.kind == SimpleError || v.kind == BulkError {
		return newError(v.text)
	}
	return nil
}

// Len returns the number of elements of an aggregate, the number of pairs of
// a Map, and 0 for anything else.
func (v Value) Len() int {
	if v.kind.paired() {
		return len(v.elems) / 2
	}
	return len(v.elems)
}

// Index returns element i. In a Map key i is at 2i and its value at 2i+1.
// Where there is no element it returns the zero Value.
func (v Value) Index(i int) Value {
	if uint(i) >= uint(len(v.elems)) {
		return Value{}
	}
	return v.elems[i]
}

// All ranges over the elements in the order received; in a Map keys and
// values alternate.
func (v Value) All() iter.Seq[Value] {
	return func(yield func(Value) bool) {
		for _, e := range v.elems {
			if !yield(e) {
				return
			}
		}
	}
}

// Pairs ranges over the pairs of a Map in the order received. It takes an
// Array, Set or Push as pairs too, since maps come as arrays in RESP2 and pairs
// as arrays of two in RESP3: if all its elements are Arrays of two these are the
// pairs, else keys and values alternate. Where PairCount has an error it yields
// nothing.
func (v Value) Pairs() iter.Seq2[Value, Value] {
	return func(yield func(k, val Value) bool) {
		switch {
		case v.nested():
			for _, e := range v.elems {
				if !yield(e.elems[0], e.elems[1]) {
					return
				}
			}
		case len(v.elems)%2 == 0:
			yieldPairs(v.elems, yield)
		}
	}
}

// PairCount returns how many pairs Pairs yields. It is [*Error] for an error,
// [ErrNull] for a null, and [*TypeError] for what is not made of pairs: a scalar,
// or an odd number of elements that are not Arrays of two.
func (v Value) PairCount() (int, error) {
	switch {
	case v.null || !v.kind.aggregate():
		return 0, v.refuse("pairs")
	case v.nested():
		return len(v.elems), nil
	case len(v.elems)%2 != 0:
		return 0, &TypeError{Want: "pairs", Kind: v.kind}
	}
	return len(v.elems) / 2, nil
}

// nested reports whether v is an array of arrays of two.
func (v Value) nested() bool {
	if v.kind.paired() || len(v.elems) == 0 {
		return false
	}
	for _, e := range v.elems {
		if e.kind != Array || len(e.elems) != 2 {
			return false
		}
	}
	return true
}

// Attrs ranges over the attributes that stood in front of the value, in the
// order received. A client may ignore them (RESP3.md, "Attribute type").
func (v Value) Attrs() iter.Seq2[Value, Value] {
	return func(yield func(k, val Value) bool) {
		nearest := make([]*Value, 0, v.tags()) // the last received comes first in this list
		for t := &v; t.tagged; {
			t = t.tag()
			nearest = append(nearest, t)
		}
		for i := len(nearest) - 1; i >= 0; i-- {
			if !yieldPairs(nearest[i].elems, yield) {
				return
			}
		}
	}
}

// VerbatimFormat returns the format of a VerbatimString, "txt" or "mkd", and
// "" for anything else.
func (v Value) VerbatimFormat() string {
	if v.kind != VerbatimString {
		return ""
	}
	return v.text[:formatLen]
}

// formatLen is the length of the format of a verbatim string; a colon follows.
const formatLen = 3

// tag returns the Attribute in front of a value that is tagged.
func (v *Value) tag() *Value { return &v.elems[:len(v.elems)+1][len(v.elems)] }

// tags returns how many attributes stand in front of the value.
func (v *Value) tags() (n int) {
	for ; v.tagged; v = v.tag() {
		n++
	}
	return n
}

// bare returns the value without its attributes.
func (v Value) bare() Value {
	v.tagged = false
	v.elems = v.elems[:len(v.elems):len(v.elems)]
	return v
}

func yieldPairs(flat []Value, yield func(k, v Value) bool) bool {
	for i := 0; i+1 < len(flat); i += 2 {
		if !yield(flat[i], flat[i+1]) {
			return false
		}
	}
	return true
}

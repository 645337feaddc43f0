package resp3

import (
	"bytes"
	"iter"
	"math/big"
	"slices"
	"strconv"
	"unsafe"
)

// Value is one value of RESP, with everything inside it. It is immutable and may be used by many goroutines at once. The zero
// Value has Kind Invalid and behaves like a value without content.
//
// A Value owns its memory: it keeps nothing of the buffer of a [Reader]. Its texts are pieces of one block, so a text that is
// kept keeps the block of the reply it came in.
type Value struct {
	_     [0]func()      // == would compare addresses
	p     unsafe.Pointer // the first byte of the text, or the first element
	n     int64          // an Integer or Boolean; else bytes of the text, or the number of elements
	outer uint32         // for decode
	kind  Kind
	null  bool // $-1 or *-1
	// tagged says that an Attribute stood in front. p then points to two Values: this one without it, and the Attribute, which
	// may be tagged itself.
	tagged bool
}

// BulkStringValue returns a BulkString.
func BulkStringValue(s string) Value { return textValue(BulkString, s) }

// ArrayValue returns an Array of copies of elems.
func ArrayValue(elems ...Value) Value {
	elems = slices.Clone(elems)
	return Value{kind: Array, p: unsafe.Pointer(unsafe.SliceData(elems)), n: int64(len(elems))}
}

func textValue(k Kind, s string) (v Value) {
	v.kind = k
	v.setText(s)
	return v
}

func (v *Value) setText(s string) { v.p, v.n = unsafe.Pointer(unsafe.StringData(s)), int64(len(s)) }

// text returns the text of a scalar other than Integer, Boolean and Null, a verbatim one with its format in front.
func (v *Value) text() string { return unsafe.String((*byte)(v.content()), v.n) }

// elems returns the elements of an aggregate, keys and values alternating, and nothing for a scalar.
func (v *Value) elems() []Value {
	if !v.kind.aggregate() {
		return nil
	}
	return unsafe.Slice((*Value)(v.content()), v.n)
}

func (v *Value) content() unsafe.Pointer {
	if v.tagged {
		return (*Value)(v.p).p
	}
	return v.p
}

// Equal reports whether w has the same kind, content and attributes. Values that came from different bytes are never equal to
// reflect.DeepEqual, which compares addresses.
func (v Value) Equal(w Value) bool {
	return v.kind == w.kind && bytes.Equal(AppendValue(nil, v), AppendValue(nil, w))
}

// Kind returns the type of the value. A null of RESP2 keeps its type: $-1 is a BulkString and *-1 an Array, see IsNull.
func (v Value) Kind() Kind { return v.kind }

// IsNull reports whether the value is null in one of its three forms: _, $-1 or *-1.
func (v Value) IsNull() bool { return v.null || v.kind == Null }

// Err returns the [*Error] that a SimpleError or BulkError holds, else nil.
func (v Value) Err() error {
	if v.kind == SimpleError || v.kind == BulkError {
		return newError(v.text())
	}
	return nil
}

// Text returns the text of a string of any kind, a VerbatimString without its format, a number as text, and a Boolean as "1" or
// "0", as RESP2 spells it. The error is [*Error] for an error, [ErrNull] for a null and [*TypeError] for an aggregate.
func (v Value) Text() (string, error) {
	if v.kind == Integer || v.kind == Boolean {
		return strconv.FormatInt(v.n, 10), nil
	}
	if s, ok := v.spelling(); ok {
		return s, nil
	}
	return "", v.refuse("text")
}

// Bytes is Text as a copy that belongs to the caller.
func (v Value) Bytes() ([]byte, error) {
	s, err := v.Text()
	if err != nil {
		return nil, err
	}
	return []byte(s), nil
}

// Int returns an Integer, a Boolean as 0 or 1, or the int64 that a BigNumber, a Double or a string spells in decimal, since RESP2
// has strings for Doubles: "7", "7.0" and "7e+0" are 7, to the last digit. Errors are those of Text. A number that is not whole,
// or not an int64, is a [*TypeError].
func (v Value) Int() (int64, error) {
	if v.kind == Integer || v.kind == Boolean {
		return v.n, nil
	}
	s, _ := v.spelling()
	if n, ok := parseInt(s); ok {
		return n, nil
	}
	if n, ok := parseInt(wholeDigits(s)); ok {
		return n, nil
	}
	return 0, v.refuse("an int64")
}

// Float returns a Double, an Integer or BigNumber as the nearest float64, a Boolean as 0 or 1, or the number that a string spells
// in the grammar of a Double. Errors are those of Text. A number too large for a float64 is a [*TypeError].
func (v Value) Float() (float64, error) {
	if v.kind == Integer || v.kind == Boolean {
		return float64(v.n), nil
	}
	s, _ := v.spelling()
	if f, ok := parseDouble(s); ok {
		return f, nil
	}
	return 0, v.refuse("a float64")
}

// Bool returns a Boolean, or whether an Integer, a Double or a string is 1 and not 0, which is how RESP2 spells booleans. Errors
// are those of Text. Any other content is a [*TypeError].
func (v Value) Bool() (bool, error) {
	s, _ := v.spelling()
	switch {
	case (v.kind == Integer || v.kind == Boolean) && v.n&^1 == 0:
		return v.n == 1, nil
	case (s == "0" || s == "1") && v.kind != BigNumber:
		return s == "1", nil
	}
	return false, v.refuse("a boolean")
}

// Big returns a BigNumber, an Integer, a Boolean as 0 or 1, or the whole number that a Double or a string of at most 10,000 bytes
// spells in decimal, see Int. Errors are those of Text. Any other content is a [*TypeError]. The result belongs to the caller.
func (v Value) Big() (*big.Int, error) {
	if v.kind == Integer || v.kind == Boolean {
		return big.NewInt(v.n), nil
	}
	s, _ := v.spelling()
	if !isInteger(s) {
		s = wholeDigits(s)
	}
	if s == "" || len(s) > maxBigDigits {
		return nil, v.refuse("a whole number")
	}
	n, _ := new(big.Int).SetString(s, 10)
	return n, nil
}

// spelling returns the text of a string, Double or BigNumber; ok is false for anything else.
func (v *Value) spelling() (s string, ok bool) {
	switch v.kind {
	case SimpleString, BulkString, Double, BigNumber:
		return v.text(), !v.null
	case VerbatimString:
		return v.text()[formatLen+1:], true
	}
	return "", false
}

// refuse says why v has nothing of the kind that was asked for.
func (v Value) refuse(want string) error {
	if v.IsNull() {
		return ErrNull
	}
	if err := v.Err(); err != nil {
		return err
	}
	return &TypeError{Want: want, Kind: v.kind}
}

// Len returns the number of elements of an aggregate, the number of pairs of a Map, and 0 for anything else.
func (v Value) Len() int {
	n := len(v.elems())
	if v.kind.paired() {
		n /= 2
	}
	return n
}

// Index returns element i, or the zero Value if there is none. In a Map key i is at 2i and its value at 2i+1.
func (v Value) Index(i int) Value {
	elems := v.elems()
	if uint(i) >= uint(len(elems)) {
		return Value{}
	}
	return elems[i]
}

// All ranges over the elements in the order received. In a Map keys and values alternate.
func (v Value) All() iter.Seq[Value] {
	return slices.Values(v.elems())
}

// Pairs ranges over the pairs of a Map in the order received. It takes an Array, Set or Push as pairs too, since maps come as
// arrays in RESP2 and pairs as arrays of two in RESP3: if all elements are Arrays of two, these are the pairs, else keys and
// values alternate. It yields nothing if PairCount returns an error.
func (v Value) Pairs() iter.Seq2[Value, Value] {
	return func(yield func(k, val Value) bool) {
		switch {
		case v.nested():
			for _, e := range v.elems() {
				if pair := e.elems(); !yield(pair[0], pair[1]) {
					return
				}
			}
		case len(v.elems())%2 == 0:
			yieldPairs(v.elems(), yield)
		}
	}
}

// PairCount returns how many pairs Pairs yields. The error is [*Error] for an error, [ErrNull] for a null, and [*TypeError] for a
// scalar or an odd number of elements that are not all Arrays of two.
func (v Value) PairCount() (int, error) {
	switch {
	case v.nested():
		return int(v.n), nil
	case !v.null && v.kind.aggregate() && v.n%2 == 0:
		return int(v.n / 2), nil
	}
	return 0, v.refuse("pairs")
}

// nested reports whether all elements are arrays of two.
func (v Value) nested() bool {
	flat := func(e Value) bool { return e.kind != Array || e.n != 2 }
	elems := v.elems()
	return len(elems) > 0 && !v.kind.paired() && !slices.ContainsFunc(elems, flat)
}

// Attrs ranges over the attributes that stood in front of the value, in the order received. A client may ignore them (RESP3.md,
// "Attribute type").
func (v Value) Attrs() iter.Seq2[Value, Value] {
	return func(yield func(k, val Value) bool) {
		tags := make([]*Value, 0, v.tags()) // the last received first
		for t := &v; t.tagged; {
			t = t.tag()
			tags = append(tags, t)
		}
		for _, t := range slices.Backward(tags) {
			if !yieldPairs(t.elems(), yield) {
				return
			}
		}
	}
}

// VerbatimFormat returns the format of a VerbatimString, "txt" or "mkd", and "" for anything else.
func (v Value) VerbatimFormat() string {
	if v.kind != VerbatimString {
		return ""
	}
	return v.text()[:formatLen]
}

// formatLen is the length of the format of a verbatim string; a colon follows.
const formatLen = 3

// tag returns the Attribute in front of a value that is tagged.
func (v *Value) tag() *Value { return &(*[2]Value)(v.p)[1] }

// tags returns how many attributes stand in front of the value.
func (v *Value) tags() (n int) {
	for ; v.tagged; v = v.tag() {
		n++
	}
	return n
}

// bare returns the value without its attributes.
func (v Value) bare() Value {
	v.p, v.tagged = v.content(), false
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

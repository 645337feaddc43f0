package resp3

import (
	"bytes"
	"strings"
	"unsafe"
)

// Frame is one complete top-level value still encoded, as a [Reader] found it.
//
// Bytes lie in the buffer of the Reader. They stay as they are until the Reader takes bytes from its source again (Next or
// ReadValue if nothing whole is buffered, ReadBody) or gives its buffer back (Shrink): all frames that Buffered returned in
// between are valid together.
type Frame struct {
	Kind  Kind   // of the value itself, behind any attributes
	seen  uint32 // kinds in the frame, see kindBit
	head  uint32 // where the payload of a scalar begins that is no null; 0: not known
	tags  uint32 // attributes in the frame
	Attrs int    // bytes of attributes in front
	Elems int    // values in the frame altogether: the top one, nested ones, attributes
	Bytes []byte // the whole frame; of an open frame only the bytes in front of the payload
	Open  int    // above 0: a bulk string of so many bytes follows, see Reader.ReadBody
}

// IsNull reports whether the value is null: _, $-1 or *-1.
func (f Frame) IsNull() bool { return f.isNull() }

func (f *Frame) isNull() bool {
	if f.head > 0 {
		return false
	}
	if f.Kind == BulkString || f.Kind == Array {
		return f.Attrs+1 < len(f.Bytes) && f.Bytes[f.Attrs+1] == '-'
	}
	return f.Kind == Null
}

// Payload returns the content of a scalar: the text of a string or an error, a verbatim string without its format, the digits of a
// number, t or f. It is nil for an aggregate, a null and an open frame. It lies in Bytes, or is a copy if the string was streamed.
func (f Frame) Payload() []byte {
	if f.head > 0 {
		return f.Bytes[f.head : len(f.Bytes)-2 : len(f.Bytes)-2]
	}
	return f.payload()
}

func (f *Frame) payload() []byte {
	if f.Open > 0 || f.Kind.aggregate() || f.isNull() || f.Attrs >= len(f.Bytes) {
		return nil
	}
	b := f.Bytes[f.Attrs:]
	switch f.Kind {
	case BulkString, BulkError, VerbatimString:
		if b[1] == '?' {
			text, _ := joinChunks(view(b))
			return text
		}
		b = b[bytes.IndexByte(b, '\n'):]
		if f.Kind == VerbatimString {
			b = b[formatLen+1:]
		}
	}
	return b[1 : len(b)-2 : len(b)-2]
}

// Value returns the frame decoded, in memory of its own: one block for all texts and one for all elements, so two allocations at
// most, a few more for streamed forms. An open frame gives the zero Value.
func (f Frame) Value() Value {
	switch {
	case f.Open > 0:
		return Value{}
	case f.seen == 0 || f.seen&streamBits != 0: // not from a Reader, or the counts are not known any more
		v, _, _ := decodeUnbounded(string(f.Bytes))
		return v
	case f.Elems == 1:
		var v Value
		readScalar(&v, view(f.Bytes), 0)
		if f.seen&textBits != 0 {
			v.setText(strings.Clone(v.text()))
		}
		return v
	}
	text := view(f.Bytes)
	if f.seen&textBits != 0 { // else no Value keeps a part of it
		text = strings.Clone(text)
	}
	return decode(text, make([]Value, f.places()), nil)
}

// places returns how many Values decode needs for the frame beside the top one.
func (f *Frame) places() int { return f.Elems - 1 + int(f.tags) }

// view returns b as a string without a copy. Nobody may change b while the string is in use.
func view(b []byte) string { return unsafe.String(unsafe.SliceData(b), len(b)) }

// viewBytes returns s as bytes without a copy. Nobody may change them.
func viewBytes(s string) []byte { return unsafe.Slice(unsafe.StringData(s), len(s)) }

package resp3

import (
	"bytes"
	"unsafe"
)

// Frame is one complete top-level value still encoded, as a [Reader] found it.
//
// Bytes lie in the buffer of the Reader. They stay as they are until the
// Reader takes bytes from its source again (Next or ReadValue when nothing
// whole is buffered, ReadBody) or gives its buffer back (Shrink): all frames
// that Buffered returned in between are valid together.
type Frame struct {
	Kind  Kind   // of the value itself, behind any attributes
	seen  uint32 // kinds in the frame, see kindBit
	head  uint32 // where the payload of a scalar begins that is no null; 0: not known
	Attrs int    // bytes of attributes in front
	Elems int    // values in the frame altogether: the top one, nested ones, attributes
	Bytes []byte // the whole frame; of an open frame only what stands before the payload
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

// Payload returns the content of a scalar: the text of a string or an error, a
// verbatim string without its format, the digits of a number, t or f. It is
// nil for an aggregate, a null and an open frame. It lies in Bytes, unless the
// string was streamed: then it is a copy.
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
	if f.Kind == BulkString && b[1] == '?' {
		return joinChunks(nil, b)
	}
	switch f.Kind {
	case BulkString, BulkError, VerbatimString:
		b = b[bytes.IndexByte(b, '\n'):]
		if f.Kind == VerbatimString {
			b = b[formatLen+1:]
		}
	}
	return b[1 : len(b)-2 : len(b)-2]
}

// Value returns the frame decoded, in memory of its own: one block for all
// texts and one for all elements, so two allocations at most; streamed forms
// take a few more. The zero Value stands for an open frame.
func (f Frame) Value() Value {
	if f.Open > 0 {
		return Value{}
	}
	if f.seen == 0 { // not from a Reader
		v, _, _ := Decode(string(f.Bytes))
		return v
	}
	if f.Elems == 1 && f.seen&streamBits == 0 {
		return f.scalar()
	}
	var text string
	switch {
	case f.seen&streamBits != 0:
		text = unstream(f.Bytes)
	case f.seen&textBits != 0:
		text = string(f.Bytes)
	default:
		text = view(f.Bytes) // no Value will keep a part of it
	}
	return decode(text, make([]Value, f.Elems-1))
}

// scalar decodes a frame of one value: the block is its payload and no more.
func (f Frame) scalar() Value {
	v := Value{kind: f.Kind}
	switch f.Kind {
	case BulkString, SimpleString, SimpleError, Double, BigNumber, BulkError:
		if v.null = f.IsNull(); !v.null {
			v.text = string(f.Payload())
		}
	case VerbatimString:
		b := f.Bytes[bytes.IndexByte(f.Bytes, '\n')+1:]
		v.text = string(b[:len(b)-2])
	default:
		readScalar(&v, view(f.Bytes), 0)
	}
	return v
}

// view returns b as a string without a copy. Nobody may change b while the
// string is in use.
func view(b []byte) string { return unsafe.String(unsafe.SliceData(b), len(b)) }

// viewBytes returns s as bytes without a copy. Nobody may change them.
func viewBytes(s string) []byte { return unsafe.Slice(unsafe.StringData(s), len(s)) }

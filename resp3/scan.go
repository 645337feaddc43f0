package resp3

import "fmt"

// scanner finds the end of one frame in bytes that arrive in any portions. It alone judges them: grammar, limits, nesting. The
// decoder reads what it has accepted without checks.
//
// It goes on where it stopped and jumps over payloads: no byte is looked at twice, except a header that was cut. The stack is
// explicit, since the peer chooses the depth.
type scanner struct {
	bounds
	stream int // a top-level bulk string above this is left open; 0: none

	pos  int // of the element to read next, from the beginning of the frame
	need int // bytes that the frame has at least: with fewer there is nothing to do
	line int // bytes of the line at pos that are known to hold no line end

	// left is what the innermost aggregate still lacks: values if above 0, at 0 there is no aggregate. Below 0 it is a streamed
	// string, of which -1-left bytes have passed.
	left  int
	stack []level

	head    int    // where the top-level value begins, behind its attributes
	tag     int    // end of the last attribute; 0: none
	values  int    // in the frame
	tags    int    // of those, attributes
	openLen int    // payload of a bulk string above stream
	seen    uint32 // one bit for each kind met, see kindBit

	counts []int // values in each streamed aggregate, in the order of their headers
}

// level is an aggregate, attribute or streamed string that is not complete.
type level struct {
	left  int  // of the level outside
	kind  Kind // chunkMark for a streamed string
	index int  // in counts, -1 if the length was announced
}

// step says what an element is for the level it stands in.
type step byte

const (
	more   step = iota // not whole yet
	value              // a value, or the end of one
	prefix             // something that a value follows: a header, a piece of a streamed string, an attribute
)

// kindBit folds the type bytes into 32 bits. Two kinds that share a bit both have no text, which is all that matters.
func kindBit(c byte) uint32 { return 1 << (c & 31) }

// textBits are the kinds whose text a Value keeps, streamBits the marks of streamed values.
var (
	textBits = kindBit('+') | kindBit('-') | kindBit('$') | kindBit('!') | kindBit('=') |
		kindBit(',') | kindBit('(')
	streamBits = kindBit(chunkMark) | kindBit(endMark)
)

// reset prepares for the next frame.
func (s *scanner) reset() {
	s.pos, s.need, s.line, s.left = 0, 0, 0, 0
	s.head, s.tag, s.values, s.tags, s.openLen, s.seen = 0, 0, 0, 0, 0, 0
	s.stack, s.counts = s.stack[:0], s.counts[:0]
}

// scan looks at b, the bytes of the frame so far, and reports whether the frame is complete; it ends at pos then. An error is a
// *SyntaxError whose offset counts from the beginning of the frame.
func (s *scanner) scan(b []byte) (complete bool, err error) {
	for s.pos < len(b) {
		st, end := value, 0
		if s.left > 0 { // the common case: whole, plain, inside an aggregate
			_, end = quick(b, s.pos, s.maxBulk)
		}
		if end != 0 {
			s.seen |= kindBit(b[s.pos])
			s.pos, s.line = end, 0
		} else if st, err = s.element(b); err != nil || st == more {
			return false, err
		}
		if st == value {
			if complete, err = s.count(); complete || err != nil {
				return complete, err
			}
		}
	}
	return false, nil
}

// count takes note of a complete value and of every level that it completes. It reports whether the top-level value is among them.
func (s *scanner) count() (bool, error) {
	for len(s.stack) > 0 {
		s.left--
		if s.left != 0 {
			return false, nil
		}
		top := s.stack[len(s.stack)-1]
		if top.index >= 0 {
			return false, s.fail("streamed %s of more than %d elements", top.kind, s.maxElems)
		}
		s.pop()
		if top.kind == Attribute {
			s.endAttribute()
			return false, nil
		}
	}
	s.values++
	return true, nil
}

// endAttribute takes note of a complete attribute, which stands in front of a value and is none itself.
func (s *scanner) endAttribute() {
	s.tag = s.pos
	s.tags++
	if len(s.stack) == 0 {
		s.head = s.pos
	}
}

// push opens a level whose header ends at end.
func (s *scanner) push(kind Kind, left, index, end int) (step, error) {
	if len(s.stack) >= s.maxDepth {
		return more, s.fail("nested deeper than %d", s.maxDepth)
	}
	s.stack = append(s.stack, level{left: s.left, kind: kind, index: index})
	s.left, s.pos = left, end
	return prefix, nil
}

func (s *scanner) pop() {
	top := len(s.stack) - 1
	s.left = s.stack[top].left
	s.stack = s.stack[:top]
}

// add counts values of the frame.
func (s *scanner) add(n int) error {
	if s.values += n; s.values > s.maxValues {
		return s.fail("frame of more than %d values", s.maxValues)
	}
	return nil
}

// element reads the element at pos with the whole grammar and moves pos behind it, unless it is not whole.
func (s *scanner) element(b []byte) (step, error) {
	c := b[s.pos]
	if s.left < 0 && c != chunkMark {
		return more, s.fail("%s inside a streamed string", describe(c))
	}
	s.seen |= kindBit(c)
	switch k := Kind(c); k {
	case BulkString, BulkError, VerbatimString:
		return s.blob(b, k)
	case Array, Map, Set, Push, Attribute:
		return s.aggregate(b, k)
	case Integer:
		return s.integer(b)
	case SimpleString, SimpleError:
		return s.text(b, k, s.maxLine)
	case Double:
		return s.text(b, k, maxDouble)
	case BigNumber:
		return s.text(b, k, maxBigDigits)
	case Null:
		return s.endLine(b, s.pos+1, k)
	case Boolean:
		if i := s.pos + 1; i < len(b) && b[i] != 't' && b[i] != 'f' {
			return more, s.fail("%s in a boolean", describe(b[i]))
		}
		return s.endLine(b, s.pos+2, k)
	case endMark:
		return s.end(b)
	case chunkMark:
		return s.chunk(b)
	}
	return more, s.fail("%s where a type byte belongs", describe(c))
}

// fail returns an error about the element at pos.
//
//go:noinline
func (s *scanner) fail(format string, args ...any) error {
	return &SyntaxError{Offset: int64(s.pos), Reason: fmt.Sprintf(format, args...)}
}

func describe(c byte) string {
	if c > ' ' && c < 0x7f {
		return fmt.Sprintf("byte %q", c)
	}
	return fmt.Sprintf("byte 0x%02x", c)
}

package resp3

import "fmt"

// scanner finds the end of one frame in bytes that may arrive in any portions,
// and is the only place that judges them: grammar, limits, nesting. Payloads
// are jumped over. What it has accepted the decoder can read without checks.
//
// It goes on where it stopped: no byte is looked at twice, except the header
// that was cut. The stack is explicit, since the peer chooses the depth.
type scanner struct {
	bounds
	stream int // top-level bulk strings above this are not jumped over; 0: none

	pos  int // of the element to read next, from the beginning of the frame
	need int // bytes the frame has at least: below that there is nothing to do
	line int // bytes of the line at pos that hold no line end

	// left is what the innermost open aggregate still owes: values if above
	// 0. At 0 no aggregate is open. Below 0 the pieces of a streamed string
	// follow, -1-left bytes of it have passed.
	left  int
	stack []level

	head  int    // where the top-level value begins, behind its attributes
	tag   int    // end of the last attribute; 0: none
	elems int    // values in the frame
	open  int    // payload of a bulk string above stream
	seen  uint32 // one bit for each kind met, see kindBit

	counts []int // values in each streamed aggregate, in the order of their headers
}

// level is an aggregate, attribute or streamed string that is not complete.
type level struct {
	left  int  // of the level outside
	kind  Kind // chunkMark for a streamed string
	index int  // in counts, -1 if the length was announced
}

// step is what an element means for the level it stands in.
type step byte

const (
	more   step = iota // the element is not whole yet
	value              // a value is complete
	prefix             // an attribute is complete; its value follows
	opened             // a level was opened
	body               // the header of a bulk string above stream
)

// kindBit folds the type bytes into 32 bits. Two kinds that share one are both
// free of text, which is all that is asked.
func kindBit(c byte) uint32 { return 1 << (c & 31) }

// textBits are the kinds whose text a Value keeps, streamBits the marks of
// streamed values.
var (
	textBits = kindBit('+') | kindBit('-') | kindBit('$') | kindBit('!') | kindBit('=') |
		kindBit(',') | kindBit('(')
	streamBits = kindBit(chunkMark) | kindBit(endMark)
)

// reset prepares for the next frame.
func (s *scanner) reset() {
	s.pos, s.need, s.line, s.left = 0, 0, 0, 0
	s.head, s.tag, s.elems, s.open, s.seen = 0, 0, 0, 0, 0
	s.stack, s.counts = s.stack[:0], s.counts[:0]
}

// scan looks at b, the bytes of the frame so far, and reports whether the
// frame is complete; it ends at pos then. An error is a *SyntaxError whose
// offset counts from the beginning of the frame.
func (s *scanner) scan(b []byte) (done bool, err error) {
	for s.pos < len(b) {
		st := value
		// The common case first: whole, plain, inside an aggregate.
		end := 0
		if s.left > 0 {
			_, end = quick(b, s.pos, s.bulk)
		}
		if end != 0 {
			s.seen |= kindBit(b[s.pos])
			s.pos, s.line = end, 0
		} else if st, err = s.element(b); err != nil {
			return false, err
		}
		switch st {
		case more:
			return false, nil
		case body:
			return true, nil
		case prefix:
			s.tagged()
		case value:
			if done, err = s.count(); done || err != nil {
				return done, err
			}
		}
	}
	return false, nil
}

// count takes note of a complete value and of all that it completes. It
// reports whether the top-level value is among them.
func (s *scanner) count() (bool, error) {
	for len(s.stack) > 0 {
		s.left--
		if s.left != 0 {
			return false, nil
		}
		top := s.stack[len(s.stack)-1]
		if top.index >= 0 {
			return false, s.fail(0, "streamed %s of more than %d elements", top.kind, s.bounds.elems)
		}
		s.pop()
		if top.kind == Attribute {
			s.tagged()
			return false, nil
		}
	}
	s.elems++
	return true, nil
}

// tagged takes note of a complete attribute: it stands in front of a value and
// is none itself.
func (s *scanner) tagged() {
	s.tag = s.pos
	if len(s.stack) == 0 {
		s.head = s.pos
	}
}

func (s *scanner) push(kind Kind, left, index int) {
	s.stack = append(s.stack, level{left: s.left, kind: kind, index: index})
	s.left = left
}

func (s *scanner) pop() {
	last := len(s.stack) - 1
	s.left = s.stack[last].left
	s.stack = s.stack[:last]
}

// element reads the element at pos with the whole grammar and moves pos behind
// it, unless it is not whole.
func (s *scanner) element(b []byte) (step, error) {
	c := b[s.pos]
	if s.left < 0 && c != chunkMark {
		return more, s.fail(0, "%s inside a streamed string", describe(c))
	}
	s.seen |= kindBit(c)
	switch Kind(c) {
	case BulkString, BulkError, VerbatimString:
		return s.blob(b, Kind(c))
	case Array, Map, Set, Push, Attribute:
		return s.aggregate(b, Kind(c))
	case Integer:
		return s.integer(b)
	case SimpleString, SimpleError:
		return s.text(b, Kind(c), s.bounds.line)
	case Double:
		return s.text(b, Double, maxDouble)
	case BigNumber:
		return s.text(b, BigNumber, maxBigDigits)
	case Null:
		return s.fixed(b, "", "")
	case Boolean:
		return s.fixed(b, "t", "f")
	case endMark:
		return s.end(b)
	case chunkMark:
		return s.chunk(b)
	}
	return more, s.fail(0, "%s where a type byte belongs", describe(c))
}

// fail makes the error for the element at pos, at bytes into it.
//
//go:noinline
func (s *scanner) fail(at int, format string, args ...any) error {
	return &SyntaxError{Offset: int64(s.pos + at), What: fmt.Sprintf(format, args...)}
}

func describe(c byte) string {
	if c > ' ' && c < 0x7f {
		return fmt.Sprintf("byte %q", c)
	}
	return fmt.Sprintf("byte 0x%02x", c)
}

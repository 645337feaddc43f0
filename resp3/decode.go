package resp3

import (
	"io"
	"strings"
	"sync"
	"unsafe"
)

// Decode reads the first value in block and returns the length of its encoding. Texts are pieces of block, so only streamed strings
// are copied; one further block holds all elements. The limits are the defaults.
//
// The error is io.EOF if block is empty, io.ErrUnexpectedEOF if it ends inside the value, else a [*SyntaxError].
func Decode(block string) (Value, int, error) {
	s := scanners.Get().(*scanner)
	defer scanners.Put(s)
	return s.decode(block)
}

// decode is Decode within the bounds of s.
func (s *scanner) decode(block string) (Value, int, error) {
	end, err := s.whole(block)
	if err != nil {
		return Value{}, 0, err
	}
	var elems []Value
	if s.values > 1 {
		elems = make([]Value, s.values-1+s.tags)
	}
	return decode(block[:end], elems, s.counts), end, nil
}

// whole returns where the first value in block ends.
func (s *scanner) whole(block string) (int, error) {
	if block == "" {
		return 0, io.EOF
	}
	s.reset()
	complete, err := s.scan(viewBytes(block))
	if err == nil && !complete {
		err = io.ErrUnexpectedEOF
	}
	return s.pos, err
}

// scanners are for Decode: each call would allocate a stack.
var scanners = sync.Pool{New: func() any { return &scanner{bounds: Limits{}.bounds()} }}

// decode reads the value that text begins with, which the scanner has accepted. block has exactly one place for each value below
// the top one and one more for each attribute, counts are those of the scanner.
//
// The elements of an aggregate lie side by side in block, those of the aggregates among them behind. Places count from 0, that of
// the top value is -1. There is no stack: while an aggregate is filled, its n has the range of its places, and its outer the place
// of the aggregate around it, counted from -2. An attribute waits in the place of the value behind it, and moves behind the elements
// of that value together with a copy of it, see Value.tagged.
func decode(text string, block []Value, counts []int) Value {
	var root Value
	at, end := -1, 0  // the next place and the end of the places of one aggregate
	up, free := -2, 0 // the place of that aggregate, and the first free one
	for i := 0; ; {
		if at >= 0 && at < end && block[at].kind != Attribute { // the most common case
			for ; at < end && !Kind(text[i]).aggregate(); at++ {
				i = readScalar(&block[at], text, i)
			}
		}
		if at == end { // back to the aggregate, which is complete
			if up < -1 {
				return root
			}
			v := placeOf(&root, block, up)
			at, up, v.n = up, int(v.outer)-2, int64(end)-v.n>>32
			if end = 0; up >= -1 {
				end = int(uint32(placeOf(&root, block, up).n))
			}
			if v.kind != Attribute {
				at++
			}
			if i < len(text) && text[i] == endMark { // it ends this one or one around it, which is complete too
				i += len(".\r\n")
			}
			continue
		}
		v := placeOf(&root, block, at)
		before, n := *v, 0
		*v = Value{kind: Kind(text[i])}
		if v.kind.aggregate() {
			n, i, counts = readHeader(v, text, i, counts)
		} else {
			i = readScalar(v, text, i)
		}
		if n > 0 {
			v.p = unsafe.Pointer(&block[free])
			v.n, v.outer = int64(free)<<32|int64(free+n), uint32(up+2)
			up, at, end = at, free, free+n
		} else if v.kind != Attribute {
			at++
		}
		if free += n; before.kind == Attribute {
			block[free], block[free+1] = *v, before
			v.p, v.tagged = unsafe.Pointer(&block[free]), true
			free += 2
		}
	}
}

func placeOf(root *Value, block []Value, at int) *Value {
	if at < 0 {
		return root
	}
	return &block[at]
}

// readHeader reads the header of v at s[i]. It returns how many values v holds, where they begin, and the counts that are left.
func readHeader(v *Value, s string, i int, counts []int) (n, end int, rest []int) {
	switch n, end = readLength(s, i+1); {
	case n == nullLen:
		v.null, n = true, 0
	case n == streamLen:
		if n, counts = counts[0], counts[1:]; n == 0 {
			end += len(".\r\n")
		}
	case v.kind.paired():
		n *= 2
	}
	return n, end, counts
}

// readScalar reads the scalar at s[i] into v and returns where it ends. An aggregate without elements passes too if it is all of s.
func readScalar(v *Value, s string, i int) int {
	v.kind = Kind(s[i])
	switch v.kind {
	case BulkString, BulkError, VerbatimString:
		n, head := readLength(s, i+1)
		switch n {
		case nullLen:
			v.null = true
			return head
		case streamLen:
			text, end := joinChunks(s[i:])
			v.setText(view(text))
			return i + end
		}
		v.setText(s[head : head+n])
		return head + n + 2
	case Boolean:
		if s[i+1] == 't' {
			v.n = 1
		}
		return i + 4
	case Null:
		return i + 3
	case Array, Map, Set, Push:
		v.null = s[i+1] == '-'
		return len(s)
	}
	end := i + 1 + strings.IndexByte(s[i+1:], '\r')
	if v.kind == Integer {
		v.n, _ = parseInt(s[i+1 : end])
	} else {
		v.setText(s[i+1 : end])
	}
	return end + 2
}

// readLength reads the length at s[i] and returns where the line ends.
func readLength(s string, i int) (n, end int) {
	switch s[i] {
	case '-':
		return nullLen, i + len("-1\r\n")
	case '?':
		return streamLen, i + len("?\r\n")
	}
	for s[i] != '\r' {
		n = n*10 + int(s[i]-'0')
		i++
	}
	return n, i + 2
}

// joinChunks returns the text of the streamed string that s begins with, and where that ends.
func joinChunks(s string) (text []byte, end int) {
	for i := len("$?\r\n"); ; {
		n, head := readLength(s, i+1)
		if n == 0 {
			return text, head
		}
		text = append(text, s[head:head+n]...)
		i = head + n + 2
	}
}

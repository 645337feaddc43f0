package resp3

import "bytes"

// aggregate reads the header of an array, map, set, push or attribute.
func (s *scanner) aggregate(b []byte, kind Kind) (step, error) {
	if kind == Push && len(s.stack) > 0 {
		return more, s.fail("push inside another value")
	}
	n, end, err := s.length(b, kind)
	if end == 0 || err != nil {
		return more, err
	}
	if n > 0 && kind.paired() {
		n *= 2
	}
	values := max(n, 0)
	if kind == Attribute {
		values++
	}
	if err := s.add(values); err != nil {
		return more, err
	}
	switch {
	case n > 0:
		return s.push(kind, n, -1, end)
	case n == streamLen:
		s.counts = append(s.counts, 0)
		return s.push(kind, s.maxStreamed(kind)+1, len(s.counts)-1, end)
	}
	if s.pos = end; kind == Attribute {
		s.endAttribute()
		return prefix, nil
	}
	return value, nil
}

// maxStreamed returns how many values a streamed aggregate may have.
func (s *scanner) maxStreamed(kind Kind) int {
	if kind.paired() {
		return 2 * s.maxElems
	}
	return s.maxElems
}

// end reads the mark behind the last element of a streamed aggregate.
func (s *scanner) end(b []byte) (step, error) {
	if len(s.stack) == 0 || s.stack[len(s.stack)-1].index < 0 {
		return more, s.fail("end mark outside a streamed aggregate")
	}
	if s.tag == s.pos {
		return more, s.fail("end mark behind an attribute")
	}
	top := s.stack[len(s.stack)-1]
	n := s.maxStreamed(top.kind) + 1 - s.left
	if top.kind.paired() && n%2 != 0 {
		return more, s.fail("streamed %s ends behind a key", top.kind)
	}
	st, err := s.endLine(b, s.pos+1, endMark)
	if st == value {
		s.counts[top.index] = n
		s.pop()
		err = s.add(n)
	}
	return st, err
}

// blob reads a bulk string, bulk error or verbatim string.
func (s *scanner) blob(b []byte, kind Kind) (step, error) {
	n, end, err := s.length(b, kind)
	if end == 0 || err != nil {
		return more, err
	}
	switch {
	case n == nullLen:
		s.pos = end
		return value, nil
	case n == streamLen:
		return s.push(chunkMark, -1, -1, end)
	case kind == BulkString && s.stream > 0 && n > s.stream && len(s.stack) == 0:
		s.pos, s.openLen = end, n
		return value, nil
	case kind == VerbatimString && n <= formatLen:
		return more, s.fail("verbatim string of %d bytes has no format", n)
	case kind == VerbatimString:
		colon := end + formatLen
		if s.need = colon + 1; len(b) < s.need {
			return more, nil
		}
		if b[colon] != ':' {
			return more, s.fail("verbatim string without a colon behind its format")
		}
	}
	return s.payload(b, end, n)
}

// payload jumps over n bytes at start and checks the CRLF behind them.
func (s *scanner) payload(b []byte, start, n int) (step, error) {
	end := start + n
	if end > s.maxFrame {
		return more, s.fail("frame of more than %d bytes", s.maxFrame)
	}
	if s.need = end + 2; len(b) < s.need {
		return more, nil
	}
	if crlfAt(b, end) == 0 {
		s.pos = end
		return more, s.fail("no CRLF behind %d bytes of payload", n)
	}
	s.pos = end + 2
	return value, nil
}

// chunk reads a piece of a streamed string; an empty one ends it.
func (s *scanner) chunk(b []byte) (step, error) {
	if s.left >= 0 {
		return more, s.fail("piece outside a streamed string")
	}
	n, end, err := s.length(b, chunkMark)
	if end == 0 || err != nil {
		return more, err
	}
	if n == 0 {
		s.pos = end
		s.pop()
		return value, nil
	}
	if total := n - 1 - s.left; total > s.maxBulk {
		return more, s.fail("streamed string of %d bytes and more, limit %d", total, s.maxBulk)
	}
	st, err := s.payload(b, end, n)
	if st == value {
		s.left -= n
		st = prefix
	}
	return st, err
}

// integer reads an integer. Each byte is judged as it comes.
func (s *scanner) integer(b []byte) (step, error) {
	start := s.pos + 1
	first := start + signLen(b[start:])
	i := skipDigits(b[:min(len(b), start+maxInteger+1)], first)
	switch {
	case i-start > maxInteger:
		return more, s.fail("integer of more than %d bytes", maxInteger)
	case i == first && i < len(b):
		return more, s.fail("%s in an integer", describe(b[i]))
	case i < len(b) && b[i] == '\r':
		if _, ok := parseInt(b[start:i]); !ok {
			return more, s.fail("integer %s does not fit 64 bits", b[start:i])
		}
	}
	return s.endLine(b, i, Integer)
}

// text reads a line: a simple string or error, a double or a big number.
func (s *scanner) text(b []byte, kind Kind, limit int) (step, error) {
	start := s.pos + 1
	b = b[:min(len(b), start+limit+2)]
	unseen := b[start+s.line:]
	n := bytes.IndexByte(unseen, '\r')
	if n < 0 {
		n = len(unseen)
	}
	s.line += n
	line := b[start : start+s.line]
	switch {
	case bytes.IndexByte(unseen[:n], '\n') >= 0:
		return more, s.fail("LF without CR in a %s", kind)
	case s.line > limit:
		return more, s.fail("%s of more than %d bytes", kind, limit)
	case n == len(unseen): // the end has not come
	case kind == Double && !isDouble(line) || kind == BigNumber && !isInteger(line):
		return more, s.fail("%q is not a %s", line[:min(len(line), 40)], kind)
	}
	return s.endLine(b, start+s.line, kind)
}

// endLine ends an element whose CRLF is at b[i].
func (s *scanner) endLine(b []byte, i int, kind Kind) (step, error) {
	end, err := s.crlf(b, i, kind)
	if end == 0 || err != nil {
		return more, err
	}
	s.pos, s.line = end, 0
	return value, nil
}

// crlf expects the end of the line at b[i]. It returns its end, 0 if the two bytes are not there yet.
func (s *scanner) crlf(b []byte, i int, kind Kind) (end int, err error) {
	switch {
	case i < len(b) && b[i] != '\r':
		return 0, s.fail("%s in %s", describe(b[i]), kind.withArticle())
	case i+1 < len(b) && b[i+1] != '\n':
		return 0, s.fail("CR without LF in %s", kind.withArticle())
	}
	return crlfAt(b, i), nil
}

// Announced lengths that are no counts.
const (
	nullLen   = -1 // $-1 and *-1, the nulls of RESP2 (protocol-spec, "Null bulk strings", "Null arrays")
	streamLen = -2 // ?, not known in advance (RESP3.md, "Streamed strings", "Streamed aggregated data types")
)

// length reads the header at pos: type byte, length, CRLF. It returns the length and where the header ends, 0 if it is not whole.
// Lengths keep the stream in step, so they have one spelling only: no sign but in -1, no leading zero. A wrong byte is an error as
// soon as it is there.
func (s *scanner) length(b []byte, kind Kind) (n, end int, err error) {
	first := s.pos + 1
	i := skipDigits(b[:min(len(b), first+maxLenDigits+1)], first)
	digits := b[first:i]
	switch {
	case len(digits) > 1 && digits[0] == '0':
		return 0, 0, s.fail("leading zero in %s", kind.withArticle())
	case len(digits) > maxLenDigits:
		return 0, 0, s.fail("length of more than %d digits in %s", maxLenDigits, kind.withArticle())
	case len(digits) > 0:
	case i == len(b):
		return 0, 0, nil
	case b[i] == '-' && (kind == BulkString || kind == Array) && (i+1 == len(b) || b[i+1] == '1'):
		n, i = nullLen, i+2
	case b[i] == '-':
		return 0, 0, s.fail("negative length in %s", kind.withArticle())
	case b[i] == '?' && (kind == BulkString || kind == Array || kind == Map || kind == Set):
		n, i = streamLen, i+1
	default:
		return 0, 0, s.fail("%s in %s", describe(b[i]), kind.withArticle())
	}
	if end, err = s.crlf(b, i, kind); end == 0 || err != nil || n < 0 {
		return n, end, err
	}
	var announced uint64
	for _, c := range digits {
		announced = announced*10 + uint64(c-'0')
	}
	limit, unit := s.maxBulk, "bytes"
	if kind.aggregate() {
		limit, unit = s.maxElems, "elements"
	}
	if announced > uint64(limit) {
		return 0, 0, s.fail("%s of %d %s, limit %d", kind, announced, unit, limit)
	}
	return int(announced), end, nil
}

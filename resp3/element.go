package resp3

import "bytes"

// aggregate reads the header of an array, map, set, push or attribute.
func (s *scanner) aggregate(b []byte, kind Kind) (step, error) {
	if kind == Push && len(s.stack) > 0 {
		return more, s.fail(0, "push inside another value")
	}
	n, end, err := s.length(b, kind)
	if end == 0 || err != nil {
		return more, err
	}
	if kind == Attribute {
		s.elems++
	}
	if n > 0 && kind.paired() {
		n *= 2
	}
	if n > 0 {
		s.elems += n
	}
	if s.elems > s.total {
		return more, s.fail(0, "frame of more than %d values", s.total)
	}
	if n != 0 && n != nullLen && len(s.stack) >= s.depth {
		return more, s.fail(0, "nested deeper than %d", s.depth)
	}
	s.pos = end
	switch {
	case n > 0:
		s.push(kind, n, -1)
		return opened, nil
	case n == streamLen:
		s.counts = append(s.counts, 0)
		s.push(kind, s.most(kind), len(s.counts)-1)
		return opened, nil
	case kind == Attribute:
		return prefix, nil
	}
	return value, nil
}

// most is one above the values that a streamed aggregate may have.
func (s *scanner) most(kind Kind) int {
	if kind.paired() {
		return 2*s.bounds.elems + 1
	}
	return s.bounds.elems + 1
}

// end reads the mark behind the last element of a streamed aggregate.
func (s *scanner) end(b []byte) (step, error) {
	if len(s.stack) == 0 || s.stack[len(s.stack)-1].index < 0 {
		return more, s.fail(0, "end mark outside a streamed aggregate")
	}
	if s.tag == s.pos {
		return more, s.fail(0, "end mark behind an attribute")
	}
	top := s.stack[len(s.stack)-1]
	n := s.most(top.kind) - s.left
	if top.kind.paired() && n%2 != 0 {
		return more, s.fail(0, "streamed %s ends behind a key", top.kind)
	}
	st, err := s.fixed(b, "", "")
	if st == value {
		s.counts[top.index] = n
		s.elems += n
		s.pop()
		if s.elems > s.total {
			return more, s.fail(0, "frame of more than %d values", s.total)
		}
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
		if len(s.stack) >= s.depth {
			return more, s.fail(0, "nested deeper than %d", s.depth)
		}
		s.pos = end
		s.push(chunkMark, -1, -1)
		return opened, nil
	case kind == VerbatimString && n <= formatLen:
		return more, s.fail(0, "verbatim string of %d bytes has no format", n)
	}
	if s.stream > 0 && n > s.stream && len(s.stack) == 0 && kind == BulkString {
		s.pos, s.open = end, n
		s.elems++
		return body, nil
	}
	if kind == VerbatimString {
		colon := end + formatLen
		if s.need = colon + 1; len(b) < s.need {
			return more, nil
		}
		if b[colon] != ':' {
			return more, s.fail(0, "verbatim string without a colon behind its format")
		}
	}
	return s.payload(b, end, n)
}

// payload jumps over n bytes at end and checks the CRLF behind them.
func (s *scanner) payload(b []byte, end, n int) (step, error) {
	after := end + n
	if after > s.frame {
		return more, s.fail(0, "frame of more than %d bytes", s.frame)
	}
	if s.need = after + 2; len(b) < s.need {
		return more, nil
	}
	if b[after] != '\r' || b[after+1] != '\n' {
		return more, s.fail(after-s.pos, "no CRLF behind %d bytes of payload", n)
	}
	s.pos = after + 2
	return value, nil
}

// chunk reads a piece of a streamed string; one of no bytes ends it.
func (s *scanner) chunk(b []byte) (step, error) {
	if s.left >= 0 {
		return more, s.fail(0, "piece outside a streamed string")
	}
	n, end, err := s.length(b, chunkMark)
	if end == 0 || err != nil {
		return more, err
	}
	passed := -1 - s.left
	if n > s.bulk-passed {
		return more, s.fail(0, "streamed string of %d bytes and more, limit %d", passed+n, s.bulk)
	}
	if n == 0 {
		s.pos = end
		s.pop()
		return value, nil
	}
	st, err := s.payload(b, end, n)
	if st != value {
		return more, err
	}
	s.left -= n
	return opened, nil
}

// integer reads an integer. Each byte is judged as it comes.
func (s *scanner) integer(b []byte) (step, error) {
	i := s.pos + 1
	if i < len(b) && (b[i] == '-' || b[i] == '+') {
		i++
	}
	first := i
	for ; i < len(b) && b[i]-'0' <= 9; i++ {
		if i-s.pos > maxInteger {
			return more, s.fail(0, "integer of more than %d bytes", maxInteger)
		}
	}
	if i < len(b) && i == first {
		return more, s.fail(0, "%s in an integer", describe(b[i]))
	}
	end, err := s.crlf(b, i, Integer)
	if end == 0 || err != nil {
		return more, err
	}
	if _, ok := parseInt(b[s.pos+1 : i]); !ok {
		return more, s.fail(0, "integer %s does not fit 64 bits", b[s.pos+1:i])
	}
	s.pos = end
	return value, nil
}

// text reads a line: a simple string or error, a double or a big number.
func (s *scanner) text(b []byte, kind Kind, limit int) (step, error) {
	start := s.pos + 1
	b = b[:min(len(b), start+limit+2)]
	from := start + s.line
	lf := bytes.IndexByte(b[from:], '\n')
	stop := len(b)
	if lf >= 0 {
		stop = from + lf
	}
	cr := bytes.IndexByte(b[from:stop], '\r')
	switch {
	case cr >= 0 && from+cr+1 < stop:
		return more, s.fail(0, "CR without LF in a %s", kind)
	case cr < 0 && lf >= 0:
		return more, s.fail(0, "LF without CR in a %s", kind)
	case lf < 0:
		s.line = stop - start
		if cr >= 0 {
			s.line--
		}
		if s.line > limit {
			return more, s.fail(0, "%s of more than %d bytes", kind, limit)
		}
		return more, nil
	}
	line := b[start : stop-1]
	if kind == Double && !isDouble(line) || kind == BigNumber && !isInteger(line) {
		return more, s.fail(0, "%q is not a %s", line[:min(len(line), 40)], kind)
	}
	s.pos, s.line = stop+1, 0
	return value, nil
}

// fixed reads an element of one byte out of two, or of none.
func (s *scanner) fixed(b []byte, one, other string) (step, error) {
	kind, i := Kind(b[s.pos]), s.pos+1
	if len(one) > 0 {
		if i < len(b) && b[i] != one[0] && b[i] != other[0] {
			return more, s.fail(0, "%s in a %s", describe(b[i]), kind)
		}
		i++
	}
	end, err := s.crlf(b, i, kind)
	if end == 0 || err != nil {
		return more, err
	}
	s.pos = end
	return value, nil
}

// crlf expects the end of the line at b[i]. It returns what follows, 0 if the
// two bytes are not there yet.
func (s *scanner) crlf(b []byte, i int, kind Kind) (int, error) {
	if i < len(b) && b[i] != '\r' {
		return 0, s.fail(0, "%s in %s", describe(b[i]), part(kind))
	}
	if i+1 < len(b) && b[i+1] != '\n' {
		return 0, s.fail(0, "CR without LF in %s", part(kind))
	}
	if i+1 >= len(b) {
		return 0, nil
	}
	return i + 2, nil
}

package resp3

// Announced lengths that are no counts.
const (
	nullLen   = -1 // $-1 and *-1, the nulls of RESP2
	streamLen = -2 // ?, the length is not known in advance
)

// nullable and streamable say which kinds may have those lengths (protocol-
// spec, "Null bulk strings", "Null arrays"; RESP3.md, "Streamed strings",
// "Streamed aggregated data types").
func (k Kind) nullable() bool { return k == BulkString || k == Array }

func (k Kind) streamable() bool {
	return k == BulkString || k == Array || k == Map || k == Set
}

// length reads the header at pos: type byte, length, CRLF. It returns the
// length and where the header ends, 0 if it is not whole. Lengths keep the
// stream in step, so they have one spelling only: no sign but in -1, no
// leading zero. A wrong byte is an error as soon as it is there.
func (s *scanner) length(b []byte, kind Kind) (n, end int, err error) {
	i := s.pos + 1
	if i >= len(b) {
		return 0, 0, nil
	}
	switch c := b[i]; {
	case c == '-' && kind.nullable():
		if i++; i < len(b) && b[i] != '1' {
			return 0, 0, s.fail(0, "negative length in %s", part(kind))
		}
		n, i = nullLen, i+1
	case c == '?' && kind.streamable():
		n, i = streamLen, i+1
	case c == '-':
		return 0, 0, s.fail(0, "negative length in %s", part(kind))
	case c-'0' > 9:
		return 0, 0, s.fail(0, "%s in %s", describe(c), part(kind))
	default:
		return s.digits(b, i, kind)
	}
	end, err = s.crlf(b, i, kind)
	return n, end, err
}

func (s *scanner) digits(b []byte, i int, kind Kind) (int, int, error) {
	first := i
	var n uint64
	for ; i < len(b) && b[i]-'0' <= 9; i++ {
		switch {
		case i == first+1 && b[first] == '0':
			return 0, 0, s.fail(0, "leading zero in %s", part(kind))
		case i == first+maxLenDigits:
			return 0, 0, s.fail(0, "length of more than %d digits in %s", maxLenDigits, part(kind))
		}
		n = n*10 + uint64(b[i]-'0')
	}
	end, err := s.crlf(b, i, kind)
	if end == 0 || err != nil {
		return 0, 0, err
	}
	limit, unit := s.bulk, "bytes"
	if kind.aggregate() {
		limit, unit = s.bounds.elems, "elements"
	}
	if n > uint64(limit) {
		return 0, 0, s.fail(0, "%s of %d %s, limit %d", kind, n, unit, limit)
	}
	return int(n), end, nil
}

// part names an element in error texts.
func part(kind Kind) string {
	switch kind {
	case chunkMark:
		return "a piece of a streamed string"
	case endMark:
		return "an end mark"
	case Array, Integer, Attribute:
		return "an " + kind.String()
	}
	return "a " + kind.String()
}

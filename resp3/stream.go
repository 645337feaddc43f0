package resp3

import (
	"math"
	"slices"
	"strconv"
)

// unbounded are limits for bytes that were accepted before.
var unbounded = Limits{MaxBulk: math.MaxInt, MaxElems: math.MaxInt, MaxDepth: math.MaxInt}.bounds()

// unstream copies a frame that the scanner has accepted and spells its
// streamed strings and aggregates as if their lengths had been known. They are
// so rare that the frame is scanned again for the lengths of aggregates.
func unstream(frame []byte) string {
	sc := scanner{bounds: unbounded}
	_, _ = sc.scan(frame)
	// A streamed string only shrinks, an aggregate grows by its digits.
	out := make([]byte, 0, len(frame)+maxLenDigits*len(sc.counts))
	s := view(frame)
	for i := 0; i < len(s); {
		k := Kind(s[i])
		switch {
		case k == endMark:
			i += len(".\r\n")
		case k == BulkString && s[i+1] == '?':
			n, end := chunksLen(s, i)
			out = joinChunks(appendHeader(out, k, n), frame[i:end])
			out = append(out, '\r', '\n')
			i = end
		case s[i+1] == '?' && k.aggregate():
			n := sc.counts[0]
			if sc.counts = sc.counts[1:]; k.paired() {
				n /= 2
			}
			out = appendHeader(out, k, n)
			i += len("*?\r\n")
		default:
			end := tokenEnd(s, i)
			out = append(out, s[i:end]...)
			i = end
		}
	}
	return view(out)
}

// tokenEnd returns where the scalar or the header at s[i:] ends.
func tokenEnd(s string, i int) int {
	if Kind(s[i]).aggregate() {
		_, end := readLength(s, i+1)
		return end
	}
	var v Value
	return readScalar(&v, s, i)
}

// chunksLen returns how many bytes the streamed string at s[i:] has together
// and where it ends.
func chunksLen(s string, i int) (total, end int) {
	i += len("$?\r\n")
	for {
		n, head := readLength(s, i+1)
		if n == 0 {
			return total, head
		}
		total += n
		i = head + n + 2
	}
}

// joinChunks appends the pieces of the streamed string that b begins with.
func joinChunks(dst, b []byte) []byte {
	s := view(b)
	total, _ := chunksLen(s, 0)
	dst = slices.Grow(dst, total)
	for i := len("$?\r\n"); ; {
		n, head := readLength(s, i+1)
		if n == 0 {
			return dst
		}
		dst = append(dst, s[head:head+n]...)
		i = head + n + 2
	}
}

// appendHeader appends a type byte, a length and CRLF.
func appendHeader(dst []byte, k Kind, n int) []byte {
	switch {
	case uint(n) < 10:
		return append(dst, byte(k), byte('0'+n), '\r', '\n')
	case uint(n) < 100:
		return append(dst, byte(k), byte('0'+n/10), byte('0'+n%10), '\r', '\n')
	}
	return append(strconv.AppendInt(append(dst, byte(k)), int64(n), 10), '\r', '\n')
}

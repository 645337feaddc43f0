package resp3

import (
	"slices"
	"strconv"
)

// unstream copies a frame that the scanner has accepted and spells its
// streamed strings and aggregates as if their lengths had been known. counts
// has the lengths of the aggregates in the order of their headers.
func unstream(b []byte, counts []int) []byte {
	// A streamed string only shrinks, an aggregate grows by its digits.
	out := make([]byte, 0, len(b)+maxLenDigits*len(counts))
	s := view(b)
	for i := 0; i < len(s); {
		k := Kind(s[i])
		switch {
		case k == endMark:
			i += len(".\r\n")
		case k == BulkString && s[i+1] == '?':
			n, end := chunksLen(s, i)
			out = appendHeader(out, k, n)
			out = joinChunks(out, b[i:end])
			out = append(out, '\r', '\n')
			i = end
		case s[i+1] == '?' && k.aggregate():
			n := counts[0]
			if counts = counts[1:]; k.paired() {
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
	return out
}

// tokenEnd returns where the scalar or the header at s[i:] ends.
func tokenEnd(s string, i int) int {
	switch k := Kind(s[i]); {
	case k.aggregate():
		_, end := readLength(s, i+1)
		return end
	default:
		var v Value
		return readScalar(&v, s, i)
	}
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
	dst = append(dst, byte(k))
	if uint(n) < 10 {
		return append(dst, byte('0'+n), '\r', '\n')
	}
	return append(strconv.AppendInt(dst, int64(n), 10), '\r', '\n')
}

package resp3

import "bytes"

// quick returns where the payload of the scalar at b[i:] begins, 0 if it is a null, and where the scalar ends. The end is 0 unless
// the scalar is whole, well formed and of a common spelling. It never judges: whatever it declines goes through the whole grammar.
func quick(b []byte, i, limit int) (head, end int) {
	switch Kind(b[i]) {
	case BulkString:
		return quickBulk(b, i, limit)
	case Integer:
		end = quickInt(b, i+1)
	case SimpleString, SimpleError:
		end = quickLine(b, i+1, limit)
	case Double:
		end = quickDouble(b, i+1)
	case Null:
		return 0, crlfAt(b, i+1)
	case Boolean:
		if i+1 < len(b) && (b[i+1] == 't' || b[i+1] == 'f') {
			end = crlfAt(b, i+2)
		}
	}
	return i + 1, end
}

// quickBulk is quick for bulk strings. Lengths of one and two digits are read without a loop.
func quickBulk(b []byte, i, limit int) (head, end int) {
	p := b[i+1:]
	if len(p) < 5 || p[0]-'0' > 9 {
		return 0, 0
	}
	n, j := int(p[0]-'0'), 1
	if d := p[1] - '0'; d <= 9 {
		n, j = n*10+int(d), 2
		for ; j < 8 && j < len(p) && p[j]-'0' <= 9; j++ {
			n = n*10 + int(p[j]-'0')
		}
		if p[0] == '0' {
			return 0, 0
		}
	}
	end = j + n + 4
	if n > limit || end > len(p) {
		return 0, 0
	}
	if p = p[j:end]; p[0] == '\r' && p[1] == '\n' && p[len(p)-2] == '\r' && p[len(p)-1] == '\n' {
		return i + j + 3, i + 1 + end
	}
	return 0, 0
}

// quickInt takes integers of at most 18 digits, which fit 64 bits.
func quickInt(b []byte, i int) int {
	first := i + signLen(b[i:])
	j := skipDigits(b, first)
	if j == first || j > first+18 {
		return 0
	}
	return crlfAt(b, j)
}

func quickDouble(b []byte, i int) int {
	first := i + signLen(b[i:])
	j := skipDecimal(b, first)
	if j == first || j > i+maxDouble {
		return 0
	}
	return crlfAt(b, j)
}

// quickLine takes lines of less than 64 bytes.
func quickLine(b []byte, i, limit int) int {
	line := b[i:min(len(b), i+64)]
	j := bytes.IndexByte(line, '\r')
	if j < 0 || j > limit || bytes.IndexByte(line[:j], '\n') >= 0 {
		return 0
	}
	return crlfAt(b, i+j)
}

// crlfAt returns the end of the CRLF at b[j], 0 if there is none.
func crlfAt(b []byte, j int) int {
	if j+1 < len(b) && b[j] == '\r' && b[j+1] == '\n' {
		return j + 2
	}
	return 0
}

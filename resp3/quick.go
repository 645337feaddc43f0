package resp3

import "bytes"

// quick returns the end of the scalar at b[i:] if it is whole, well formed and
// of a common spelling, else 0, and where in b its payload begins, 0 if it is a
// null. It never judges: what it declines goes through the whole grammar.
func quick(b []byte, i, limit int) (head, end int) {
	switch Kind(b[i]) {
	case BulkString:
		return quickBulk(b, i, limit)
	case Integer:
		end = quickInt(b, i)
	case SimpleString, SimpleError:
		end = quickLine(b, i, limit)
	case Double:
		end = quickDouble(b, i)
	case Null:
		return 0, crlfAt(b, i+1)
	case Boolean:
		if i+1 < len(b) && (b[i+1] == 't' || b[i+1] == 'f') {
			end = crlfAt(b, i+2)
		}
	}
	return i + 1, end
}

// quickBulk returns where the payload of a bulk string begins and where the
// string ends. Lengths of one and two digits are read without a loop.
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

func quickInt(b []byte, i int) int {
	j := i + 1
	if j < len(b) && b[j] == '-' {
		j++
	}
	first := j
	for j < len(b) && b[j]-'0' <= 9 {
		j++
	}
	if j == first || j > first+18 {
		return 0
	}
	return crlfAt(b, j)
}

func quickDouble(b []byte, i int) int {
	j := i + 1
	if j < len(b) && b[j] == '-' {
		j++
	}
	first := j
	j = skipDigits(b, j)
	if j == first {
		return 0
	}
	if j < len(b) && b[j] == '.' {
		j = skipDigits(b, j+1)
	}
	if j > i+1+maxDouble {
		return 0
	}
	return crlfAt(b, j)
}

// quickLine takes lines up to 64 bytes.
func quickLine(b []byte, i, limit int) int {
	line := b[i+1 : min(len(b), i+1+64)]
	j := bytes.IndexByte(line, '\r')
	if j < 0 || j > limit || bytes.IndexByte(line[:j], '\n') >= 0 {
		return 0
	}
	return crlfAt(b, i+1+j)
}

// crlfAt returns what follows the CRLF at b[j], 0 if there is none.
func crlfAt(b []byte, j int) int {
	if j+1 < len(b) && b[j] == '\r' && b[j+1] == '\n' {
		return j + 2
	}
	return 0
}

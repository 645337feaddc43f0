package resp3

import "bytes"

// quick returns the end of the scalar at b[i:] if it is whole, well formed and
// of a common spelling, else 0. It never judges: what it declines goes through
// the whole grammar.
func quick(b []byte, i, limit int) int {
	switch Kind(b[i]) {
	case BulkString:
		_, end := quickBulk(b, i, limit)
		return end
	case Integer:
		return quickInt(b, i)
	case SimpleString, SimpleError:
		return quickLine(b, i, limit)
	case Double:
		return quickDouble(b, i)
	case Null:
		return crlfAt(b, i+1)
	case Boolean:
		if i+1 < len(b) && (b[i+1] == 't' || b[i+1] == 'f') {
			return crlfAt(b, i+2)
		}
	}
	return 0
}

// quickBulk returns where the payload of a bulk string begins and where the
// string ends.
func quickBulk(b []byte, i, limit int) (head, end int) {
	j := i + 1
	n := 0
	for j < len(b) && b[j]-'0' <= 9 && j < i+9 {
		n = n*10 + int(b[j]-'0')
		j++
	}
	if j == i+1 || b[i+1] == '0' && j > i+2 || n > limit {
		return 0, 0
	}
	end = j + n + 4
	if end > len(b) || b[j] != '\r' || b[j+1] != '\n' || b[end-2] != '\r' || b[end-1] != '\n' {
		return 0, 0
	}
	return j + 2, end
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

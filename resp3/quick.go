package resp3

import "bytes"

// quick returns where the payload of the scalar at b[i:] begins, 0 if it is a null, and where the scalar ends. The end is 0 unless
// the scalar is whole, well formed and of a common spelling. It never judges: whatever it declines goes through the whole grammar.
func quick(b []byte, i, limit int) (head, end int) {
	head = i + 1
	switch Kind(b[i]) {
	case BulkString:
		return quickBulk(b, i, limit)
	case Integer:
		first := head + signLen(b[head:])
		if stop := skipDigits(b, first); first < stop && stop <= first+18 { // these fit 64 bits
			end = crlfAt(b, stop)
		}
	case SimpleString, SimpleError:
		end = quickLine(b, head, limit)
	case Double:
		first := head + signLen(b[head:])
		if stop := skipDecimal(b, first); first < stop && stop <= head+maxDouble {
			end = crlfAt(b, stop)
		}
	case Null:
		return 0, crlfAt(b, head)
	case Boolean:
		if head < len(b) && (b[head] == 't' || b[head] == 'f') {
			end = crlfAt(b, head+1)
		}
	}
	return head, end
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

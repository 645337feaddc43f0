package resp3

import (
	"fmt"
	"math"
	"math/big"
	"strconv"
)

// AppendArrayLen appends the header of an array of n elements, which have to
// follow. A negative n panics, here and in the functions like it.
func AppendArrayLen(dst []byte, n int) []byte { return appendCount(dst, Array, n) }

// AppendMapLen appends the header of a map of n pairs.
func AppendMapLen(dst []byte, n int) []byte { return appendCount(dst, Map, n) }

// AppendSetLen appends the header of a set of n elements.
func AppendSetLen(dst []byte, n int) []byte { return appendCount(dst, Set, n) }

// AppendPushLen appends the header of a push of n elements, the first of which
// is its name. A push must not stand inside another value.
func AppendPushLen(dst []byte, n int) []byte { return appendCount(dst, Push, n) }

// AppendAttrLen appends the header of an attribute of n pairs. The value it
// belongs to has to follow them.
func AppendAttrLen(dst []byte, n int) []byte { return appendCount(dst, Attribute, n) }

func appendCount(dst []byte, k Kind, n int) []byte {
	if n < 0 {
		panic(fmt.Sprintf("resp3: %s of %d elements", k, n))
	}
	return appendHeader(dst, k, n)
}

// AppendBulk appends s as a bulk string.
func AppendBulk(dst []byte, s string) []byte { return appendBlob(dst, BulkString, s) }

// AppendBulkBytes appends b as a bulk string.
func AppendBulkBytes(dst, b []byte) []byte { return appendBlob(dst, BulkString, b) }

// AppendBulkError appends text as a bulk error.
func AppendBulkError(dst []byte, text string) []byte { return appendBlob(dst, BulkError, text) }

func appendBlob[T string | []byte](dst []byte, k Kind, s T) []byte {
	dst = appendHeader(dst, k, len(s))
	dst = append(dst, s...)
	return append(dst, '\r', '\n')
}

// AppendBulkInt appends i in decimal as a bulk string.
func AppendBulkInt(dst []byte, i int64) []byte {
	if i >= 0 && i < 10 {
		return append(dst, '$', '1', '\r', '\n', byte('0'+i), '\r', '\n')
	}
	var digits [20]byte
	return AppendBulkBytes(dst, strconv.AppendInt(digits[:0], i, 10))
}

// AppendBulkFloat appends f as a bulk string, spelled as AppendDouble does.
func AppendBulkFloat(dst []byte, f float64) []byte {
	var digits [32]byte
	return AppendBulkBytes(dst, appendFloat(digits[:0], f))
}

// AppendVerbatim appends s as a verbatim string of a format, "txt" or "mkd".
// A format that is not three bytes long panics.
func AppendVerbatim(dst []byte, format, s string) []byte {
	checkFormat(format)
	dst = appendHeader(dst, VerbatimString, len(format)+1+len(s))
	dst = append(append(append(dst, format...), ':'), s...)
	return append(dst, '\r', '\n')
}

func checkFormat(format string) {
	if len(format) != formatLen {
		panic(fmt.Sprintf("resp3: verbatim format %q is not %d bytes", format, formatLen))
	}
}

// AppendSimple appends s as a simple string. CR and LF cannot be part of one;
// they become blanks, as in Redis.
func AppendSimple(dst []byte, s string) []byte { return appendLine(dst, SimpleString, s) }

// AppendError appends text, such as "ERR no such key", as a simple error. CR
// and LF become blanks.
func AppendError(dst []byte, text string) []byte { return appendLine(dst, SimpleError, text) }

func appendLine(dst []byte, k Kind, s string) []byte {
	dst = append(dst, byte(k))
	start := len(dst)
	dst = append(dst, s...)
	for i, c := range dst[start:] {
		if c == '\r' || c == '\n' {
			dst[start+i] = ' '
		}
	}
	return append(dst, '\r', '\n')
}

// AppendInt appends an integer.
func AppendInt(dst []byte, i int64) []byte {
	if i >= 0 && i < 10 {
		return append(dst, ':', byte('0'+i), '\r', '\n')
	}
	return append(strconv.AppendInt(append(dst, ':'), i, 10), '\r', '\n')
}

// AppendNull appends the null of RESP3.
func AppendNull(dst []byte) []byte { return append(dst, "_\r\n"...) }

// AppendNullBulk appends the null bulk string of RESP2.
func AppendNullBulk(dst []byte) []byte { return append(dst, "$-1\r\n"...) }

// AppendNullArray appends the null array of RESP2.
func AppendNullArray(dst []byte) []byte { return append(dst, "*-1\r\n"...) }

// AppendBool appends a boolean.
func AppendBool(dst []byte, b bool) []byte {
	if b {
		return append(dst, "#t\r\n"...)
	}
	return append(dst, "#f\r\n"...)
}

// AppendDouble appends a double: inf, -inf, nan or the shortest digits that
// read back as f.
func AppendDouble(dst []byte, f float64) []byte {
	return append(appendFloat(append(dst, ','), f), '\r', '\n')
}

func appendFloat(dst []byte, f float64) []byte {
	switch {
	case math.IsNaN(f):
		return append(dst, "nan"...)
	case math.IsInf(f, 1):
		return append(dst, "inf"...)
	case math.IsInf(f, -1):
		return append(dst, "-inf"...)
	}
	return strconv.AppendFloat(dst, f, 'g', -1, 64)
}

// AppendBigNumber appends a big number; nil is null.
func AppendBigNumber(dst []byte, n *big.Int) []byte {
	if n == nil {
		return AppendNull(dst)
	}
	return append(n.Append(append(dst, byte(BigNumber)), 10), '\r', '\n')
}

package resp3

import (
	"fmt"
	"math"
	"strconv"
)

// AppendHeader appends the header of an aggregate: an array, set or push of n elements, or a map or attribute of n pairs. They have
// to follow. A push must not stand inside another value. Another kind or a negative n panics.
func AppendHeader(dst []byte, k Kind, n int) []byte {
	if n < 0 || !k.aggregate() {
		panic(fmt.Sprintf("resp3: %s of %d elements", k, n))
	}
	return appendHeader(dst, k, n)
}

// AppendBulkString appends s as a bulk string.
func AppendBulkString[T string | []byte](dst []byte, s T) []byte {
	return appendBlob(dst, BulkString, s)
}

func appendBlob[T string | []byte](dst []byte, k Kind, s T) []byte {
	dst = appendHeader(dst, k, len(s))
	dst = append(dst, s...)
	return append(dst, '\r', '\n')
}

// AppendIntArg appends i as an argument of a command: a bulk string in decimal.
func AppendIntArg(dst []byte, i int64) []byte {
	if i >= 0 && i < 10 {
		return append(dst, '$', '1', '\r', '\n', byte('0'+i), '\r', '\n')
	}
	var digits [20]byte
	return AppendBulkString(dst, strconv.AppendInt(digits[:0], i, 10))
}

// AppendFloatArg appends f as an argument of a command: a bulk string that is inf, -inf, nan or the shortest digits that read
// back as f.
func AppendFloatArg(dst []byte, f float64) []byte {
	var digits [32]byte
	return AppendBulkString(dst, appendFloat(digits[:0], f))
}

// appendLine writes CR and LF as blanks: they cannot be part of a line.
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

func appendInteger(dst []byte, i int64) []byte {
	if i >= 0 && i < 10 {
		return append(dst, ':', byte('0'+i), '\r', '\n')
	}
	return append(strconv.AppendInt(append(dst, ':'), i, 10), '\r', '\n')
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

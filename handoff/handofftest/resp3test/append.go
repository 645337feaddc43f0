// Package resp3test builds what a server sends: encoded replies for a server under test, and values for tests of code that reads
// them. Names are those of the kinds in package resp3, which has what clients send, and AppendHeader and AppendValue.
package resp3test

import (
	"fmt"
	"math"
	"math/big"
	"strconv"
	"strings"

	"github.com/baton-go/baton/resp3"
)

// AppendSimpleString appends s as a simple string. CR and LF cannot be part of one; they become blanks, as in Redis.
func AppendSimpleString(dst []byte, s string) []byte { return appendLine(dst, resp3.SimpleString, s) }

// AppendSimpleError appends text, such as "ERR no such key", as a simple error. CR and LF become blanks.
func AppendSimpleError(dst []byte, text string) []byte {
	return appendLine(dst, resp3.SimpleError, text)
}

var blanks = strings.NewReplacer("\r", " ", "\n", " ")

func appendLine(dst []byte, k resp3.Kind, s string) []byte {
	dst = append(append(dst, byte(k)), blanks.Replace(s)...)
	return append(dst, "\r\n"...)
}

// AppendBulkError appends text as a bulk error.
func AppendBulkError(dst []byte, text string) []byte { return appendBlob(dst, resp3.BulkError, text) }

// AppendVerbatimString appends s as a verbatim string of a format, "txt" or "mkd". A format that is not three bytes long panics.
func AppendVerbatimString(dst []byte, format, s string) []byte {
	if len(format) != 3 {
		panic(fmt.Sprintf("resp3test: verbatim format %q is not 3 bytes", format))
	}
	return appendBlob(dst, resp3.VerbatimString, format+":"+s)
}

func appendBlob(dst []byte, k resp3.Kind, s string) []byte {
	dst = strconv.AppendInt(append(dst, byte(k)), int64(len(s)), 10)
	dst = append(append(dst, "\r\n"...), s...)
	return append(dst, "\r\n"...)
}

// AppendInteger appends an integer.
func AppendInteger(dst []byte, i int64) []byte {
	return append(strconv.AppendInt(append(dst, ':'), i, 10), "\r\n"...)
}

// AppendNull appends the null of RESP3.
func AppendNull(dst []byte) []byte { return append(dst, "_\r\n"...) }

// AppendNullBulkString appends the null bulk string of RESP2.
func AppendNullBulkString(dst []byte) []byte { return append(dst, "$-1\r\n"...) }

// AppendNullArray appends the null array of RESP2.
func AppendNullArray(dst []byte) []byte { return append(dst, "*-1\r\n"...) }

// AppendBoolean appends a boolean.
func AppendBoolean(dst []byte, b bool) []byte {
	if b {
		return append(dst, "#t\r\n"...)
	}
	return append(dst, "#f\r\n"...)
}

// AppendDouble appends a double: inf, -inf, nan or the shortest digits that read back as f.
func AppendDouble(dst []byte, f float64) []byte {
	dst = append(dst, ',')
	switch {
	case math.IsNaN(f):
		dst = append(dst, "nan"...)
	case math.IsInf(f, 1):
		dst = append(dst, "inf"...)
	case math.IsInf(f, -1):
		dst = append(dst, "-inf"...)
	default:
		dst = strconv.AppendFloat(dst, f, 'g', -1, 64)
	}
	return append(dst, "\r\n"...)
}

// AppendBigNumber appends a big number; nil is null.
func AppendBigNumber(dst []byte, n *big.Int) []byte {
	if n == nil {
		return AppendNull(dst)
	}
	return append(n.Append(append(dst, byte(resp3.BigNumber)), 10), "\r\n"...)
}

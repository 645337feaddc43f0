package resp3

import (
	"math"
	"math/big"
	"strconv"
	"strings"
)

// Text returns the text of a string of any kind, a VerbatimString without its
// format, a number as text, and a Boolean as "1" or "0", as RESP2 spells it. It
// is [*Error] for an error, [ErrNull] for a null and [*TypeError] for an
// aggregate.
func (v Value) Text() (string, error) {
	switch v.kind {
	case BulkString:
		if !v.null {
			return v.text, nil
		}
	case SimpleString, Double, BigNumber:
		return v.text, nil
	case VerbatimString:
		return v.text[formatLen+1:], nil
	case Integer, Boolean:
		return strconv.FormatInt(v.num, 10), nil
	}
	return "", v.refuse("text")
}

// Bytes is Text as a copy that belongs to the caller.
func (v Value) Bytes() ([]byte, error) {
	s, err := v.Text()
	if err != nil {
		return nil, err
	}
	return []byte(s), nil
}

// Int returns an Integer, a Boolean as 0 or 1, or the int64 that a BigNumber, a
// Double or a string spells in decimal, since RESP2 has strings for Doubles: "7",
// "7.0" and "7e+0" are 7, to the last digit. Errors are those of Text; what is no
// whole number, or no int64, is a [*TypeError].
func (v Value) Int() (int64, error) {
	switch v.kind {
	case Integer, Boolean:
		return v.num, nil
	case SimpleString, BulkString, VerbatimString, BigNumber, Double:
		s, err := v.Text()
		if err != nil {
			return 0, err
		}
		if n, ok := parseInt(s); ok {
			return n, nil
		}
		if n, ok := parseInt(wholeDigits(s)); ok {
			return n, nil
		}
	}
	return 0, v.refuse("an int64")
}

// Float returns a Double, an Integer or BigNumber as the nearest float64, a
// Boolean as 0 or 1, or the number that a string spells in the grammar of a Double. Errors are those
// of Text; a number too large for a float64 is a [*TypeError].
func (v Value) Float() (float64, error) {
	switch v.kind {
	case Integer, Boolean:
		return float64(v.num), nil
	case SimpleString, BulkString, VerbatimString, BigNumber, Double:
		s, err := v.Text()
		if err != nil {
			return 0, err
		}
		if f, ok := parseDouble(s); ok {
			return f, nil
		}
	}
	return 0, v.refuse("a float64")
}

// Bool returns a Boolean, or whether an Integer, a Double or a string is 1 and not
// 0, which is how RESP2 spells booleans. Errors are those of Text; any other
// content is a [*TypeError].
func (v Value) Bool() (bool, error) {
	switch v.kind {
	case Integer, Boolean:
		if v.num == 0 || v.num == 1 {
			return v.num == 1, nil
		}
	case SimpleString, BulkString, VerbatimString, Double:
		s, err := v.Text()
		if err != nil {
			return false, err
		}
		if s == "0" || s == "1" {
			return s == "1", nil
		}
	}
	return false, v.refuse("a boolean")
}

// Big returns a BigNumber, an Integer, a Boolean as 0 or 1, or the whole number
// that a Double or a string of at most 10,000 bytes spells in decimal, see Int. Errors are those of Text; any other
// content is a [*TypeError]. The result belongs to the caller.
func (v Value) Big() (*big.Int, error) {
	switch v.kind {
	case Integer, Boolean:
		return big.NewInt(v.num), nil
	case SimpleString, BulkString, VerbatimString, BigNumber, Double:
		s, err := v.Text()
		if err != nil {
			return nil, err
		}
		if !isInteger(s) {
			s = wholeDigits(s)
		}
		if len(s) <= maxBigDigits && isInteger(s) {
			n, _ := new(big.Int).SetString(s, 10)
			return n, nil
		}
	}
	return nil, v.refuse("a whole number")
}

// refuse says why v has nothing of the kind that was asked for.
func (v Value) refuse(want string) error {
	if v.IsNull() {
		return ErrNull
	}
	if err := v.Err(); err != nil {
		return err
	}
	return &TypeError{Want: want, Kind: v.kind}
}

// ParseInt reads a decimal int64: digits with an optional sign and nothing
// else, the grammar of an Integer (protocol-spec, "Integers"). The error is a
// [*TypeError]. It does not allocate unless it fails.
func ParseInt(b []byte) (int64, error) {
	if n, ok := parseInt(b); ok {
		return n, nil
	}
	return 0, &TypeError{Want: "an int64", Kind: BulkString}
}

func parseInt[T string | []byte](s T) (int64, bool) {
	i := signLen(s)
	if i == len(s) {
		return 0, false
	}
	var n uint64
	for ; i < len(s); i++ {
		d := s[i] - '0'
		if d > 9 || n > math.MaxInt64/10 {
			return 0, false
		}
		n = n*10 + uint64(d)
	}
	if s[0] == '-' {
		return -int64(n), n <= 1<<63
	}
	return int64(n), n <= math.MaxInt64
}

// wholeDigits spells a whole number in the grammar of a Double without fraction and
// exponent, exactly. It is empty for anything else, also beyond a float64.
func wholeDigits(s string) string {
	if len(s) > maxDouble {
		return ""
	}
	if f, ok := parseDouble(s); !ok || f-f != 0 {
		return ""
	}
	mantissa, exponent, _ := strings.Cut(strings.ToLower(s), "e")
	shift, err := strconv.Atoi(exponent)
	if exponent != "" && err != nil {
		return ""
	}
	sign := mantissa[:signLen(mantissa)]
	whole, fraction, _ := strings.Cut(mantissa[len(sign):], ".")
	digits := strings.TrimLeft(whole+fraction, "0")
	shift -= len(fraction)
	switch {
	case digits == "":
		return "0"
	case shift > 2*maxDouble: // the float64 was finite, so this is far out of reach
		return ""
	case shift >= 0:
		return sign + digits + strings.Repeat("0", shift)
	case -shift >= len(digits) || strings.Trim(digits[len(digits)+shift:], "0") != "":
		return ""
	}
	return sign + digits[:len(digits)+shift]
}

// parseDouble checks the grammar first, since Go's parser takes more than the
// protocol has: hexadecimal, underscores, Infinity.
func parseDouble(s string) (float64, bool) {
	if !isDouble(s) {
		return 0, false
	}
	if isNaN(s) {
		return math.NaN(), true
	}
	f, err := strconv.ParseFloat(s, 64) // infinite if it is too large
	return f, err == nil
}

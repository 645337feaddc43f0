package resp3

import (
	"math"
	"math/big"
	"strconv"
)

// Text returns the text of a string of any kind, a VerbatimString without its
// format, and a number as text. It is [*Error] for an error, [ErrNull] for a
// null and [*TypeError] for a Boolean or an aggregate.
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
	case Integer:
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

// Int returns an Integer, a Boolean as 0 or 1, or the int64 that a string or a
// BigNumber spells in decimal. Errors are those of Text; a text that is no
// int64 is a [*TypeError].
func (v Value) Int() (int64, error) {
	switch v.kind {
	case Integer, Boolean:
		return v.num, nil
	case SimpleString, BulkString, VerbatimString, BigNumber:
		s, err := v.Text()
		if err != nil {
			return 0, err
		}
		if n, ok := parseInt(s); ok {
			return n, nil
		}
	}
	return 0, v.refuse("an int64")
}

// Float returns a Double, an Integer or BigNumber as the nearest float64, or
// the number that a string spells in the grammar of a Double. Errors are those
// of Text; a number too large for a float64 is a [*TypeError].
func (v Value) Float() (float64, error) {
	switch v.kind {
	case Integer:
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

// Bool returns a Boolean, or whether an Integer or a string is 1 and not 0,
// which is how RESP2 spells booleans. Errors are those of Text; any other
// content is a [*TypeError].
func (v Value) Bool() (bool, error) {
	switch v.kind {
	case Integer, Boolean:
		if v.num == 0 || v.num == 1 {
			return v.num == 1, nil
		}
	case SimpleString, BulkString, VerbatimString:
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

// Big returns a BigNumber, an Integer, or the whole number that a string of at
// most 10,000 bytes spells in decimal. Errors are those of Text; any other
// content is a [*TypeError]. The result belongs to the caller.
func (v Value) Big() (*big.Int, error) {
	switch v.kind {
	case Integer:
		return big.NewInt(v.num), nil
	case SimpleString, BulkString, VerbatimString, BigNumber:
		s, err := v.Text()
		if err != nil {
			return nil, err
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

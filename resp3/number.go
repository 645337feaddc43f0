package resp3

import (
	"math"
	"strconv"
	"strings"
)

// isInteger reports whether s is decimal digits with an optional sign, the grammar of Integer and BigNumber (protocol-spec,
// "Integers", "Big numbers").
func isInteger[T string | []byte](s T) bool {
	i := signLen(s)
	return i < len(s) && skipDigits(s, i) == len(s)
}

// isDouble reports whether s is a Double (protocol-spec, "Doubles"): a decimal number with an optional sign, or inf, -inf, nan.
func isDouble[T string | []byte](s T) bool {
	i := signLen(s)
	if end := skipDecimal(s, i); end > i {
		return end == len(s)
	}
	return string(s) == "inf" || string(s) == "-inf" || isNaN(s)
}

// isNaN reports whether s is a NaN as a C library prints it, which is what Redis before 7.2 sends: in small or capital letters,
// with a sign, and with letters and digits in parentheses behind it (ISO C, fprintf, "nan(n-char-sequence)").
func isNaN[T string | []byte](s T) bool {
	i := signLen(s)
	if len(s) < i+3 || s[i]|0x20 != 'n' || s[i+1]|0x20 != 'a' || s[i+2]|0x20 != 'n' {
		return false
	}
	if i += 3; i == len(s) {
		return true
	}
	if s[i] != '(' || s[len(s)-1] != ')' {
		return false
	}
	for i++; i < len(s)-1; i++ {
		if c := s[i]; c != '_' && c-'0' > 9 && c|0x20-'a' > 'z'-'a' {
			return false
		}
	}
	return true
}

func signLen[T string | []byte](s T) int {
	if len(s) > 0 && (s[0] == '-' || s[0] == '+') {
		return 1
	}
	return 0
}

func skipDigits[T string | []byte](s T, i int) int {
	for i < len(s) && s[i]-'0' <= 9 {
		i++
	}
	return i
}

// skipDecimal skips digits with an optional fraction and exponent.
func skipDecimal[T string | []byte](s T, i int) int {
	end := skipDigits(s, i)
	if end == i {
		return i
	}
	if end < len(s) && s[end] == '.' {
		end = skipDigits(s, end+1)
	}
	if end < len(s) && s[end]|0x20 == 'e' {
		first := end + 1 + signLen(s[end+1:])
		if stop := skipDigits(s, first); stop > first {
			return stop
		}
	}
	return end
}

// ParseInt reads a decimal int64: digits with an optional sign and nothing else, the grammar of an Integer (protocol-spec,
// "Integers"). The error is a [*TypeError]. It does not allocate unless it fails.
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

// ParseFloat reads a float64 in the grammar of a Double, as Redis spells scores and increments. The error is a [*TypeError]; if
// b is a number too large for a float64, an infinity comes with it. It does not allocate unless it fails.
func ParseFloat(b []byte) (float64, error) {
	f, ok := parseDouble(view(b))
	if ok {
		return f, nil
	}
	return f, &TypeError{Want: "a float64", Kind: BulkString}
}

// parseDouble checks the grammar first, since Go's parser takes more than the protocol has: hexadecimal, underscores, Infinity.
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

// wholeDigits spells a whole number in the grammar of a Double without fraction and exponent, exactly. It is empty for anything
// else, also beyond a float64.
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
	case shift > 2*maxDouble: // the float64 was finite, so this is out of reach
		return ""
	case shift >= 0:
		return sign + digits + strings.Repeat("0", shift)
	case -shift >= len(digits) || strings.Trim(digits[len(digits)+shift:], "0") != "":
		return ""
	}
	return sign + digits[:len(digits)+shift]
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

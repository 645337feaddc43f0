package resp3

// isInteger reports whether s is decimal digits with an optional sign, the
// grammar of Integer and BigNumber (protocol-spec, "Integers", "Big numbers").
func isInteger[T string | []byte](s T) bool {
	i := signLen(s)
	return i < len(s) && skipDigits(s, i) == len(s)
}

// isDouble reports whether s is a Double (protocol-spec, "Doubles"): digits
// with an optional sign, fraction and exponent, or inf, -inf, nan. Redis up to
// 7.0 may print a NaN as -nan.
func isDouble[T string | []byte](s T) bool {
	switch string(s) {
	case "inf", "-inf", "nan", "-nan":
		return true
	}
	i := signLen(s)
	j := skipDigits(s, i)
	if j == i {
		return false
	}
	if j < len(s) && s[j] == '.' {
		j = skipDigits(s, j+1)
	}
	if j < len(s) && s[j]|0x20 == 'e' {
		k := j + 1 + signLen(s[j+1:])
		if j = skipDigits(s, k); j == k {
			return false
		}
	}
	return j == len(s)
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

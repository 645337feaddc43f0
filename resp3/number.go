package resp3

// isInteger reports whether s is decimal digits with an optional sign, the
// grammar of Integer and BigNumber (protocol-spec, "Integers", "Big numbers").
func isInteger[T string | []byte](s T) bool {
	i := signLen(s)
	return i < len(s) && skipDigits(s, i) == len(s)
}

// isDouble reports whether s is a Double (protocol-spec, "Doubles"): digits
// with an optional sign, fraction and exponent, or inf, -inf, nan.
func isDouble[T string | []byte](s T) bool {
	i := signLen(s)
	j := skipDigits(s, i)
	if j == i {
		return string(s) == "inf" || string(s) == "-inf" || isNaN(s)
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

// isNaN reports whether s is a NaN as a C library prints it, which is what Redis
// before 7.2 sends: in small or capital letters, with a sign, and with more
// about it in parentheses (ISO C, fprintf, "nan(n-char-sequence)").
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

package handofftest

// globMatch matches as KEYS, SCAN and PSUBSCRIBE do: * ? [a-z] [^a] and \ before a
// character to be taken as it is.
func globMatch(pattern, s string) bool {
	star, back := -1, 0 // the last * seen, and where in s it was tried
	p, i := 0, 0
	for i < len(s) {
		if p < len(pattern) && pattern[p] == '*' {
			star, back = p, i
			p++
			continue
		}
		if width, ok := matchOne(pattern[p:], s[i]); ok {
			p, i = p+width, i+1
			continue
		}
		if star < 0 {
			return false
		}
		back++
		p, i = star+1, back // let the last * take one character more
	}
	for p < len(pattern) && pattern[p] == '*' {
		p++
	}
	return p == len(pattern)
}

// matchOne matches one character with the head of pattern, which is width long.
func matchOne(pattern string, ch byte) (width int, ok bool) {
	if pattern == "" {
		return 0, false
	}
	switch {
	case pattern[0] == '?':
		return 1, true
	case pattern[0] == '[':
		return matchClass(pattern, ch)
	case pattern[0] == '\\' && len(pattern) > 1:
		return 2, pattern[1] == ch
	}
	return 1, pattern[0] == ch
}

// matchClass matches [...]; a class that is not closed ends with the pattern.
func matchClass(pattern string, ch byte) (width int, ok bool) {
	i := 1
	not := i < len(pattern) && pattern[i] == '^'
	if not {
		i++
	}
	hit := false
	for i < len(pattern) && pattern[i] != ']' {
		switch {
		case pattern[i] == '\\' && i+1 < len(pattern):
			i++
			hit = hit || pattern[i] == ch
		case i+2 < len(pattern) && pattern[i+1] == '-':
			lo, hi := min(pattern[i], pattern[i+2]), max(pattern[i], pattern[i+2])
			hit = hit || lo <= ch && ch <= hi
			i += 2
		default:
			hit = hit || pattern[i] == ch
		}
		i++
	}
	return min(i+1, len(pattern)), hit != not
}

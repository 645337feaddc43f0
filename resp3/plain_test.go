package resp3

import (
	"math/big"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// plain is a value of a second parser that knows nothing of the first: whole
// input, recursion, regular expressions, no limits, no speed.
type plain struct {
	kind   byte
	null   bool
	text   string
	number int64
	elems  []plain
	attrs  []plain // keys and values of all attributes in front
}

var (
	plainLine   = regexp.MustCompile(`\A([^\r\n]*)\r\n`)
	plainLen    = regexp.MustCompile(`\A(0|[1-9][0-9]{0,18})\z`)
	plainInt    = regexp.MustCompile(`\A[+-]?[0-9]+\z`)
	plainDouble = regexp.MustCompile(`\A([+-]?[0-9]+(\.[0-9]*)?([eE][+-]?[0-9]+)?|-?inf|[+-]?(?i:nan)(\([0-9A-Za-z_]*\))?)\z`)
)

// plainParse reads the first value of s.
func plainParse(s string) (v plain, n int, ok bool) {
	v, rest, ok := parsePlain(s, true)
	return v, len(s) - len(rest), ok
}

func parsePlain(s string, top bool) (v plain, rest string, ok bool) {
	if s == "" {
		return v, s, false
	}
	kind := s[0]
	line := plainLine.FindStringSubmatch(s[1:])
	if line == nil || kind == '>' && !top {
		return v, s, false
	}
	head, rest := line[1], s[1+len(line[0]):]
	v.kind = kind
	switch kind {
	case '+', '-':
		v.text = head
		return v, rest, true
	case ':':
		big, ok := new(big.Int).SetString(head, 10)
		if !plainInt.MatchString(head) || !ok || !big.IsInt64() || len(head) > 32 {
			return v, s, false
		}
		v.number = big.Int64()
		return v, rest, true
	case '_':
		v.null = true
		return v, rest, head == ""
	case '#':
		if head == "t" {
			v.number = 1
		}
		return v, rest, head == "t" || head == "f"
	case ',':
		v.text = head
		return v, rest, plainDouble.MatchString(head)
	case '(':
		v.text = head
		return v, rest, plainInt.MatchString(head)
	case '$', '!', '=':
		return parsePlainBlob(v, head, rest)
	case '*', '%', '~', '>', '|':
		return parsePlainAggregate(v, head, rest, top)
	}
	return v, s, false
}

func parsePlainBlob(v plain, head, s string) (plain, string, bool) {
	if v.kind == '$' && head == "-1" {
		v.null = true
		return v, s, true
	}
	if v.kind == '$' && head == "?" {
		for {
			if !strings.HasPrefix(s, ";") {
				return v, s, false
			}
			line := plainLine.FindStringSubmatch(s[1:])
			if line == nil {
				return v, s, false
			}
			piece, rest, ok := parsePlainBlob(plain{}, line[1], s[1+len(line[0]):])
			if line[1] == "0" {
				return v, s[len(";0\r\n"):], true
			}
			if !ok {
				return v, s, false
			}
			v.text, s = v.text+piece.text, rest
		}
	}
	n, err := strconv.Atoi(head)
	if !plainLen.MatchString(head) || err != nil || n > len(s)-2 || s[n:n+2] != "\r\n" {
		return v, s, false
	}
	v.text = s[:n]
	if v.kind == '=' && (n < 4 || s[3] != ':') {
		return v, s, false
	}
	return v, s[n+2:], true
}

func parsePlainAggregate(v plain, head, s string, top bool) (plain, string, bool) {
	streamed := head == "?" && strings.IndexByte("*%~", v.kind) >= 0
	n, err := strconv.Atoi(head)
	switch {
	case v.kind == '*' && head == "-1":
		v.null = true
		return v, s, true
	case streamed:
		n = len(s)
	case !plainLen.MatchString(head) || err != nil || n > len(s):
		return v, s, false
	case v.kind == '%' || v.kind == '|':
		n *= 2
	}
	for len(v.elems) < n {
		if streamed && strings.HasPrefix(s, ".\r\n") {
			s = s[3:]
			if v.kind == '%' && len(v.elems)%2 != 0 {
				return v, s, false
			}
			return v, s, true
		}
		e, rest, ok := parsePlain(s, false)
		if !ok {
			return v, s, false
		}
		v.elems, s = append(v.elems, e), rest
	}
	if v.kind == '|' {
		behind, rest, ok := parsePlain(s, top)
		behind.attrs = append(v.elems, behind.attrs...)
		return behind, rest, ok
	}
	return v, s, !streamed
}

// requireSame checks that both parsers mean the same.
func requireSame(t testing.TB, p plain, v Value) {
	t.Helper()
	require.Equal(t, p.kind, byte(v.Kind()))
	require.Equal(t, p.null, v.IsNull())
	text, number := "", int64(0)
	switch v.kind {
	case Integer, Boolean:
		number = v.n
	case Array, Map, Set, Push:
	default:
		text = v.text()
	}
	require.Equal(t, p.text, text)
	require.Equal(t, p.number, number)
	require.Equal(t, len(p.elems), len(v.elems()))
	i := 0
	for e := range v.All() {
		requireSame(t, p.elems[i], e)
		i++
	}
	i = 0
	for k, val := range v.Attrs() {
		require.Less(t, i+1, len(p.attrs))
		requireSame(t, p.attrs[i], k)
		requireSame(t, p.attrs[i+1], val)
		i += 2
	}
	require.Equal(t, len(p.attrs), i)
}

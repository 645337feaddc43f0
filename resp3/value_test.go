package resp3

import (
	"errors"
	"math"
	"slices"
	"strings"
	"testing"
	"unsafe"

	"github.com/stretchr/testify/require"
)

// read decodes one value.
func read(t testing.TB, frame string) Value {
	t.Helper()
	v, _, err := Decode(frame)
	require.NoError(t, err)
	return v
}

func simpleValue(s string) Value   { return textValue(SimpleString, s) }
func errorValue(text string) Value { return textValue(SimpleError, text) }
func intValue(i int64) Value       { return Value{kind: Integer, n: i} }

// requireEqual checks that values are the same, with all that is in them.
func requireEqual(t testing.TB, want, got Value, note ...any) {
	t.Helper()
	require.True(t, want.Equal(got), append([]any{"want %v, got %v %v", want, got}, note)...)
}

// outcome is what an accessor gave: a value or the type of its error.
func outcome[T any](v T, err error) any {
	if err != nil {
		return err.Error()
	}
	return v
}

func TestScalarAccessors(t *testing.T) {
	const null = "resp3: null"
	not := func(kind, what string) string { return "resp3: " + kind + " is not " + what }
	for _, c := range []struct {
		frame                string
		text, i, f, b, whole any
	}{
		{"+OK\r\n", "OK", not("simple string", "an int64"), not("simple string", "a float64"), not("simple string", "a boolean"), not("simple string", "a whole number")},
		{"$1\r\n1\r\n", "1", int64(1), 1.0, true, "1"},
		{"$1\r\n0\r\n", "0", int64(0), 0.0, false, "0"},
		{"$4\r\n-1.5\r\n", "-1.5", not("bulk string", "an int64"), -1.5, not("bulk string", "a boolean"), not("bulk string", "a whole number")},
		{"$3\r\ninf\r\n", "inf", not("bulk string", "an int64"), math.Inf(1), not("bulk string", "a boolean"), not("bulk string", "a whole number")},
		{"$0\r\n\r\n", "", not("bulk string", "an int64"), not("bulk string", "a float64"), not("bulk string", "a boolean"), not("bulk string", "a whole number")},
		{"=6\r\ntxt:12\r\n", "12", int64(12), 12.0, not("verbatim string", "a boolean"), "12"},
		{":7\r\n", "7", int64(7), 7.0, not("integer", "a boolean"), "7"},
		{":1\r\n", "1", int64(1), 1.0, true, "1"},
		{"#t\r\n", "1", int64(1), 1.0, true, "1"},
		{"#f\r\n", "0", int64(0), 0.0, false, "0"},
		{",1\r\n", "1", int64(1), 1.0, true, "1"},
		{",-7.00\r\n", "-7.00", int64(-7), -7.0, not("double", "a boolean"), "-7"},
		{",0.0\r\n", "0.0", int64(0), 0.0, not("double", "a boolean"), "0"},
		{",1e+17\r\n", "1e+17", int64(1e17), 1e17, not("double", "a boolean"), "100000000000000000"},
		{"$5\r\n1e+17\r\n", "1e+17", int64(1e17), 1e17, not("bulk string", "a boolean"), "100000000000000000"},
		{",12.5e1\r\n", "12.5e1", int64(125), 125.0, not("double", "a boolean"), "125"},
		{",1200e-2\r\n", "1200e-2", int64(12), 12.0, not("double", "a boolean"), "12"},
		{",5e-1\r\n", "5e-1", not("double", "an int64"), 0.5, not("double", "a boolean"), not("double", "a whole number")},
		{",9007199254740993.0\r\n", "9007199254740993.0", int64(9007199254740993), 9007199254740992.0, not("double", "a boolean"), "9007199254740993"},
		{",9.3e18\r\n", "9.3e18", not("double", "an int64"), 9.3e18, not("double", "a boolean"), "9300000000000000000"},
		{",1e-400\r\n", "1e-400", not("double", "an int64"), 0.0, not("double", "a boolean"), not("double", "a whole number")},
		{",inf\r\n", "inf", not("double", "an int64"), math.Inf(1), not("double", "a boolean"), not("double", "a whole number")},
		{",1.5\r\n", "1.5", not("double", "an int64"), 1.5, not("double", "a boolean"), not("double", "a whole number")},
		{",1e999\r\n", "1e999", not("double", "an int64"), not("double", "a float64"), not("double", "a boolean"), not("double", "a whole number")},
		{"(12\r\n", "12", int64(12), 12.0, not("big number", "a boolean"), "12"},
		{"(9223372036854775808\r\n", "9223372036854775808", not("big number", "an int64"), 9223372036854775808.0, not("big number", "a boolean"), "9223372036854775808"},
		{"-ERR no\r\n", "ERR no", "ERR no", "ERR no", "ERR no", "ERR no"},
		{"!6\r\nERR no\r\n", "ERR no", "ERR no", "ERR no", "ERR no", "ERR no"},
		{"_\r\n", null, null, null, null, null},
		{"$-1\r\n", null, null, null, null, null},
		{"*-1\r\n", null, null, null, null, null},
		{"*1\r\n:1\r\n", not("array", "text"), not("array", "an int64"), not("array", "a float64"), not("array", "a boolean"), not("array", "a whole number")},
	} {
		v := read(t, c.frame)
		require.Equal(t, c.text, outcome(v.Text()), c.frame)
		require.Equal(t, c.i, outcome(v.Int()), c.frame)
		require.Equal(t, c.f, outcome(v.Float()), c.frame)
		require.Equal(t, c.b, outcome(v.Bool()), c.frame)
		n, err := v.Big()
		if err == nil {
			require.Equal(t, c.whole, n.String(), c.frame)
		} else {
			require.EqualError(t, err, c.whole.(string), c.frame)
		}
		b, err := v.Bytes()
		if err == nil {
			require.Equal(t, c.text, string(b))
		} else {
			require.EqualError(t, err, c.text.(string))
		}
	}
}

func TestPayload(t *testing.T) {
	for frame, want := range map[string]string{
		"+OK\r\n": "OK", "-ERR x\r\n": "ERR x", ":-5\r\n": "-5", ",1.5\r\n": "1.5", "(12\r\n": "12", "#t\r\n": "t",
		"$5\r\nhello\r\n": "hello", "!2\r\nab\r\n": "ab", "=8\r\ntxt:text\r\n": "text", "$0\r\n\r\n": "",
		"|1\r\n+a\r\n:1\r\n$12\r\nabcdefghijkl\r\n": "abcdefghijkl", "$?\r\n;2\r\nab\r\n;1\r\nc\r\n;0\r\n": "abc",
		"_\r\n": "", "$-1\r\n": "", "*-1\r\n": "", "*1\r\n:1\r\n": "",
		"+?\r\n": "?", "-?2\r\n": "?2", "$1\r\n?\r\n": "?",
	} {
		f, err := NewReader(strings.NewReader(frame), Limits{}).Next()
		require.NoError(t, err)
		require.Equal(t, want, string(f.Payload()), frame)
		require.Equal(t, f.Value().IsNull(), f.IsNull(), frame)
		require.Equal(t, f.Value().Kind(), f.Kind, frame)
	}
}

func TestNaN(t *testing.T) {
	for _, s := range []string{"nan", "-nan", "+nan", "NAN", "-NAN", "NaN", "nAn", "nan()", "nan(0x7ff8)", "-nan(ind)", "nan(snan)", "NAN(_1aZ)"} {
		for _, v := range []Value{read(t, ","+s+"\r\n"), BulkStringValue(s)} {
			f, err := v.Float()
			require.NoError(t, err, s)
			require.True(t, math.IsNaN(f), s)
			text, err := v.Text()
			require.NoError(t, err)
			require.Equal(t, s, text)
		}
		f, err := ParseFloat([]byte(s))
		require.NoError(t, err, s)
		require.True(t, math.IsNaN(f), s)
	}
}

func TestGarbageIsNotANumber(t *testing.T) {
	for _, s := range []string{"", "n", "na", "an", "nano", "nan ", " nan", "--nan", "+-nan", "nan(", "nan)", "nan(ind", "nan(ind)x", "nan(a b)", "nan(())",
		"nan(-1)", "nan(\xff)", "(nan)", "nanind", "nan1", "1nan", "INF", "+inf", "Infinity", "infinity", "inf(1)", "-", "0x1p3", "1_0", ".5", "1.#QNAN"} {
		_, err := NewReader(strings.NewReader(","+s+"\r\n"), Limits{}).ReadValue()
		require.ErrorAs(t, err, new(*SyntaxError), s)
		_, err = BulkStringValue(s).Float()
		require.ErrorAs(t, err, new(*TypeError), s)
	}
}

func TestZeroValue(t *testing.T) {
	var v Value
	require.Equal(t, Invalid, v.Kind())
	require.False(t, v.IsNull())
	require.NoError(t, v.Err())
	require.Zero(t, v.Len())
	_, err := v.Text()
	require.EqualError(t, err, "resp3: invalid is not text")
	require.Equal(t, "_\r\n", string(AppendValue(nil, v)))
	require.Equal(t, "invalid", v.String())
	require.Empty(t, v.VerbatimFormat())
	requireEqual(t, Value{}, Frame{}.Value())
	own := []byte("$1\r\na\r\n")
	byHand := Frame{Kind: BulkString, Bytes: own}.Value()
	own[4] = 'b'
	requireEqual(t, BulkStringValue("a"), byHand)
	require.Nil(t, Frame{}.Payload())
	require.False(t, Frame{}.IsNull())
}

func TestValuesAreEqual(t *testing.T) {
	frames := []string{"+a\r\n", "$1\r\na\r\n", "$1\r\nb\r\n", ":1\r\n", ":2\r\n", "#t\r\n", "_\r\n", "$-1\r\n", "*-1\r\n", "*0\r\n", "$0\r\n\r\n",
		"*1\r\n:1\r\n", "*1\r\n:2\r\n", "~1\r\n:1\r\n", "|1\r\n+k\r\n:1\r\n+a\r\n", "|1\r\n+k\r\n:2\r\n+a\r\n", "*1\r\n|0\r\n:1\r\n"}
	for i, a := range frames {
		require.False(t, Value{}.Equal(read(t, a)), a)
		for j, b := range frames {
			require.Equal(t, i == j, read(t, a).Equal(read(t, strings.Clone(b))), "%q and %q", a, b)
		}
	}
	require.True(t, Value{}.Equal(Value{}))
	require.LessOrEqual(t, unsafe.Sizeof(Value{}), uintptr(24))
}

func TestErrorValues(t *testing.T) {
	for text, want := range map[string]Error{
		"ERR no such key":       {"ERR", "no such key"},
		"WRONGTYPE":             {"WRONGTYPE", ""},
		"MOVED 1 10.0.0.1:6379": {"MOVED", "1 10.0.0.1:6379"},
		"NOPROTO2 x":            {"NOPROTO2", "x"},
		"ERR  two blanks":       {"ERR", " two blanks"},
		"Err mixed case":        {"", "Err mixed case"},
		"9LIVES x":              {"", "9LIVES x"},
		"":                      {"", ""},
		" ERR":                  {"", " ERR"},
		"ERR ":                  {"", "ERR "},
	} {
		for _, v := range []Value{errorValue(text), textValue(BulkError, text), read(t, string(AppendValue(nil, errorValue(text))))} {
			err, ok := v.Err().(*Error)
			require.True(t, ok)
			require.Equal(t, want, *err, text)
			require.EqualError(t, err, text)
		}
	}
}

func TestAggregateAccessors(t *testing.T) {
	m := read(t, "%2\r\n+a\r\n:1\r\n*1\r\n:5\r\n:2\r\n")
	require.Equal(t, 2, m.Len())
	requireEqual(t, simpleValue("a"), m.Index(0))
	requireEqual(t, intValue(2), m.Index(3))
	requireEqual(t, Value{}, m.Index(4))
	requireEqual(t, Value{}, m.Index(-1))
	require.Len(t, slices.Collect(m.All()), 4)
	for _, flat := range []Value{m, ArrayValue(m.Index(0), m.Index(1), m.Index(2), m.Index(3))} {
		var keys, values []Value
		for k, v := range flat.Pairs() {
			keys, values = append(keys, k), append(values, v)
		}
		requireEqual(t, ArrayValue(simpleValue("a"), ArrayValue(intValue(5))), ArrayValue(keys...))
		requireEqual(t, ArrayValue(intValue(1), intValue(2)), ArrayValue(values...))
	}
	for range ArrayValue(intValue(1)).Pairs() {
		t.Fatal("an odd array has no pairs")
	}
	for range m.All() {
		break
	}
	for range m.Pairs() {
		break
	}
	require.Equal(t, 3, read(t, "*3\r\n:1\r\n:2\r\n:3\r\n").Len())
	require.Zero(t, read(t, "+a\r\n").Len())
}

func TestPairsComeFlatOrByTwos(t *testing.T) {
	for frame, want := range map[string]string{
		"%1\r\n+a\r\n:1\r\n": "a1", "*4\r\n+a\r\n:1\r\n+b\r\n:2\r\n": "a1b2", "~2\r\n+a\r\n:1\r\n": "a1", "*0\r\n": "", "%0\r\n": "",
		"*1\r\n*2\r\n+a\r\n:1\r\n": "a1", "*2\r\n*2\r\n+a\r\n:1\r\n*2\r\n+b\r\n:2\r\n": "a1b2", "*3\r\n*2\r\n+a\r\n:1\r\n*2\r\n+b\r\n:2\r\n*2\r\n+c\r\n,3\r\n": "a1b2c3",
	} {
		v := read(t, frame)
		n, err := v.PairCount()
		require.NoError(t, err, frame)
		got := ""
		for k, e := range v.Pairs() {
			key, kerr := k.Text()
			text, err := e.Text()
			require.NoError(t, errors.Join(kerr, err))
			got += key + text
		}
		require.Equal(t, want, got)
		require.Equal(t, len(want)/2, n)
		for range v.Pairs() {
			break
		}
	}
	for _, frame := range []string{"*1\r\n+a\r\n", "~3\r\n+a\r\n:1\r\n+b\r\n", "*1\r\n*3\r\n:1\r\n:2\r\n:3\r\n", "*1\r\n*0\r\n", "*3\r\n*2\r\n+a\r\n:1\r\n+b\r\n:2\r\n", "+a\r\n", ":1\r\n"} {
		_, err := read(t, frame).PairCount()
		require.ErrorAs(t, err, new(*TypeError), frame)
	}
	_, err := read(t, "*-1\r\n").PairCount()
	require.ErrorIs(t, err, ErrNull)
	_, err = errorValue("ERR no").PairCount()
	require.ErrorAs(t, err, new(*Error))
}

func TestAttributesStayWithTheirValue(t *testing.T) {
	v := read(t, "|1\r\n+a\r\n:1\r\n|2\r\n+b\r\n:2\r\n+c\r\n:3\r\n*2\r\n|1\r\n+in\r\n:4\r\n+x\r\n+y\r\n")
	names := func(v Value) (s string) {
		for k, val := range v.Attrs() {
			s += k.String() + "=" + val.String() + " "
		}
		return s
	}
	require.Equal(t, `"a"=1 "b"=2 "c"=3 `, names(v))
	require.Equal(t, `"in"=4 `, names(v.Index(0)))
	require.Empty(t, names(v.Index(1)))
	for range v.Attrs() {
		break
	}
}

// A flood of attributes is the peer's choice: looking at it takes no more memory than decoding it took.
func TestMemoryOfAttributesIsBoundedByWhatWasDecoded(t *testing.T) {
	const n = 200_000
	for name, attr := range map[string]string{"empty": "|0\r\n", "of a pair": "|1\r\n_\r\n_\r\n", "nested": "|1\r\n|0\r\n_\r\n_\r\n"} {
		flood := strings.Repeat(attr, n) + "+OK\r\n"
		var v Value
		decoded := allocated(func() { v = read(t, flood) })
		pairs := 0
		require.Less(t, allocated(func() {
			for range v.Attrs() {
				pairs++
			}
		}), decoded/5, name)
		require.Equal(t, n*strings.Count(attr, "1"), pairs, name)
		require.Less(t, allocated(func() { _ = v.String() }), 2*decoded, name)
		dst := make([]byte, 0, len(flood))
		require.Less(t, allocated(func() { dst = AppendValue(dst, v) }), 2*decoded, name)
		require.Equal(t, flood, string(dst), name)
	}
}

func TestManyEmptyAttributes(t *testing.T) {
	v := read(t, strings.Repeat("|0\r\n", 1000)+"+OK\r\n")
	for range v.Attrs() {
		t.Fatal("they have no pairs")
	}
	require.Len(t, AppendValue(nil, v), 4*1000+5)
}

func TestString(t *testing.T) {
	for frame, want := range map[string]string{
		"+OK\r\n":                              `"OK"`,
		"-ERR x\r\n":                           `error "ERR x"`,
		":-5\r\n":                              `-5`,
		",1.5\r\n":                             `1.5`,
		"(12\r\n":                              `12`,
		"#t\r\n":                               `true`,
		"$-1\r\n":                              `null`,
		"$2\r\n\r\n\r\n":                       `"\r\n"`,
		"=5\r\ntxt:a\r\n":                      `"txt:a"`,
		"*2\r\n:1\r\n*0\r\n":                   `array(2) 1 array(0)`,
		"|1\r\n+a\r\n:1\r\n%1\r\n+k\r\n+v\r\n": `attribute(1) "a" 1 map(1) "k" "v"`,
		"$70\r\n" + strings.Repeat("x", 70) + "\r\n": `"` + strings.Repeat("x", 64) + `"...`,
	} {
		require.Equal(t, want, read(t, frame).String())
	}
	for _, v := range []Value{ArrayValue(slices.Repeat([]Value{intValue(1)}, 10000)...), nested(100000)} {
		require.Less(t, len(v.String()), 512)
	}
}

// nested returns an array in an array in an array ...
func nested(depth int) Value {
	v := intValue(1)
	for range depth {
		v = ArrayValue(v)
	}
	return v
}

func TestKindNames(t *testing.T) {
	seen := map[string]Kind{}
	for _, k := range []Kind{Invalid, SimpleString, SimpleError, Integer, BulkString, Array, Null, Boolean, Double, BigNumber, BulkError, VerbatimString, Map, Set, Attribute, Push, chunkMark} {
		require.NotContains(t, seen, k.String())
		seen[k.String()] = k
	}
	require.Equal(t, "kind 'x'", Kind('x').String())
}

func TestParseInt(t *testing.T) {
	for s, want := range map[string]int64{
		"0": 0, "-0": 0, "+0": 0, "7": 7, "+7": 7, "-7": -7, "007": 7, "9223372036854775807": math.MaxInt64,
		"-9223372036854775808": math.MinInt64, "000000000000000000000000000001": 1,
	} {
		n, err := ParseInt([]byte(s))
		require.NoError(t, err, s)
		require.Equal(t, want, n, s)
	}
	for _, s := range []string{"", "-", "+", " 1", "1 ", "1.0", "1e3", "0x1", "1_0", "--1", "9223372036854775808", "-9223372036854775809",
		"18446744073709551616", "18446744073709551617", "99999999999999999999999999", "\u0661"} {
		_, err := ParseInt([]byte(s))
		require.ErrorAs(t, err, new(*TypeError), s)
	}
}

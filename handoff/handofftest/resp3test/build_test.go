package resp3test

import (
	"math"
	"math/big"
	"strconv"
	"testing"

	"github.com/baton-go/baton/resp3"
	"github.com/stretchr/testify/require"
)

func read(t *testing.T, encoded string) resp3.Value {
	t.Helper()
	v, n, err := resp3.Decode(encoded)
	require.NoError(t, err)
	require.Len(t, encoded, n)
	return v
}

func TestAppendScalars(t *testing.T) {
	n, _ := new(big.Int).SetString("12345678901234567890", 10)
	for want, got := range map[string][]byte{
		"+OK\r\n": AppendSimpleString(nil, "OK"), "+a  b\r\n": AppendSimpleString(nil, "a\r\nb"), "-ERR a b\r\n": AppendSimpleError(nil, "ERR a\nb"),
		"$-1\r\n": AppendNullBulkString(nil), "*-1\r\n": AppendNullArray(nil), "_\r\n": AppendNull(nil), "#t\r\n": AppendBoolean(nil, true), "#f\r\n": AppendBoolean(nil, false),
		"!5\r\na\r\nb \r\n": AppendBulkError(nil, "a\r\nb "), "=7\r\nmkd:*a*\r\n": AppendVerbatimString(nil, "mkd", "*a*"), "(12345678901234567890\r\n": AppendBigNumber(nil, n),
		",-inf\r\n": AppendDouble(nil, math.Inf(-1)), ",inf\r\n": AppendDouble(nil, math.Inf(1)), ",nan\r\n": AppendDouble(nil, math.NaN()),
	} {
		require.Equal(t, want, string(got))
	}
	require.Equal(t, "_\r\n", string(AppendBigNumber(nil, nil)))
	require.Panics(t, func() { AppendVerbatimString(nil, "t", "") })
}

func TestAppendIntegers(t *testing.T) {
	for _, i := range []int64{0, 1, 9, 10, 99, 100, 1234567, -1, -9, -10, math.MaxInt64, math.MinInt64} {
		require.Equal(t, ":"+strconv.FormatInt(i, 10)+"\r\n", string(AppendInteger(nil, i)))
		n, err := Integer(i).Int()
		require.NoError(t, err)
		require.Equal(t, i, n)
	}
}

func TestDoublesReadBack(t *testing.T) {
	for _, f := range []float64{0, math.Copysign(0, -1), 1, -1.5, 0.1, 1e21, 1e300, 5e-324, math.MaxFloat64, math.SmallestNonzeroFloat64, math.Pi, 123456789.125, math.Inf(1), math.Inf(-1)} {
		got, err := Double(f).Float()
		require.NoError(t, err)
		require.Equal(t, math.Float64bits(f), math.Float64bits(got), "%v", f)
	}
}

func TestWritingDoesNotAllocate(t *testing.T) {
	dst := make([]byte, 0, 4096)
	require.Zero(t, testing.AllocsPerRun(200, func() { AppendInteger(dst, -1234567) }))
	require.Zero(t, testing.AllocsPerRun(200, func() { AppendDouble(dst, 1.5) }))
}

func TestBuildersWriteWhatTheySay(t *testing.T) {
	for want, v := range map[string]resp3.Value{
		"$1\r\na\r\n": BulkString("a"), "+a\r\n": SimpleString("a"), "-ERR a\r\n": SimpleError("ERR a"), "!5\r\nERR a\r\n": BulkError("ERR a"),
		"=5\r\ntxt:a\r\n": VerbatimString("txt", "a"), ":5\r\n": Integer(5), ",1.5\r\n": Double(1.5), ",-inf\r\n": Double(math.Inf(-1)),
		"#t\r\n": Boolean(true), "#f\r\n": Boolean(false), "(12\r\n": BigNumber(big.NewInt(12)), "_\r\n": Null(), "$-1\r\n": NullBulkString(), "*-1\r\n": NullArray(),
		"*2\r\n:1\r\n*0\r\n": Array(Integer(1), Array()), "~1\r\n:1\r\n": Set(Integer(1)), ">1\r\n$1\r\na\r\n": Push(BulkString("a")),
		"%1\r\n+k\r\n:1\r\n": Map(SimpleString("k"), Integer(1)), "|1\r\n+a\r\n:1\r\n*0\r\n": WithAttributes(Array(), SimpleString("a"), Integer(1)),
	} {
		require.Equal(t, want, string(resp3.AppendValue(nil, v)))
		back := read(t, want)
		require.Equal(t, v.Kind(), back.Kind())
		require.Equal(t, v.String(), back.String())
	}
	require.True(t, Null().Equal(BigNumber(nil)))
	require.Equal(t, "txt", VerbatimString("txt", "a").VerbatimFormat())
	require.PanicsWithValue(t, `resp3test: verbatim format "text" is not 3 bytes`, func() { VerbatimString("text", "") })
	require.PanicsWithValue(t, "resp3test: map of 1 keys and values", func() { Map(Null()) })
	require.PanicsWithValue(t, "resp3test: attribute of 1 keys and values", func() { WithAttributes(Null(), Null()) })
	require.PanicsWithValue(t, "resp3test: resp3: push inside another value (offset 4)", func() { Set(Push()) })
}

func TestBuildersCopyTheirArguments(t *testing.T) {
	elems := []resp3.Value{Integer(1)}
	array, set := Array(elems...), Set(elems...)
	elems[0] = Integer(2)
	require.True(t, Integer(1).Equal(array.Index(0)))
	require.True(t, Integer(1).Equal(set.Index(0)))
}

func TestAttributesAreAddedBehindOthers(t *testing.T) {
	v := read(t, "|1\r\n+a\r\n:1\r\n|2\r\n+b\r\n:2\r\n+c\r\n:3\r\n*2\r\n|1\r\n+in\r\n:4\r\n+x\r\n+y\r\n")
	names := func(v resp3.Value) (s string) {
		for k, val := range v.Attrs() {
			s += k.String() + "=" + val.String() + " "
		}
		return s
	}
	w := WithAttributes(v, BulkString("d"), Integer(5))
	require.Equal(t, `"a"=1 "b"=2 "c"=3 "d"=5 `, names(w))
	require.Equal(t, `"a"=1 "b"=2 "c"=3 `, names(v), "values do not change")
	require.Equal(t, `"d"=5 `, names(WithAttributes(Integer(1), BulkString("d"), Integer(5))))
	again := read(t, string(resp3.AppendValue(nil, w)))
	require.Equal(t, names(w), names(again))
	require.Equal(t, 2, again.Len())
}

package resp3

import (
	"encoding/hex"
	"errors"
	"math"
	"math/big"
	"net"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestAppendScalars(t *testing.T) {
	for want, got := range map[string][]byte{
		"$3\r\na\r\n\r\n": AppendBulkString(nil, "a\r\n"), "$0\r\n\r\n": AppendBulkString(nil, []byte(nil)),
		"*0\r\n": AppendHeader(nil, Array, 0), "%12\r\n": AppendHeader(nil, Map, 12), "~100\r\n": AppendHeader(nil, Set, 100), ">2\r\n": AppendHeader(nil, Push, 2), "|1\r\n": AppendHeader(nil, Attribute, 1),
		"$4\r\n-1.5\r\n": AppendFloatArg(nil, -1.5), "$3\r\ninf\r\n": AppendFloatArg(nil, math.Inf(1)), "$3\r\nnan\r\n": AppendFloatArg(nil, math.NaN()),
	} {
		require.Equal(t, want, string(got))
	}
	require.Panics(t, func() { AppendHeader(nil, Array, -1) })
	require.Panics(t, func() { AppendHeader(nil, BulkString, 1) })
}

func bigInt(s string) *big.Int {
	n, _ := new(big.Int).SetString(s, 10)
	return n
}

func TestAppendIntegers(t *testing.T) {
	for _, i := range []int64{0, 1, 9, 10, 99, 100, 1234567, -1, -9, -10, math.MaxInt64, math.MinInt64} {
		text := strconv.FormatInt(i, 10)
		require.Equal(t, ":"+text+"\r\n", string(appendElement(nil, intValue(i))))
		require.Equal(t, string(AppendBulkString(nil, text)), string(AppendIntArg(nil, i)))
		n, err := read(t, string(appendElement(nil, intValue(i)))).Int()
		require.NoError(t, err)
		require.Equal(t, i, n)
	}
}

func TestDoublesReadBack(t *testing.T) {
	for _, f := range []float64{0, math.Copysign(0, -1), 1, -1.5, 0.1, 1e21, 1e300, 5e-324, math.MaxFloat64, math.SmallestNonzeroFloat64, math.Pi, 123456789.125, math.Inf(1), math.Inf(-1)} {
		got, err := read(t, string(AppendFloatArg(nil, f))).Float()
		require.NoError(t, err)
		require.Equal(t, math.Float64bits(f), math.Float64bits(got), "%v", f)
	}
}

func TestAppendCommand(t *testing.T) {
	want := "*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$12\r\n*1\r\n$4\r\nPING\r\n"
	require.Equal(t, want, string(AppendCommand(nil, "SET", "k", "*1\r\n$4\r\nPING")), "one argument stays one argument")
	require.Equal(t, "x*0\r\n", string(AppendCommand([]byte("x"))))
	v := read(t, string(AppendCommand(nil, "GET", strings.Repeat("k", 1000))))
	require.Equal(t, 2, v.Len())
}

type word string

type upper struct{ s string }

func (u upper) MarshalText() ([]byte, error) { return []byte(strings.ToUpper(u.s)), nil }

var errBroken = errors.New("test: broken")

// Types that are made of plain ones, and some that say how they are written.
type (
	grade int
	mask  uint16
	ratio float64
	small float32
	flag  bool
	stuff []byte
	tag   [2]byte
	bin   [1]byte
)

func (t tag) MarshalText() ([]byte, error)   { return hex.AppendEncode(nil, t[:]), nil }
func (t tag) MarshalBinary() ([]byte, error) { return t[:], nil }
func (b bin) MarshalBinary() ([]byte, error) { return b[:], nil }

type broken struct{}

func (broken) MarshalBinary() ([]byte, error) { return nil, errBroken }

func TestAppendCommandArgs(t *testing.T) {
	when := time.Date(2026, 1, 2, 3, 4, 5, 6, time.UTC)
	link, err := url.Parse("http://a/b")
	require.NoError(t, err)
	for _, c := range []struct {
		arg  any
		want string
	}{
		{"text", "text"}, {[]byte{0, 1}, "\x00\x01"}, {[]byte(nil), ""}, {7, "7"}, {int8(-8), "-8"}, {int16(16), "16"}, {int32(-32), "-32"}, {int64(math.MinInt64), "-9223372036854775808"},
		{uint(7), "7"}, {uint8(8), "8"}, {uint16(16), "16"}, {uint32(32), "32"}, {uint64(math.MaxUint64), "18446744073709551615"},
		{0.1, "0.1"}, {float32(0.1), "0.1"}, {math.Inf(1), "inf"}, {float32(math.Inf(-1)), "-inf"}, {math.NaN(), "nan"}, {float32(math.NaN()), "nan"},
		{true, "1"}, {false, "0"}, {1500 * time.Millisecond, "1500"}, {-time.Second, "-1000"}, {when, "2026-01-02T03:04:05.000000006Z"},
		{upper{"abc"}, "ABC"}, {bigInt("123"), "123"}, {link, "http://a/b"}, {netip.MustParseAddr("10.0.0.1"), "10.0.0.1"},
		{word("w"), "w"}, {grade(-3), "-3"}, {mask(7), "7"}, {ratio(0.5), "0.5"}, {small(0.1), "0.1"}, {flag(true), "1"}, {flag(false), "0"}, {stuff("b\x00"), "b\x00"},
		{time.March, "3"}, {net.IPv4(10, 0, 0, 1), "10.0.0.1"}, {*bigInt("123"), "123"}, {tag{1, 2}, "0102"}, {&tag{1, 2}, "0102"}, {bin{3}, "\x03"},
		{10 * time.Second / 3, "3333"}, {-1500 * time.Microsecond, "-1"}, {time.Duration(0), "0"},
	} {
		got, err := AppendCommandArgs([]byte("x"), "SET", c.arg)
		require.NoError(t, err, "%T", c.arg)
		require.Equal(t, "x"+string(AppendCommand(nil, "SET", c.want)), string(got), "%T", c.arg)
		text, err := ArgText(c.arg)
		require.NoError(t, err, "%T", c.arg)
		require.Equal(t, c.want, text, "%T", c.arg)
	}
}

func TestArgumentsThatCannotBeEncoded(t *testing.T) {
	for _, c := range []struct {
		arg  any
		want string
	}{
		{nil, "resp3: argument 2 of type <nil> cannot be encoded: convert it to a string, a number or a byte slice"},
		{[2]byte{}, "resp3: argument 2 of type [2]uint8 cannot be encoded: convert it to a string, a number or a byte slice"},
		{(*big.Int)(nil), "resp3: argument 2 of type *big.Int cannot be encoded: convert it to a string, a number or a byte slice"},
		{(*netip.Addr)(nil), "resp3: argument 2 of type *netip.Addr cannot be encoded: convert it to a string, a number or a byte slice"},
		{[]string{"secret"}, "resp3: argument 2 of type []string cannot be encoded: convert it to a string, a number or a byte slice"},
		{ptr("secret"), "resp3: argument 2 of type *string cannot be encoded: convert it to a string, a number or a byte slice"},
		{struct{}{}, "resp3: argument 2 of type struct {} cannot be encoded: convert it to a string, a number or a byte slice"},
		{complex(1, 1), "resp3: argument 2 of type complex128 cannot be encoded: convert it to a string, a number or a byte slice"},
		{time.Microsecond, "resp3: argument 2 of type time.Duration: 1\u00b5s is less than a millisecond"},
		{broken{}, "resp3: argument 2 of type resp3.broken: test: broken"},
	} {
		dst := []byte("before")
		got, err := AppendCommandArgs(dst, "SET", "k", c.arg)
		require.EqualError(t, err, c.want)
		require.Equal(t, "before", string(got))
		var arg *ArgError
		require.ErrorAs(t, err, &arg)
		require.Equal(t, 2, arg.Index)
		_, err = ArgText(c.arg)
		require.ErrorAs(t, err, &arg)
	}
	_, err := AppendCommandArgs(nil, broken{})
	require.ErrorIs(t, err, errBroken)
}

func TestDeepValuesAreWrittenWithoutRecursion(t *testing.T) {
	const depth = 1_000_000
	out := AppendValue(nil, nested(depth))
	require.Len(t, out, depth*len("*1\r\n")+len(":1\r\n"))
}

func ptr(s string) *string { return &s }

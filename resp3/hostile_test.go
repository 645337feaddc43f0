package resp3

import (
	"bytes"
	"io"
	"runtime"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// allocated returns how many bytes do allocates.
func allocated(do func()) uint64 {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	do()
	runtime.ReadMemStats(&after)
	return after.TotalAlloc - before.TotalAlloc
}

// hostile are headers that announce much or nest without end, and nothing
// behind them.
func hostile() map[string]string {
	all := map[string]string{}
	for _, k := range []string{"$", "!", "=", ";", "*", "%", "~", ">", "|"} {
		for _, n := range []string{"1000000", "536870912", "1048576", "4611686018427387904", "4611686018427387905", "9223372036854775807",
			"9223372036854775806", "9223372036854775805", "1000000000000", "18446744073709551616", "-2", "-10", "-9223372036854775808"} {
			all[k+n] = k + n + "\r\n"
			all["nested "+k+n] = "*2\r\n" + k + n + "\r\n"
			all["key "+k+n] = "%1\r\n" + k + n + "\r\n"
			all["in an attribute "+k+n] = "|1\r\n" + k + n + "\r\n"
			all["in a stream "+k+n] = "*?\r\n" + k + n + "\r\n"
			all["piece "+k+n] = "$?\r\n" + k + n + "\r\n"
		}
	}
	for _, k := range []string{"*1\r\n", "~1\r\n", "%1\r\n", ">1\r\n", "|1\r\n", "*?\r\n", "%?\r\n", "~?\r\n", "$?\r\n", "%1\r\n:1\r\n", "|0\r\n*1\r\n"} {
		all["10,000 levels of "+k] = strings.Repeat(k, 10_000)
		all["a million levels of "+k] = strings.Repeat(k, 1_000_000)
	}
	all["million by million"] = strings.Repeat("*1000000\r\n", 100)
	return all
}

func TestHostileHeadersAreErrorsWithinAMemoryBudget(t *testing.T) {
	const budget = 64 << 10
	for name, data := range hostile() {
		src := strings.NewReader(data)
		var err error
		used := allocated(func() { _, err = NewReader(src, Limits{}).ReadValue() })
		require.Error(t, err, name)
		require.NotEqual(t, io.EOF, err, name)
		require.Less(t, used, uint64(budget), name)
	}
}

// TestTheMemoryBudgetCanBeMissed is the control: an allocation by announced
// length would be seen.
func TestTheMemoryBudgetCanBeMissed(t *testing.T) {
	var keep []Value
	require.Greater(t, allocated(func() { keep = make([]Value, 1_000_000) }), uint64(1<<20))
	runtime.KeepAlive(keep)
}

func TestMemoryFollowsTheBytesThatCame(t *testing.T) {
	for name, head := range map[string]string{"bulk": "$500000000\r\n", "line": "+", "array": "*1000000\r\n$400000000\r\n"} {
		for _, came := range []int{100, 10_000, 100_000, 900_000} {
			src := strings.NewReader(head + strings.Repeat("x", came))
			var err error
			var r *Reader
			used := allocated(func() {
				r = NewReader(src, Limits{})
				_, err = r.ReadValue()
			})
			require.ErrorIs(t, err, io.ErrUnexpectedEOF, name)
			require.LessOrEqual(t, len(r.buf), max(busyBuffer, came*3), name)
			require.Less(t, used, uint64(busyBuffer*2+6*came), "%s of %d bytes", name, came)
		}
	}
}

func TestFloodsBeforeAReply(t *testing.T) {
	const n = 1_000_000
	r := NewReader(strings.NewReader(strings.Repeat(">1\r\n+x\r\n", n)+"+OK\r\n"), Limits{})
	for range n {
		v, err := r.ReadValue()
		require.NoError(t, err)
		if v.Kind() != Push {
			t.Fatal("not a push")
		}
	}
	v, err := r.ReadValue()
	require.NoError(t, err)
	requireEqual(t, simpleValue("OK"), v)
	// Attributes are part of the frame, so its limit ends their flood.
	r = NewReader(&looped{data: []byte("|0\r\n")}, Limits{MaxElems: 1000})
	_, err = r.ReadValue()
	require.EqualError(t, err, "resp3: frame of more than 16000 values (offset 64000)")
}

func TestLargeBuffersAreGivenBack(t *testing.T) {
	big := AppendBulkString(nil, strings.Repeat("x", 3<<20))
	r := NewReader(io.MultiReader(bytes.NewReader(big), strings.NewReader("+OK\r\n+OK\r\n")), Limits{})
	f, err := r.Next()
	require.NoError(t, err)
	require.Len(t, f.Payload(), 3<<20)
	require.Greater(t, len(r.buf), 3<<20)
	_, err = r.Next()
	require.NoError(t, err)
	require.LessOrEqual(t, len(r.buf), busyBuffer)
}

func TestBufferSizes(t *testing.T) {
	src := &scripted{pieces: []any{
		[]byte("+OK\r\n"), []byte("+OK\r\n"), bytes.Repeat([]byte("+OK\r\n"), 10_000), []byte("+OK\r\n"),
	}}
	r := NewReader(src, Limits{})
	require.Empty(t, r.buf, "no buffer before the first read")
	next := func() {
		f, err := r.Next()
		require.NoError(t, err)
		require.Equal(t, "OK", string(f.Payload()))
	}
	next()
	require.Len(t, r.buf, firstBuffer)
	r.Shrink()
	require.Len(t, r.buf, tinyBuffer)
	r.Shrink()
	next()
	require.Len(t, r.buf, tinyBuffer, "enough for this reply")
	for range 10_000 {
		next()
	}
	require.Len(t, r.buf, busyBuffer, "reads filled the smaller ones")
	r.Shrink()
	require.Len(t, r.buf, tinyBuffer)
	next()
	_, err := r.Next()
	require.Equal(t, io.EOF, err)

	r = NewReader(&scripted{pieces: []any{[]byte("+OK\r\n+O"), []byte("K\r\n")}}, Limits{})
	next()
	r.Shrink()
	require.Len(t, r.buf, firstBuffer, "something is buffered")
	next()
}

func TestShrunkReaderLosesNothing(t *testing.T) {
	for _, s := range legal(t) {
		for _, src := range sources([]byte(s["bytes"])) {
			r := NewReader(src.reader, Limits{})
			got := drain(t, func() (Value, error) {
				r.Shrink()
				return r.ReadValue()
			})
			require.Equal(t, readPlain(s["bytes"]), appendAll(got), s["name"])
		}
	}
}

// readPlain is what values read from data in one piece are written as.
func readPlain(data string) []byte {
	var all []Value
	for data != "" {
		v, n, err := Decode(data)
		if err != nil {
			panic(err)
		}
		all, data = append(all, v), data[n:]
	}
	return appendAll(all)
}

// TestValuesOwnTheirMemory overwrites every buffer the reader used and looks
// at the values afterwards.
func TestValuesOwnTheirMemory(t *testing.T) {
	for _, s := range legal(t) {
		data := strings.Repeat(s["bytes"], 3)
		var values []Value
		for _, read := range []func(*Reader) error{
			func(r *Reader) error { v, err := r.ReadValue(); values = append(values, v); return err },
			func(r *Reader) error { f, err := r.Next(); values = append(values, f.Value()); return err },
		} {
			r := NewReader(strings.NewReader(data), Limits{})
			values = nil
			for read(r) == nil {
				for i := range r.buf[:r.r] {
					r.buf[i] = '!'
				}
			}
			values = values[:max(0, len(values)-1)]
			require.Equal(t, string(readPlain(data)), string(appendAll(values)), s["name"])
		}
	}
}

func TestViewsShowTheBytesTheyAreOf(t *testing.T) {
	b := []byte("text")
	require.Equal(t, "text", view(b))
	require.Empty(t, view(nil))
	require.Equal(t, b, viewBytes("text"))
	require.Empty(t, viewBytes(""))
	s := strings.Clone("shared")
	require.Zero(t, testing.AllocsPerRun(100, func() { _ = view(viewBytes(s)) }), "no copy")
}

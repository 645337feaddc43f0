//go:build !race

package resp3

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// The race detector makes sync.Pool forget and so changes these figures.

// perReply returns allocations for one call of do on a stream that repeats
// data.
func perReply(data string, do func(*Reader)) float64 {
	r := NewReader(&looped{data: []byte(data)}, Limits{})
	do(r)
	return testing.AllocsPerRun(2000, func() { do(r) })
}

func TestFramesDoNotAllocate(t *testing.T) {
	for _, data := range append([]string{mixed, bulk64, integer, map20, list1000}, every...) {
		got := perReply(data, func(r *Reader) {
			f, err := r.Next()
			if err != nil || f.Kind == Invalid {
				t.Fatal(err)
			}
			_, _ = f.Payload(), f.IsNull()
		})
		require.Zero(t, got, "%.40q", data)
	}
}

func TestValuesAllocateTwiceAtMost(t *testing.T) {
	for _, data := range append([]string{map20, list1000}, every...) {
		most := 2.0
		switch Kind(data[0]) {
		case Integer, Null, Boolean:
			most = 0
		case Array, Map, Set, Push, Attribute:
		default:
			most = 1
		}
		got := perReply(data, func(r *Reader) {
			f, _ := r.Next()
			_ = f.Value()
		})
		require.LessOrEqual(t, got, most, "%.40q", data)
	}
}

func TestSharedValuesAllocateLessThanOnceAReply(t *testing.T) {
	require.Less(t, perReply(mixed, func(r *Reader) { _, _ = r.ReadValue() }), 1.0)
	require.Less(t, perReply(bulk64, func(r *Reader) { _, _ = r.ReadValue() }), 1.0)
}

func TestDecodeAllocatesOneBlock(t *testing.T) {
	for data, want := range map[string]float64{map20: 1, list1000: 1, "$5\r\nhello\r\n": 0, ":1\r\n": 0, "|1\r\n:1\r\n:2\r\n*1\r\n*0\r\n": 1} {
		require.Equal(t, want, testing.AllocsPerRun(200, func() { _, _, _ = Decode(data) }), "%.40q", data)
	}
}

func TestWritingDoesNotAllocate(t *testing.T) {
	dst := make([]byte, 0, 4096)
	big := strings.Repeat("x", 100)
	v := read(t, every[0])
	for name, do := range map[string]func(){
		"command": func() { AppendCommand(dst, "SET", "k", big) },
		"int":     func() { appendElement(dst, intValue(-1234567)) },
		"bulkint": func() { AppendIntArg(dst, -1234567) },
		"float":   func() { AppendFloatArg(dst, 1.5) },
		"scalar":  func() { appendElement(dst, v) },
	} {
		require.Zero(t, testing.AllocsPerRun(200, do), name)
	}
	args := []any{"SET", "k", []byte("v"), 5, 1.5, true}
	require.Zero(t, testing.AllocsPerRun(200, func() { _, _ = AppendCommandArgs(dst, args...) }))
	n := []byte("12345")
	require.Zero(t, testing.AllocsPerRun(200, func() { _, _ = ParseInt(n) }))
}

func TestIdleReaderIsSmall(t *testing.T) {
	const n = 1000
	readers := make([]*Reader, n)
	used := allocated(func() {
		for i := range readers {
			readers[i] = NewReader(strings.NewReader("+OK\r\n"), Limits{})
			if _, err := readers[i].Next(); err != nil {
				t.Fatal(err)
			}
			readers[i].Shrink()
		}
	})
	require.Less(t, used/n, uint64(1536), "buffer, scanner and source of one reader")
}

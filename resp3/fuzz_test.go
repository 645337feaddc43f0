package resp3

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// seed adds all samples, legal and malformed.
func seed(f *testing.F, add func(data string)) {
	for _, s := range append(legal(f), samples(f, "malformed.txt")...) {
		add(s["bytes"])
	}
	for _, frame := range every {
		add(frame)
	}
}

// outcomeOf is what reading a stream to its end gave, as text that shows
// everything: the values as they are written, and the error.
func outcomeOf(read func() (Value, error)) string {
	var out []byte
	for {
		v, err := persist(read)
		if err != nil {
			return fmt.Sprintf("%q %v", out, err)
		}
		out = AppendValue(out, v)
	}
}

// FuzzReader: no bytes make the reader panic or take memory beyond what they
// are worth, and the limits are kept.
func FuzzReader(f *testing.F) {
	seed(f, func(data string) { f.Add([]byte(data)) })
	limits := Limits{MaxBulk: 1 << 10, MaxElems: 64, MaxDepth: 8}
	f.Fuzz(func(t *testing.T, data []byte) {
		used := allocated(func() {
			r := NewReader(bytes.NewReader(data), limits)
			for {
				v, err := r.ReadValue()
				if err != nil {
					if errors.Is(err, io.ErrNoProgress) {
						t.Fatal("no end")
					}
					break
				}
				if v.Len() > limits.MaxElems || v.kind != Integer && v.n > int64(limits.MaxBulk+formatLen+1) {
					t.Fatalf("passes the limits: %v", v)
				}
				_ = v.String()
			}
		})
		// 3 bytes make a value of 24, 4 an attribute of 48; the rest is
		// buffers and what the fuzzer itself allocates meanwhile.
		require.Less(t, used, uint64(4<<20+64*len(data)))
	})
}

// FuzzStable: what was read and written reads and writes the same, and Decode
// agrees with the reader.
func FuzzStable(f *testing.F) {
	seed(f, func(data string) { f.Add(data) })
	f.Fuzz(func(t *testing.T, data string) {
		v, n, err := Decode(data)
		r := NewReader(strings.NewReader(data), Limits{})
		w, rerr := r.ReadValue()
		if err != nil {
			require.Equal(t, err, rerr)
			return
		}
		require.NoError(t, rerr)
		once := AppendValue(nil, v)
		require.Equal(t, string(once), string(AppendValue(nil, w)))
		again, m, err := Decode(string(once))
		require.NoError(t, err)
		require.Equal(t, len(once), m)
		require.Equal(t, string(once), string(AppendValue(nil, again)))
		require.Equal(t, v.String(), again.String())
		require.LessOrEqual(t, n, len(data))
	})
}

// FuzzPlain: the reader and an independent parser take the same bytes for the
// same values.
func FuzzPlain(f *testing.F) {
	seed(f, func(data string) { f.Add(data) })
	f.Fuzz(func(t *testing.T, data string) {
		if len(data) > 512 {
			return // within all limits
		}
		p, n, ok := plainParse(data)
		v, m, err := Decode(data)
		if ok != (err == nil) {
			t.Fatalf("plain parser: %v, Decode: %v", ok, err)
		}
		if ok {
			require.Equal(t, n, m)
			requireSame(t, p, v)
		}
	})
}

// FuzzSplit: however the bytes are cut, with whatever timeouts between, and
// whether values are read, framed, gathered or streamed, they are the same.
func FuzzSplit(f *testing.F) {
	seed(f, func(data string) { f.Add([]byte(data), []byte{1, 0, 3}, uint8(2)) })
	limits := Limits{MaxBulk: 1 << 12, MaxElems: 256, MaxDepth: 16}
	f.Fuzz(func(t *testing.T, data, cuts []byte, stream uint8) {
		want := outcomeOf(NewReader(bytes.NewReader(data), limits).ReadValue)
		r := NewReader(cut(data, cuts), limits)
		require.Equal(t, want, outcomeOf(r.ReadValue))
		r = NewReader(cut(data, cuts), limits)
		var replied, ended int64
		require.Equal(t, want, outcomeOf(func() (Value, error) {
			r.Shrink()
			f, err := r.Next()
			if f.Kind != Push && err == nil {
				ended += int64(len(f.Bytes) - f.Attrs)
			}
			if errors.Is(err, timeout{}) {
				require.LessOrEqual(t, replied, r.Replied())
				require.Equal(t, r.Replied() > ended, r.Partial(), "of %d bytes", r.Replied())
				replied = r.Replied()
			}
			return f.Value(), err
		}))
		r = NewReader(cut(data, cuts), limits)
		r.SetStream(int(stream))
		got := outcomeOf(func() (Value, error) { return whole(r, len(cuts)+1) })
		if !strings.Contains(got, "behind the payload of a bulk string") {
			require.Equal(t, want, got)
		}
	})
}

// cut returns data as a source of pieces as long as cuts say, in turn; 0 is a
// timeout.
func cut(data, cuts []byte) io.Reader {
	s := &scripted{both: len(cuts)%2 == 0}
	for i := 0; len(data) > 0; i++ {
		n := len(data)
		if len(cuts) > 0 {
			n = min(n, int(cuts[i%len(cuts)]))
		}
		if n > 0 {
			s.pieces = append(s.pieces, data[:n])
			data = data[n:]
		} else {
			s.pieces = append(s.pieces, timeout{})
			if i > 1000 {
				cuts = nil
			}
		}
	}
	return s
}

// whole reads a value and puts the payload of an open frame back into it.
func whole(r *Reader, size int) (Value, error) {
	f, err := persist(r.Next)
	if err != nil || f.Open == 0 {
		return f.Value(), err
	}
	frame := append([]byte{}, f.Bytes...)
	for {
		p := make([]byte, size)
		n, err := persist(func() (int, error) { return r.ReadBody(p) })
		frame = append(frame, p[:n]...)
		if err == io.EOF {
			v, _, err := Decode(string(append(frame, '\r', '\n')))
			return v, err
		}
		if err != nil {
			return Value{}, err
		}
	}
}

// FuzzCommand: each argument stays one argument.
func FuzzCommand(f *testing.F) {
	f.Add("SET", []byte("k\r\n$1\r\n"), int64(-5), 1.5)
	f.Add("", []byte(nil), int64(1<<62), math.Copysign(0, -1))
	f.Fuzz(func(t *testing.T, name string, b []byte, i int64, x float64) {
		out, err := AppendCommandArgs(nil, name, b, i, x)
		require.NoError(t, err)
		v, n, err := Decode(string(out))
		require.NoError(t, err)
		require.Equal(t, len(out), n)
		require.Equal(t, 4, v.Len())
		requireEqual(t, BulkStringValue(name), v.Index(0))
		requireEqual(t, BulkStringValue(string(b)), v.Index(1))
		gotInt, err := v.Index(2).Int()
		require.NoError(t, err)
		require.Equal(t, i, gotInt)
		gotFloat, err := v.Index(3).Float()
		require.NoError(t, err)
		require.True(t, x == gotFloat || x != x && gotFloat != gotFloat)
	})
}

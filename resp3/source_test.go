package resp3

import (
	"errors"
	"io"
	"testing"

	"github.com/stretchr/testify/require"
)

// scripted is a source that gives one piece for each Read, or an error in
// between; then io.EOF.
type scripted struct {
	pieces []any // []byte or error
	both   bool  // an error that follows a piece comes together with it
}

func (s *scripted) Read(p []byte) (int, error) {
	if len(s.pieces) == 0 {
		return 0, io.EOF
	}
	if err, ok := s.pieces[0].(error); ok {
		s.pieces = s.pieces[1:]
		return 0, err
	}
	b := s.pieces[0].([]byte)
	n := copy(p, b)
	if n < len(b) {
		s.pieces[0] = b[n:]
		return n, nil
	}
	s.pieces = s.pieces[1:]
	if s.both && len(s.pieces) > 0 {
		if err, ok := s.pieces[0].(error); ok {
			s.pieces = s.pieces[1:]
			return n, err
		}
	}
	return n, nil
}

// timeout is what a source returns at its deadline.
type timeout struct{}

func (timeout) Error() string { return "test: deadline passed" }
func (timeout) Timeout() bool { return true }

type named struct {
	name   string
	reader io.Reader
}

// sources are data in one piece, byte by byte, byte by byte with timeouts
// before each, with timeouts together with each, and cut in two at every byte.
func sources(data []byte) []named {
	single, tired := []any{}, []any{}
	for i := range data {
		single = append(single, data[i:i+1])
		tired = append(tired, timeout{}, data[i:i+1])
	}
	list := []named{
		{"whole", &scripted{pieces: []any{data}}},
		{"bytes", &scripted{pieces: single}},
		{"timeouts", &scripted{pieces: tired}},
		{"bytes with timeouts", &scripted{pieces: append([]any{}, tired...), both: true}},
	}
	for i := 1; i < len(data); i++ {
		list = append(list, named{"cut in two", &scripted{pieces: []any{data[:i], timeout{}, data[i:]}}})
	}
	return list
}

// persist calls read again after timeouts.
func persist[T any](read func() (T, error)) (T, error) {
	for {
		v, err := read()
		if !errors.Is(err, timeout{}) {
			return v, err
		}
	}
}

// firstError reads values until an error that is no timeout.
func firstError(r *Reader) error {
	for {
		if _, err := persist(r.ReadValue); err != nil {
			return err
		}
	}
}

// drain reads all values from r.
func drain(t testing.TB, read func() (Value, error)) (all []Value) {
	t.Helper()
	for {
		v, err := persist(read)
		if err == io.EOF {
			return all
		}
		require.NoError(t, err)
		all = append(all, v)
	}
}

// readAll reads data from every source in every way, and requires that all
// give the same values.
func readAll(t testing.TB, data []byte) []Value {
	t.Helper()
	var want []Value
	for i, src := range sources(data) {
		got := drain(t, NewReader(src.reader, Limits{}).ReadValue)
		if i == 0 {
			want = got
		}
		requireEqual(t, ArrayValue(want...), ArrayValue(got...), src.name)
	}
	for _, src := range sources(data) {
		r := NewReader(src.reader, Limits{})
		got := drain(t, func() (Value, error) {
			f, err := r.Next()
			return f.Value(), err
		})
		requireEqual(t, ArrayValue(want...), ArrayValue(got...), src.name)
	}
	return want
}

func appendAll(values []Value) (out []byte) {
	for _, v := range values {
		out = AppendValue(out, v)
	}
	return out
}

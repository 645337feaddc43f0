package resp3

import (
	"errors"
	"io"
	"math"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// rewrite walks over one value and writes what it finds, without attributes and streamed forms.
func rewrite(c *Cursor, depth int) (string, error) {
	kind := c.Kind()
	if !kind.aggregate() || depth > 40 {
		v, err := c.Value()
		return plainly(v), err
	}
	n, err := c.Open()
	if err == ErrNull {
		return "*-1\r\n", nil
	}
	if err != nil {
		return "", err
	}
	var out strings.Builder
	announced := n
	if kind.paired() {
		announced /= 2
	}
	out.Write(appendHeader(nil, kind, announced))
	for range n {
		s, err := rewrite(c, depth+1)
		if err != nil {
			return "", err
		}
		out.WriteString(s)
	}
	return out.String(), nil
}

// plainly writes v as AppendValue does, without attributes.
func plainly(v Value) string {
	v = v.bare()
	if len(v.elems()) == 0 {
		return string(AppendValue(nil, v))
	}
	out := appendHeader(nil, v.kind, v.Len())
	for _, e := range v.elems() {
		out = append(out, plainly(e)...)
	}
	return string(out)
}

func TestCursorReadsWhatDecodeReads(t *testing.T) {
	for _, s := range legal(t) {
		t.Run(s["name"], func(t *testing.T) {
			c := Walk(s["bytes"])
			skipping := Walk(s["bytes"])
			for rest := s["bytes"]; rest != ""; {
				v, n, err := Decode(rest)
				require.NoError(t, err)
				assert.Equal(t, v.Kind(), c.Kind())
				got, err := rewrite(&c, 0)
				require.NoError(t, err)
				require.Equal(t, plainly(v), got)
				frame, err := skipping.Skip()
				require.NoError(t, err)
				require.Equal(t, rest[:n], frame)
				rest = rest[n:]
			}
			assert.Empty(t, c.Rest())
			assert.Empty(t, skipping.Rest())
			_, err := c.Value()
			assert.Equal(t, io.EOF, err)
		})
	}
}

func TestCursorRefusesWhatDecodeRefuses(t *testing.T) {
	for _, s := range samples(t, "malformed.txt") {
		if _, _, err := Decode(s["bytes"]); err == nil || strings.Contains(err.Error(), "limit") ||
			strings.Contains(err.Error(), "more than") || strings.Contains(err.Error(), "deeper") {
			continue // the first value of several is sound, or it passes a limit: a cursor has none
		}
		for name, read := range map[string]func(*Cursor) error{
			"Value": func(c *Cursor) error { _, err := c.Value(); return err },
			"Skip":  func(c *Cursor) error { _, err := c.Skip(); return err },
			"walk":  func(c *Cursor) error { _, err := rewrite(c, 0); return err },
		} {
			if name == "walk" && strings.HasPrefix(s["name"], "push inside") {
				continue // where a value stands cannot be seen piece by piece
			}
			c := Walk(s["bytes"])
			assert.Error(t, read(&c), "%s of %s", name, s["name"])
		}
	}
}

func TestCursorReadsElements(t *testing.T) {
	const block = "%2\r\n$1\r\na\r\n:7\r\n+b\r\n,1.5\r\n" + // a map in front of everything else
		"*5\r\n$-1\r\n_\r\n-ERR no\r\n=5\r\ntxt:x\r\n$?\r\n;1\r\nq\r\n;2\r\nrs\r\n;0\r\n" +
		"|1\r\n+ttl\r\n:9\r\n~?\r\n|1\r\n+a\r\n+b\r\n$3\r\n1.5\r\n:4\r\n#t\r\n.\r\n" +
		"*-1\r\n*0\r\n$2\r\n42\r\n"
	c := Walk(block)
	open := func(want int) {
		t.Helper()
		n, err := c.Open()
		require.NoError(t, err)
		assert.Equal(t, want, n)
	}
	text := func(want string, fault error) {
		t.Helper()
		s, err := c.Text()
		assert.Equal(t, want, s)
		assert.Equal(t, fault, err)
	}
	number := func(want float64) {
		t.Helper()
		f, err := c.Float()
		require.NoError(t, err)
		assert.Equal(t, want, f)
	}
	open(4)
	text("a", nil)
	number(7)
	text("b", nil)
	number(1.5)
	open(5)
	text("", ErrNull)
	text("", ErrNull)
	text("", &Error{Code: "ERR", Message: "no"})
	text("x", nil)
	text("qrs", nil)
	assert.Equal(t, Set, c.Kind(), "behind its attribute")
	open(3)
	number(1.5)
	for _, want := range []int64{4, 1} {
		n, err := c.Int()
		require.NoError(t, err)
		assert.Equal(t, want, n)
	}
	_, err := c.Open()
	assert.Equal(t, ErrNull, err)
	open(0)
	_, err = c.Open()
	assert.ErrorContains(t, err, "bulk string is not an aggregate")
	assert.Empty(t, c.Rest())
	assert.Equal(t, Invalid, c.Kind())
	for _, read := range []func() error{
		func() error { _, err := c.Open(); return err }, func() error { _, err := c.Text(); return err },
		func() error { _, err := c.Int(); return err }, func() error { _, err := c.Float(); return err },
		func() error { _, err := c.Skip(); return err },
	} {
		assert.Equal(t, io.EOF, read())
	}
	c = Walk("-WRONGTYPE no list\r\n")
	_, err = c.Open()
	var e *Error
	require.True(t, errors.As(err, &e))
	assert.Equal(t, "WRONGTYPE", e.Code)
}

func TestCursorReadsManyTexts(t *testing.T) {
	plain := "$1\r\na\r\n$0\r\n\r\n$12\r\nabcdefghijkl\r\n"
	for stop, reason := range map[string]string{
		"": "nothing left", "_\r\n": "null", "$-1\r\n": "old null", ":1\r\n": "a number", "$01\r\na\r\n": "a leading zero",
		"$1\r\n": "no payload", "$1\r\na": "no end", "$1\r\nab\n": "a wrong end", "$2\r\na\r\n": "too short", "$\r\n\r\n": "no length",
		"$?\r\n;1\r\na\r\n;0\r\n": "streamed", "$99999999999999999999\r\n": "no number", "$1\n\na\r\n": "a wrong line", "+a\r\n+b\r\n": "simple",
		"$999999999\r\n": "far too short",
	} {
		c := Walk(plain + stop)
		dst := make([]string, 5)
		assert.Equal(t, 3, c.Texts(dst), reason)
		assert.Equal(t, []string{"a", "", "abcdefghijkl", "", ""}, dst, reason)
		assert.Equal(t, stop, c.rest, reason)
		c = Walk(plain + stop)
		assert.Equal(t, 2, c.Texts(dst[:2]), reason)
		assert.Equal(t, "$12\r\nabcdefghijkl\r\n"+stop, c.rest, reason)
	}
}

// An announcement alone takes no memory: whoever makes room for what Open returns is safe.
func TestCursorBelievesNoCountThatTheBlockCannotHold(t *testing.T) {
	for _, block := range []string{"*999999999\r\n", "*2\r\n+\r\n", "%400000000\r\n$1\r\na\r\n", "*1\r\n"} {
		c := Walk(block)
		n, err := c.Open()
		assert.Error(t, err, "%q", block)
		assert.Zero(t, n)
	}
	c := Walk("*2\r\n_\r\n_\r\n") // the control: the least that two values need
	n, err := c.Open()
	require.NoError(t, err)
	assert.Equal(t, 2, n)
}

// A peer that streams every element costs its size in memory, not its square.
func TestCursorRespellsOnce(t *testing.T) {
	const elements = 20_000
	c := Walk("*?\r\n" + strings.Repeat("*?\r\n:1\r\n.\r\n", elements) + ".\r\n")
	used := allocated(func() {
		n, err := c.Open()
		require.NoError(t, err)
		require.Equal(t, elements, n)
		for range n {
			n, err := c.Open()
			require.NoError(t, err)
			require.Equal(t, 1, n)
			_, err = c.Int()
			require.NoError(t, err)
		}
	})
	assert.Less(t, used, uint64(50<<20))
	assert.Empty(t, c.Rest())
}

func TestCursorTakesNoMemoryForPlainElements(t *testing.T) {
	block := string(AppendHeader(nil, Array, 4)) + "$5\r\nhello\r\n:7\r\n,1.5\r\n$4\r\n-1.5\r\n"
	n := testing.AllocsPerRun(100, func() {
		c := Walk(block)
		c.Open()
		c.Text()
		c.Int()
		c.Float()
		c.Float()
	})
	assert.Zero(t, n)
}

// FuzzCursor: no bytes make it panic, and it agrees with Decode on what that accepts.
func FuzzCursor(f *testing.F) {
	seed(f, func(data string) { f.Add(data) })
	f.Fuzz(func(t *testing.T, data string) {
		c, skip := Walk(data), Walk(data)
		got, gotErr := rewrite(&c, 0)
		frame, skipErr := skip.Skip()
		many, one := Walk(data), Walk(data)
		texts := make([]string, 4)
		for i := range many.Texts(texts) {
			if s, err := one.Text(); err != nil || s != texts[i] {
				t.Fatalf("text %d is %q and %q, %v", i, texts[i], s, err)
			}
		}
		v, n, err := Decode(data)
		if err != nil {
			return
		}
		if gotErr != nil || skipErr != nil || got != plainly(v) || frame != data[:n] {
			t.Fatalf("%q %v, skipped %q %v, decoded %q", got, gotErr, frame, skipErr, plainly(v))
		}
	})
}

func TestParseFloat(t *testing.T) {
	for s, want := range map[string]float64{"1": 1, "-1.5": -1.5, "3e20": 3e20, "inf": math.Inf(1), "-inf": math.Inf(-1)} {
		f, err := ParseFloat([]byte(s))
		assert.NoError(t, err, s)
		assert.Equal(t, want, f, s)
	}
	for _, s := range []string{"", "x", "0x1p4", "1_0", "Infinity", "1e999", " 1"} {
		_, err := ParseFloat([]byte(s))
		var e *TypeError
		assert.ErrorAs(t, err, &e, s)
	}
}

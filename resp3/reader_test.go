package resp3

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/stretchr/testify/require"
)

func TestEndInsideAValueIsUnexpected(t *testing.T) {
	for _, s := range legal(t) {
		v, n, err := Decode(s["bytes"])
		require.NoError(t, err)
		for cut := range n {
			r := NewReader(strings.NewReader(s["bytes"][:cut]), Limits{})
			_, err := r.ReadValue()
			_, _, derr := Decode(s["bytes"][:cut])
			want := io.ErrUnexpectedEOF
			if cut == 0 {
				want = io.EOF
			}
			require.Equal(t, want, err, "%s cut at %d of %v", s["name"], cut, v)
			require.Equal(t, want, derr)
			_, err = r.Next()
			require.Equal(t, want, err, "the end comes again")
		}
	}
}

// asking is a source that fails the test if it is read once its bytes are
// given: a socket would block there.
type asking struct {
	t    *testing.T
	data []byte
}

func (a *asking) Read(p []byte) (int, error) {
	require.NotEmpty(a.t, a.data, "the reader waits for bytes that no frame has promised")
	n := copy(p, a.data[:1])
	a.data = a.data[n:]
	return n, nil
}

func TestNextDoesNotWaitForMoreThanTheFrame(t *testing.T) {
	for _, s := range legal(t) {
		_, n, err := Decode(s["bytes"])
		require.NoError(t, err)
		_, err = NewReader(&asking{t, []byte(s["bytes"][:n])}, Limits{}).Next()
		require.NoError(t, err, s["name"])
	}
}

func TestWrongByteIsRefusedAsSoonAsItIsThere(t *testing.T) {
	for _, s := range []string{"x", "$x", "$1x", "$-2", ":x", ":1x", "_x", "#x", "#tx", "*x", "*1\r\nx", "$1\rx", "+a\n", "$?\r\n:", "*?\r\n.x"} {
		_, err := NewReader(&asking{t, []byte(s)}, Limits{}).Next()
		require.ErrorAs(t, err, new(*SyntaxError), s)
	}
}

func TestBufferedNeverReads(t *testing.T) {
	r := NewReader(&asking{t: t}, Limits{})
	_, ok, err := r.Buffered()
	require.False(t, ok)
	require.NoError(t, err)

	r = NewReader(&scripted{pieces: []any{[]byte("+a\r\n*2\r\n:1\r\n:2\r\n$3\r\nab")}}, Limits{})
	a, err := r.Next()
	require.NoError(t, err)
	b, ok, err := r.Buffered()
	require.NoError(t, err)
	require.True(t, ok)
	for range 2 {
		_, ok, err = r.Buffered()
		require.False(t, ok)
		require.NoError(t, err)
	}
	require.Equal(t, "+a\r\n", string(a.Bytes), "frames are valid together")
	require.Equal(t, "*2\r\n:1\r\n:2\r\n", string(b.Bytes))
	_, err = r.Next()
	require.Equal(t, io.ErrUnexpectedEOF, err)
	_, ok, err = r.Buffered()
	require.False(t, ok)
	require.NoError(t, err, "errors of the source are for Next")
	require.EqualValues(t, 22, r.received)
}

func TestErrorsOfTheSource(t *testing.T) {
	reset := errors.New("test: connection reset")
	r := NewReader(&scripted{pieces: []any{[]byte("+a\r\n"), reset, []byte("+b\r\n")}, both: true}, Limits{})
	v, err := r.ReadValue()
	require.NoError(t, err, "bytes that came with the error count")
	requireEqual(t, simpleValue("a"), v)
	for range 2 {
		_, err = r.ReadValue()
		require.Equal(t, reset, err)
	}
	_, err = NewReader(iotest.TimeoutReader(strings.NewReader("+a\r\n")), Limits{}).Next()
	require.NoError(t, err)
	_, err = NewReader(lazy(0), Limits{}).Next()
	require.Equal(t, io.ErrNoProgress, err)
	for _, n := range []lazy{-1, 1 << 30} {
		_, err = NewReader(n, Limits{}).Next()
		require.ErrorIs(t, err, errNegativeRead)
	}
}

// lazy is a source that returns a count and does nothing.
type lazy int

func (n lazy) Read([]byte) (int, error) { return int(n), nil }

func TestErrorOffsetCountsTheWholeStream(t *testing.T) {
	long := strings.Repeat("+0123456789\r\n", 10000)
	r := NewReader(strings.NewReader(long+"$1\r\nab\r\n"), Limits{})
	err := firstError(r)
	require.Equal(t, &SyntaxError{Offset: 130005, Reason: "no CRLF behind 1 bytes of payload"}, err)
	require.EqualError(t, err, "resp3: no CRLF behind 1 bytes of payload (offset 130005)")
}

func TestLongLinesSpanBuffers(t *testing.T) {
	for _, n := range []int{63, 64, 65, 4095, 4096, 16383, 16384, 16385, 70000} {
		want := strings.Repeat("x", n)
		data := AppendBulkString(AppendValue(nil, simpleValue(want)), want)
		for _, src := range []io.Reader{bytes.NewReader(data), iotest.OneByteReader(bytes.NewReader(data)), iotest.HalfReader(bytes.NewReader(data))} {
			r := NewReader(src, Limits{})
			for _, v := range []Value{simpleValue(want), BulkStringValue(want)} {
				got, err := r.ReadValue()
				require.NoError(t, err)
				requireEqual(t, v, got)
			}
		}
	}
}

func TestLimits(t *testing.T) {
	small := Limits{MaxBulk: 4, MaxElems: 2, MaxDepth: 2}
	for _, c := range []struct{ frame, want string }{
		{"$4\r\nabcd\r\n", ""},
		{"$5\r\nabcde\r\n", "bulk string of 5 bytes, limit 4"},
		{"!5\r\nabcde\r\n", "bulk error of 5 bytes, limit 4"},
		{"+abcd\r\n", ""},
		{"+abcde\r\n", "simple string of more than 4 bytes"},
		{"*1\r\n+abcde\r\n", "simple string of more than 4 bytes"},
		{"-abcde\r\n", "simple error of more than 4 bytes"},
		{"$?\r\n;2\r\nab\r\n;2\r\ncd\r\n;0\r\n", ""},
		{"$?\r\n;2\r\nab\r\n;3\r\ncde\r\n;0\r\n", "streamed string of 5 bytes and more, limit 4"},
		{"*2\r\n:1\r\n:2\r\n", ""},
		{"*3\r\n:1\r\n:2\r\n:3\r\n", "array of 3 elements, limit 2"},
		{"%2\r\n:1\r\n:1\r\n:2\r\n:2\r\n", ""},
		{"%3\r\n", "map of 3 elements, limit 2"},
		{"*?\r\n:1\r\n:2\r\n.\r\n", ""},
		{"*?\r\n:1\r\n:2\r\n:3\r\n.\r\n", "streamed array of more than 2 elements"},
		{"%?\r\n:1\r\n:1\r\n:2\r\n:2\r\n.\r\n", ""},
		{"%?\r\n:1\r\n:1\r\n:2\r\n:2\r\n:3\r\n", "streamed map of more than 2 elements"},
		{"*1\r\n*1\r\n:1\r\n", ""},
		{"*1\r\n*1\r\n*0\r\n", ""},
		{"*1\r\n*1\r\n*1\r\n:1\r\n", "nested deeper than 2"},
		{"*1\r\n*1\r\n*?\r\n", "nested deeper than 2"},
		{"*1\r\n*1\r\n$?\r\n", "nested deeper than 2"},
		{"|1\r\n|1\r\n|1\r\n", "nested deeper than 2"},
		{"%1\r\n%1\r\n%1\r\n", "nested deeper than 2"},
		{strings.Repeat("|0\r\n", 31) + "_\r\n", ""},
		{strings.Repeat("|0\r\n", 33) + "_\r\n", "frame of more than 32 values"},
		{strings.Repeat("*?\r\n|2\r\n:1\r\n:1\r\n:1\r\n:1\r\n", 8), "nested deeper than 2"},
		{"*?\r\n" + strings.Repeat("|2\r\n:1\r\n:1\r\n:1\r\n:1\r\n", 6) + ":1\r\n.\r\n", ""},
		{"*?\r\n" + strings.Repeat("|2\r\n:1\r\n:1\r\n:1\r\n:1\r\n", 6) + ":1\r\n" + strings.Repeat("|0\r\n", 2) + ":1\r\n.\r\n", "frame of more than 32 values"},
	} {
		for _, src := range sources([]byte(c.frame)) {
			_, err := persist(NewReader(src.reader, small).ReadValue)
			if c.want == "" {
				require.NoError(t, err, c.frame)
				continue
			}
			var syntax *SyntaxError
			require.ErrorAs(t, err, &syntax, c.frame)
			require.Equal(t, c.want, syntax.Reason)
		}
	}
}

func TestNumbersHaveLineLimits(t *testing.T) {
	digits := strings.Repeat("1", 20000)
	for _, c := range []struct {
		kind string
		most int
	}{{":", 17}, {",", maxDouble}, {"(", maxBigDigits}} {
		for extra, ok := range map[int]bool{0: true, 1: c.kind == ":"} {
			frame := c.kind + digits[:c.most+extra] + "\r\n"
			_, _, err := Decode(frame)
			require.Equal(t, ok, err == nil, "%s of %d digits", c.kind, c.most+extra)
			_, err = NewReader(strings.NewReader(frame), Limits{}).Next()
			require.Equal(t, ok, err == nil, "%s of %d digits", c.kind, c.most+extra)
		}
		_, err := NewReader(&asking{t, []byte(c.kind + digits)}, Limits{}).Next()
		require.ErrorAs(t, err, new(*SyntaxError), "no need to wait for the end of the line")
	}
	_, err := NewReader(strings.NewReader("+"+strings.Repeat("x", maxLine+1)), Limits{}).Next()
	require.ErrorAs(t, err, new(*SyntaxError))
}

func TestFrameLimit(t *testing.T) {
	r := NewReader(&looped{data: []byte("*1000\r\n" + strings.Repeat("$0\r\n\r\n", 1000))}, Limits{})
	r.scan.maxFrame = 1 << 20
	_, err := r.ReadValue()
	require.NoError(t, err)
	r = NewReader(io.MultiReader(strings.NewReader("*1000000\r\n"), &looped{data: []byte("+abcdefg\r\n")}), Limits{})
	r.scan.maxFrame = 1 << 20
	_, err = r.ReadValue()
	require.EqualError(t, err, "resp3: frame of more than 1048576 bytes (offset 0)")
	r = NewReader(strings.NewReader("*2\r\n$4000\r\n"), Limits{})
	r.scan.maxFrame = 4000
	_, err = r.ReadValue()
	require.EqualError(t, err, "resp3: frame of more than 4000 bytes (offset 4)")
}

func TestLimitsValidate(t *testing.T) {
	require.NoError(t, Limits{}.Validate())
	require.NoError(t, Limits{MaxBulk: 1, MaxElems: 1, MaxDepth: 1}.Validate())
	require.EqualError(t, Limits{MaxBulk: -1}.Validate(), "resp3 limits: MaxBulk is -1, must not be negative")
	require.EqualError(t, Limits{MaxElems: -2}.Validate(), "resp3 limits: MaxElems is -2, must not be negative")
	require.EqualError(t, Limits{MaxDepth: -3}.Validate(), "resp3 limits: MaxDepth is -3, must not be negative")
	require.Equal(t, Limits{}.bounds(), Limits{MaxBulk: -1, MaxElems: -1, MaxDepth: -1}.bounds())
}

func TestPushesStandBetweenReplies(t *testing.T) {
	push := ">2\r\n+MOVING\r\n:1\r\n"
	r := NewReader(strings.NewReader(push+"+OK\r\n"+push+push+"*1\r\n:1\r\n"+push), Limits{})
	var kinds []Kind
	for _, v := range drain(t, r.ReadValue) {
		kinds = append(kinds, v.Kind())
	}
	require.Equal(t, []Kind{Push, SimpleString, Push, Push, Array, Push}, kinds)
}

func TestErrorInsideAnAggregateKeepsTheStreamInStep(t *testing.T) {
	for _, bad := range []string{"-ERR x\r\n", "-LOADING x\r\n", "-MOVED 1 a:1\r\n", "-\r\n", "!5\r\nERR x\r\n"} {
		for _, around := range []string{"*2\r\n%s:1\r\n", "~2\r\n:1\r\n%s", "%%1\r\n%s%[1]s", ">1\r\n%s", "|1\r\n%s%[1]s:1\r\n", "*?\r\n%s.\r\n"} {
			data := strings.NewReplacer("%[1]s", bad, "%s", bad, "%%", "%").Replace(around)
			got := readAll(t, []byte(data+"+sentinel\r\n"))
			requireEqual(t, simpleValue("sentinel"), got[len(got)-1], data)
			require.Len(t, got, 2, data)
		}
	}
}

// Every stream is cut behind every byte. Replies are counted as they come, what begins with < is besides: pushes, attributes.
func TestOnlyBytesOfRepliesCountAsReplied(t *testing.T) {
	long := "$40\r\n" + strings.Repeat("x", 40) + "\r\n"
	for _, parts := range [][]string{
		{"+OK\r\n", ":1\r\n", "$3\r\nabc\r\n", "_\r\n", "*0\r\n"},
		{"<>1\r\n+a\r\n", "+OK\r\n", "<>3\r\n$5\r\nhello\r\n*2\r\n:1\r\n:2\r\n_\r\n"},
		{"<|1\r\n+a\r\n:1\r\n", "+OK\r\n", "<|0\r\n|1\r\n+a\r\n|1\r\n:1\r\n:2\r\n*1\r\n:1\r\n", "*2\r\n|1\r\n+in\r\n:1\r\n$1\r\na\r\n:2\r\n"},
		{"<|1\r\n+a\r\n:1\r\n>2\r\n+a\r\n|0\r\n+b\r\n", "=7\r\ntxt:abc\r\n", "%1\r\n+k\r\n$?\r\n;1\r\nx\r\n;0\r\n", "<|0\r\n"},
		{long, "<>1\r\n" + long, "<|1\r\n+a\r\n" + long, long, "<>0\r\n", "+OK\r\n"},
	} {
		for _, streamed := range []int{0, 10} {
			src := &scripted{}
			r := NewReader(src, Limits{})
			r.SetStream(streamed)
			want := 0
			for _, part := range parts {
				text, besides := strings.CutPrefix(part, "<")
				for i := range text {
					src.pieces = append(src.pieces, []byte{text[i]}, timeout{})
					if !besides {
						want++
					}
					require.ErrorIs(t, readOn(r), timeout{})
					require.EqualValues(t, want, r.Replied(), "%q cut behind byte %d", text, i)
					whole := i == len(text)-1
					if r.Body() == 0 && r.mode != trailer {
						require.Equal(t, !besides && !whole, r.Partial(), "%q cut behind byte %d", text, i)
					}
				}
			}
		}
	}
}

// readOn reads until something other than a frame or a payload comes.
func readOn(r *Reader) error {
	for {
		_, err := r.ReadBody(make([]byte, 7))
		if err == io.EOF {
			_, err = r.Next()
		}
		if err != nil {
			return err
		}
	}
}

func TestPartialTellsOfABegunFrame(t *testing.T) {
	src := &scripted{pieces: []any{[]byte("+OK\r\n"), timeout{}, []byte("*2\r\n:1"), timeout{}, []byte("\r\n:2\r\n")}}
	r := NewReader(src, Limits{})
	require.False(t, r.Partial())
	_, err := r.Next()
	require.NoError(t, err)
	require.False(t, r.Partial())
	for _, begun := range []bool{false, true} {
		_, err = r.Next()
		require.ErrorIs(t, err, timeout{})
		require.Equal(t, begun, r.Partial())
	}
	_, err = r.Next()
	require.NoError(t, err)
	require.False(t, r.Partial())
}

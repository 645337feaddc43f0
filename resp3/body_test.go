package resp3

import (
	"io"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// readBody reads the payload of the open frame in pieces of size, through
// timeouts, and checks that the end stays the end.
func readBody(t *testing.T, r *Reader, size int) (string, error) {
	t.Helper()
	var out []byte
	for {
		p := make([]byte, size)
		n, err := persist(func() (int, error) { return r.ReadBody(p) })
		out = append(out, p[:n]...)
		if err != nil {
			return string(out), err
		}
	}
}

func TestOpenFrames(t *testing.T) {
	body := strings.Repeat("0123456789", 3)
	data := []byte("|1\r\n+a\r\n:1\r\n$30\r\n" + body + "\r\n*1\r\n$30\r\n" + body + "\r\n$10\r\n0123456789\r\n+OK\r\n")
	for _, size := range []int{1, 7, 30, 31, 32, 100} {
		for _, src := range sources(data) {
			r := NewReader(src.reader, Limits{})
			r.SetStream(10)
			f, err := persist(r.Next)
			require.NoError(t, err)
			require.Equal(t, BulkString, f.Kind)
			require.Equal(t, 30, f.Open)
			require.Equal(t, "|1\r\n+a\r\n:1\r\n$30\r\n", string(f.Bytes))
			require.Equal(t, 12, f.Attrs)
			require.Nil(t, f.Payload())
			requireEqual(t, Value{}, f.Value())
			require.Equal(t, 30, r.Body())
			_, err = r.Next()
			require.Equal(t, ErrBody, err)
			_, _, err = r.Buffered()
			require.Equal(t, ErrBody, err)

			got, err := readBody(t, r, size)
			require.Equal(t, io.EOF, err, src.name)
			require.Equal(t, body, got)
			require.Zero(t, r.Body())
			_, err = r.ReadBody(make([]byte, 1))
			require.Equal(t, io.EOF, err, "the end stays")
			f, err = persist(r.Next)
			require.NoError(t, err)
			require.Equal(t, Array, f.Kind, "not opened inside an aggregate")
			f, err = persist(r.Next)
			require.NoError(t, err)
			require.Zero(t, f.Open, "not above the threshold")
			f, err = persist(r.Next)
			require.NoError(t, err)
			require.Equal(t, "OK", string(f.Payload()))
			require.EqualValues(t, len(data), r.received)
		}
	}
}

func TestOpenFrameErrors(t *testing.T) {
	for _, c := range []struct {
		data string
		want string
	}{
		{"$4\r\nab", "unexpected EOF"},
		{"$4\r\n", "unexpected EOF"},
		{"$4\r\nabcd", "unexpected EOF"},
		{"$4\r\nabcd\r", "unexpected EOF"},
		{"$4\r\nabcde\r\n", "resp3: no CRLF behind the payload of a bulk string (offset 8)"},
		{"$4\r\nabc\r\n+OK\r\n", "resp3: no CRLF behind the payload of a bulk string (offset 8)"},
	} {
		for _, size := range []int{1, 4, 100} {
			for _, src := range sources([]byte(c.data)) {
				r := NewReader(src.reader, Limits{})
				r.SetStream(1)
				_, err := persist(r.Next)
				require.NoError(t, err)
				_, err = readBody(t, r, size)
				require.EqualError(t, err, c.want, src.name)
				_, err = r.Next()
				require.EqualError(t, err, c.want)
			}
		}
	}
}

func TestBodyGoesStraightToTheCaller(t *testing.T) {
	const size = 1 << 20
	body := strings.Repeat("0123456789abcdef", size/16)
	data := string(AppendBulkString(nil, body)) + "+OK\r\n"
	for _, extra := range []int{0, 2} {
		r := NewReader(strings.NewReader(data), Limits{})
		r.SetStream(1024)
		f, err := r.Next()
		require.NoError(t, err)
		p := make([]byte, f.Open+extra)
		n, err := io.ReadFull(bodyReader{r}, p[:f.Open])
		require.NoError(t, err)
		require.Equal(t, body, string(p[:n]))
		_, err = r.ReadBody(p)
		require.Equal(t, io.EOF, err)
		require.LessOrEqual(t, len(r.buf), busyBuffer)
		v, err := r.ReadValue()
		require.NoError(t, err)
		requireEqual(t, simpleValue("OK"), v)
	}
}

type bodyReader struct{ r *Reader }

func (b bodyReader) Read(p []byte) (int, error) { return b.r.ReadBody(p) }

func TestCRLFComesWithTheBody(t *testing.T) {
	body := strings.Repeat("x", 8<<10)
	data := AppendBulkString(nil, body)
	src := &counted{Reader: &scripted{pieces: []any{data[:7], append(data[7:], "+OK\r\n"...)}}}
	r := NewReader(src, Limits{})
	r.SetStream(1)
	_, err := r.Next()
	require.NoError(t, err)
	p := make([]byte, len(body)+2)
	n, err := r.ReadBody(p)
	require.NoError(t, err)
	require.Equal(t, body, string(p[:n]))
	_, err = r.ReadBody(p)
	require.Equal(t, io.EOF, err)
	require.Equal(t, 2, src.reads, "one for the header, one for payload and CRLF")
	v, err := r.ReadValue()
	require.NoError(t, err)
	requireEqual(t, simpleValue("OK"), v)
}

type counted struct {
	io.Reader
	reads int
}

func (c *counted) Read(p []byte) (int, error) {
	c.reads++
	return c.Reader.Read(p)
}

func TestReadValueTakesNoNoticeOfSetStream(t *testing.T) {
	r := NewReader(strings.NewReader("$5\r\nhello\r\n$5\r\nworld\r\n"), Limits{})
	r.SetStream(1)
	v, err := r.ReadValue()
	require.NoError(t, err)
	requireEqual(t, BulkStringValue("hello"), v)
	f, err := r.Next()
	require.NoError(t, err)
	require.Equal(t, 5, f.Open)
	_, err = r.ReadValue()
	require.Equal(t, ErrBody, err)
	n, err := r.ReadBody(nil)
	require.NoError(t, err)
	require.Zero(t, n)
	got, err := readBody(t, r, 3)
	require.Equal(t, io.EOF, err)
	require.Equal(t, "world", got)
	_, err = NewReader(strings.NewReader(""), Limits{}).ReadBody(make([]byte, 1))
	require.Equal(t, io.EOF, err, "no frame is open")
}

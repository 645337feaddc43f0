package resp3

import (
	"fmt"
	"strings"
	"testing"
)

// looped is a source that gives the same bytes again and again, in reads of
// any size, without end.
type looped struct {
	data []byte
	at   int
}

func (l *looped) Read(p []byte) (int, error) {
	n := 0
	for n < len(p) {
		c := copy(p[n:], l.data[l.at:])
		n += c
		if l.at += c; l.at == len(l.data) {
			l.at = 0
		}
	}
	return n, nil
}

// mixed is 16 replies as a client of RESP3 sees them, 47 bytes each on average.
var mixed = strings.Join([]string{
	"+OK\r\n", ":1234567\r\n", "$5\r\nhello\r\n", blob(64), blob(300), "_\r\n", ",3.25\r\n", "#t\r\n", ":1\r\n", blob(20), "$-1\r\n",
	"*3\r\n$3\r\nabc\r\n:42\r\n_\r\n",
	"%3\r\n+name\r\n$5\r\nbaton\r\n+size\r\n:17\r\n+tags\r\n*2\r\n$1\r\na\r\n$1\r\nb\r\n",
	"*5\r\n" + strings.Repeat(blob(16), 5),
	"-WRONGTYPE Operation against a key holding the wrong kind of value\r\n",
	">3\r\n$7\r\nmessage\r\n$4\r\nnews\r\n$5\r\nhello\r\n",
}, "")

const mixedReplies = 16

func blob(n int) string { return string(AppendBulkString(nil, strings.Repeat("x", n))) }

var (
	bulk64  = strings.Repeat("$64\r\n"+strings.Repeat("x", 64)+"\r\n", 64)
	integer = strings.Repeat(":1234567\r\n", 64)
	map20   = func() string {
		s := "%20\r\n"
		for i := range 20 {
			s += fmt.Sprintf("$8\r\nfield:%02d\r\n$16\r\nvalue of field%02d\r\n", i, i)
		}
		return s
	}()
	list1000 = "*1000\r\n" + strings.Repeat("$10\r\n0123456789\r\n", 1000)
)

// eachReply runs do for each of n replies in data and reports bytes and
// allocations for one reply.
func eachReply(b *testing.B, data string, n int, do func(*Reader) error) {
	r := NewReader(&looped{data: []byte(data)}, Limits{})
	b.SetBytes(int64(len(data) / n))
	b.ReportAllocs()
	b.ResetTimer()
	for range b.N {
		if err := do(r); err != nil {
			b.Fatal(err)
		}
	}
}

func next(r *Reader) error {
	_, err := r.Next()
	return err
}

var sink Value

func ownValue(r *Reader) error {
	f, err := r.Next()
	sink = f.Value()
	return err
}

func readValue(r *Reader) (err error) {
	sink, err = r.ReadValue()
	return err
}

func BenchmarkDecode(b *testing.B) {
	for _, s := range []struct {
		name, data string
		replies    int
	}{
		{"bulk64", bulk64, 64}, {"integer", integer, 64}, {"mixed", mixed, mixedReplies},
		{"map20", map20, 1}, {"list1000", list1000, 1},
	} {
		b.Run(s.name+"/frame", func(b *testing.B) { eachReply(b, s.data, s.replies, next) })
		b.Run(s.name+"/value", func(b *testing.B) { eachReply(b, s.data, s.replies, ownValue) })
		b.Run(s.name+"/shared", func(b *testing.B) { eachReply(b, s.data, s.replies, readValue) })
	}
}

func BenchmarkAppend(b *testing.B) {
	var dst []byte
	run := func(name string, do func()) {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for range b.N {
				dst = dst[:0]
				do()
			}
			b.SetBytes(int64(len(dst)))
		})
	}
	value := strings.Repeat("x", 64)
	args := []any{"SET", "key:000001", value, "PX", 60000}
	run("command", func() { dst = AppendCommand(dst, "SET", "key:000001", value) })
	run("args", func() { dst, _ = AppendCommandArgs(dst, args...) })
	run("int", func() { dst = appendElement(dst, intValue(1234567)) })
	run("float", func() { dst = AppendFloatArg(dst, 3.14159) })
	v, _, _ := Decode(mixed[strings.Index(mixed, "%3"):])
	run("value", func() { dst = AppendValue(dst, v) })
}

package baton

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"time"

	"github.com/baton-go/baton/conn"
	"github.com/baton-go/baton/resp3"
)

// request is one command at the end of Call.Req while it is encoded. The same functions encode for the methods of a client,
// where it is the only command of its call, and for those of a Pipe. It is used by value and never kept, so that a command
// costs no memory.
type request struct {
	call  *conn.Call
	name  string
	start int   // of the command in Req
	n     int   // arguments so far, the name included; 0: the header has their number already
	err   error // why it cannot be sent
}

// command begins a command of as many arguments as will follow. Their number is filled in at the end.
func command(q *conn.Call, name string) request {
	r := request{call: q, name: name, start: len(q.Req)}
	q.Req = append(q.Req, "*1\r\n"...)
	r.str(name)
	return r
}

// words is a command of a fixed number of texts.
func words(q *conn.Call, name string, args ...string) request {
	return list(q, name, "", nil, args...)
}

// list is a command of fixed texts and then the elements of rest, which must not be empty if what says what they are.
func list(q *conn.Call, name, what string, rest []string, fixed ...string) request {
	r := request{call: q, name: name, start: len(q.Req)}
	if what != "" && len(rest) == 0 {
		r.err = fmt.Errorf("needs at least one %s", what)
		return r
	}
	size := 32
	for _, s := range fixed {
		size += len(s) + 16
	}
	for _, s := range rest {
		size += len(s) + 16
	}
	b := resp3.AppendArrayLen(slices.Grow(q.Req, size), 1+len(fixed)+len(rest))
	b = resp3.AppendBulk(b, name)
	for _, s := range fixed {
		b = resp3.AppendBulk(b, s)
	}
	for _, s := range rest {
		b = resp3.AppendBulk(b, s)
	}
	q.Req = b
	return r
}

// pairList is list for texts that belong together by twos.
func pairList(q *conn.Call, name, what string, rest []string, fixed ...string) request {
	r := list(q, name, what, rest, fixed...)
	if len(rest)%2 != 0 {
		r.err = fmt.Errorf("got %d texts, needs pairs of %s", len(rest), what)
	}
	return r
}

// raw is a command of arguments of any type, see resp3.AppendCommandArgs.
func raw(q *conn.Call, args ...any) request {
	r := request{call: q, name: "Do", start: len(q.Req)}
	if len(args) == 0 {
		r.err = errors.New("needs a command")
		return r
	}
	name, ok := args[0].(string)
	if !ok || name == "" {
		r.err = fmt.Errorf("needs a command name as first argument, got %T", args[0])
		return r
	}
	r.name = name
	q.Req, r.err = resp3.AppendCommandArgs(q.Req, args...)
	return r
}

func (r *request) str(s string) {
	r.call.Req = resp3.AppendBulk(r.call.Req, s)
	r.n++
}

func (r *request) bytes(b []byte) {
	r.call.Req = resp3.AppendBulkBytes(r.call.Req, b)
	r.n++
}

func (r *request) strs(s []string) {
	for _, s := range s {
		r.str(s)
	}
}

// opt adds an option of one word unless it is empty.
func (r *request) opt(word string) {
	if word != "" {
		r.str(word)
	}
}

// flag adds a word if it is on.
func (r *request) flag(on bool, word string) {
	if on {
		r.str(word)
	}
}

func (r *request) int(i int64) {
	r.call.Req = resp3.AppendBulkInt(r.call.Req, i)
	r.n++
}

// limit adds a word and a number unless that is 0. A negative one is an error.
func (r *request) limit(word string, n int64) {
	switch {
	case n < 0:
		r.fail(fmt.Errorf("%s is %d, must not be negative", word, n))
	case n > 0:
		r.str(word)
		r.int(n)
	}
}

func (r *request) float(f float64) {
	if f != f {
		r.fail(errors.New("a number is NaN, which the server does not take"))
	}
	r.call.Req = resp3.AppendBulkFloat(r.call.Req, f)
	r.n++
}

// keys adds the number of keys and the keys. There has to be one.
func (r *request) keys(keys []string) {
	if len(keys) == 0 {
		r.fail(errors.New("needs at least one key"))
	}
	r.int(int64(len(keys)))
	r.strs(keys)
}

// span adds a duration in whole units of the wire, at least least. What is less than a unit is cut off, but not to nothing.
func (r *request) span(what string, d, least, unit time.Duration) {
	switch {
	case d < least:
		r.fail(fmt.Errorf("%s%v: must be at least %v", what, d, least))
	case 0 < d && d < unit:
		r.fail(fmt.Errorf("%s%v: must be at least %v", what, d, unit))
	}
	r.int(int64(d / unit))
}

// millis is span in milliseconds.
func (r *request) millis(d, least time.Duration) { r.span("", d, least, time.Millisecond) }

// instant adds a time in whole units of the wire since 1970. It is rounded up: nothing is to expire before its time.
func (r *request) instant(what string, at time.Time, unit time.Duration) {
	const most = math.MaxInt64 / 1000 // in milliseconds it may become one in the past
	sec := at.Unix()
	if sec >= most || sec < -most {
		r.fail(fmt.Errorf("%sthe time is %d seconds from 1970, must be less than %d", what, sec, int64(most)))
	}
	n := sec
	if up := at.Add(unit - 1); unit == time.Millisecond {
		n = up.UnixMilli()
	} else {
		n = up.Unix()
	}
	r.int(n)
}

func (r *request) fail(err error) {
	if r.err == nil {
		r.err = err
	}
}

// end completes the command, unless it cannot be sent.
func (r *request) end() error {
	switch b := r.call.Req; {
	case r.err != nil, r.n == 0:
	case r.n < 10:
		b[r.start+1] = byte('0' + r.n)
	default:
		var digits [20]byte
		number := strconv.AppendInt(digits[:0], int64(r.n), 10)
		b = append(b, number[1:]...) // room for what has only one place yet
		copy(b[r.start+1+len(number):], b[r.start+2:])
		copy(b[r.start+1:], number)
		r.call.Req = b
	}
	return r.err
}

func appendPing(req []byte) []byte { return append(req, "*1\r\n$4\r\nPING\r\n"...) }

// problem is why the command cannot be sent, in words for the caller.
func (r *request) problem() error { return fmt.Errorf("baton: %s: %w", r.name, r.err) }

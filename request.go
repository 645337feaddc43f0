package baton

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"time"

	"github.com/baton-go/baton/conn"
	"github.com/baton-go/baton/internal/blocks"
	"github.com/baton-go/baton/resp3"
)

// request is one command at the end of Call.Req while it is encoded. It is used by value and never kept, so that a command
// costs no memory.
type request struct {
	call  *conn.Call
	name  string
	start int   // of the command in Req
	n     int   // arguments so far, the name included; 0: the header has their number already
	err   error // the first reason not to send it
}

// command begins a command. The number of its arguments is filled in by end.
func command(q *conn.Call, name string) request {
	r := request{call: q, name: name, start: len(q.Req)}
	q.Req = append(q.Req, "*1\r\n"...)
	r.str(name)
	return r
}

// fixedArgs is a command of a fixed number of texts.
func fixedArgs(q *conn.Call, name string, args ...string) request {
	return listArgs(q, name, "", nil, args...)
}

// listArgs is a command of fixed texts and a list, which must not be empty if it has a name.
func listArgs(q *conn.Call, name, listName string, texts []string, fixed ...string) request {
	r := request{call: q, name: name, start: len(q.Req)}
	if listName != "" && len(texts) == 0 {
		r.err = fmt.Errorf("needs at least one %s", listName)
		return r
	}
	size := 32
	for _, s := range fixed {
		size += copied(s) + 16
	}
	for _, s := range texts {
		size += copied(s) + 16
	}
	b := resp3.AppendHeader(blocks.Grow(q.Req, size), resp3.Array, 1+len(fixed)+len(texts))
	b = resp3.AppendBulkString(b, name)
	for _, s := range fixed {
		b = appendText(b, q, s)
	}
	for _, s := range texts {
		b = appendText(b, q, s)
	}
	q.Req = b
	return r
}

// appendText appends an argument to b, which becomes q.Req. A large one is not copied, as strings cannot change.
func appendText(b []byte, q *conn.Call, s string) []byte {
	if len(s) < conn.RefAbove {
		return resp3.AppendBulkString(b, s)
	}
	q.ReferString(len(b), s)
	return resp3.AppendBulkString(b, "")
}

// copied returns how many bytes of an argument appendText copies.
func copied(s string) int {
	if len(s) < conn.RefAbove {
		return len(s)
	}
	return 0
}

// pairArgs is listArgs for a list of pairs.
func pairArgs(q *conn.Call, name, listName string, texts []string, fixed ...string) request {
	r := listArgs(q, name, listName, texts, fixed...)
	if len(texts)%2 != 0 {
		r.err = fmt.Errorf("got %d texts, needs pairs of %s", len(texts), listName)
	}
	return r
}

// anyArgs is a command of arguments of any type, see resp3.AppendCommandArgs.
func anyArgs(q *conn.Call, args ...any) request {
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
	if slices.ContainsFunc(args, func(a any) bool { return isLarge(q, a) }) {
		r.largeArgs(args)
		return r
	}
	q.Req, r.err = resp3.AppendCommandArgs(q.Req, args...)
	return r
}

// largeArgs encodes arguments of which some are large.
func (r *request) largeArgs(args []any) {
	q, small := r.call, slices.Clone(args)
	for i, a := range args {
		if isLarge(q, a) {
			small[i] = ""
		}
	}
	if q.Req, r.err = resp3.AppendCommandArgs(q.Req, small...); r.err != nil {
		return
	}
	_, at := lengthAt(q.Req, r.start)
	for _, a := range args {
		if s, ok := a.(string); ok && isLarge(q, a) {
			q.ReferString(at, s)
		} else if isLarge(q, a) {
			q.ReferBytes(at, a.([]byte))
		}
		size, content := lengthAt(q.Req, at)
		at = content + size + 2
	}
}

// isLarge reports whether an argument is not copied. Bytes in a pipeline are: the caller may change them before it is sent.
func isLarge(q *conn.Call, a any) bool {
	switch a := a.(type) {
	case string:
		return len(a) >= conn.RefAbove
	case []byte:
		return isBorrowed(q, a)
	}
	return false
}

func isBorrowed(q *conn.Call, b []byte) bool { return len(b) >= conn.RefAbove && q.Mode != conn.Raw }

func (r *request) str(s string) {
	r.call.Req = appendText(r.call.Req, r.call, s)
	r.n++
}

// bytes adds the caller's bytes, see isLarge.
func (r *request) bytes(b []byte) {
	q := r.call
	if isBorrowed(q, b) {
		q.ReferBytes(len(q.Req), b)
		b = nil
	}
	q.Req = resp3.AppendBulkString(blocks.Grow(q.Req, len(b)+32), b)
	r.n++
}

func (r *request) strs(s []string) {
	for _, s := range s {
		r.str(s)
	}
}

// opt adds word unless it is empty.
func (r *request) opt(word string) { r.flag(word != "", word) }

// flag adds word if on is true.
func (r *request) flag(on bool, word string) {
	if on {
		r.str(word)
	}
}

func (r *request) int(i int64) {
	r.call.Req = resp3.AppendIntArg(r.call.Req, i)
	r.n++
}

// limit adds word and a number, which must not be negative, unless it is 0.
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
	r.call.Req = resp3.AppendFloatArg(r.call.Req, f)
	r.n++
}

// counted adds the number of elements and the elements, at least one.
func (r *request) counted(element string, texts []string) {
	if len(texts) == 0 {
		r.fail(fmt.Errorf("needs at least one %s", element))
	}
	r.int(int64(len(texts)))
	r.strs(texts)
}

// millis adds a duration of at least atLeast in milliseconds. A fraction is cut off, but a duration is not cut to zero.
func (r *request) millis(d, atLeast time.Duration) {
	if 0 < d && d < time.Millisecond {
		atLeast = time.Millisecond
	}
	if d < atLeast {
		r.fail(fmt.Errorf("%v: must be at least %v", d, atLeast))
	}
	r.int(d.Milliseconds())
}

// instant adds a time in units of the wire since 1970. It is rounded up, so that nothing expires early.
func (r *request) instant(prefix string, at time.Time, unit time.Duration) {
	const limit = math.MaxInt64 / 1000 // beyond it, milliseconds may overflow
	if sec := at.Unix(); sec >= limit || sec < -limit {
		r.fail(fmt.Errorf("%sthe time is %d seconds from 1970, must be less than %d", prefix, sec, int64(limit)))
	}
	if unit == time.Millisecond {
		r.int(at.Add(unit - 1).UnixMilli())
	} else {
		r.int(at.Add(unit - 1).Unix())
	}
}

func (r *request) fail(err error) {
	if r.err == nil {
		r.err = err
	}
}

// end completes the command. It returns the reason not to send it.
func (r *request) end() error {
	switch {
	case r.err != nil, r.n == 0:
	case r.n < 10:
		r.call.Req[r.start+1] = byte('0' + r.n)
	default:
		var digits [20]byte
		number := strconv.AppendInt(digits[:0], int64(r.n), 10)
		r.call.Req[r.start+1] = number[0]
		r.call.InsertAt(r.start+2, number[1:])
	}
	return r.err
}

// wrappedErr is err for the caller.
func (r *request) wrappedErr() error { return fmt.Errorf("baton: %s: %w", r.name, r.err) }

func appendPing(req []byte) []byte { return append(req, "*1\r\n$4\r\nPING\r\n"...) }

package baton

import (
	"context"
	"fmt"
	"time"

	"github.com/baton-go/baton/conn"
	"github.com/baton-go/baton/resp3"
)

// SetOption modifies Set. The zero value changes nothing.
type SetOption struct {
	word string
	ttl  time.Duration
	unit time.Duration // of ttl on the wire; 0: the option has no ttl
}

// EX lets the key expire after d, which is sent in seconds if it is whole seconds, else in milliseconds.
func EX(d time.Duration) SetOption {
	if d%time.Second == 0 {
		return SetOption{word: "EX", ttl: d, unit: time.Second}
	}
	return SetOption{word: "PX", ttl: d, unit: time.Millisecond}
}

// NX sets the key only if it does not exist.
func NX() SetOption { return SetOption{word: "NX"} }

// XX sets the key only if it exists.
func XX() SetOption { return SetOption{word: "XX"} }

// KeepTTL keeps the expiry that the key has.
func KeepTTL() SetOption { return SetOption{word: "KEEPTTL"} }

// conditional reports whether a repetition can find the key changed by the first execution.
func (o SetOption) conditional() bool { return o.word == "NX" }

// getHeader is all of GET but its key.
const getHeader = "*2\r\n$3\r\nGET\r\n"

// Get returns the value of key, or Nil if there is none.
func (c *commands) Get(ctx context.Context, key string) (string, error) {
	q := c.newCall()
	q.Mode = conn.Text
	q.Req = resp3.AppendBulk(append(q.Req, getHeader...), key)
	err := c.run(ctx, &operation{call: q, name: "GET", class: Read})
	s, null := q.Str, q.Null
	q.Free()
	if err == nil && null {
		err = Nil
	}
	return s, err
}

// AppendGet appends the value of key to dst and returns the longer slice; dst as it was and Nil if there is none. It
// allocates nothing if dst has room.
func (c *commands) AppendGet(ctx context.Context, dst []byte, key string) ([]byte, error) {
	q := c.newCall()
	q.Mode, q.Dst = conn.AppendText, dst
	q.Req = resp3.AppendBulk(append(q.Req, getHeader...), key)
	err := c.run(ctx, &operation{call: q, name: "GET", class: Read})
	out, null := q.Dst, q.Null
	q.Free()
	if err == nil && null {
		err = Nil
	}
	if err != nil {
		return dst, err
	}
	return out, nil
}

// Set sets key to value. It reports false if NX or XX forbade it.
func (c *commands) Set(ctx context.Context, key, value string, opts ...SetOption) (bool, error) {
	q := c.newCall()
	defer q.Free()
	if err := setHeader(q, key, opts); err != nil {
		return false, err
	}
	q.Req = resp3.AppendBulk(q.Req, value)
	return c.set(ctx, q, opts)
}

// SetBytes is Set for a value that is a byte slice. The slice is not kept.
func (c *commands) SetBytes(ctx context.Context, key string, value []byte, opts ...SetOption) (bool, error) {
	q := c.newCall()
	defer q.Free()
	if err := setHeader(q, key, opts); err != nil {
		return false, err
	}
	q.Req = resp3.AppendBulkBytes(q.Req, value)
	return c.set(ctx, q, opts)
}

func setHeader(q *conn.Call, key string, opts []SetOption) error {
	n := 3
	for _, o := range opts {
		if o.word == "" {
			continue
		}
		n++
		if o.unit > 0 {
			n++
			if o.ttl < o.unit || o.ttl%o.unit != 0 {
				return fmt.Errorf("baton: SET %s of %v: must be whole milliseconds, at least 1 ms", o.word, o.ttl)
			}
		}
	}
	q.Req = resp3.AppendArrayLen(q.Req, n)
	q.Req = resp3.AppendBulk(q.Req, "SET")
	q.Req = resp3.AppendBulk(q.Req, key)
	return nil
}

// appendSetOptions completes the command that setHeader began and returns its class.
func appendSetOptions(q *conn.Call, opts []SetOption) Class {
	class := WriteLastWins
	for _, o := range opts {
		if o.word == "" {
			continue
		}
		if o.conditional() {
			class = WriteAccumulate
		}
		q.Req = resp3.AppendBulk(q.Req, o.word)
		if o.unit > 0 {
			q.Req = resp3.AppendBulkInt(q.Req, int64(o.ttl/o.unit))
		}
	}
	return class
}

func (c *commands) set(ctx context.Context, q *conn.Call, opts []SetOption) (bool, error) {
	class := appendSetOptions(q, opts)
	err := c.run(ctx, &operation{call: q, name: "SET", class: class})
	return err == nil && !q.Null, err
}

// Incr adds one to the integer at key and returns the sum.
func (c *commands) Incr(ctx context.Context, key string) (int64, error) {
	return c.integer(ctx, WriteAccumulate, "INCR", key)
}

// Del removes keys and returns how many there were.
func (c *commands) Del(ctx context.Context, keys ...string) (int64, error) {
	q := c.newCall()
	q.Req = resp3.AppendArrayLen(q.Req, 1+len(keys))
	q.Req = resp3.AppendBulk(q.Req, "DEL")
	for _, k := range keys {
		q.Req = resp3.AppendBulk(q.Req, k)
	}
	return c.finishInt(ctx, q, "DEL", WriteOnce)
}

// integer runs a command of one key whose reply is an integer.
func (c *commands) integer(ctx context.Context, class Class, name, key string) (int64, error) {
	q := c.newCall()
	q.Req = resp3.AppendCommand(q.Req, name, key)
	return c.finishInt(ctx, q, name, class)
}

func (c *commands) finishInt(ctx context.Context, q *conn.Call, name string, class Class) (int64, error) {
	q.Mode = conn.Int
	err := c.run(ctx, &operation{call: q, name: name, class: class})
	n := q.Num
	q.Free()
	return n, err
}

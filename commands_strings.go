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
	at   time.Time
	unit time.Duration // of ttl or at on the wire; 0: the option has neither
}

// EX lets the key expire after d, which is sent in seconds if it is whole seconds, else in milliseconds. Fractions of a
// millisecond are cut off; a d below one millisecond is an error.
func EX(d time.Duration) SetOption {
	if d%time.Second == 0 {
		return SetOption{word: "EX", ttl: d, unit: time.Second}
	}
	return SetOption{word: "PX", ttl: d, unit: time.Millisecond}
}

// EXAT lets the key expire at a time, which is sent in seconds if it is a whole second. For other times it is PXAT. Since
// Redis 6.2.
func EXAT(at time.Time) SetOption {
	if at.Nanosecond() == 0 {
		return SetOption{word: "EXAT", at: at, unit: time.Second}
	}
	return PXAT(at)
}

// PXAT lets the key expire at a time, which is sent in milliseconds and rounded up: the key never expires before. A time that
// is not after 1970 is an error, and a time in the past removes the key. Since Redis 6.2.
func PXAT(at time.Time) SetOption { return SetOption{word: "PXAT", at: at, unit: time.Millisecond} }

// NX sets the key only if it does not exist.
func NX() SetOption { return SetOption{word: "NX"} }

// XX sets the key only if it exists.
func XX() SetOption { return SetOption{word: "XX"} }

// KeepTTL keeps the expiry that the key has.
func KeepTTL() SetOption { return SetOption{word: "KEEPTTL"} }

// appendGet is fixedArgs for the most frequent command, with its header as a constant. It cannot fail.
func appendGet(req []byte, key string) []byte {
	return resp3.AppendBulkString(append(req, "*2\r\n$3\r\nGET\r\n"...), key)
}

func set(q *conn.Call, key, value string, opts []SetOption) request {
	r := command(q, "SET")
	r.str(key)
	r.str(value)
	r.setOptions(opts)
	return r
}

func setBytes(q *conn.Call, key string, value []byte, opts []SetOption) request {
	r := command(q, "SET")
	r.str(key)
	r.bytes(value)
	r.setOptions(opts)
	return r
}

func (r *request) setOptions(opts []SetOption) {
	for _, o := range opts {
		r.opt(o.word)
		switch {
		case o.unit == 0:
		case o.word == "EX" || o.word == "PX":
			if o.ttl < o.unit {
				r.fail(fmt.Errorf("%s of %v: must be at least 1 ms", o.word, o.ttl))
			}
			r.int(int64(o.ttl / o.unit))
		default:
			if o.at.Unix() <= 0 {
				r.fail(fmt.Errorf("%s of %s: must be after 1970", o.word, o.at.Format(time.RFC3339)))
			}
			r.instant(o.word+": ", o.at, o.unit)
		}
	}
}

func getEx(q *conn.Call, key string, ttl time.Duration) request {
	r := command(q, "GETEX")
	r.str(key)
	if ttl == NoExpiry {
		r.str("PERSIST")
	} else {
		r.setOptions([]SetOption{EX(ttl)})
	}
	return r
}

func getExAt(q *conn.Call, key string, at time.Time) request {
	r := command(q, "GETEX")
	r.str(key)
	r.setOptions([]SetOption{EXAT(at)})
	return r
}

// byInt is a command of a key and a number.
func byInt(q *conn.Call, name, key string, n int64) request {
	r := command(q, name)
	r.str(key)
	r.int(n)
	return r
}

// byInts is a command of a key and two numbers.
func byInts(q *conn.Call, name, key string, a, b int64) request {
	r := byInt(q, name, key, a)
	r.int(b)
	return r
}

func byFloat(q *conn.Call, name, key string, f float64) request {
	r := command(q, name)
	r.str(key)
	r.float(f)
	return r
}

func setRange(q *conn.Call, key string, offset int64, value string) request {
	r := byInt(q, "SETRANGE", key, offset)
	r.str(value)
	return r
}

// AppendGet appends the value of key to dst and returns the longer slice. If there is no value it returns dst and Nil. It
// allocates nothing if dst has room.
func (c *commands) AppendGet(ctx context.Context, dst []byte, key string) ([]byte, error) {
	q := c.newCall()
	q.Mode, q.Dst = conn.AppendText, dst
	q.Req = appendGet(q.Req, key)
	err := c.do(ctx, q, "GET")
	out, null := q.Dst, q.Null
	q.Free()
	if err = orNil(err, null); err != nil {
		return dst, err
	}
	return out, nil
}

// Get returns the value of key, or Nil if there is none.
func (c *commands) Get(ctx context.Context, key string) (string, error) {
	q := c.newCall()
	q.Mode, q.Req = conn.Text, appendGet(q.Req, key)
	err := c.do(ctx, q, "GET")
	s, null := q.Str, q.Null
	q.Free()
	return s, orNil(err, null)
}

// Get queues GET, see Client.Get.
func (p *Pipe) Get(key string) Reply[string] {
	q := p.next()
	q.Req = appendGet(q.Req, key)
	p.n++
	return Reply[string]{p: p, i: p.n - 1, decode: decodeText}
}

// Set sets key to value. It reports false if NX or XX does not allow it.
func (c *commands) Set(ctx context.Context, key, value string, opts ...SetOption) (bool, error) {
	return c.present(ctx, set(c.newCall(), key, value, opts))
}

// Set queues SET, see Client.Set.
func (p *Pipe) Set(key, value string, opts ...SetOption) Reply[bool] {
	return enqueue(p, set(p.next(), key, value, opts), decodePresent)
}

// SetBytes is Set for a value that is a byte slice. The slice is not kept.
func (c *commands) SetBytes(ctx context.Context, key string, value []byte, opts ...SetOption) (bool, error) {
	return c.present(ctx, setBytes(c.newCall(), key, value, opts))
}

// SetBytes queues SET, see Client.SetBytes.
func (p *Pipe) SetBytes(key string, value []byte, opts ...SetOption) Reply[bool] {
	return enqueue(p, setBytes(p.next(), key, value, opts), decodePresent)
}

// GetDel returns the value of key and removes it, or Nil if there is none.
func (c *commands) GetDel(ctx context.Context, key string) (string, error) {
	return c.text(ctx, fixedArgs(c.newCall(), "GETDEL", key))
}

// GetDel queues GETDEL, see Client.GetDel.
func (p *Pipe) GetDel(key string) Reply[string] {
	return enqueue(p, fixedArgs(p.next(), "GETDEL", key), decodeText)
}

// GetEx returns the value of key, or Nil if there is none, and lets the key expire after ttl, as EX does; NoExpiry removes its
// expiry.
func (c *commands) GetEx(ctx context.Context, key string, ttl time.Duration) (string, error) {
	return c.text(ctx, getEx(c.newCall(), key, ttl))
}

// GetEx queues GETEX, see Client.GetEx.
func (p *Pipe) GetEx(key string, ttl time.Duration) Reply[string] {
	return enqueue(p, getEx(p.next(), key, ttl), decodeText)
}

// GetExAt is GetEx for a time at which the key expires, as EXAT does.
func (c *commands) GetExAt(ctx context.Context, key string, at time.Time) (string, error) {
	return c.text(ctx, getExAt(c.newCall(), key, at))
}

// GetExAt queues GETEX, see Client.GetExAt.
func (p *Pipe) GetExAt(key string, at time.Time) Reply[string] {
	return enqueue(p, getExAt(p.next(), key, at), decodeText)
}

// GetRange returns the bytes of the value from start to stop, both included; negative indexes count from the end. The text is
// empty if there is no such key.
func (c *commands) GetRange(ctx context.Context, key string, start, stop int64) (string, error) {
	return c.text(ctx, byInts(c.newCall(), "GETRANGE", key, start, stop))
}

// GetRange queues GETRANGE, see Client.GetRange.
func (p *Pipe) GetRange(key string, start, stop int64) Reply[string] {
	return enqueue(p, byInts(p.next(), "GETRANGE", key, start, stop), decodeText)
}

// SetRange overwrites the value of key from offset on, after zero bytes if it is shorter, and returns the new length.
func (c *commands) SetRange(ctx context.Context, key string, offset int64, value string) (int64, error) {
	return c.integer(ctx, setRange(c.newCall(), key, offset, value))
}

// SetRange queues SETRANGE, see Client.SetRange.
func (p *Pipe) SetRange(key string, offset int64, value string) Reply[int64] {
	return enqueue(p, setRange(p.next(), key, offset, value), decodeInt)
}

// Append adds value to the end of the value of key, which it creates if need be, and returns the new length.
func (c *commands) Append(ctx context.Context, key, value string) (int64, error) {
	return c.integer(ctx, fixedArgs(c.newCall(), "APPEND", key, value))
}

// Append queues APPEND, see Client.Append.
func (p *Pipe) Append(key, value string) Reply[int64] {
	return enqueue(p, fixedArgs(p.next(), "APPEND", key, value), decodeInt)
}

// StrLen returns the length of the value of key, 0 if there is none.
func (c *commands) StrLen(ctx context.Context, key string) (int64, error) {
	return c.integer(ctx, fixedArgs(c.newCall(), "STRLEN", key))
}

// StrLen queues STRLEN, see Client.StrLen.
func (p *Pipe) StrLen(key string) Reply[int64] {
	return enqueue(p, fixedArgs(p.next(), "STRLEN", key), decodeInt)
}

// MGet returns the values of keys in their order; OK is false for a key that does not exist or holds no string. The texts
// share one block of memory, so that one that is kept keeps all.
func (c *commands) MGet(ctx context.Context, keys ...string) ([]Opt[string], error) {
	return fetch(ctx, c, listArgs(c.newCall(), "MGET", "key", keys), counted(len(keys), decodeOptTexts))
}

// MGet queues MGET, see Client.MGet.
func (p *Pipe) MGet(keys ...string) Reply[[]Opt[string]] {
	return enqueue(p, listArgs(p.next(), "MGET", "key", keys), counted(len(keys), decodeOptTexts))
}

// MSet sets keys to values. The arguments alternate: key, value, key, value.
func (c *commands) MSet(ctx context.Context, keysValues ...string) error {
	return c.status(ctx, pairArgs(c.newCall(), "MSET", "key and value", keysValues))
}

// MSet queues MSET, see Client.MSet. The reply is OK.
func (p *Pipe) MSet(keysValues ...string) Reply[string] {
	return enqueue(p, pairArgs(p.next(), "MSET", "key and value", keysValues), decodeText)
}

// MSetNX is MSet if none of the keys exists. If one exists it changes nothing and reports false.
func (c *commands) MSetNX(ctx context.Context, keysValues ...string) (bool, error) {
	return c.truth(ctx, pairArgs(c.newCall(), "MSETNX", "key and value", keysValues))
}

// MSetNX queues MSETNX, see Client.MSetNX.
func (p *Pipe) MSetNX(keysValues ...string) Reply[bool] {
	return enqueue(p, pairArgs(p.next(), "MSETNX", "key and value", keysValues), decodeTruth)
}

// Incr adds one to the integer at key, 0 if there is none, and returns the sum.
func (c *commands) Incr(ctx context.Context, key string) (int64, error) {
	return c.integer(ctx, fixedArgs(c.newCall(), "INCR", key))
}

// Incr queues INCR, see Client.Incr.
func (p *Pipe) Incr(key string) Reply[int64] {
	return enqueue(p, fixedArgs(p.next(), "INCR", key), decodeInt)
}

// IncrBy adds n to the integer at key, 0 if there is none, and returns the sum.
func (c *commands) IncrBy(ctx context.Context, key string, n int64) (int64, error) {
	return c.integer(ctx, byInt(c.newCall(), "INCRBY", key, n))
}

// IncrBy queues INCRBY, see Client.IncrBy.
func (p *Pipe) IncrBy(key string, n int64) Reply[int64] {
	return enqueue(p, byInt(p.next(), "INCRBY", key, n), decodeInt)
}

// IncrByFloat adds f to the number at key, 0 if there is none, and returns the sum.
func (c *commands) IncrByFloat(ctx context.Context, key string, f float64) (float64, error) {
	return c.float(ctx, byFloat(c.newCall(), "INCRBYFLOAT", key, f))
}

// IncrByFloat queues INCRBYFLOAT, see Client.IncrByFloat.
func (p *Pipe) IncrByFloat(key string, f float64) Reply[float64] {
	return enqueue(p, byFloat(p.next(), "INCRBYFLOAT", key, f), decodeFloat)
}

// Decr subtracts one from the integer at key, 0 if there is none, and returns the difference.
func (c *commands) Decr(ctx context.Context, key string) (int64, error) {
	return c.integer(ctx, fixedArgs(c.newCall(), "DECR", key))
}

// Decr queues DECR, see Client.Decr.
func (p *Pipe) Decr(key string) Reply[int64] {
	return enqueue(p, fixedArgs(p.next(), "DECR", key), decodeInt)
}

// DecrBy subtracts n from the integer at key, 0 if there is none, and returns the difference.
func (c *commands) DecrBy(ctx context.Context, key string, n int64) (int64, error) {
	return c.integer(ctx, byInt(c.newCall(), "DECRBY", key, n))
}

// DecrBy queues DECRBY, see Client.DecrBy.
func (p *Pipe) DecrBy(key string, n int64) Reply[int64] {
	return enqueue(p, byInt(p.next(), "DECRBY", key, n), decodeInt)
}

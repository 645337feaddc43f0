package baton

import (
	"context"
	"fmt"
	"time"

	"github.com/baton-go/baton/conn"
	"github.com/baton-go/baton/resp3"
)

// End is an end of a list.
type End string

// The ends.
const (
	Left  End = "LEFT"
	Right End = "RIGHT"
)

func lSet(q *conn.Call, key string, index int64, value string) request {
	r := byInt(q, "LSET", key, index)
	r.str(value)
	return r
}

func lRem(q *conn.Call, key string, count int64, value string) request {
	r := byInt(q, "LREM", key, count)
	r.str(value)
	return r
}

// popN is a command that removes and returns at most n elements.
func popN(q *conn.Call, name, key string, n int64) request {
	r := byInt(q, name, key, n)
	if n < 0 {
		r.fail(fmt.Errorf("count is %d, must not be negative", n))
	}
	return r
}

// LPush puts values, one after the other, in front of the list at key and returns its length.
func (c *commands) LPush(ctx context.Context, key string, values ...string) (int64, error) {
	return c.integer(ctx, listArgs(c.newCall(), "LPUSH", "value", values, key))
}

// LPush queues LPUSH, see Client.LPush.
func (p *Pipe) LPush(key string, values ...string) Reply[int64] {
	return enqueue(p, listArgs(p.next(), "LPUSH", "value", values, key), decodeInt)
}

// RPush puts values behind the list at key and returns its length.
func (c *commands) RPush(ctx context.Context, key string, values ...string) (int64, error) {
	return c.integer(ctx, listArgs(c.newCall(), "RPUSH", "value", values, key))
}

// RPush queues RPUSH, see Client.RPush.
func (p *Pipe) RPush(key string, values ...string) Reply[int64] {
	return enqueue(p, listArgs(p.next(), "RPUSH", "value", values, key), decodeInt)
}

// LPop removes and returns the first element of the list at key, or Nil if there is none.
func (c *commands) LPop(ctx context.Context, key string) (string, error) {
	return c.text(ctx, fixedArgs(c.newCall(), "LPOP", key))
}

// LPop queues LPOP, see Client.LPop.
func (p *Pipe) LPop(key string) Reply[string] {
	return enqueue(p, fixedArgs(p.next(), "LPOP", key), decodeText)
}

// LPopN removes and returns up to n elements from the beginning of the list at key, none if there is no such key.
func (c *commands) LPopN(ctx context.Context, key string, n int64) ([]string, error) {
	return fetch(ctx, c, popN(c.newCall(), "LPOP", key, n), decodeTexts)
}

// LPopN queues LPOP, see Client.LPopN.
func (p *Pipe) LPopN(key string, n int64) Reply[[]string] {
	return enqueue(p, popN(p.next(), "LPOP", key, n), decodeTexts)
}

// RPop removes and returns the last element of the list at key, or Nil if there is none.
func (c *commands) RPop(ctx context.Context, key string) (string, error) {
	return c.text(ctx, fixedArgs(c.newCall(), "RPOP", key))
}

// RPop queues RPOP, see Client.RPop.
func (p *Pipe) RPop(key string) Reply[string] {
	return enqueue(p, fixedArgs(p.next(), "RPOP", key), decodeText)
}

// RPopN removes and returns up to n elements from the end of the list at key, the last first, none if there is no such key.
func (c *commands) RPopN(ctx context.Context, key string, n int64) ([]string, error) {
	return fetch(ctx, c, popN(c.newCall(), "RPOP", key, n), decodeTexts)
}

// RPopN queues RPOP, see Client.RPopN.
func (p *Pipe) RPopN(key string, n int64) Reply[[]string] {
	return enqueue(p, popN(p.next(), "RPOP", key, n), decodeTexts)
}

// LLen returns the length of the list at key, 0 if there is none.
func (c *commands) LLen(ctx context.Context, key string) (int64, error) {
	return c.integer(ctx, fixedArgs(c.newCall(), "LLEN", key))
}

// LLen queues LLEN, see Client.LLen.
func (p *Pipe) LLen(key string) Reply[int64] {
	return enqueue(p, fixedArgs(p.next(), "LLEN", key), decodeInt)
}

// LRange returns the elements of the list at key from start to stop, both included; negative indexes count from the end. There
// are none if there is no such key. They share one block of memory, so that one that is kept keeps all.
func (c *commands) LRange(ctx context.Context, key string, start, stop int64) ([]string, error) {
	return fetch(ctx, c, byInts(c.newCall(), "LRANGE", key, start, stop), decodeTexts)
}

// LRange queues LRANGE, see Client.LRange.
func (p *Pipe) LRange(key string, start, stop int64) Reply[[]string] {
	return enqueue(p, byInts(p.next(), "LRANGE", key, start, stop), decodeTexts)
}

// LIndex returns an element of the list at key, or Nil if there is none at that index. A negative index counts from the
// end.
func (c *commands) LIndex(ctx context.Context, key string, index int64) (string, error) {
	return c.text(ctx, byInt(c.newCall(), "LINDEX", key, index))
}

// LIndex queues LINDEX, see Client.LIndex.
func (p *Pipe) LIndex(key string, index int64) Reply[string] {
	return enqueue(p, byInt(p.next(), "LINDEX", key, index), decodeText)
}

// LSet replaces an element of the list at key. The server answers with an error if there is no such key or index.
func (c *commands) LSet(ctx context.Context, key string, index int64, value string) error {
	return c.status(ctx, lSet(c.newCall(), key, index, value))
}

// LSet queues LSET, see Client.LSet. The reply is OK.
func (p *Pipe) LSet(key string, index int64, value string) Reply[string] {
	return enqueue(p, lSet(p.next(), key, index, value), decodeText)
}

// LRem removes elements equal to value from the list at key and returns how many: the first count, the last -count, or all
// if count is 0.
func (c *commands) LRem(ctx context.Context, key string, count int64, value string) (int64, error) {
	return c.integer(ctx, lRem(c.newCall(), key, count, value))
}

// LRem queues LREM, see Client.LRem.
func (p *Pipe) LRem(key string, count int64, value string) Reply[int64] {
	return enqueue(p, lRem(p.next(), key, count, value), decodeInt)
}

// LTrim removes all elements of the list at key but those from start to stop, both included.
func (c *commands) LTrim(ctx context.Context, key string, start, stop int64) error {
	return c.status(ctx, byInts(c.newCall(), "LTRIM", key, start, stop))
}

// LTrim queues LTRIM, see Client.LTrim. The reply is OK.
func (p *Pipe) LTrim(key string, start, stop int64) Reply[string] {
	return enqueue(p, byInts(p.next(), "LTRIM", key, start, stop), decodeText)
}

// LMove moves an element from one end of the list at src to an end of the list at dst and returns it, or Nil if there is none.
func (c *commands) LMove(ctx context.Context, src, dst string, from, to End) (string, error) {
	return c.text(ctx, fixedArgs(c.newCall(), "LMOVE", src, dst, string(from), string(to)))
}

// LMove queues LMOVE, see Client.LMove.
func (p *Pipe) LMove(src, dst string, from, to End) Reply[string] {
	return enqueue(p, fixedArgs(p.next(), "LMOVE", src, dst, string(from), string(to)), decodeText)
}

// BLPop removes and returns the head of the first list that has one, in the order of keys. It waits for one. wait is
// at least 1 ms, in whole milliseconds; 0 is for ever.
//
// On a Client a command that waits has a connection of its own meanwhile, of which there are Pool.Blocking. On a Conn it
// uses that one. If nothing came the error is Nil, after the whole wait and not before: a move of the connection, or a CLIENT
// UNBLOCK of somebody else, only interrupts the wait. When ctx ends, the command is unblocked from another connection with CLIENT
// UNBLOCK; an element that it has taken meanwhile is returned without an error, and nothing is lost. If the server does not answer
// that in time (10 ms, or four round trips if that is more, at most 500 ms) the connection is closed, and the *OpError has Sent
// true.
func (c *commands) BLPop(ctx context.Context, wait time.Duration, keys ...string) (key, value string, err error) {
	return c.popAny(ctx, "BLPOP", wait, keys, nil)
}

// BRPop removes and returns the tail of the first list that has one, in the order of keys. It waits as BLPop does.
func (c *commands) BRPop(ctx context.Context, wait time.Duration, keys ...string) (key, value string, err error) {
	return c.popAny(ctx, "BRPOP", wait, keys, nil)
}

// block runs a command that waits, for a reply of mode Encoded or Int. The caller frees the call.
func (c *commands) block(ctx context.Context, mode conn.Mode, wait time.Duration, args ...string) (*conn.Call, error) {
	q := c.newCall()
	if err := checkWait(args[0], wait); err != nil {
		return q, err
	}
	q.Mode, q.Req = mode, resp3.AppendCommand(q.Req, args...)
	w := waitingOf(args)
	w.op = operation{call: q, name: args[0], wait: w}
	err := c.run(ctx, &w.op)
	return q, orNil(err, q.Null)
}

// checkWait is for waits that callers give as a Duration.
func checkWait(name string, wait time.Duration) error {
	if wait < 0 || 0 < wait && wait < time.Millisecond || wait > maxWait {
		return fmt.Errorf("baton: %s: wait is %v, must be 0 (for ever) or from 1ms to %v", name, wait, maxWait)
	}
	return nil
}

// popAny runs a command that waits for an element in one of keys, with a score unless score is nil.
func (c *commands) popAny(ctx context.Context, name string, wait time.Duration, keys []string, score *float64) (key, value string, err error) {
	if len(keys) == 0 {
		return "", "", fmt.Errorf("baton: %s needs at least one key", name)
	}
	var room [8]string
	args := append(append(append(room[:0], name), keys...), waitText(wait, time.Second))
	q, err := c.block(ctx, conn.Encoded, wait, args...)
	defer q.Free()
	if err != nil {
		return "", "", err
	}
	values, w := 2, resp3.Walk(q.Block())
	if score != nil {
		values = 3
	}
	if err = tupleHeader(&w, values); err == nil {
		key, err = w.Text()
	}
	if err == nil {
		value, err = w.Text()
	}
	if err == nil && score != nil {
		*score, err = w.Float()
	}
	condemnMismatch(q, err)
	return key, value, err
}

// BLMove moves an element from one end of source to an end of destination and returns it. It waits as BLPop does.
func (c *commands) BLMove(ctx context.Context, wait time.Duration, source, destination string, from, to End) (string, error) {
	q, err := c.block(ctx, conn.Encoded, wait, "BLMOVE", source, destination, string(from), string(to), waitText(wait, time.Second))
	defer q.Free()
	if err != nil {
		return "", err
	}
	s, err := decodeText(q.Block())
	condemnMismatch(q, err)
	return s, err
}

package baton

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"github.com/baton-go/baton/conn"
	"github.com/baton-go/baton/resp3"
)

// block runs a command that waits. The caller frees the call.
func (c *commands) block(ctx context.Context, class Class, wait time.Duration, args ...string) (*conn.Call, error) {
	q := c.newCall()
	if err := checkWait(args[0], wait); err != nil {
		return q, err
	}
	q.Mode = conn.Value
	w := waitingOf(args)
	err := c.run(ctx, &operation{call: q, name: args[0], class: class, wait: w, alone: w})
	if err == nil && q.Val.IsNull() {
		err = Nil
	}
	return q, err
}

// BLPop removes and returns the head of the first list that has one, in the order of keys. It waits for one, at least
// 1 ms, what is less being cut off; 0 is for ever.
//
// On a Client a command that waits has a connection of its own meanwhile, of which there are Pool.Blocking. On a Conn it
// uses that one. If nothing came the error is Nil, after the whole wait and not before: maintenance that moves the connection,
// and whoever unblocks it, only interrupt the wait. When ctx ends, the command is called back from another connection with
// CLIENT UNBLOCK; what it has taken meanwhile is returned without an error, and nothing is lost. If the server does not
// answer that in time (10 ms, or four round trips if that is more, at most 500 ms) the connection is closed, and the *OpError has Sent true.
func (c *commands) BLPop(ctx context.Context, wait time.Duration, keys ...string) (key, value string, err error) {
	return c.popPair(ctx, "BLPOP", wait, keys)
}

// BRPop removes and returns the tail of the first list that has one, in the order of keys. It waits as BLPop does.
func (c *commands) BRPop(ctx context.Context, wait time.Duration, keys ...string) (key, value string, err error) {
	return c.popPair(ctx, "BRPOP", wait, keys)
}

func (c *commands) popPair(ctx context.Context, name string, wait time.Duration, keys []string) (key, value string, err error) {
	v, err := c.popAny(ctx, name, wait, keys, 2)
	if err != nil {
		return "", "", err
	}
	if key, err = v.Index(0).Text(); err != nil {
		return "", "", err
	}
	value, err = v.Index(1).Text()
	return key, value, err
}

func (c *commands) popAny(ctx context.Context, name string, wait time.Duration, keys []string, values int) (resp3.Value, error) {
	if len(keys) == 0 {
		return resp3.Value{}, fmt.Errorf("baton: %s needs at least one key", name)
	}
	args := append(append([]string{name}, keys...), waitText(wait, time.Second))
	q, err := c.block(ctx, WriteAccumulate, wait, args...)
	defer q.Free()
	if err == nil && q.Val.Len() != values {
		err = misshapen("reply has %d values where %d belong", q.Val.Len(), values)
		judge(q, err)
	}
	return q.Val, err
}

// BLMove takes an element off one end of source, puts it on an end of destination, and returns it. It waits as BLPop does.
func (c *commands) BLMove(ctx context.Context, wait time.Duration, source, destination string, from, to End) (string, error) {
	q, err := c.block(ctx, WriteAccumulate, wait, "BLMOVE", source, destination, string(from), string(to), waitText(wait, time.Second))
	defer q.Free()
	if err != nil {
		return "", err
	}
	s, err := q.Val.Text()
	judge(q, err)
	return s, err
}

// BZPopMin removes and returns the member with the lowest score of the first sorted set that has one. It waits as BLPop does.
func (c *commands) BZPopMin(ctx context.Context, wait time.Duration, keys ...string) (key, member string, score float64, err error) {
	return c.popScored(ctx, "BZPOPMIN", wait, keys)
}

// BZPopMax removes and returns the member with the highest score of the first sorted set that has one. It waits as BLPop does.
func (c *commands) BZPopMax(ctx context.Context, wait time.Duration, keys ...string) (key, member string, score float64, err error) {
	return c.popScored(ctx, "BZPOPMAX", wait, keys)
}

func (c *commands) popScored(ctx context.Context, name string, wait time.Duration, keys []string) (key, member string, score float64, err error) {
	v, err := c.popAny(ctx, name, wait, keys, 3)
	if err != nil {
		return "", "", 0, err
	}
	if key, err = v.Index(0).Text(); err == nil {
		member, err = v.Index(1).Text()
	}
	if err == nil {
		score, err = v.Index(2).Float()
	}
	return key, member, score, err
}

func aboutOwnWrites(name string) error {
	return fmt.Errorf("baton: %s is about the writes of its own connection: use Client.Conn", name)
}

// Wait waits until as many replicas have taken over what was written on this connection before, and returns how many
// have, which may be fewer when the wait is over: at least 1 ms, 0 for ever. It is for a Conn: on connections that are
// shared it would say nothing about the caller's writes, and is refused. If maintenance has moved the connection since the last write the error is ErrMoved.
func (c *commands) Wait(ctx context.Context, replicas int, wait time.Duration) (int64, error) {
	if c.held == nil {
		return 0, aboutOwnWrites("WAIT")
	}
	q, err := c.block(ctx, Read, wait, "WAIT", strconv.Itoa(replicas), waitText(wait, time.Millisecond))
	defer q.Free()
	if err != nil {
		return 0, err
	}
	n, err := q.Val.Int()
	judge(q, err)
	return n, err
}

package baton

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/baton-go/baton/conn"
	"github.com/baton-go/baton/resp3"
)

// ReadOptions say what to read of which streams.
type ReadOptions struct {
	// Streams and IDs belong together by place. Of a stream the messages behind the id are read: "0" from the first, "$" what is
	// added from now on, ">" (XReadGroup) what no consumer of the group has been given.
	Streams []string
	IDs     []StreamID
	Count   int // at most so many messages of a stream; 0: all
	// Block: wait for a message if there is none. Wait is for how long, at least 1 ms, 0 for ever.
	Block bool
	Wait  time.Duration
	NoAck bool // XReadGroup: messages need no XACK
}

// StreamMessages are messages of one stream.
type StreamMessages struct {
	Stream   string
	Messages []XMessage
}

// XRead returns messages of streams, Nil if there are none. With Block it waits, see BLPop. "$" is turned into the id of the
// last message when the wait begins, so that none is missed when maintenance moves the connection.
func (c *commands) XRead(ctx context.Context, o ReadOptions) ([]StreamMessages, error) {
	return c.readStreams(ctx, Read, []string{"XREAD"}, o)
}

// XReadGroup is XRead for a consumer of a group. The messages it is given are its own until it acknowledges them.
func (c *commands) XReadGroup(ctx context.Context, group, consumer string, o ReadOptions) ([]StreamMessages, error) {
	return c.readStreams(ctx, WriteAccumulate, []string{"XREADGROUP", "GROUP", group, consumer}, o)
}

func (c *commands) readStreams(ctx context.Context, class Class, args []string, o ReadOptions) ([]StreamMessages, error) {
	if len(o.Streams) == 0 || len(o.Streams) != len(o.IDs) {
		return nil, errors.New("baton: " + args[0] + " needs streams, and an id for each")
	}
	if o.Count < 0 {
		return nil, fmt.Errorf("baton: %s: COUNT is %d, must not be negative", args[0], o.Count)
	}
	if o.Count > 0 {
		args = append(args, "COUNT", strconv.Itoa(o.Count))
	}
	if o.Block {
		args = append(args, "BLOCK", waitText(o.Wait, time.Millisecond))
	}
	if o.NoAck {
		args = append(args, "NOACK")
	}
	args = append(append(args, "STREAMS"), o.Streams...)
	for _, id := range o.IDs {
		args = append(args, string(id))
	}
	op := &operation{name: args[0], class: class}
	if o.Block {
		if err := checkWait(args[0], o.Wait); err != nil {
			return nil, err
		}
		w := waitingOf(args)
		op.wait, op.alone = w, w
	}
	q := c.newCall()
	defer q.Free()
	q.Mode, q.Req = conn.Encoded, resp3.AppendCommand(q.Req, args...)
	op.call = q
	if err := c.run(ctx, op); err != nil {
		return nil, err
	}
	if q.Null {
		return nil, Nil
	}
	list, err := decodeStreams(q.Block())
	judge(q, err)
	return list, err
}

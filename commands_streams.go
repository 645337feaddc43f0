package baton

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/baton-go/baton/conn"
	"github.com/baton-go/baton/resp3"
)

// Trim says which messages of a stream stay. MaxLen counts only if MinID is empty. The zero value keeps none.
type Trim struct {
	MaxLen int64    // the newest messages, so many
	MinID  StreamID // the messages from this id on
	Approx bool     // a few more may stay, which is much cheaper for the server
}

// XPendingOptions select the messages that XPendingList returns.
type XPendingOptions struct {
	Idle     time.Duration // delivered at least so long ago, in whole milliseconds; 0: any
	From, To StreamID      // empty: from the first, to the last
	Count    int64         // at most; 0: 100
	Consumer string        // empty: of all consumers
}

func (r *request) trim(t Trim) {
	if t.MinID != "" {
		r.str("MINID")
	} else {
		r.str("MAXLEN")
	}
	r.flag(t.Approx, "~")
	switch {
	case t.MinID != "":
		r.str(string(t.MinID))
	case t.MaxLen < 0:
		r.fail(fmt.Errorf("MaxLen is %d, must not be negative", t.MaxLen))
	default:
		r.int(t.MaxLen)
	}
}

func xAdd(q *conn.Call, stream string, id StreamID, fieldsValues []string) request {
	return pairArgs(q, "XADD", "field and value", fieldsValues, stream, string(id))
}

func xAddTrim(q *conn.Call, stream string, id StreamID, t Trim, fieldsValues []string) request {
	r := command(q, "XADD")
	r.str(stream)
	r.trim(t)
	r.str(string(id))
	if len(fieldsValues) == 0 || len(fieldsValues)%2 != 0 {
		r.fail(fmt.Errorf("got %d texts, needs pairs of field and value", len(fieldsValues)))
	}
	r.strs(fieldsValues)
	return r
}

func xTrim(q *conn.Call, stream string, t Trim) request {
	r := command(q, "XTRIM")
	r.str(stream)
	r.trim(t)
	return r
}

func xRange(q *conn.Call, name, stream string, from, to StreamID, count int64) request {
	r := command(q, name)
	r.str(stream)
	r.str(string(from))
	r.str(string(to))
	r.limit("COUNT", count)
	return r
}

// ids is a command of fixed texts and a list of ids.
func ids(q *conn.Call, name string, ids []StreamID, fixed ...string) request {
	r := command(q, name)
	r.strs(fixed)
	r.ids(ids)
	return r
}

func (r *request) ids(ids []StreamID) {
	if len(ids) == 0 {
		r.fail(errors.New("needs at least one id"))
	}
	for _, id := range ids {
		r.str(string(id))
	}
}

func xGroupCreate(q *conn.Call, stream, group string, from StreamID, makeStream bool) request {
	r := command(q, "XGROUP")
	r.strs([]string{"CREATE", stream, group, string(from)})
	r.flag(makeStream, "MKSTREAM")
	return r
}

func xPendingList(q *conn.Call, stream, group string, o XPendingOptions) request {
	r := command(q, "XPENDING")
	r.strs([]string{stream, group})
	if o.Idle != 0 {
		r.str("IDLE")
		r.millis(o.Idle, 0)
	}
	r.str(cmp.Or(string(o.From), "-"))
	r.str(cmp.Or(string(o.To), "+"))
	r.int(cmp.Or(o.Count, 100))
	r.opt(o.Consumer)
	return r
}

func xClaim(q *conn.Call, stream, group, consumer string, minIdle time.Duration, ids []StreamID) request {
	r := command(q, "XCLAIM")
	r.strs([]string{stream, group, consumer})
	r.millis(minIdle, 0)
	r.ids(ids)
	return r
}

func xAutoClaim(q *conn.Call, stream, group, consumer string, minIdle time.Duration, from StreamID, count int64) request {
	r := command(q, "XAUTOCLAIM")
	r.strs([]string{stream, group, consumer})
	r.millis(minIdle, 0)
	r.str(string(from))
	r.limit("COUNT", count)
	return r
}

// XAdd adds a message to a stream and returns its id. The arguments alternate: field, value. AutoID lets the server choose
// the id.
func (c *commands) XAdd(ctx context.Context, stream string, id StreamID, fieldsValues ...string) (StreamID, error) {
	return fetch(ctx, c, xAdd(c.newCall(), stream, id, fieldsValues), decodeID)
}

// XAdd queues XADD, see Client.XAdd.
func (p *Pipe) XAdd(stream string, id StreamID, fieldsValues ...string) Reply[StreamID] {
	return enqueue(p, xAdd(p.next(), stream, id, fieldsValues), decodeID)
}

// XAddTrim is XAdd and XTrim in one command.
func (c *commands) XAddTrim(ctx context.Context, stream string, id StreamID, trim Trim, fieldsValues ...string) (StreamID, error) {
	return fetch(ctx, c, xAddTrim(c.newCall(), stream, id, trim, fieldsValues), decodeID)
}

// XAddTrim queues XADD with MAXLEN or MINID, see Client.XAddTrim.
func (p *Pipe) XAddTrim(stream string, id StreamID, trim Trim, fieldsValues ...string) Reply[StreamID] {
	return enqueue(p, xAddTrim(p.next(), stream, id, trim, fieldsValues), decodeID)
}

// XLen returns the number of messages of a stream, 0 if there is none.
func (c *commands) XLen(ctx context.Context, stream string) (int64, error) {
	return c.integer(ctx, fixedArgs(c.newCall(), "XLEN", stream))
}

// XLen queues XLEN, see Client.XLen.
func (p *Pipe) XLen(stream string) Reply[int64] {
	return enqueue(p, fixedArgs(p.next(), "XLEN", stream), decodeInt)
}

// XRange returns the messages of a stream from one id to another, both included, and at most count; 0 is all. FirstID and
// LastID are the ends of the stream. There are no messages if there is no such stream.
func (c *commands) XRange(ctx context.Context, stream string, from, to StreamID, count int64) ([]XMessage, error) {
	return fetch(ctx, c, xRange(c.newCall(), "XRANGE", stream, from, to, count), decodeMessages)
}

// XRange queues XRANGE, see Client.XRange.
func (p *Pipe) XRange(stream string, from, to StreamID, count int64) Reply[[]XMessage] {
	return enqueue(p, xRange(p.next(), "XRANGE", stream, from, to, count), decodeMessages)
}

// XRevRange is XRange in the opposite order: from is the later id.
func (c *commands) XRevRange(ctx context.Context, stream string, from, to StreamID, count int64) ([]XMessage, error) {
	return fetch(ctx, c, xRange(c.newCall(), "XREVRANGE", stream, from, to, count), decodeMessages)
}

// XRevRange queues XREVRANGE, see Client.XRevRange.
func (p *Pipe) XRevRange(stream string, from, to StreamID, count int64) Reply[[]XMessage] {
	return enqueue(p, xRange(p.next(), "XREVRANGE", stream, from, to, count), decodeMessages)
}

// XAck acknowledges messages in a group and returns how many were pending.
func (c *commands) XAck(ctx context.Context, stream, group string, messages ...StreamID) (int64, error) {
	return c.integer(ctx, ids(c.newCall(), "XACK", messages, stream, group))
}

// XAck queues XACK, see Client.XAck.
func (p *Pipe) XAck(stream, group string, messages ...StreamID) Reply[int64] {
	return enqueue(p, ids(p.next(), "XACK", messages, stream, group), decodeInt)
}

// XDel removes messages from a stream and returns how many there were.
func (c *commands) XDel(ctx context.Context, stream string, messages ...StreamID) (int64, error) {
	return c.integer(ctx, ids(c.newCall(), "XDEL", messages, stream))
}

// XDel queues XDEL, see Client.XDel.
func (p *Pipe) XDel(stream string, messages ...StreamID) Reply[int64] {
	return enqueue(p, ids(p.next(), "XDEL", messages, stream), decodeInt)
}

// XTrim removes the oldest messages of a stream and returns how many it has removed.
func (c *commands) XTrim(ctx context.Context, stream string, trim Trim) (int64, error) {
	return c.integer(ctx, xTrim(c.newCall(), stream, trim))
}

// XTrim queues XTRIM, see Client.XTrim.
func (p *Pipe) XTrim(stream string, trim Trim) Reply[int64] {
	return enqueue(p, xTrim(p.next(), stream, trim), decodeInt)
}

// XGroupCreate creates a group that gets the messages behind from; NewID stands for the last one. If there is no such stream,
// makeStream creates it; without makeStream the server answers with an error.
func (c *commands) XGroupCreate(ctx context.Context, stream, group string, from StreamID, makeStream bool) error {
	return c.status(ctx, xGroupCreate(c.newCall(), stream, group, from, makeStream))
}

// XGroupCreate queues XGROUP CREATE, see Client.XGroupCreate. The reply is OK.
func (p *Pipe) XGroupCreate(stream, group string, from StreamID, makeStream bool) Reply[string] {
	return enqueue(p, xGroupCreate(p.next(), stream, group, from, makeStream), decodeText)
}

// XGroupDestroy removes a group and reports whether there was one.
func (c *commands) XGroupDestroy(ctx context.Context, stream, group string) (bool, error) {
	return c.truth(ctx, fixedArgs(c.newCall(), "XGROUP", "DESTROY", stream, group))
}

// XGroupDestroy queues XGROUP DESTROY, see Client.XGroupDestroy.
func (p *Pipe) XGroupDestroy(stream, group string) Reply[bool] {
	return enqueue(p, fixedArgs(p.next(), "XGROUP", "DESTROY", stream, group), decodeTruth)
}

// XPending returns how many messages were delivered to a group and are not acknowledged. The server answers with an error if
// there is no such group.
func (c *commands) XPending(ctx context.Context, stream, group string) (XPendingSummary, error) {
	return fetch(ctx, c, fixedArgs(c.newCall(), "XPENDING", stream, group), decodePending)
}

// XPending queues XPENDING, see Client.XPending.
func (p *Pipe) XPending(stream, group string) Reply[XPendingSummary] {
	return enqueue(p, fixedArgs(p.next(), "XPENDING", stream, group), decodePending)
}

// XPendingList returns the messages that were delivered to a group and are not acknowledged.
func (c *commands) XPendingList(ctx context.Context, stream, group string, o XPendingOptions) ([]XPendingEntry, error) {
	return fetch(ctx, c, xPendingList(c.newCall(), stream, group, o), decodePendingList)
}

// XPendingList queues XPENDING with a range, see Client.XPendingList.
func (p *Pipe) XPendingList(stream, group string, o XPendingOptions) Reply[[]XPendingEntry] {
	return enqueue(p, xPendingList(p.next(), stream, group, o), decodePendingList)
}

// XClaim gives pending messages that were delivered at least minIdle ago to consumer and returns them.
// Fractions of a millisecond of minIdle are cut off.
func (c *commands) XClaim(ctx context.Context, stream, group, consumer string, minIdle time.Duration, messages ...StreamID) ([]XMessage, error) {
	return fetch(ctx, c, xClaim(c.newCall(), stream, group, consumer, minIdle, messages), decodeMessages)
}

// XClaim queues XCLAIM, see Client.XClaim.
func (p *Pipe) XClaim(stream, group, consumer string, minIdle time.Duration, messages ...StreamID) Reply[[]XMessage] {
	return enqueue(p, xClaim(p.next(), stream, group, consumer, minIdle, messages), decodeMessages)
}

// XAutoClaim is XClaim for the pending messages from an id on; "0-0" is the beginning. It claims at most count messages; 0
// leaves that to the server.
func (c *commands) XAutoClaim(ctx context.Context, stream, group, consumer string, minIdle time.Duration, from StreamID, count int64) (XAutoClaimed, error) {
	return fetch(ctx, c, xAutoClaim(c.newCall(), stream, group, consumer, minIdle, from, count), decodeAutoClaim)
}

// XAutoClaim queues XAUTOCLAIM, see Client.XAutoClaim.
func (p *Pipe) XAutoClaim(stream, group, consumer string, minIdle time.Duration, from StreamID, count int64) Reply[XAutoClaimed] {
	return enqueue(p, xAutoClaim(p.next(), stream, group, consumer, minIdle, from, count), decodeAutoClaim)
}

// ReadOptions say which messages to read from which streams.
type ReadOptions struct {
	// IDs has one id for each of Streams: the messages behind it are read. "0" means from the first, "$" those that are added
	// from now on, ">" (XReadGroup) those that no consumer of the group has received.
	Streams []string
	IDs     []StreamID
	Count   int // at most so many messages of a stream; 0: all
	// Block waits for a message if there is none, for the time Wait: at least 1 ms; 0 is for ever.
	Block bool
	Wait  time.Duration
	NoAck bool // XReadGroup: messages need no XACK
}

// StreamMessages are messages of one stream.
type StreamMessages struct {
	Stream   string
	Messages []XMessage
}

// XRead returns messages of streams, Nil if there are none. With Block it waits, see BLPop. "$" is replaced by the id of the
// last message when the wait begins, so that no message is missed when maintenance moves the connection.
func (c *commands) XRead(ctx context.Context, o ReadOptions) ([]StreamMessages, error) {
	return c.readStreams(ctx, []string{"XREAD"}, o)
}

// XReadGroup is XRead for a consumer of a group. Its messages are pending until it acknowledges them with XAck.
func (c *commands) XReadGroup(ctx context.Context, group, consumer string, o ReadOptions) ([]StreamMessages, error) {
	return c.readStreams(ctx, []string{"XREADGROUP", "GROUP", group, consumer}, o)
}

func (c *commands) readStreams(ctx context.Context, args []string, o ReadOptions) ([]StreamMessages, error) {
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
	op := &operation{name: args[0]}
	if o.Block {
		if err := checkWait(args[0], o.Wait); err != nil {
			return nil, err
		}
		op.wait = waitingOf(args)
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
	condemnMismatch(q, err)
	return list, err
}

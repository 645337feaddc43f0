package baton

import (
	"time"
)

// XAdd queues XADD, see Client.XAdd.
func (p *Pipe) XAdd(stream string, id StreamID, fieldsValues ...string) Reply[StreamID] {
	return enqueue(p, xAdd(p.next(), stream, id, fieldsValues), decodeID)
}

// XAddTrim queues XADD with MAXLEN or MINID, see Client.XAddTrim.
func (p *Pipe) XAddTrim(stream string, id StreamID, trim Trim, fieldsValues ...string) Reply[StreamID] {
	return enqueue(p, xAddTrim(p.next(), stream, id, trim, fieldsValues), decodeID)
}

// XLen queues XLEN, see Client.XLen.
func (p *Pipe) XLen(stream string) Reply[int64] {
	return enqueue(p, words(p.next(), "XLEN", stream), decodeInt)
}

// XRange queues XRANGE, see Client.XRange.
func (p *Pipe) XRange(stream string, from, to StreamID, count int64) Reply[[]XMessage] {
	return enqueue(p, xRange(p.next(), "XRANGE", stream, from, to, count), decodeMessages)
}

// XRevRange queues XREVRANGE, see Client.XRevRange.
func (p *Pipe) XRevRange(stream string, from, to StreamID, count int64) Reply[[]XMessage] {
	return enqueue(p, xRange(p.next(), "XREVRANGE", stream, from, to, count), decodeMessages)
}

// XAck queues XACK, see Client.XAck.
func (p *Pipe) XAck(stream, group string, messages ...StreamID) Reply[int64] {
	return enqueue(p, ids(p.next(), "XACK", messages, stream, group), decodeInt)
}

// XDel queues XDEL, see Client.XDel.
func (p *Pipe) XDel(stream string, messages ...StreamID) Reply[int64] {
	return enqueue(p, ids(p.next(), "XDEL", messages, stream), decodeInt)
}

// XTrim queues XTRIM, see Client.XTrim.
func (p *Pipe) XTrim(stream string, trim Trim) Reply[int64] {
	return enqueue(p, xTrim(p.next(), stream, trim), decodeInt)
}

// XGroupCreate queues XGROUP CREATE, see Client.XGroupCreate. The reply is OK.
func (p *Pipe) XGroupCreate(stream, group string, from StreamID, makeStream bool) Reply[string] {
	return enqueue(p, xGroupCreate(p.next(), stream, group, from, makeStream), decodeStatus)
}

// XGroupDestroy queues XGROUP DESTROY, see Client.XGroupDestroy.
func (p *Pipe) XGroupDestroy(stream, group string) Reply[bool] {
	return enqueue(p, words(p.next(), "XGROUP", "DESTROY", stream, group), decodeTruth)
}

// XPending queues XPENDING, see Client.XPending.
func (p *Pipe) XPending(stream, group string) Reply[XPendingSummary] {
	return enqueue(p, words(p.next(), "XPENDING", stream, group), decodePending)
}

// XPendingList queues XPENDING with a range, see Client.XPendingList.
func (p *Pipe) XPendingList(stream, group string, o XPendingOptions) Reply[[]XPendingEntry] {
	return enqueue(p, xPendingList(p.next(), stream, group, o), decodePendingList)
}

// XClaim queues XCLAIM, see Client.XClaim.
func (p *Pipe) XClaim(stream, group, consumer string, minIdle time.Duration, messages ...StreamID) Reply[[]XMessage] {
	return enqueue(p, xClaim(p.next(), stream, group, consumer, minIdle, messages), decodeMessages)
}

// XAutoClaim queues XAUTOCLAIM, see Client.XAutoClaim.
func (p *Pipe) XAutoClaim(stream, group, consumer string, minIdle time.Duration, from StreamID, count int64) Reply[XAutoClaimed] {
	return enqueue(p, xAutoClaim(p.next(), stream, group, consumer, minIdle, from, count), decodeAutoClaim)
}

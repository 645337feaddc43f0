package conn

import (
	"net"

	"github.com/baton-go/baton/internal/blocks"
)

// The first bytes of a very large argument are copied and written by themselves, so that the server is awake and reads in
// step: on the loopback interface 1 MiB arrives in a third of the time then (docs/decisions/0012).
const (
	splitAbove = 256 << 10
	firstPart  = 32 << 10
)

// outbox has the requests that a link has still to write. It is guarded by link.mu.
type outbox struct {
	pending     []byte   // requests queued and not handed to the socket
	inserts     *inserts // what belongs between these bytes; nil before the first large request
	spare       []byte   // the buffer to queue into while pending is written
	load        *load    // owned by the writer; nil while the link is idle
	leaving     int      // bytes handed to the socket that it has not taken yet
	unanswered  int      // request bytes queued or sent and not yet answered
	handed      uint64   // places below this number have been handed to the socket, at least in part
	writing     bool     // somebody writes
	takesAtOnce bool     // the socket can be asked to take what it takes without waiting; never changes
}

// inserts are parts of requests that are written from where they are.
type inserts struct {
	list    []insert
	size    int  // bytes
	borrows bool // some of it is memory of the caller that writes
}

type insert struct {
	at   int // place in outbox.pending
	text []byte
}

// load is what one write is to send. It survives a write that the socket has taken a part of.
type load struct {
	buf     []byte      // requests without their inserts
	parts   net.Buffers // what the socket has not taken, with the inserts in their places; nil: the whole of buf
	room    net.Buffers // the memory of parts
	first   uint64      // place of its first request
	taken   int         // bytes that the socket has taken
	borrows bool        // parts has memory of the caller that writes
	socket  *atOnce     // made with the first load that needs it
}

// add queues the request of q. Large parts are not copied: texts, since they cannot change, and everything else if borrow is
// set, which says that the caller who owns it is going to write it.
func (o *outbox) add(q *Call, byReference, borrow bool) {
	if !byReference {
		o.pending = q.AppendWire(o.pending)
		return
	}
	at := 0
	for i := range q.Refs {
		r := &q.Refs[i]
		o.put(q.Req[at:r.At], borrow, borrow)
		o.pending = appendLength(o.pending, len(r.Text))
		o.put(r.Text, borrow || !r.Borrowed, r.Borrowed)
		at = r.At + len(emptyText) - len(crlf)
	}
	o.put(q.Req[at:], borrow, borrow)
}

// put adds bytes by reference if they are many and that is possible.
func (o *outbox) put(b []byte, byReference, borrowed bool) {
	if len(b) < RefAbove || !byReference {
		o.pending = append(blocks.Grow(o.pending, len(b)), b...)
		return
	}
	if len(b) >= splitAbove {
		o.pending = append(blocks.Grow(o.pending, firstPart), b[:firstPart]...)
		b = b[firstPart:]
	}
	if o.inserts == nil {
		o.inserts = new(inserts)
	}
	in := o.inserts
	in.list = append(in.list, insert{at: len(o.pending), text: b})
	in.size += len(b)
	in.borrows = in.borrows || borrowed
}

// size is the number of bytes that are queued.
func (o *outbox) size() int {
	if o.inserts == nil {
		return len(o.pending)
	}
	return len(o.pending) + o.inserts.size
}

// take makes all that is queued the load, unless a part of the last one is left. tail is the place of the next request.
func (o *outbox) take(tail uint64) {
	if o.leaving > 0 {
		return
	}
	if o.load == nil {
		o.load = new(load)
	}
	d := o.load
	d.buf, d.parts, d.first, d.taken, d.borrows = o.pending, nil, o.handed, 0, false
	o.handed, o.leaving = tail, o.size()
	if in := o.inserts; in != nil && in.size > 0 {
		at := 0
		d.room = d.room[:0]
		for _, i := range in.list {
			d.room = append(d.room, o.pending[at:i.at], i.text)
			at = i.at
		}
		d.room = append(d.room, o.pending[at:])
		d.parts, d.borrows = d.room, in.borrows
		clear(in.list)
		*in = inserts{list: in.list[:0]}
	}
	o.pending, o.spare = o.spare[:0], nil
}

// sent drops the load, which the socket has taken or which nobody will write any more, and keeps its buffer.
func (o *outbox) sent() {
	buf := o.load.buf
	o.load.buf, o.leaving = nil, 0
	if cap(buf) <= writeAbove {
		o.spare = buf[:0]
	} else {
		blocks.Recycle(buf)
	}
}

// shrink gives memory back when the link is idle.
func (o *outbox) shrink() {
	o.pending, o.spare = emptied(o.pending, keepIdle), emptied(o.spare, keepIdle)
	if !o.writing {
		o.load, o.inserts = nil, nil
	}
}

// drop forgets what is queued. The load is left to the writer.
func (o *outbox) drop() {
	o.pending, o.spare, o.inserts, o.unanswered = nil, nil, nil, 0
}

// writeTo writes the rest of the load, for as long as it takes.
func (d *load) writeTo(nc net.Conn) error {
	if d.parts == nil {
		n, err := nc.Write(d.buf)
		d.taken += n
		return err
	}
	n, err := d.parts.WriteTo(nc)
	d.taken += int(n)
	return err
}

// writeAtOnce writes of the load what the socket takes without waiting, and reports whether that was all. The rest is in
// memory that nobody else changes.
func (d *load) writeAtOnce(nc net.Conn) (whole bool, err error) {
	if d.socket == nil {
		d.socket = newAtOnce(nc)
	}
	if d.parts == nil {
		d.room = append(d.room[:0], d.buf)
		d.parts = d.room
	}
	for n, ready := 0, d.socket != nil; ready && err == nil && len(d.parts) > 0; {
		next := d.parts
		if d.taken == 0 && len(d.parts[0]) >= firstPart {
			next = d.parts[:1]
		}
		size := 0
		for _, p := range next {
			size += len(p)
		}
		n, err = d.socket.write(next)
		d.took(n)
		ready = n == size
	}
	if whole = len(d.parts) == 0; !whole && err == nil {
		d.own()
	}
	return whole, err
}

// took removes the first n bytes of parts.
func (d *load) took(n int) {
	d.taken += n
	for len(d.parts) > 0 && n >= len(d.parts[0]) {
		n -= len(d.parts[0])
		d.parts[0], d.parts = nil, d.parts[1:]
	}
	if n > 0 {
		d.parts[0] = d.parts[0][n:]
	}
}

// own copies the rest of the load if a part of it is memory of the caller, who is about to leave the writing to another.
func (d *load) own() {
	if !d.borrows {
		return
	}
	size := 0
	for _, p := range d.parts {
		size += len(p)
	}
	rest := blocks.Grow(nil, size)
	for _, p := range d.parts {
		rest = append(rest, p...)
	}
	clear(d.room)
	blocks.Recycle(d.buf)
	d.room = append(d.room[:0], rest)
	d.buf, d.parts, d.borrows = rest, d.room, false
}

package conn

import (
	"slices"
	"strconv"
	"unsafe"

	"github.com/baton-go/baton/internal/blocks"
)

// RefAbove is the size in bytes from which on an argument is worth a Ref.
const RefAbove = 16 << 10

// Ref is a large argument that is sent from where the caller has it. An empty argument stands for it in Call.Req, so that
// Req is a whole request for whoever reads it.
type Ref struct {
	At       int // where in Req the empty argument begins
	Text     []byte
	Borrowed bool // Text may change as soon as Do has returned
}

const emptyText = "$0\r\n\r\n"

// ReferString makes the empty argument that begins at a place in Req stand for s.
func (q *Call) ReferString(at int, s string) {
	q.refer(Ref{At: at, Text: unsafe.Slice(unsafe.StringData(s), len(s))}) // nobody writes to it
}

// ReferBytes makes the empty argument that begins at a place in Req stand for b, which must not change before Do has returned.
func (q *Call) ReferBytes(at int, b []byte) {
	q.refer(Ref{At: at, Text: b, Borrowed: true})
}

func (q *Call) refer(r Ref) { q.Refs, q.refers = append(q.Refs, r), true }

// size is the number of bytes of the request on the wire.
func (q *Call) size() int {
	n := len(q.Req)
	if !q.refers { // Refs may not be in the cache
		return n
	}
	for i := range q.Refs {
		n += len(q.Refs[i].Text) - 1 + decimals(len(q.Refs[i].Text))
	}
	return n
}

func decimals(n int) (d int) {
	for ; n > 0; n /= 10 {
		d++
	}
	return d
}

// AppendWire appends the request as it is sent.
func (q *Call) AppendWire(dst []byte) []byte {
	if !q.refers {
		return append(blocks.Grow(dst, len(q.Req)), q.Req...)
	}
	dst, at := blocks.Grow(dst, q.size()), 0
	for i := range q.Refs {
		r := &q.Refs[i]
		dst = appendLength(append(dst, q.Req[at:r.At]...), len(r.Text))
		dst = append(dst, r.Text...)
		at = r.At + len(emptyText) - len(crlf)
	}
	return append(dst, q.Req[at:]...)
}

// Inline copies the arguments into Req for which empty ones stand there.
func (q *Call) Inline() {
	if q.refers {
		q.Req = q.AppendWire(nil)
		q.dropRefs()
	}
}

func (q *Call) dropRefs() {
	clear(q.Refs)
	q.Refs, q.refers = q.Refs[:0], false
}

// DropFront removes the first n bytes of Req, which are whole commands.
func (q *Call) DropFront(n int) {
	q.Req = q.Req[n:]
	kept := q.Refs[:0]
	for _, r := range q.Refs {
		if r.At -= n; r.At >= 0 {
			kept = append(kept, r)
		}
	}
	clear(q.Refs[len(kept):])
	q.Refs = kept
}

// InsertAt puts b in front of place at of Req.
func (q *Call) InsertAt(at int, b []byte) {
	q.Req = slices.Insert(q.Req, at, b...)
	for i := range q.Refs {
		if r := &q.Refs[i]; r.At >= at {
			r.At += len(b)
		}
	}
}

func appendLength(dst []byte, n int) []byte {
	return append(strconv.AppendInt(append(dst, '$'), int64(n), 10), "\r\n"...)
}

package resp3

import (
	"errors"
	"fmt"
	"io"
	"math/bits"
	"sync"

	"github.com/baton-go/baton/internal/errs"
)

// Sizes of the buffers of a Reader in bytes.
const (
	tinyBuffer   = 512       // for the read that waits on an idle link
	firstBuffer  = 16 << 10  // normal
	busyBuffer   = 128 << 10 // once reads fill a normal one; a value of 64 KiB comes with one read
	pooledBuffer = 1 << 20   // the largest that is pooled; only large frames need so much
)

// pools hold buffers of 16 KiB, 32 KiB, ... 1 MiB for all Readers.
var pools [7]sync.Pool

// poolOf returns the pool of buffers of exactly n bytes, nil if there is none.
func poolOf(n int) *sync.Pool {
	if n < firstBuffer || n > pooledBuffer || n&(n-1) != 0 {
		return nil
	}
	return &pools[bits.TrailingZeros(uint(n/firstBuffer))]
}

var errNegativeRead = errors.New("resp3: the source returned an impossible count of bytes")

// fill reads from the source once. Bytes move in the buffer here and nowhere else, but for the CRLF that ReadBody puts into an
// empty one.
func (r *Reader) fill() error {
	if r.mode == dead {
		return r.err
	}
	if r.mode == inside && r.w-r.r > r.scan.maxFrame {
		return r.broken(&SyntaxError{Reason: fmt.Sprintf("frame of more than %d bytes", r.scan.maxFrame)})
	}
	r.room()
	n, err := r.read(r.buf[r.w:])
	r.full = n == len(r.buf)-r.w
	r.w += n
	return err
}

// read takes bytes from the source. Without an error there is at least one. Any error but a timeout ends the stream.
func (r *Reader) read(p []byte) (n int, err error) {
	err, r.late = r.late, nil
	for tries := 0; n == 0 && err == nil; tries++ {
		if tries == 100 {
			err = io.ErrNoProgress
			break
		}
		if n, err = r.src.Read(p); n < 0 || n > len(p) {
			n, err = 0, errNegativeRead
		}
	}
	switch {
	case n > 0:
		r.received += int64(n)
		r.late = err
		return n, nil
	case errs.IsTimeout(err):
		return 0, err
	case err == io.EOF && r.mode != between:
		err = io.ErrUnexpectedEOF
	}
	r.mode, r.err = dead, err
	return 0, err
}

// room makes space to read into. The buffered bytes come to the front; the buffer grows if they fill three quarters of it, or if the
// last read filled it. So it is never above 8/3 of the bytes that a large frame has so far.
func (r *Reader) room() {
	r.share.text = "" // bytes are about to move
	have, size := r.w-r.r, len(r.buf)
	switch {
	case size == 0:
		size = firstBuffer
	case 4*have > 3*size:
		size = max(2*size, firstBuffer)
	case size < firstBuffer && (have > 0 || r.full):
		size = firstBuffer
	case size < busyBuffer && r.full:
		size = busyBuffer
	case size > busyBuffer && have < busyBuffer/2:
		size = busyBuffer
	}
	if size == len(r.buf) {
		if r.r > 0 {
			copy(r.buf, r.buf[r.r:r.w])
			r.r, r.w = 0, have
		}
		return
	}
	var box *[]byte
	if p := poolOf(size); p != nil {
		box, _ = p.Get().(*[]byte)
	}
	if box == nil {
		box = new([]byte)
		*box = make([]byte, size)
	}
	copy(*box, r.buf[r.r:r.w])
	r.release()
	r.buf, r.box, r.w, r.full = *box, box, have, false
}

// release gives the buffer back.
func (r *Reader) release() {
	if r.box != nil {
		if p := poolOf(len(*r.box)); p != nil {
			p.Put(r.box)
		}
	}
	r.buf, r.box, r.r, r.w = nil, nil, 0, 0
}

// Shrink gives the buffer back if nothing is buffered. The next read waits with a buffer of 512 bytes, so an idle link costs little.
// Frames become invalid.
func (r *Reader) Shrink() {
	if r.r != r.w {
		return
	}
	r.release()
	r.share.text = ""
	if r.tiny == nil {
		r.tiny = make([]byte, tinyBuffer)
	}
	r.buf, r.full = r.tiny, false
}

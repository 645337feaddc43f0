package resp3

import (
	"errors"
	"fmt"
	"io"

	"github.com/baton-go/baton/internal/errs"
)

// Reader reads values from a byte stream. It buffers, so the bytes of its
// source belong to it alone. It starts no goroutine and is for one goroutine
// at a time.
//
// Errors of the source that are timeouts (they have a method Timeout that
// reports true) are returned as they are and lose nothing: the next call goes
// on in the same place. Every other error ends the stream and comes again.
type Reader struct {
	src  io.Reader
	scan scanner

	// mode comes first in every call. Only in between can a frame be found
	// without the scanner.
	mode mode
	err  error // why the stream ended; with mode dead
	late error // came from the source together with bytes; due when these are used up

	buf  []byte  // the buffer; r and w are places in it
	box  *[]byte // what to give back to the pool for it; nil for a tiny one
	r, w int     // first byte not consumed, first byte not filled
	tiny []byte  // kept for the next time the link is idle

	received int64 // bytes taken from the source
	besides  int64 // of those, pushes and attributes in front of values, all consumed
	left     int   // payload bytes of the open frame not yet read
	full     bool  // the last read filled the buffer
	share    share
}

// mode is where the stream stands.
type mode byte

const (
	between mode = iota // in front of a value
	inside              // the scanner has begun one
	payload             // in the payload of an open frame
	trailer             // in front of the CRLF behind it
	dead                // at the end, for the reason in err
)

// ErrBody is what Next, Buffered and ReadValue return while the payload of an
// open frame has not been read to its end. It does no harm to the stream.
var ErrBody = errors.New("resp3: the payload of an open frame is not read yet")

var errNegativeRead = errors.New("resp3: the source returned an impossible count of bytes")

// NewReader returns a Reader of r with the given limits; 0 and negative ones
// mean the defaults. It takes a buffer at the first read.
func NewReader(r io.Reader, l Limits) *Reader {
	return &Reader{src: r, scan: scanner{bounds: l.bounds()}}
}

// SetStream makes Next and Buffered return bulk strings of more than n bytes
// as open frames as soon as their header is there, unless they are part of an
// aggregate. 0, the default, means never. It takes effect with the next frame.
func (r *Reader) SetStream(n int) { r.scan.stream = max(n, 0) }

// Received returns how many bytes were taken from the source so far.
func (r *Reader) Received() int64 { return r.received }

// Replied returns how many of the bytes received belong to replies, whole or in
// part. Pushes do not, nor do the attributes in front of a value: a peer can send
// them for ever and answer nothing. What is buffered is judged as far as Buffered
// and Next have looked at it.
func (r *Reader) Replied() int64 {
	n := r.received - r.besides
	if r.mode == inside {
		n -= int64(r.w-r.r) - int64(r.begun())
	}
	return n
}

// Partial reports whether a part of a reply is buffered whose end has not come.
// The beginning of a push or of an attribute is none. It means something after
// Buffered has found no whole frame, or Next has returned a timeout.
func (r *Reader) Partial() bool { return r.mode == inside && r.begun() > 0 }

// Begun returns what is buffered of a frame whose end has not come, without the
// attributes in front; nil if none has begun. It means something where Partial
// does, and is valid until the next call.
func (r *Reader) Begun() []byte {
	if r.mode != inside {
		return nil
	}
	return r.buf[r.r+r.scan.head : r.w]
}

// begun returns how many bytes of a reply the frame has that the scanner is in.
func (r *Reader) begun() int {
	b := r.Begun()
	if len(b) == 0 || Kind(b[0]) == Push || Kind(b[0]) == Attribute {
		return 0
	}
	return len(b)
}

// Next returns the next frame. It reads from the source until a whole one is
// buffered and never asks for more than that, so it does not wait for bytes
// that the frame has not promised.
//
// The error is io.EOF if the source ends between two values,
// io.ErrUnexpectedEOF if it ends inside one, a [*SyntaxError] for what is not
// RESP or passes a limit, [ErrBody], or an error of the source.
func (r *Reader) Next() (f Frame, err error) {
	err = r.await(&f)
	return f, err
}

// await is Next. Frames are passed by pointer inside, they are long.
func (r *Reader) await(f *Frame) error {
	for {
		if ok, err := r.take(f); ok || err != nil {
			return err
		}
		if err := r.fill(); err != nil {
			return err
		}
	}
}

// Buffered is Next that never reads from the source: ok is false if no whole
// frame is buffered. Errors that the source has already given are left to Next.
func (r *Reader) Buffered() (f Frame, ok bool, err error) {
	ok, err = r.take(&f)
	return f, ok, err
}

// take is Buffered. The most common case comes first: nothing begun, and a
// scalar that is wholly buffered.
func (r *Reader) take(f *Frame) (ok bool, err error) {
	if r.mode != between {
		return r.scanned(f)
	}
	b := r.buf[r.r:r.w]
	if len(b) == 0 {
		return false, nil
	}
	limit := r.scan.bulk
	if r.scan.stream > 0 {
		limit = min(limit, r.scan.stream)
	}
	head, end := quick(b, 0, limit)
	if end == 0 {
		r.scan.reset()
		r.mode = inside
		return r.scanned(f)
	}
	r.r += end
	f.Kind, f.seen = Kind(b[0]), kindBit(b[0])
	f.Elems, f.Bytes, f.head = 1, b[:end:end], uint32(head)
	return true, nil
}

// scanned goes on with the scanner where it stopped.
func (r *Reader) scanned(f *Frame) (bool, error) {
	switch r.mode {
	case payload, trailer:
		return false, ErrBody
	case dead:
		if _, ok := r.err.(*SyntaxError); ok {
			return false, r.err
		}
		return false, nil
	}
	b := r.buf[r.r:r.w]
	s := &r.scan
	if len(b) < s.need {
		return false, nil
	}
	done, err := s.scan(b)
	if err != nil {
		return false, r.broken(err)
	}
	if !done {
		return false, nil
	}
	f.Kind, f.seen = Kind(b[s.head]), s.seen
	f.Attrs, f.Elems, f.Bytes, f.Open = s.head, s.elems, b[:s.pos:s.pos], s.open
	if r.besides += int64(s.head); f.Kind == Push {
		r.besides += int64(s.pos - s.head)
	}
	r.r += s.pos
	r.mode = between
	if s.open > 0 {
		r.mode, r.left = payload, s.open
	}
	return true, nil
}

// broken ends the stream for a syntax error, which counts from the first byte
// not consumed.
func (r *Reader) broken(err error) error {
	if e, ok := err.(*SyntaxError); ok {
		e.Offset += r.received - int64(r.w-r.r)
	}
	r.mode, r.err = dead, err
	return err
}

// fill reads from the source once. Bytes move in the buffer here and nowhere
// else.
func (r *Reader) fill() error {
	if r.mode == dead {
		return r.err
	}
	if err := r.late; err != nil {
		r.late = nil
		return r.ended(err)
	}
	if have := r.w - r.r; r.mode == inside && have > r.scan.frame {
		return r.broken(&SyntaxError{What: fmt.Sprintf("frame of more than %d bytes", r.scan.frame)})
	}
	r.share.forget()
	r.room()
	n, err := r.read(r.buf[r.w:])
	r.full = n == len(r.buf)-r.w
	r.w += n
	if n > 0 {
		r.late = err
		return nil
	}
	return r.ended(err)
}

// read takes bytes from the source. Without an error there is at least one.
func (r *Reader) read(p []byte) (int, error) {
	for range 100 {
		n, err := r.src.Read(p)
		if n < 0 || n > len(p) {
			return 0, errNegativeRead
		}
		r.received += int64(n)
		if n > 0 || err != nil {
			return n, err
		}
	}
	return 0, io.ErrNoProgress
}

// ended turns an error of the source into what the caller gets.
func (r *Reader) ended(err error) error {
	if errs.IsTimeout(err) {
		return err
	}
	if err == io.EOF && r.mode != between {
		err = io.ErrUnexpectedEOF
	}
	r.mode, r.err = dead, err
	return err
}

// room makes space to read into. What is buffered comes to the front; the
// buffer grows if that fills three quarters of it, or if the last read filled
// it. So it is never above 8/3 of the bytes that a large frame has so far.
func (r *Reader) room() {
	have := r.w - r.r
	size := len(r.buf)
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
	box := getBuffer(size)
	copy(*box, r.buf[r.r:r.w])
	r.release()
	r.buf, r.box, r.r, r.w = *box, box, 0, have
	r.full = false
}

// release gives the buffer back.
func (r *Reader) release() {
	if r.box != nil {
		putBuffer(r.box)
	}
	r.buf, r.box, r.r, r.w = nil, nil, 0, 0
}

// Shrink gives the buffer back if nothing is buffered. The next read waits
// with a buffer of 512 bytes, so an idle link costs little. Frames become
// invalid.
func (r *Reader) Shrink() {
	if r.r != r.w {
		return
	}
	r.release()
	r.share.forget()
	if r.tiny == nil {
		r.tiny = make([]byte, tinyBuffer)
	}
	r.buf, r.full = r.tiny, false
}

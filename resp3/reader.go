package resp3

import (
	"errors"
	"io"
)

// Reader reads values from a byte stream. It buffers, so the bytes of its source belong to it alone. It starts no goroutine and is
// for one goroutine at a time.
//
// Errors of the source that are timeouts (they have a method Timeout that reports true) are returned as they are and lose nothing:
// the next call goes on in the same place. Every other error ends the stream and is returned again by every further call.
type Reader struct {
	src  io.Reader
	scan scanner

	// mode comes first in every call. Only in mode between can a frame be found without the scanner.
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

// ErrBody is the error of Next, Buffered and ReadValue while the payload of an open frame has not been read to its end. The stream
// is unharmed.
var ErrBody = errors.New("resp3: the payload of an open frame is not read yet")

// NewReader returns a Reader of r with the given limits; 0 and negative ones mean the defaults. It takes a buffer at the first read.
func NewReader(r io.Reader, l Limits) *Reader {
	return &Reader{src: r, scan: scanner{bounds: l.bounds()}}
}

// SetStream makes Next and Buffered return bulk strings of more than n bytes as open frames as soon as their header is there, unless
// they are part of an aggregate. 0, the default, means never. It takes effect with the next frame.
func (r *Reader) SetStream(n int) { r.scan.stream = max(n, 0) }

// Replied returns how many of the bytes received belong to replies, whole or in part. Pushes do not, nor do the attributes in front
// of a value: a peer can send them for ever and answer nothing. Buffered bytes are judged as far as Buffered and Next have looked
// at them.
func (r *Reader) Replied() int64 {
	n := r.received - r.besides
	if r.mode == inside {
		n -= int64(r.w-r.r) - int64(r.begun())
	}
	return n
}

// Partial reports whether a part of a reply is buffered whose end has not come. The beginning of a push or of an attribute does not
// count. The result is valid after Buffered has found no whole frame, or Next has returned a timeout.
func (r *Reader) Partial() bool { return r.begun() > 0 }

// Begun returns the buffered part of a frame whose end has not come, without the attributes in front; nil if none has begun. The
// result is valid when that of Partial is, and until the next call.
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

// Next returns the next frame. It reads from the source until a whole one is buffered and never asks for more than that, so it does
// not wait for bytes that the frame has not promised.
//
// The error is io.EOF if the source ends between two values, io.ErrUnexpectedEOF if it ends inside one, a [*SyntaxError] for bytes
// that are not RESP or exceed a limit, [ErrBody], or an error of the source.
func (r *Reader) Next() (f Frame, err error) {
	for {
		if ok, err := r.take(&f); ok || err != nil {
			return f, err
		}
		if err := r.fill(); err != nil {
			return f, err
		}
	}
}

// Buffered is Next that never reads from the source: ok is false if no whole frame is buffered. Errors that the source has already
// given are left to Next.
func (r *Reader) Buffered() (f Frame, ok bool, err error) {
	ok, err = r.take(&f)
	return f, ok, err
}

// take is Buffered; a Frame is long, so it goes by pointer. The most common case comes first: a whole scalar.
func (r *Reader) take(f *Frame) (ok bool, err error) {
	if r.mode != between {
		return r.scanned(f)
	}
	b := r.buf[r.r:r.w]
	if len(b) == 0 {
		return false, nil
	}
	limit := r.scan.maxBulk
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
	complete, err := s.scan(b)
	if err != nil {
		return false, r.broken(err.(*SyntaxError))
	}
	if !complete {
		return false, nil
	}
	f.Kind, f.seen = Kind(b[s.head]), s.seen
	f.Attrs, f.Elems, f.tags = s.head, s.values, uint32(s.tags)
	f.Bytes, f.Open = b[:s.pos:s.pos], s.openLen
	if r.besides += int64(s.head); f.Kind == Push {
		r.besides += int64(s.pos - s.head)
	}
	r.r += s.pos
	r.mode = between
	if s.openLen > 0 {
		r.mode, r.left = payload, s.openLen
	}
	return true, nil
}

// broken ends the stream for an error whose offset counts from the first byte not consumed.
func (r *Reader) broken(err *SyntaxError) error {
	err.Offset += r.received - int64(r.w-r.r)
	r.mode, r.err = dead, err
	return err
}

// directRead is the payload up to which one read through the buffer, CRLF included, is cheaper than one for the payload and one for
// the CRLF.
const directRead = 4 << 10

// Body returns how many payload bytes of the open frame are not read yet.
func (r *Reader) Body() int { return r.left }

// ReadBody reads payload of the open frame into p: first the buffered bytes, then straight from the source. The error is io.EOF once
// the payload and the CRLF behind it have been read, and from then on; a p at least two bytes longer than Body saves a read of the
// CRLF alone. It may use all of p as scratch space. Other errors are those of Next; after a timeout it goes on in the same place.
func (r *Reader) ReadBody(p []byte) (int, error) {
	switch r.mode {
	case trailer:
		return 0, r.endBody()
	case dead:
		return 0, r.err
	case between, inside:
		return 0, io.EOF
	}
	if len(p) == 0 {
		return 0, nil
	}
	if r.r == r.w {
		if r.left > directRead || len(p) >= r.left+2 {
			return r.readDirect(p[:min(len(p), r.left+2)])
		}
		if err := r.fill(); err != nil {
			return 0, err
		}
	}
	n := copy(p[:min(len(p), r.left)], r.buf[r.r:r.w])
	r.r += n
	return r.passed(n), nil
}

// readDirect reads payload, and perhaps a part of the CRLF behind it, which goes into the buffer.
func (r *Reader) readDirect(p []byte) (int, error) {
	got, err := r.read(p)
	if err != nil {
		return 0, err
	}
	n := min(got, r.left)
	if got > n {
		r.room()
		r.w += copy(r.buf[r.w:], p[n:got])
	}
	return r.passed(n), nil
}

func (r *Reader) passed(n int) int {
	if r.left -= n; r.left == 0 {
		r.mode = trailer
	}
	return n
}

// endBody reads the CRLF behind the payload.
func (r *Reader) endBody() error {
	for r.w-r.r < 2 {
		if err := r.fill(); err != nil {
			return err
		}
	}
	if crlfAt(r.buf[:r.w], r.r) == 0 {
		return r.broken(&SyntaxError{Reason: "no CRLF behind the payload of a bulk string"})
	}
	r.r += 2
	r.mode = between
	return io.EOF
}

// Sizes of the blocks that values of one stream may share. They are small, so that a kept value does not keep much else.
const (
	shareText   = 4 << 10 // bytes of encoding
	shareElems  = 63      // values: a block of 1,536 bytes with what the allocator adds
	shareValues = 16      // the most values of a frame that shares
)

// share is memory that small values read one after another have in common: a string of buffered bytes, and places for elements.
type share struct {
	text  string
	from  int // place of text in the buffer
	elems []Value
}

// ReadValue returns the next value in memory of its own, strings of any size included: it ignores SetStream. Errors are those of
// Next.
//
// Small values that were buffered together share blocks of at most 4 KiB. If you keep one small value out of many for long, copy
// its text.
func (r *Reader) ReadValue() (v Value, err error) {
	stream := r.scan.stream
	r.scan.stream = 0
	f, err := r.Next()
	r.scan.stream = stream
	switch {
	case err != nil:
		return v, err
	case f.seen&streamBits != 0 || f.Elems > shareValues || len(f.Bytes) > shareText/4:
		return f.Value(), nil
	case f.Elems > 1:
		return decode(r.sharedText(&f), r.sharedElems(f.places()), nil), nil
	}
	readScalar(&v, r.sharedText(&f), 0)
	return v, nil
}

// sharedText returns the bytes of the frame consumed last as a string.
func (r *Reader) sharedText(f *Frame) string {
	if f.seen&textBits == 0 {
		return view(f.Bytes) // no Value will keep a part of it
	}
	s := &r.share
	start := r.r - len(f.Bytes)
	if start < s.from || r.r > s.from+len(s.text) {
		s.from = start
		s.text = string(r.buf[start:min(r.w, start+shareText)])
	}
	return s.text[start-s.from : r.r-s.from]
}

// sharedElems returns n places for elements.
func (r *Reader) sharedElems(n int) []Value {
	s := &r.share
	if n > len(s.elems) {
		if r.r == r.w {
			return make([]Value, n)
		}
		s.elems = make([]Value, shareElems)
	}
	block := s.elems[:n:n]
	s.elems = s.elems[n:]
	return block
}

package resp3

import "io"

// directRead is the payload up to which one read through the buffer, CRLF
// included, is cheaper than one for the payload and one for the CRLF.
const directRead = 4 << 10

// Body returns how many payload bytes of the open frame are not read yet.
func (r *Reader) Body() int { return r.left }

// ReadBody reads payload of the open frame into p: what is buffered first,
// then straight from the source. It is io.EOF once the payload and the CRLF
// behind it have been read, and from then on; a p at least two bytes longer
// than Body saves reading the CRLF apart. It may use all of p as scratch
// space. Other errors are those of Next; after a timeout it goes on in the same
// place.
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
			return r.readStraight(p)
		}
		if err := r.fill(); err != nil {
			return 0, err
		}
	}
	n := copy(p[:min(len(p), r.left)], r.buf[r.r:r.w])
	r.r += n
	r.passed(n)
	return n, nil
}

// readStraight reads payload from the source into p. Where p has space for the
// CRLF, that may come with it; it is put into the buffer.
func (r *Reader) readStraight(p []byte) (int, error) {
	if err := r.late; err != nil {
		r.late = nil
		return 0, r.ended(err)
	}
	n, err := r.read(p[:min(len(p), r.left+2)])
	if n == 0 {
		return 0, r.ended(err)
	}
	r.late = err
	if extra := n - r.left; extra > 0 {
		n = r.left
		r.share.forget()
		r.room()
		r.w += copy(r.buf[r.w:], p[n:n+extra])
	}
	r.passed(n)
	return n, nil
}

func (r *Reader) passed(n int) {
	if r.left -= n; r.left == 0 {
		r.mode = trailer
	}
}

// endBody reads the CRLF behind the payload.
func (r *Reader) endBody() error {
	for r.w-r.r < 2 {
		if err := r.fill(); err != nil {
			return err
		}
	}
	if crlfAt(r.buf[:r.w], r.r) == 0 {
		return r.broken(&SyntaxError{What: "no CRLF behind the payload of a bulk string"})
	}
	r.r += 2
	r.mode = between
	return io.EOF
}

package resp3

// Sizes of the blocks that values of one stream may share. They are small, so
// that a value which is kept long does not keep much else.
const (
	shareText  = 4 << 10 // bytes of encoding
	shareElems = 64      // values
	shareMost  = 16      // values of a frame that shares
)

// share is memory that small values read one after another have in common: a
// string of what is buffered, and places for elements.
type share struct {
	text  string
	from  int // place of text in the buffer
	elems []Value
}

// forget drops the text when bytes in the buffer are about to move.
func (s *share) forget() { s.text, s.from = "", 0 }

// ReadValue returns the next value in memory of its own, strings of any size
// included: it takes no notice of SetStream. Errors are those of Next.
//
// Small values that were buffered together share blocks of at most 4 KiB, so
// whoever keeps one small value out of many for long may want to copy its text.
func (r *Reader) ReadValue() (v Value, err error) {
	var f Frame
	stream := r.scan.stream
	r.scan.stream = 0
	err = r.await(&f)
	r.scan.stream = stream
	switch {
	case err != nil:
		return v, err
	case f.seen&streamBits != 0 || f.Elems > shareMost || len(f.Bytes) > shareText/4:
		return f.Value(), nil
	case f.Elems > 1:
		return decode(r.sharedText(&f), r.sharedElems(f.Elems-1)), nil
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

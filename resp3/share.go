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
func (r *Reader) ReadValue() (Value, error) {
	stream := r.scan.stream
	r.scan.stream = 0
	f, err := r.Next()
	r.scan.stream = stream
	if err != nil {
		return Value{}, err
	}
	if f.seen&streamBits != 0 || f.Elems > shareMost || len(f.Bytes) > shareText/4 {
		return f.Value(), nil
	}
	text := ""
	if f.seen&textBits != 0 {
		text = r.sharedText(len(f.Bytes))
	} else {
		text = view(f.Bytes)
	}
	return decode(text, r.sharedElems(f.Elems-1)), nil
}

// sharedText returns the last n bytes consumed as a string.
func (r *Reader) sharedText(n int) string {
	s := &r.share
	start := r.r - n
	if start < s.from || r.r > s.from+len(s.text) {
		s.from = start
		s.text = string(r.buf[start:min(r.w, start+shareText)])
	}
	return s.text[start-s.from : r.r-s.from]
}

// sharedElems returns n places for elements.
func (r *Reader) sharedElems(n int) []Value {
	if n == 0 {
		return nil
	}
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

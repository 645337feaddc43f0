package resp3

// Batch gathers frames, such as the replies of a pipeline, and decodes them
// into memory they share: one block for all texts, one for all values. The
// zero Batch is empty and ready. It is for one goroutine at a time.
type Batch struct {
	text   []byte
	frames []batched
	values int
}

// batched is a frame whose encoding ends at end in the text of its batch.
type batched struct {
	end, elems int
}

// Add copies f, which may become invalid afterwards. An open frame counts as
// the zero Value, and so does one that did not come from a [Reader].
func (b *Batch) Add(f Frame) {
	switch {
	case f.Open > 0 || f.seen == 0:
		f = Frame{Elems: 1}
	case f.seen&streamBits != 0:
		b.text = append(b.text, unstream(f.Bytes)...)
	default:
		b.text = append(b.text, f.Bytes...)
	}
	b.frames = append(b.frames, batched{len(b.text), f.Elems})
	b.values += f.Elems
}

// Len returns how many frames were added.
func (b *Batch) Len() int { return len(b.frames) }

// Values returns the frames decoded, in the order added, and empties the
// batch, which may be used again and keeps its working memory for that.
func (b *Batch) Values() []Value {
	n := len(b.frames)
	block := make([]Value, b.values)
	values, block := block[:n:n], block[n:]
	text, start := string(b.text), 0
	for i, f := range b.frames {
		if start < f.end {
			values[i] = decode(text[start:f.end], block[:f.elems-1:f.elems-1])
			start, block = f.end, block[f.elems-1:]
		}
	}
	b.text, b.frames, b.values = b.text[:0], b.frames[:0], 0
	return values
}

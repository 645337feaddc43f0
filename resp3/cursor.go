package resp3

import "math"

// Cursor reads an encoded value piece by piece, without a [Value] for each. It suits large replies of plain elements, whose texts
// become pieces of the block. It reads attributes, streamed forms and errors among the elements too, only slower. A Cursor is a
// small value; it is for one goroutine.
//
// There are no limits, since the block is in memory already. The error for bytes that are not RESP is that of [Decode].
type Cursor struct{ rest string }

// Walk returns a cursor in front of the first value in block.
func Walk(block string) Cursor { return Cursor{block} }

// Rest returns the bytes that are left to read.
func (c *Cursor) Rest() string { return c.rest }

// Kind returns the kind of the next value without reading it, Invalid if there is none.
func (c *Cursor) Kind() Kind {
	if c.rest == "" {
		return Invalid
	}
	if k := Kind(c.rest[0]); k != Attribute {
		return k
	}
	v, _, _ := decodeUnbounded(c.rest)
	return v.kind
}

// Open reads the header of an aggregate and returns how many values it holds, keys and values of a Map both counted. They are read
// next; attributes in front of them may be left out. The error is [ErrNull] for a null, [*Error] for an error, and [*TypeError] for
// another scalar.
func (c *Cursor) Open() (int, error) {
	if n, ok := c.header(); ok {
		return n, nil
	}
	v, end, err := decodeUnbounded(c.rest)
	if err != nil {
		return 0, err
	}
	if !v.kind.aggregate() || v.null {
		c.rest = c.rest[end:]
		return 0, v.refuse("an aggregate")
	}
	c.respell()
	n, _ := c.header()
	return n, nil
}

// respell writes all that is left in the usual spelling: lengths announced, no attributes. It happens once for a block, not for
// each odd value in it.
func (c *Cursor) respell() {
	var out []byte
	for c.rest != "" {
		v, end, err := decodeUnbounded(c.rest)
		if err != nil {
			break // a later call finds it again
		}
		for e := range v.walk(false) {
			out = appendElement(out, e)
		}
		c.rest = c.rest[end:]
	}
	c.rest = string(out) + c.rest
}

// header reads a header of the usual spelling. It declines an announcement of more than the block can hold, at three bytes a value.
func (c *Cursor) header() (int, bool) {
	s := c.rest
	if len(s) < 4 || !Kind(s[0]).aggregate() || Kind(s[0]) == Attribute {
		return 0, false
	}
	n, i := 0, 1
	for ; i < len(s) && s[i]-'0' <= 9 && i < 10; i++ {
		n = n*10 + int(s[i]-'0')
	}
	if Kind(s[0]).paired() {
		n *= 2
	}
	end := crlfAt(viewBytes(s), i)
	if end == 0 || i == 1 || i > 2 && s[1] == '0' || n > (len(s)-i)/3 {
		return 0, false
	}
	c.rest = s[end:]
	return n, true
}

// Text reads the next value as [Value.Text] would.
func (c *Cursor) Text() (string, error) {
	if s, ok := c.plainText(); ok {
		return s, nil
	}
	v, err := c.Value()
	if err != nil {
		return "", err
	}
	return v.Text()
}

// Texts fills dst with the next texts and returns how many there were. It stops in front of anything but a plain bulk string, which
// may be for Text.
func (c *Cursor) Texts(dst []string) int {
	s := c.rest
	defer func() { c.rest = s }()
	for k := range dst {
		if len(s) < len("$0\r\n\r\n") || s[0] != byte(BulkString) {
			return k
		}
		n, i := 0, 1
		for ; i < len(s)-1 && s[i]-'0' <= 9 && i < 10; i++ {
			n = n*10 + int(s[i]-'0')
		}
		end := i + 2 + n
		if i == 1 || s[1] == '0' && i > 2 || end > len(s)-2 || s[i] != '\r' || s[i+1] != '\n' || s[end] != '\r' || s[end+1] != '\n' {
			return k
		}
		dst[k], s = s[i+2:end], s[end+2:]
	}
	return len(dst)
}

// plainText reads a bulk string of the usual spelling.
func (c *Cursor) plainText() (string, bool) {
	if c.rest == "" || Kind(c.rest[0]) != BulkString {
		return "", false
	}
	head, end := quickBulk(viewBytes(c.rest), 0, math.MaxInt)
	if end == 0 {
		return "", false
	}
	s := c.rest[head : end-2]
	c.rest = c.rest[end:]
	return s, true
}

// Int reads the next value as [Value.Int] would.
func (c *Cursor) Int() (int64, error) {
	v, err := c.Value()
	if err != nil {
		return 0, err
	}
	return v.Int()
}

// Float reads the next value as [Value.Float] would.
func (c *Cursor) Float() (float64, error) {
	v, err := c.Value()
	if err != nil {
		return 0, err
	}
	return v.Float()
}

// Value reads the next value whole. The error is io.EOF if there is none.
func (c *Cursor) Value() (v Value, err error) {
	end := c.quick()
	if end != 0 {
		readScalar(&v, c.rest, 0)
	} else {
		v, end, err = decodeUnbounded(c.rest)
	}
	c.rest = c.rest[end:]
	return v, err
}

// Skip passes over the next value and returns its encoding.
func (c *Cursor) Skip() (encoded string, err error) {
	end := c.quick()
	if end == 0 {
		s := scanner{bounds: unbounded}
		if end, err = s.whole(c.rest); err != nil {
			return "", err
		}
	}
	encoded, c.rest = c.rest[:end], c.rest[end:]
	return encoded, nil
}

// quick returns where the next value ends if it is a scalar of the usual spelling, else 0.
func (c *Cursor) quick() (end int) {
	if c.rest != "" {
		_, end = quick(viewBytes(c.rest), 0, math.MaxInt)
	}
	return end
}

func decodeUnbounded(block string) (Value, int, error) {
	return (&scanner{bounds: unbounded}).decode(block)
}

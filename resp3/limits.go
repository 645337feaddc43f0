package resp3

import (
	"fmt"
	"math"
)

// Defaults of Limits.
const (
	defaultMaxBulk  = 512 << 20 // the default of proto-max-bulk-len in redis.conf
	defaultMaxElems = 1 << 20
	defaultMaxDepth = 128
)

// Limits that follow from those of the user or stand fixed, since no server
// comes near them.
const (
	maxLine      = 1 << 20   // bytes of a simple string or error, or MaxBulk if that is less
	maxBigDigits = 10000     // bytes of a big number: converting costs more than linear time
	maxDouble    = 1024      // bytes of a double; the longest exact one has 1,077
	maxInteger   = 32        // bytes of an integer with its sign
	maxLenDigits = 19        // digits of a length: 19 always fit 64 bits
	frameSpare   = 512 << 20 // bytes a frame may have beyond MaxBulk
	frameFactor  = 16        // values a frame may have, in multiples of MaxElems
)

// Limits bound what a peer may send. The zero value means the defaults. They
// are promises about errors, not about memory: memory follows the bytes that
// have arrived, never a length that was announced.
//
// Two further limits follow from them: a frame has at most 512 MiB more bytes
// than MaxBulk and at most 16 times MaxElems values altogether.
type Limits struct {
	MaxBulk  int // bytes of one string or error; 0: 512 MiB
	MaxElems int // elements of one aggregate, pairs of a map; 0: 1,048,576
	MaxDepth int // aggregates and attributes within each other; 0: 128
}

// Validate refuses negative limits. A [Reader] takes them as 0.
func (l Limits) Validate() error {
	for _, f := range []struct {
		name  string
		value int
	}{{"MaxBulk", l.MaxBulk}, {"MaxElems", l.MaxElems}, {"MaxDepth", l.MaxDepth}} {
		if f.value < 0 {
			return fmt.Errorf("resp3 limits: %s is %d, must not be negative", f.name, f.value)
		}
	}
	return nil
}

// bounds are Limits with defaults filled in and cut so that no sum or product
// made of them overflows an int.
type bounds struct {
	bulk, elems, depth int
	line               int // bytes of a simple string or error
	frame, total       int // bytes and values of a whole frame
}

func (l Limits) bounds() bounds {
	or := func(v, def, most int) int {
		if v <= 0 {
			v = def
		}
		return min(v, most)
	}
	b := bounds{
		bulk:  or(l.MaxBulk, defaultMaxBulk, math.MaxInt/4),
		elems: or(l.MaxElems, defaultMaxElems, math.MaxInt32/4),
		depth: or(l.MaxDepth, defaultMaxDepth, math.MaxInt32),
	}
	b.line = min(b.bulk, maxLine)
	b.frame = b.bulk + frameSpare
	b.total = math.MaxInt32
	if b.elems < b.total/frameFactor {
		b.total = b.elems * frameFactor
	}
	return b
}

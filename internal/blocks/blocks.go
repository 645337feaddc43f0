// Package blocks recycles large buffers for requests.
package blocks

import (
	"math/bits"
	"slices"
	"sync"
	"unsafe"
)

// Sizes of recycled buffers in bytes: the powers of two from smallest to largest.
const (
	smallest = 128 << 10
	largest  = 8 << 20
)

// pools hold pointers to the first byte of buffers of one size each, since a pointer fits into an interface without memory of its
// own.
var pools [7]sync.Pool

func poolOf(size int) *sync.Pool {
	if size < smallest || size > largest || size&(size-1) != 0 {
		return nil
	}
	return &pools[bits.TrailingZeros(uint(size/smallest))]
}

// Grow returns b with room for n more bytes, in other memory if need be. Memory that b leaves is recycled, so nobody else may hold
// it.
func Grow(b []byte, n int) []byte {
	size := len(b) + n
	if size <= cap(b) || size <= smallest/2 || size > largest {
		return slices.Grow(b, n)
	}
	size = max(smallest, 1<<bits.Len(uint(size-1)))
	var grown []byte
	if p, _ := poolOf(size).Get().(*byte); p != nil {
		grown = unsafe.Slice(p, size)
	} else {
		grown = make([]byte, size)
	}
	grown = grown[:copy(grown, b)]
	Recycle(b)
	return grown
}

// Recycle takes memory that nobody holds any more, if it came from Grow and is large.
func Recycle(b []byte) {
	if p := poolOf(cap(b)); p != nil {
		p.Put(unsafe.SliceData(b))
	}
}

package resp3

import (
	"math/bits"
	"sync"
)

// Sizes of the buffers of a Reader in bytes.
const (
	tinyBuffer   = 512      // for the read that waits on an idle link
	firstBuffer  = 16 << 10 // normal
	busyBuffer   = 64 << 10 // once reads fill a normal one
	pooledBuffer = 1 << 20  // the largest that is pooled; only large frames need so much
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

// getBuffer returns a buffer of n bytes. Its pointer goes back to putBuffer.
func getBuffer(n int) *[]byte {
	if p := poolOf(n); p != nil {
		if b, ok := p.Get().(*[]byte); ok {
			return b
		}
	}
	b := make([]byte, n)
	return &b
}

// putBuffer takes a buffer back. Nothing may look into it any more.
func putBuffer(b *[]byte) {
	if p := poolOf(len(*b)); p != nil {
		p.Put(b)
	}
}

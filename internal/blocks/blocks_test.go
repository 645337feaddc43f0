package blocks

import (
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestGrowKeepsBytesAndMakesRoom(t *testing.T) {
	for _, n := range []int{0, 1, smallest / 2, smallest/2 + 1, smallest, smallest + 1, largest - 3, largest, largest + 1} {
		b := Grow([]byte("abc"), n)
		assert.Equal(t, "abc", string(b), n)
		assert.GreaterOrEqual(t, cap(b)-len(b), n)
		if 3+n > smallest/2 && 3+n <= largest {
			assert.NotNil(t, poolOf(cap(b)), "%d", n)
		}
		Recycle(b)
	}
	kept := make([]byte, 3, smallest)
	assert.Same(t, &kept[0], &Grow(kept, smallest-3)[0], "there was room")
}

func TestLargeBuffersAreRecycled(t *testing.T) {
	assert.Less(t, testing.AllocsPerRun(100, func() {
		b := Grow(nil, 100<<10)
		b = Grow(b[:10], 300<<10)
		Recycle(b)
	}), 0.5)
}

func TestOtherMemoryIsNotRecycled(t *testing.T) {
	for _, n := range []int{0, 1, smallest - 1, smallest + 1, largest * 2} {
		assert.Nil(t, poolOf(n), n)
		Recycle(make([]byte, n))
	}
}

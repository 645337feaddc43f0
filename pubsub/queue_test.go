package pubsub

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestQueue(t *testing.T) {
	put := func(q *queue, from, to int) (waits int) {
		for i := from; i <= to; i++ {
			if q.offer(Message{Payload: fmt.Sprint(i)}) != nil {
				waits++
			}
		}
		return waits
	}
	all := func(q *queue) (got []string) {
		for {
			m, ok := q.take()
			if !ok {
				return got
			}
			got = append(got, m.Payload)
		}
	}
	for _, c := range []struct {
		o              Overflow
		waits, dropped int
		got            []string
	}{
		{Block, 2, 0, []string{"1", "2", "3"}},
		{DropOldest, 0, 2, []string{"3", "4", "5"}},
		{DropNewest, 0, 2, []string{"1", "2", "3"}},
	} {
		q := newQueue(3, c.o)
		assert.Equal(t, c.waits, put(&q, 1, 5))
		assert.EqualValues(t, c.dropped, q.dropped)
		assert.Equal(t, c.got, all(&q))
		q.liftLimit()
		assert.Zero(t, put(&q, 1, 5))
		assert.Equal(t, []string{"1", "2", "3", "4", "5"}, all(&q))
		q.restoreLimit()
		assert.Equal(t, c.waits, put(&q, 1, 5), "tight again")
	}
	q := newQueue(4, Block)
	for i := range 1000 { // half full for ever: memory stays
		put(&q, i, i+1)
		q.take()
		q.take()
	}
	assert.Less(t, cap(q.waiting), 64)
}

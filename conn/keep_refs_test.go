package conn

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/baton-go/baton/resp3"
)

// A free call keeps no argument alive, also none of the commands that were answered before a loss, nor the memory of many.
func TestFreeCallKeepsNoLargeArgument(t *testing.T) {
	cfg, long := &Config{}, strings.Repeat("x", RefAbove)
	with := func(n int) (q *Call, first int) {
		q = cfg.NewCall()
		for range n {
			q.Req = resp3.AppendCommand(q.Req, "SET", "k", "")
			q.ReferString(len(q.Req)-len(emptyText), long)
		}
		return q, len(q.Req) / n
	}
	q, first := with(3)
	q.DropFront(2 * first)
	all := q.Refs[:3]
	q.Free()
	for i := range all {
		assert.Zero(t, len(all[i].Text), i)
	}
	q, _ = with(keepRefs + 1)
	q.Free()
	assert.Zero(t, cap(q.Refs))
}

func TestSizeIsThatOnTheWire(t *testing.T) {
	for _, n := range []int{0, 1, 9, 10, 99, 100, RefAbove} {
		q := &Call{Req: resp3.AppendCommand(nil, "ECHO", "")}
		q.ReferString(len(q.Req)-len(emptyText), strings.Repeat("x", n))
		assert.Equal(t, len(q.AppendWire(nil)), q.size(), n)
	}
}

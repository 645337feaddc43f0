package conn

import (
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestLegalStepsAreTheseAndNoOthers(t *testing.T) {
	legal := map[[2]State]bool{
		{Dialing, Ready}: true, {Dialing, Closed}: true,
		{Ready, Moving}: true, {Ready, Closed}: true,
		{Moving, Ready}: true, {Moving, Draining}: true, {Moving, Closed}: true,
		{Draining, Ready}: true, {Draining, Moving}: true, {Draining, Closed}: true,
	}
	for from := Dialing; from <= Closed; from++ {
		for to := Dialing; to <= Closed; to++ {
			assert.Equal(t, legal[[2]State{from, to}], legalStep(from, to), "%v to %v", from, to)
		}
	}
}

func TestIllegalStepPanicsWithASentence(t *testing.T) {
	c := &Conn{cfg: &Config{}, changed: make(chan struct{})}
	assert.PanicsWithValue(t, "conn: illegal step from dialing to draining", func() { c.setStateLocked(Draining) })
}

func TestOwedQueueKeepsOrderAcrossGrowth(t *testing.T) {
	var q owedQueue
	next := 0
	for round := range 5 {
		for i := range 60 {
			q.push(owed{size: int32(round*60 + i)})
		}
		for range 20 + round {
			assert.EqualValues(t, next, q.at(q.head).size)
			q.pop()
			next++
		}
	}
	for q.len() > 0 {
		assert.EqualValues(t, next, q.at(q.head).size)
		q.pop()
		next++
	}
	assert.Equal(t, 300, next)
	q.shrink()
	assert.Empty(t, q.ring)
	assert.EqualValues(t, 300, q.push(owed{}), "numbers go on")
}

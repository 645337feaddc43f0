package conn

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/baton-go/baton/handoff/handofftest"
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

func TestThereIsAMoveExactlyWhileMoving(t *testing.T) {
	const a, b, nowhere = handofftest.PairA, handofftest.PairB, "10.0.0.3:6379"
	move := func(c *Conn, addr string) {
		_ = c.Move(context.Background(), Target{Addr: addr, Drain: time.Now().Add(time.Minute)})
	}
	for name, do := range map[string]func(c *Conn, pin *Pin){
		"switches":                 func(c *Conn, pin *Pin) { pin.Unpin(); move(c, b) },
		"fails":                    func(c *Conn, _ *Pin) { move(c, nowhere) },
		"waits for a pin":          func(c *Conn, pin *Pin) { move(c, b); pin.Unpin() },
		"is cancelled":             func(c *Conn, _ *Pin) { move(c, b); c.Stay() },
		"is replaced":              func(c *Conn, _ *Pin) { move(c, b); move(c, a) },
		"is replaced by a failure": func(c *Conn, _ *Pin) { move(c, b); move(c, nowhere) },
		"breaks the pin":           func(c *Conn, pin *Pin) { move(c, b); <-pin.Broken() },
		"ends with the connection": func(c *Conn, _ *Pin) { move(c, b); c.Close() },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				changes := 0
				check := func(c *Conn, _, _ State) {
					c.mu.Lock()
					defer c.mu.Unlock()
					changes++
					assert.Equal(t, c.state == Moving, c.move != nil, "%v", c.state)
				}
				c, err := Dial(t.Context(), &Config{Dial: handofftest.NewPair(t).Network.DialContext, OnState: check}, a)
				require.NoError(t, err)
				defer c.Close()
				do(c, c.Pin())
				synctest.Wait()
				check(c, 0, 0)
				assert.Greater(t, changes, 2)
			})
		})
	}
}

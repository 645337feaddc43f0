package pool

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// wait is for how long a dial has to wait for its turn.
func wait(t *testing.T, d *Dials, urgent bool) (begun time.Time, waited time.Duration) {
	from := time.Now()
	begun, err := d.Begin(t.Context(), func() bool { return urgent })
	require.NoError(t, err)
	return begun, time.Since(from)
}

func TestDialsWaitLongerWithEachFailureAndNotForLong(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var d Dials
		begun, waited := wait(t, &d, false)
		assert.Zero(t, waited)
		for limit := minPause; ; limit = min(2*limit, maxPause) {
			d.Done(begun, nil, errors.New("refused"))
			begun, waited = wait(t, &d, false)
			assert.GreaterOrEqual(t, waited, limit/2-time.Nanosecond)
			assert.LessOrEqual(t, waited, limit)
			if limit == maxPause {
				break
			}
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
		defer cancel()
		_, err := d.Begin(ctx, nil)
		assert.ErrorIs(t, err, context.DeadlineExceeded)
	})
}

func TestOneDialHasTheTurnUntilItHangs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var d Dials
		begun, _ := wait(t, &d, false)
		d.Done(begun, nil, errors.New("refused"))
		wait(t, &d, false) // never tells how it ended
		_, waited := wait(t, &d, true)
		assert.LessOrEqual(t, waited, maxPause, "the first lane does not wait for that")
		_, waited = wait(t, &d, false)
		assert.Equal(t, probeLimit, waited.Round(time.Millisecond))
	})
}

func TestWhatDoesNotLastIsAFailure(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var d Dials
		begun, _ := wait(t, &d, false)
		d.Broken(begun.Add(-lasting))
		assert.True(t, d.serves(), "it had lasted")
		d.Broken(begun)
		assert.False(t, d.serves())
		_, waited := wait(t, &d, false)
		assert.Zero(t, waited, "one at once")
		<-time.After(staleAfter)
		assert.True(t, d.serves(), "forgotten")
	})
}

func TestStrays(t *testing.T) {
	now := time.Unix(1_000_000, 0)
	s := wrongServers{dialled: "a"}
	old := now.Add(-time.Hour)
	for range 60 {
		assert.True(t, s.giveUp("a", false, old, now), "those of before all go")
	}
	fresh := now.Add(time.Second)
	left := 0
	for at := fresh; at.Before(fresh.Add(10 * time.Second)); at = at.Add(time.Millisecond) {
		if s.giveUp("a", false, fresh, at) {
			left++
		}
	}
	assert.Equal(t, 40, left, "those that were dialled since then: four in a second")
	now = fresh.Add(10 * time.Second)
	s.dialled = "b"
	for range 60 {
		assert.True(t, s.giveUp("a", false, fresh, now), "the name leads elsewhere")
	}
	assert.False(t, s.giveUp("b", false, now, now.Add(time.Millisecond)) && s.giveUp("b", false, now, now.Add(2*time.Millisecond)), "and that is no better")
	assert.True(t, s.giveUp("b", true, now, now.Add(3*time.Millisecond)), "a lane does not wait for the others")
	assert.True(t, s.giveUp("a", false, old, now.Add(time.Minute)), "another affair")
}

// Interleaving: a second lane waits for its turn behind the dials of others, and the first lane is lost. Nothing else would bring
// a lane soon: the others go on taking turns.
func TestDialThatBecomesUrgentDoesNotWaitForOthers(t *testing.T) { // H-119
	for _, lost := range []bool{true, false} {
		synctest.Test(t, func(t *testing.T) {
			var d Dials
			begun, _ := wait(t, &d, false)
			d.Done(begun, nil, errors.New("refused"))
			wait(t, &d, false) // never tells how it ended
			var urgent atomic.Bool
			time.AfterFunc(100*time.Millisecond, func() {
				urgent.Store(lost)
				d.Broken(time.Now())
			})
			from := time.Now()
			_, err := d.Begin(t.Context(), urgent.Load)
			require.NoError(t, err)
			assert.Equal(t, lost, time.Since(from) < probeLimit/2)
		})
	}
}

package handoff

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestPlanIsRenewedByOneThatGoesTheSameWay(t *testing.T) {
	now := time.Now()
	at := func(w way, opened time.Duration, goals ...string) plan {
		return plan{way: w, goals: goals, opened: now.Add(opened), until: now.Add(opened + 19*time.Second)}
	}
	for _, c := range []struct {
		why      string
		old, new plan
		want     bool
	}{
		{"same target", at(toTarget, 0, nodeB), at(toTarget, time.Second, nodeB), true},
		{"another target", at(toTarget, 0, nodeB), at(toTarget, time.Second, nodeC), false},
		{"the window is over", at(toTarget, 0, nodeB), at(toTarget, 19*time.Second, nodeB), false},
		{"the name is asked already", at(byName, 0), at(byName, time.Second), true},
		{"a target instead of the name", at(byName, 0), at(toTarget, time.Second, nodeB), false},
		{"half of the time is another time now", at(halfTime, 0), at(halfTime, time.Second), false},
		{"nobody announced the first", at(quiet, 0, nodeB), at(toTarget, time.Second, nodeB), false},
	} {
		assert.Equal(t, c.want, c.old.renewedBy(c.new), c.why)
	}
}

// A runner sees that its window is over; before it takes its job off the list the window is prolonged. The number of the plan is
// the same then, and the job has to go on all the same.
func TestJobProlongedAtTheLastMomentGoesOn(t *testing.T) {
	bubble(t, func(t *testing.T) {
		r := newRig(t, Config{}, byIP)
		defer r.e.Close()
		now := time.Now()
		p := plan{way: toTarget, goals: []string{nodeB}, opened: now, start: now, deadline: now.Add(s), until: now.Add(5 * s)}
		r.e.mu.Lock()
		j := r.e.startLocked(nodeA, p)
		r.e.mu.Unlock()
		require.NotNil(t, j)
		defer r.e.jobs.Done() // nobody runs it
		rev := j.plan.rev
		time.Sleep(5*s - time.Nanosecond)
		p.opened, p.start, p.until = time.Now(), time.Now().Add(s), time.Now().Add(5*s)
		r.e.mu.Lock()
		assert.Nil(t, r.e.startLocked(nodeA, p))
		r.e.mu.Unlock()
		assert.Equal(t, rev, j.plan.rev)
		assert.Equal(t, now, j.plan.start, "H-34: not postponed")
		time.Sleep(time.Nanosecond)
		assert.False(t, r.e.ended(j, rev, false))
		assert.Contains(t, r.e.running, nodeA)
		time.Sleep(5 * s)
		assert.True(t, r.e.ended(j, rev, false))
	})
}

package handoff

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestPlanIsRenewedByOneThatGoesTheSameWay(t *testing.T) {
	now := time.Now()
	at := func(w strategy, opened time.Duration, targets ...string) plan {
		return plan{strategy: w, targets: targets, opened: now.Add(opened), until: now.Add(opened + 19*time.Second)}
	}
	for _, c := range []struct {
		why      string
		old, new plan
		want     bool
	}{
		{"same target", at(namedTarget, 0, nodeB), at(namedTarget, time.Second, nodeB), true},
		{"another target", at(namedTarget, 0, nodeB), at(namedTarget, time.Second, nodeC), false},
		{"the window is over", at(namedTarget, 0, nodeB), at(namedTarget, 19*time.Second, nodeB), false},
		{"the name is asked already", at(followName, 0), at(followName, time.Second), true},
		{"a target instead of the name", at(followName, 0), at(namedTarget, time.Second, nodeB), false},
		{"half of the time is another time now", at(reconnectHalfway, 0), at(reconnectHalfway, time.Second), false},
		{"nobody announced the first", at(unlisted, 0, nodeB), at(namedTarget, time.Second, nodeB), false},
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
		p := plan{strategy: namedTarget, targets: []string{nodeB}, opened: now, start: now, deadline: now.Add(s), until: now.Add(5 * s)}
		r.e.mover.mu.Lock()
		j := r.e.mover.planLocked(nodeA, p)
		r.e.mover.mu.Unlock()
		require.NotNil(t, j) // nobody runs it
		rev := j.plan.rev
		time.Sleep(5*s - time.Nanosecond)
		p.opened, p.start, p.until = time.Now(), time.Now().Add(s), time.Now().Add(5*s)
		r.e.mover.mu.Lock()
		assert.Nil(t, r.e.mover.planLocked(nodeA, p))
		r.e.mover.mu.Unlock()
		assert.Equal(t, rev, j.plan.rev)
		assert.Equal(t, now, j.plan.start, "H-34: not postponed")
		time.Sleep(time.Nanosecond)
		assert.False(t, r.e.mover.remove(j, rev, false))
		assert.Contains(t, r.e.mover.running, nodeA)
		time.Sleep(5 * s)
		assert.True(t, r.e.mover.remove(j, rev, false))
	})
}

// Two connections bring two announcements for one peer. The reader of the older one decides first and comes to the mover second.
// A copy may come before the plan as well: it finds no job.
func TestPlanThatIsOvertakenChangesNothing(t *testing.T) {
	bubble(t, func(t *testing.T) {
		r := newRig(t, Config{}, byIP)
		defer r.e.Close()
		m, now := r.e.mover, time.Now()
		m.repeated(nodeA, 1, now)
		assert.Zero(t, m.jobs())
		to := func(target string, opened time.Time) plan {
			return plan{strategy: namedTarget, targets: []string{target}, opened: opened, start: opened, deadline: opened.Add(s), until: opened.Add(5 * s)}
		}
		m.mu.Lock()
		defer m.mu.Unlock()
		onward := m.planLocked(nodeB, to(nodeC, now))
		j := m.planLocked(nodeA, to(nodeC, now.Add(time.Millisecond))) // nobody runs them
		assert.Nil(t, m.planLocked(nodeA, to(nodeB, now)))
		assert.Equal(t, nodeC, j.target())
		assert.Equal(t, nodeC, onward.target(), "nor does it call connections back to B")
		assert.Nil(t, m.planLocked(nodeA, to(nodeB, now.Add(2*time.Millisecond))), "control: a newer one does")
		assert.Equal(t, nodeB, j.target())
		assert.Empty(t, onward.target())
		back := m.planLocked(nodeC, to(nodeA, now.Add(4*time.Millisecond)))
		assert.Empty(t, j.target(), "A is where connections go to")
		m.planLocked(nodeB, to(nodeC, now.Add(3*time.Millisecond)))
		assert.Equal(t, nodeA, back.target(), "an older plan to C does not end a newer one away from C")
	})
}

package handoff

import (
	"context"
	"math/rand"
	"net/netip"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
)

// A resolver gives the addresses in turns or in part, and a connection is lost or a migration ends: nobody is moved (H-118).
func TestAnswersThatDifferUprootNobody(t *testing.T) {
	const a, b, c = "10.0.0.1", "10.0.0.2", "10.0.0.3"
	for name, answers := range map[string][][]string{
		"one in turns":          {{a}, {b}, {c}},
		"two in turns":          {{a, b}, {b, c}, {c, a}},
		"each twice":            {{a}, {a}, {b}, {b}, {c}, {c}},
		"one missing for once":  {{a, b, c}, {b, c}, {b, c}, {a, b, c}},
		"a cache of 5 s":        {{a}, {a}, {a}, {a}, {a}, {b}, {b}, {b}, {b}, {b}, {c}, {c}, {c}, {c}, {c}},
		"in another order only": {{a, b, c}, {c, b, a}, {b, a, c}},
	} {
		for _, lost := range []bool{true, false} {
			bubble(t, func(t *testing.T) {
				r := newRig(t, Config{}, byDNS)
				defer r.e.Close()
				for _, n := range []string{nodeA, nodeB, nodeC} {
					r.set(n, node{})
					r.open(4, n)
				}
				var turn atomic.Int64
				r.e.mover.resolve = resolverOf(func() []string { return answers[int(turn.Add(1))%len(answers)] })
				for i := range int64(10) {
					if lost {
						r.lost()
					} else {
						r.say(r.conns[0], shardEvent(Migrated, i, 0))
					}
					r.pass(20 * s)
				}
				assert.Zero(t, r.dialCount(), "%s, lost %v: %s", name, lost, r.dialLog())
				assert.Equal(t, map[string]int{nodeA: 4, nodeB: 4, nodeC: 4}, r.peers(), name)
				assert.Less(t, turn.Load(), int64(300), "and it is not asked for ever")
			})
		}
	}
}

// One of three at random, for a long time.
func TestAnswersAtRandomUprootNobody(t *testing.T) {
	bubble(t, func(t *testing.T) {
		r := newRig(t, Config{}, byDNS)
		defer r.e.Close()
		for _, n := range []string{nodeA, nodeB, nodeC} {
			r.set(n, node{})
			r.open(4, n)
		}
		random := rand.New(rand.NewSource(1))
		r.e.mover.resolve = resolverOf(func() []string {
			return []string{[]string{"10.0.0.1", "10.0.0.2", "10.0.0.3"}[random.Intn(3)]}
		})
		for range 100 {
			r.lost()
			r.pass(time.Minute)
		}
		assert.Zero(t, r.dialCount(), r.dialLog())
	})
}

func TestAnswersThatAgree(t *testing.T) {
	ip := netip.MustParseAddr
	a, b := ip("10.0.0.1"), ip("10.0.0.2")
	var s answers
	for i := range agreeingOnPart {
		gone, doubt := s.take([]netip.Addr{b}, []netip.Addr{a, b}, at(float64(i)))
		assert.Equal(t, i < agreeingOnPart-1, doubt)
		assert.Equal(t, i == agreeingOnPart-1, len(gone) == 1)
	}
	s = answers{}
	for i := range agreeing {
		gone, _ := s.take([]netip.Addr{b}, []netip.Addr{a}, at(float64(i)))
		assert.Equal(t, i == agreeing-1, len(gone) == 1, "the whole name has moved")
	}
	s.take([]netip.Addr{a}, []netip.Addr{a}, at(10))
	for i := range 20 {
		gone, doubt := s.take([]netip.Addr{b}, []netip.Addr{a}, at(float64(11+i)))
		assert.Empty(t, gone, "an address that has come back once may do so again")
		assert.False(t, doubt)
	}
}

// A guess does not break sessions: the move waits for them, and is called off at the end (H-118).
func TestGuessWaitsForSessions(t *testing.T) {
	bubble(t, func(t *testing.T) {
		r := newRig(t, Config{}, byDNS)
		defer r.e.Close()
		r.set(nodeB, node{})
		r.setDNS(domain, "10.0.0.2")
		r.open(2, nodeA)
		r.lost()
		r.pass(5 * s)
		assert.Equal(t, map[string]int{nodeB: 2}, r.peers())
		for _, d := range r.dials {
			assert.Greater(t, d.target.Hold.Sub(d.target.Drain), time.Hour)
		}
	})
}

// A MIGRATED waits for its hooks. Meanwhile a connection is lost, which asks DNS once. That was later than the notification was
// read, and yet the look-ups for the notification are made as well.
func TestLookUpsForAMigrationThatWaitedForHooks(t *testing.T) {
	bubble(t, func(t *testing.T) {
		r := newRig(t, Config{}, byDNS)
		defer r.e.Close()
		r.setDNS(domain, "10.0.0.1")
		c := r.open(1, nodeA)[0]
		r.m.AddNotificationHook(hook{pre: func(_ context.Context, _ ConnInfo, n Notification) (Notification, bool) {
			time.Sleep(200 * time.Millisecond)
			return n, true
		}})
		r.say(c, shardEvent(Migrated, 1, 0))
		r.pass(100 * time.Millisecond)
		r.lost()
		r.pass(time.Minute)
		assert.Len(t, r.asked, 1+checkRounds)
	})
}

// A MOVING waits for its hooks while a job begins because DNS does not list the peer any more. The announcement is what counts.
func TestAnnouncementCountsMoreThanAGuess(t *testing.T) {
	bubble(t, func(t *testing.T) {
		r := newRig(t, Config{}, byDNS)
		defer r.e.Close()
		m, read := r.e.mover, time.Now()
		guess := read.Add(100 * time.Millisecond)
		m.mu.Lock()
		defer m.mu.Unlock()
		j := m.planLocked(nodeA, plan{strategy: unlisted, targets: []string{nodeB}, opened: guess, until: guess.Add(unlistedWindow)})
		m.planLocked(nodeA, plan{strategy: namedTarget, targets: []string{nodeC}, opened: read, until: read.Add(19 * s)})
		assert.Equal(t, nodeC, j.target())
	})
}

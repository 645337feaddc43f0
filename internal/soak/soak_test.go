package soak

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/baton-go/baton"
	"github.com/baton-go/baton/handoff"
	"github.com/baton-go/baton/internal/stall"
	"github.com/baton-go/baton/pool"
)

// soak calls move until BATON_SOAK is over, five times at least. It returns how many times.
func soak(t *testing.T, move func(nth int)) (n int) {
	text, begun := os.Getenv("BATON_SOAK"), time.Now()
	length, err := time.ParseDuration(cmp.Or(text, "0s"))
	require.NoError(t, err, "BATON_SOAK")
	for ; n < 5 || time.Since(begun) < length; n++ {
		move(n)
	}
	return n
}

// play runs the load while operate is at work, waits until everybody is served again, ends all, and returns what was told
// and what is.
func play(t *testing.T, s *stage, o baton.Options, operate func(l *ledger)) (*ledger, *final) {
	o.Pool.Size, o.Pool.Lanes, o.Pool.MinIdle, o.Pool.Blocking = 8, 2, 2, 12
	o.Retry.Tx = 100 // transfers that meet are no failure
	c, ctx := s.client(o), t.Context()
	going, stop := context.WithCancel(ctx)
	defer stop()
	taking, stopTaking := context.WithCancel(ctx)
	defer stopTaking()
	w := &load{c: c, l: newLedger(), going: going, taking: taking, slow: 700 * time.Millisecond}
	var readers sync.WaitGroup
	var subs []*baton.Subscription
	for _, names := range [][]string{channels, channels[:1]} {
		sub, _, err := w.listen(ctx, &readers, names...)
		require.NoError(t, err)
		subs = append(subs, sub)
	}
	w.start()
	operate(w.l)
	stop()
	w.makers.Wait()
	for _, ch := range channels { // a last message that everybody gets
		s.until("a message comes", func() bool {
			w.publish(ctx, ch)
			return w.l.heard(ch)
		})
	}
	stopTaking()
	w.takers.Wait()
	for _, sub := range subs {
		assert.NoError(t, sub.Close())
		assert.Zero(t, sub.Dropped())
	}
	readers.Wait()
	s.until("leases are given back", func() bool { return c.Stats().Leased == 0 }) // a wait that was called back a little later
	assert.NoError(t, c.Close())
	f := s.final(w.l)
	t.Log(summary(s, w.l, f, c))
	return w.l, f
}

func summary(s *stage, l *ledger, f *final, c *baton.Client) string {
	var b strings.Builder
	line := func(format string, a ...any) { fmt.Fprintf(&b, "\n  "+format, a...) }
	line("%d moves, %d connections not moved in time; faults: %v", s.moves, s.left, s.did)
	line("%d commands answered, %d given up by their callers, %d outcomes unknown", l.commands, l.cancelled, l.unknowns())
	for _, kind := range slices.Sorted(maps.Keys(l.failures)) {
		line("  failed: %6d %s, at last %s", l.failures[kind], kind, l.examples[kind])
	}
	for _, key := range slices.Sorted(maps.Keys(l.counters)) {
		line("%s: %d; %d confirmed, %d possible", key, f.counters[key], l.counters[key].confirmed, l.counters[key].unknown)
	}
	for name, q := range l.queues {
		line("queue %s: %d pushes, %d given out, %d pops unknown, %d left", name, len(q.pushed), len(q.taken), q.unknown, len(f.lists[name]))
	}
	line("%d transfers asked for, %d carried out; accounts %v", len(l.transfers), len(f.journal), f.accounts)
	for i, r := range l.receptions {
		got, missed, uncertain, merged := 0, 0, 0, 0
		for _, ch := range r.channels {
			got += len(r.got[ch])
			for n, p := range l.published[ch] {
				missed += count(p.fate == done && !slices.Contains(r.got[ch], n))
			}
		}
		kinds := map[baton.SubEventKind]int{}
		for _, e := range r.events {
			kinds[e.Kind]++
			uncertain += e.Uncertain
			merged += e.Duplicates
		}
		line("subscription %d: %d messages, %d missed in gaps, %d twice (%d uncertain), %d copies left out; events: %v",
			i, got, missed, len(r.duplicates()), uncertain, merged, kinds)
	}
	st := c.Handoffs().Stats()
	line("handoffs: %+v", st)
	line("pool: %+v", c.Stats())
	return b.String()
}

// A move that is announced in time, with nothing else going on, disturbs nobody: nothing fails, nothing is missed. The times are
// such that a machine that stands still for some seconds does not count as something else; moves are made as soon as they can be.
// The run is repeated if it still does. The accounts have no excuse.
func TestSoakMovesDisturbNobody(t *testing.T) {
	t.Parallel()
	const grace, most = 20 * time.Second, 4
	patient := baton.Options{DialTimeout: time.Minute, ReadTimeout: time.Minute, Pool: pool.Config{WaitTimeout: time.Minute}}
	patient.Handoff.Jitter = 100 * time.Millisecond
	meter := stall.Start()
	defer meter.Stop()
	for try := 1; ; try++ {
		s := newStage(t, nil)
		meter.Lap()
		l, f := play(t, s, patient, func(*ledger) {
			soak(t, func(int) { s.move(grace, true, nil) })
		})
		late := meter.Lap()
		assert.Empty(t, l.check(f))
		assert.NoError(t, s.srv.CheckOptIn())
		if try < most && len(l.failures)+l.gaps() > 0 && late.Excuses(grace) {
			t.Logf("this machine stalled (%+v): once more", late)
			continue
		}
		assert.Empty(t, l.failures)
		assert.Zero(t, l.gaps())
		return
	}
}

// Everything is accounted for, whatever happens.
func TestSoakThroughFaults(t *testing.T) {
	t.Parallel()
	s := newStage(t, nil)
	l, f := play(t, s, hasty(handoff.ModeAuto), func(*ledger) {
		soak(t, func(nth int) { s.chaos(nth + 4) }) // the first five have a kill, one connection, a pause and a KILL of all among them
	})
	assert.Empty(t, l.check(f))
	assert.NotZero(t, l.gaps(), "the control of the run without faults")
	assert.NotEmpty(t, l.failures)
}

// hasty timeouts are shorter than some of the stalls.
func hasty(m handoff.Mode) baton.Options {
	return baton.Options{
		ReadTimeout: 500 * time.Millisecond,
		Handoff:     handoff.Config{Mode: m, RelaxedTimeout: time.Second, PostHandoffRelaxedDuration: -1},
	}
}

// The control: without notifications the same moves break connections, and everything is still accounted for.
func TestSoakWithoutNotifications(t *testing.T) {
	t.Parallel()
	s := newStage(t, nil)
	l, f := play(t, s, hasty(handoff.ModeDisabled), func(*ledger) {
		for range 2 {
			s.move(time.Second, true, func() {})
		}
	})
	assert.Empty(t, l.check(f))
	assert.NotEmpty(t, l.failures)
	assert.NotZero(t, l.gaps())
	assert.NotZero(t, s.left)
}

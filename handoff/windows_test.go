package handoff

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
)

var t0 = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

func at(sec float64) time.Time { return t0.Add(time.Duration(sec * float64(s))) }

// step is one thing that happens to a set of windows: an opening until a second, or a closing.
type step struct {
	at    float64
	kind  Kind
	seq   int64 // -1: none
	until float64
}

func replay(steps []step, tail time.Duration) (*windows, int) {
	var w windows
	missed := 0
	for _, x := range steps {
		now, id := at(x.at), EventID{x.kind, x.seq, x.seq >= 0}
		if !x.kind.closes() {
			w.add(window{EventID: id, opened: now, until: at(x.until)}, now)
			continue
		}
		if i := w.endedBy(id, now); i >= 0 {
			w.end(i, now, tail)
		} else {
			missed++
		}
	}
	return &w, missed
}

func relaxedAt(w *windows, now time.Time) time.Duration {
	if now.Before(w.relaxedUntil()) {
		return 10 * s
	}
	return 0
}

// The tail (H-137) covers what runs in it, and is what the latest closing makes it.
func TestTail(t *testing.T) {
	w, _ := replay([]step{{0, Migrating, 1, 62}, {12, Migrated, 2, 0}}, 10*s)
	for sec, want := range map[float64]time.Duration{5: 10 * s, 12: 10 * s, 21.9: 10 * s, 22: 0} {
		assert.Equal(t, want, relaxedAt(w, at(sec)), "at %v", sec)
	}
	w, _ = replay([]step{{0, Migrating, 1, 62}, {0, Migrating, 3, 62}, {12, Migrated, 2, 0}, {14, Migrated, 4, 0}}, 10*s)
	for sec, want := range map[float64]time.Duration{23.9: 10 * s, 24: 0} {
		assert.Equal(t, want, relaxedAt(w, at(sec)), "two closings: at %v", sec)
	}
}

func TestWindows(t *testing.T) {
	type probe struct {
		now  float64
		want time.Duration
	}
	const on, off = 10 * s, time.Duration(0)
	for _, c := range []struct {
		name   string
		steps  []step
		missed int
		probes []probe
	}{
		{"nothing", nil, 0, []probe{{0, off}}},
		{"open until the closing", []step{{0, Migrating, 1, 62}, {12, Migrated, 2, 0}}, 0,
			[]probe{{12, off}, {14, off}}},
		{"H-04: closing lost, cap ends it, no tail", []step{{0, FailingOver, 1, 62}}, 0,
			[]probe{{61.9, on}, {62, off}, {63, off}}},
		{"H-05: the closing comes over another connection", []step{{0, Migrating, 5, 62}, {3, Migrated, 6, 0}}, 0, []probe{{4, off}}},
		{"H-06: windows are not a counter", []step{
			{0, Moving, 1, 19}, {15, Migrating, 2, 77}, {16, Migrated, 1, 0}, {40, Migrated, 3, 0},
		}, 1, []probe{{41, off}}},
		{"H-07: replay closes nothing and leaves no tail", []step{{0, FailedOver, 1, 0}}, 1, []probe{{0, off}}},
		{"H-07a: a stale closing leaves the newer window", []step{
			{0, Migrating, 5, 62}, {1, Migrated, 6, 0}, {2, Migrating, 7, 64}, {3, Migrated, 6, 0},
		}, 1, []probe{{4, on}, {63, on}}},
		{"H-07a: another family is another matter", []step{{0, Migrating, 5, 62}, {1, FailedOver, 6, 0}}, 1, []probe{{2, on}}},
		{"two windows, one closing: the oldest ends", []step{{0, Migrating, 1, 60}, {1, Migrating, 2, 90}, {2, Migrated, 3, 0}}, 0,
			[]probe{{3, on}, {70, on}}},
		{"oldest by number, not by arrival", []step{{0, Migrating, 8, 90}, {1, Migrating, 7, 60}, {2, Migrated, 9, 0}}, 0,
			[]probe{{80, on}}},
		{"H-86: one number for opening and closing", []step{{0, SMigrating, 5, 62}, {1, SMigrated, 5, 0}}, 0, []probe{{2, off}}},
		{"no numbers at all", []step{{0, Migrating, -1, 62}, {1, Migrated, -1, 0}}, 0, []probe{{2, off}}},
		{"number on one side only", []step{{0, Migrating, -1, 62}, {1, Migrated, 4, 0}}, 0, []probe{{2, off}}},
		{"same opening again extends", []step{{0, Migrating, 1, 60}, {5, Migrating, 1, 65}, {6, Migrating, 1, 61}}, 0, []probe{{64.9, on}, {65, off}}},
		{"seq 0 is a number (H-30)", []step{{0, FailingOver, 0, 62}, {1, FailedOver, 1, 0}}, 0, []probe{{2, off}}},
		{"a closing after the cap closes nothing", []step{{0, Migrating, 1, 60}, {61, Migrated, 2, 0}}, 1, []probe{{61, off}}},
		{"slots", []step{{0, SMigrating, 5, 60}, {1, SMigrating, 7, 61}, {2, SMigrated, 6, 0}}, 0, []probe{{3, on}}},
	} {
		w, missed := replay(c.steps, -1)
		assert.Equal(t, c.missed, missed, c.name)
		for _, p := range c.probes {
			assert.Equal(t, p.want, relaxedAt(w, at(p.now)), "%s: now %v", c.name, p.now)
		}
	}
}

func TestWindowsRelaxNothingIfTurnedOff(t *testing.T) {
	w, _ := replay([]step{{0, Migrating, 1, 62}}, -1)
	w.end(0, at(1), -1)
	assert.Zero(t, w.tail)
	r := newRig(t, Config{RelaxedTimeout: -1}, byIP)
	defer r.e.Close()
	r.say(r.open(1, nodeA)[0], shardEvent(Migrating, 1, 2*s))
	assert.Equal(t, 1, r.m.Stats().Windows)
	assert.False(t, r.relaxed())
}

func TestExtendDoesNotOpen(t *testing.T) {
	var w windows
	x := window{EventID: EventID{Migrating, 1, true}, until: at(60)}
	w.extend(x, at(0))
	assert.Empty(t, w.current, "a late copy of an opening whose operation is over")
	w.add(x, at(0))
	x.until = at(70)
	w.extend(x, at(1))
	assert.Equal(t, at(70), w.current[0].until)
}

func TestWindowsAreBounded(t *testing.T) {
	var w windows
	for i := range int64(5_000) {
		w.add(window{EventID: EventID{Migrating, i, true}, until: at(float64(i % 1000))}, at(-1))
	}
	assert.Len(t, w.current, maxWindows)
	assert.Equal(t, 10*s, relaxedAt(&w, at(990)), "what ends last is kept")
}

func TestPhase(t *testing.T) {
	w, _ := replay([]step{{0, SMigrating, 1, 60}, {0, Migrating, 2, 60}, {0, Moving, 3, 19}, {0, FailingOver, 4, 30}}, -1)
	for sec, want := range map[float64]Kind{1: Moving, 20: FailingOver, 31: Migrating, 61: KindNone} {
		assert.Equal(t, want, w.phase(at(sec)), "at %v", sec)
	}
	w.add(window{until: at(100)}, at(61))
	assert.Equal(t, KindNone, w.phase(at(62)), "a handoff that is over is no maintenance of the server")
}

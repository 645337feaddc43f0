package handoff

import (
	"math/bits"
	"sync/atomic"
	"time"
)

// Command is a command of the client, for Observe.
type Command struct {
	Begun    time.Time     // zero: before a window was open
	Timeout  time.Duration // configured for it, 0: none
	Blocking bool          // it may wait on purpose
	Failed   bool          // without an answer of the server
}

const (
	delayedAfter = 100 * time.Millisecond
	perOctave    = 8 // buckets for a doubling of the time: quantiles are at most an eighth too high
)

// meter counts commands. It is safe for concurrent use.
type meter struct {
	commands, errors, delayed, rescued, max atomic.Int64
	took                                    [31 * perOctave]atomic.Int64 // by microseconds
}

// add counts a command that took so long within the window.
func (m *meter) add(c Command, took time.Duration) {
	m.commands.Add(1)
	if c.Failed {
		m.errors.Add(1)
	}
	if c.Blocking {
		return
	}
	if took > delayedAfter {
		m.delayed.Add(1)
	}
	if !c.Failed && c.Timeout > 0 && took > c.Timeout {
		m.rescued.Add(1)
	}
	m.took[bucketOf(took)].Add(1)
	for old := m.max.Load(); int64(took) > old && !m.max.CompareAndSwap(old, int64(took)); old = m.max.Load() {
	}
}

func bucketOf(d time.Duration) int {
	us := uint64(max(d.Microseconds(), 0))
	if us < perOctave {
		return int(us)
	}
	octave := bits.Len64(us) - 4 // us>>octave is from perOctave to 2*perOctave-1
	return min(octave*perOctave+int(us>>octave), 31*perOctave-1)
}

// bucketEnd is the longest time in a bucket.
func bucketEnd(i int) time.Duration {
	if i < 2*perOctave {
		return time.Duration(i) * time.Microsecond
	}
	octave := i/perOctave - 1
	return (time.Duration(i%perOctave+perOctave+1)<<octave - 1) * time.Microsecond
}

func (m *meter) fill(r *Report) {
	r.Commands, r.Errors, r.Delayed, r.Rescued = m.commands.Load(), m.errors.Load(), m.delayed.Load(), m.rescued.Load()
	r.Max = time.Duration(m.max.Load())
	var counts [31 * perOctave]int64
	var total int64
	for i := range m.took {
		counts[i] = m.took[i].Load()
		total += counts[i]
	}
	quantile := func(hundredths int64) time.Duration {
		left := (total*hundredths + 99) / 100
		for i, n := range counts {
			if left -= n; n > 0 && left <= 0 {
				return min(bucketEnd(i), r.Max)
			}
		}
		return 0
	}
	r.P50, r.P99 = quantile(50), quantile(99)
}

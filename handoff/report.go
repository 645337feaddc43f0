package handoff

import (
	"fmt"
	"math/bits"
	"slices"
	"strings"
	"sync/atomic"
	"time"
)

// Report tells how one window went: an announced operation from its opening to its end, or a move that nobody announced
// (KindNone). Durations and counts are zero where nothing happened.
type Report struct {
	EventID            // of the announcement
	From, To string    // the peer that announced it or retires; the target it named
	Reason   string    // what the window was opened for, in a few words
	Opened   time.Time // when the announcement was read
	Ended    time.Time // zero: still open

	Moved     int           // connections that left From
	Left      int           // connections that were still on From at the end
	Failed    int           // attempts to move one
	FirstMove time.Duration // from Opened until the first connection had moved
	LastMove  time.Duration // and until the last had

	// Commands that ended within the window. What began before it is timed from its opening. Commands that block on
	// purpose are counted, and not timed.
	Commands int64
	Errors   int64 // without an answer of the server, those that their caller cancelled left out
	Delayed  int64 // longer than 100 ms
	Rescued  int64 // answered after the configured timeout, thanks to the relaxed one
	P50, P99 time.Duration
	Max      time.Duration
}

// String gives the report in one line.
func (r Report) String() string {
	var b strings.Builder
	if r.Kind == KindNone {
		b.WriteString("not announced")
	}
	fmt.Fprintf(&b, "%v from %s", r.EventID, r.From)
	if r.To != "" {
		fmt.Fprintf(&b, " to %s", r.To)
	}
	if r.Ended.IsZero() {
		fmt.Fprintf(&b, " (%s), still open", r.Reason)
	} else {
		fmt.Fprintf(&b, " (%s), open for %v", r.Reason, r.Ended.Sub(r.Opened).Round(time.Millisecond))
	}
	if r.Kind == Moving || r.Kind == KindNone {
		fmt.Fprintf(&b, ": %d connections moved, first after %v, last after %v, %d left, %d attempts failed",
			r.Moved, r.FirstMove.Round(time.Microsecond), r.LastMove.Round(time.Microsecond), r.Left, r.Failed)
	}
	fmt.Fprintf(&b, "; %d commands, %d errors, %d delayed, %d saved by relaxed timeouts, p50 %v, p99 %v, longest %v",
		r.Commands, r.Errors, r.Delayed, r.Rescued, r.P50, r.P99, r.Max.Round(time.Microsecond))
	return b.String()
}

const (
	maxReports   = 32
	delayedAfter = 100 * time.Millisecond
)

// Command is one command of the client, as Observe wants it.
type Command struct {
	Begun    time.Time     // zero: before a window was open
	Timeout  time.Duration // configured for it, 0: none
	Blocking bool          // it takes as long as it likes
	Failed   bool          // no answer of the server
}

// record is a Report in the making.
type record struct {
	Report
	until time.Time
	meter *meter
}

// watched is what Observe has to know of an open window, frozen.
type watched struct {
	opened, until time.Time
	meter         *meter
}

// reports are the windows of late, oldest first. The owner locks. The zero value is empty.
type reports struct {
	list []*record
}

//go:noinline
func (s *reports) open(r Report, until time.Time) {
	if len(s.list) == maxReports {
		s.list = s.list[1:]
	}
	s.list = append(s.list, &record{Report: r, until: until, meter: new(meter)})
}

// find gives the newest window of that event that is still open; from "" means any peer.
func (s *reports) find(id EventID, from string) *record {
	for _, r := range slices.Backward(s.list) {
		if r.EventID == id && (from == "" || r.From == from) && r.Ended.IsZero() {
			return r
		}
	}
	return nil
}

func (s *reports) end(r *record, now time.Time) {
	if r != nil {
		r.Ended, r.until = now, now
	}
}

// note takes what an event of a job adds to its report.
func (s *reports) note(e *Event) {
	r := s.find(e.EventID, e.From)
	if r == nil {
		return
	}
	switch e.EventKind {
	case MoveSucceeded:
		r.LastMove = e.Time.Sub(r.Opened)
		if r.Moved++; r.Moved == 1 {
			r.FirstMove = r.LastMove
		}
	case MoveFailed:
		r.Failed++
	case JobEnded:
		r.Left = e.Left
		s.end(r, e.Time)
	case Announced, Repeated, JobStarted, MoveStarted, MoveKept, BreakerOpened, OptInRefused, HookFailed, Unknown:
	}
}

// watch lists the open windows, nil if there is none.
func (s *reports) watch(now time.Time) *[]watched {
	var open []watched
	for _, r := range s.list {
		if now.Before(r.until) {
			open = append(open, watched{r.Opened, r.until, r.meter})
		}
	}
	if open == nil {
		return nil
	}
	return &open
}

// Watching reports whether commands are to be observed now. It is one atomic load.
func (e *Engine) Watching() bool { return e.watched.Load() != nil }

// Observe counts a command that has ended just now for the reports of the windows that are open.
func (e *Engine) Observe(c Command) {
	w := e.watched.Load()
	if w == nil {
		return
	}
	now, open := time.Now(), false
	for _, x := range *w {
		if now.Before(x.until) {
			open = true
			x.meter.add(c, now.Sub(later(c.Begun, x.opened)))
		}
	}
	if !open {
		e.watched.CompareAndSwap(w, nil)
	}
}

// meter counts commands. It is safe for concurrent use.
type meter struct {
	commands, errors, delayed, rescued, max atomic.Int64
	took                                    [31 * perOctave]atomic.Int64 // by microseconds
}

// perOctave is how many buckets a doubling of the time has: quantiles are at most an eighth too high.
const perOctave = 8

// add counts a command that took so long as far as the window knows.
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

// bucketEnd is the longest time that belongs into a bucket.
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

package handoff

import (
	"fmt"
	"math/bits"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// Report tells how one window went: an announced operation from its opening to its end, or a move that was not announced
// (KindNone).
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
	LastMove  time.Duration // from Opened until the last connection had moved

	// Commands that ended within the window. A command that began before it is timed from Opened. Blocking commands are
	// counted and not timed.
	Commands int64
	Errors   int64 // without an answer of the server; cancelled commands do not count
	Delayed  int64 // took longer than 100 ms
	Rescued  int64 // answered after the configured timeout, within the relaxed one
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
	state := "still open"
	if !r.Ended.IsZero() {
		state = fmt.Sprintf("open for %v", r.Ended.Sub(r.Opened).Round(time.Millisecond))
	}
	fmt.Fprintf(&b, " (%s), %s", r.Reason, state)
	if r.Kind == Moving || r.Kind == KindNone {
		fmt.Fprintf(&b, ": %d connections moved, first after %v, last after %v, %d left, %d attempts failed",
			r.Moved, r.FirstMove.Round(time.Microsecond), r.LastMove.Round(time.Microsecond), r.Left, r.Failed)
	}
	fmt.Fprintf(&b, "; %d commands, %d errors, %d delayed, %d saved by relaxed timeouts, p50 %v, p99 %v, longest %v",
		r.Commands, r.Errors, r.Delayed, r.Rescued, r.P50, r.P99, r.Max.Round(time.Microsecond))
	return b.String()
}

const maxReports = 32

// record is a Report in the making.
type record struct {
	Report
	until time.Time // end of the window, unless something ends it earlier
	meter *meter
}

// reports are the last windows, oldest first. The zero value is empty. It is safe for concurrent use.
type reports struct {
	// observed holds copies of the open windows, nil if there are none. It is written with mu held; Observe clears it.
	observed atomic.Pointer[[]record]

	mu      sync.Mutex // guards records; a leaf
	records []*record
}

//go:noinline
func (s *reports) open(r Report, until time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.records) == maxReports {
		s.records = s.records[1:]
	}
	s.records = append(s.records, &record{Report: r, until: until, meter: new(meter)})
	s.publishLocked(r.Opened)
}

// change changes the record of the newest open window of an event; from "" means that of any peer.
func (s *reports) change(id EventID, from string, now time.Time, f func(r *record)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, r := range slices.Backward(s.records) {
		if r.EventID == id && (from == "" || r.From == from) && r.Ended.IsZero() {
			f(r)
			s.publishLocked(now)
			return
		}
	}
}

func (s *reports) note(e *Event) {
	s.change(e.EventID, e.From, e.Time, func(r *record) {
		switch e.EventKind {
		case MoveSucceeded:
			r.LastMove = e.Time.Sub(r.Opened)
			if r.Moved++; r.Moved == 1 {
				r.FirstMove = r.LastMove
			}
		case MoveFailed:
			r.Failed++
		case JobEnded:
			r.Left, r.Ended, r.until = e.Left, e.Time, e.Time
		}
	})
}

// publishLocked makes Observe see the open windows.
func (s *reports) publishLocked(now time.Time) {
	var open []record
	for _, r := range s.records {
		if now.Before(r.until) {
			open = append(open, *r)
		}
	}
	if open != nil {
		s.observed.Store(&open)
	} else {
		s.observed.Store(nil)
	}
}

func (s *reports) all() []Report {
	now := time.Now()
	s.mu.Lock()
	defer s.mu.Unlock()
	out := make([]Report, 0, len(s.records))
	for _, r := range s.records {
		rep := r.Report
		if rep.Ended.IsZero() && !now.Before(r.until) {
			rep.Ended = r.until
		}
		r.meter.fill(&rep)
		out = append(out, rep)
	}
	return out
}

// Watching reports whether commands are to be observed now. It costs one atomic load.
func (e *Engine) Watching() bool { return e.reports.observed.Load() != nil }

// Observe counts a command that has just ended in the reports of all open windows.
func (e *Engine) Observe(c Command) {
	windows := e.reports.observed.Load()
	if windows == nil {
		return
	}
	now, open := time.Now(), false
	for _, r := range *windows {
		if now.Before(r.until) {
			open = true
			r.meter.add(c, now.Sub(later(c.Begun, r.Opened)))
		}
	}
	if !open {
		e.reports.observed.CompareAndSwap(windows, nil)
	}
}

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

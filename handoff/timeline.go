package handoff

import (
	"fmt"
	"iter"
	"maps"
	"slices"
	"sync"
	"time"
)

// EventKind says what an Event tells.
type EventKind uint8

// The events of a timeline.
const (
	Announced     EventKind = iota + 1 // a notification was read; Outcome is the decision and its reason
	Repeated                           // another copy of an event that was announced before
	JobStarted                         // connections will leave From for To, "" if the target has to be found out
	JobEnded                           // the window is over; Outcome tells how many connections moved and how many did not
	MoveStarted                        // an attempt to move Conn from From to To begins
	MoveSucceeded                      // To serves Conn now
	MoveFailed                         // Conn stays on From; Err tells why. It is tried again while the window is open
	MoveKept                           // Conn stays on purpose, for instance because the address led to the same peer again
	BreakerOpened                      // no attempts are made on To for a while
	OptInRefused                       // the endpoint does not send notifications; Err is its answer
	HookFailed                         // a hook panicked or did not return in time; Err tells which
	Unknown                            // a push looks like a notification and is not known; told once for each name, in Outcome
)

var eventWords = [...]string{
	"", "announced", "repeated", "job started", "job ended", "move started", "move succeeded", "move failed", "move kept",
	"breaker opened", "opt-in refused", "hook failed", "unknown push",
}

// String returns a few lower-case words.
func (k EventKind) String() string {
	return wordOf(eventWords[:], uint8(k), "EventKind")
}

// wordOf returns the word of a value; type and number if it has none.
func wordOf(names []string, value uint8, typ string) string {
	if int(value) < len(names) {
		return names[value]
	}
	return fmt.Sprintf("%s(%d)", typ, value)
}

// Event is one entry of a Timeline. Fields that do not apply are zero.
type Event struct {
	Time      time.Time
	EventKind EventKind // what happened
	EventID             // of the notification that is the cause
	From, To  string    // peers or addresses, host:port
	Conn      uint64    // id of the connection
	Outcome   string    // the decision or the result, in words for people
	Took      time.Duration
	Left      int   // JobEnded: connections that are still on From
	Err       error // why it failed
}

// String gives one line.
func (e Event) String() string {
	s := e.EventKind.String()
	if e.Kind != KindNone {
		s += " " + e.EventID.String()
	}
	for _, f := range []struct{ word, value string }{{" from ", e.From}, {" to ", e.To}, {", ", e.Outcome}} {
		if f.value != "" {
			s += f.word + f.value
		}
	}
	if e.Err != nil {
		s += ": " + e.Err.Error()
	}
	return s
}

const timelineSize = 512

// Timeline holds the last 512 events. It is safe for concurrent use. The zero value is an empty timeline.
type Timeline struct {
	mu     sync.Mutex         // guards the fields below
	events []Event            // oldest first
	told   [Unknown + 1]int64 // events by kind
	counts Stats              // what events do not tell
}

// Stats counts what happened since the start.
type Stats struct {
	Received   map[Kind]int64 // notifications by kind, copies included
	Duplicates int64          // copies of events that were known
	Replays    int64          // completions that the server kept for new connections
	Malformed  int64          // notifications of which a part was unreadable
	Unknown    int64          // pushes that look like notifications and are not known
	Refused    int64          // targets that must not be used
	Started    int64          // attempts to move a connection
	Succeeded  int64          // of these
	Failed     int64          // of these; tried again while the window is open
	Kept       int64          // connections that stay on purpose
	Abandoned  int64          // connections still on the retiring peer when the window ended
	Breakers   int64          // how often a circuit breaker opened
	Refusals   int64          // how often the endpoint began to refuse the opt-in
	HooksLate  int64          // hooks that panicked, did not return in time, or were skipped for that reason
	Jobs       int            // running now
	Windows    int            // open now
	Capability Capability
}

// All yields the events, oldest first. It works on a copy: events that happen meanwhile are not seen.
func (t *Timeline) All() iter.Seq[Event] {
	t.mu.Lock()
	defer t.mu.Unlock()
	return slices.Values(slices.Clone(t.events))
}

func (t *Timeline) add(e *Event) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.events) == timelineSize {
		t.events = t.events[1:]
	}
	t.events = append(t.events, *e)
	t.told[e.EventKind]++
	t.counts.Abandoned += int64(e.Left)
}

func (t *Timeline) count(change func(s *Stats)) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.counts.Received == nil {
		t.counts.Received = map[Kind]int64{}
	}
	change(&t.counts)
}

func (t *Timeline) received(r *received) {
	t.count(func(s *Stats) {
		s.Received[r.n.Kind]++
		if r.unreadable != nil {
			s.Malformed++
		}
	})
}

func (t *Timeline) stats() (s Stats) {
	t.count(func(c *Stats) {
		s = *c
		s.Received = maps.Clone(c.Received)
		s.Started, s.Succeeded, s.Failed, s.Kept = t.told[MoveStarted], t.told[MoveSucceeded], t.told[MoveFailed], t.told[MoveKept]
		s.Breakers, s.Refusals = t.told[BreakerOpened], t.told[OptInRefused]
		s.HooksLate += t.told[HookFailed]
		s.Duplicates = t.told[Repeated] - s.Replays
	})
	return s
}

// observers get every event: the timeline, the reports, and logger and hooks by way of the dispatcher. Each keeps what it
// needs under a lock of its own.
type observers struct {
	timeline   Timeline
	reports    reports
	dispatcher *dispatcher
}

// tell passes an event on. It never blocks.
func (o *observers) tell(e *Event) {
	e.Time = time.Now()
	o.timeline.add(e)
	o.reports.note(e)
	o.dispatcher.tell(e)
}

// hookFailed reports that a hook has failed; nil: that one was skipped.
func (o *observers) hookFailed(err error) {
	if err == nil {
		o.timeline.count(func(s *Stats) { s.HooksLate++ })
		return
	}
	o.tell(&Event{EventKind: HookFailed, Err: err})
}

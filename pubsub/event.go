package pubsub

import (
	"fmt"
	"time"
)

// EventKind says what happened to a subscription.
type EventKind uint8

const (
	Connected    EventKind = iota + 1 // the server has confirmed every channel for the first time
	Lost                              // the connection is lost, or the server has ended the subscription to Channel
	Failed                            // an attempt to come back has failed with Err; one event for a series of equal errors
	Resubscribed                      // every channel is confirmed again; messages published in the Gap may be missing
	Moved                             // the connection moved, without a gap
	Dropped                           // the consumer is too slow: Overflow begins to drop messages
)

// String returns the name in lower case.
func (k EventKind) String() string {
	names := [...]string{"unknown", "connected", "lost", "failed", "resubscribed", "moved", "dropped"}
	if int(k) >= len(names) {
		return fmt.Sprintf("SubEventKind(%d)", uint8(k))
	}
	return names[k]
}

// Event is something that happened to a subscription. Fields that do not apply are zero.
type Event struct {
	Time time.Time
	Kind EventKind
	Peer string // address of the server now, or until the connection was lost
	// Channel is the one that the server ended the subscription to; "" if the connection is lost.
	Channel string
	// Gap is the longest time, up to Time, in which nobody listened. It begins when the connection ended; if the peer fell
	// silent, when it was last heard; if the connection was lost in a move, when the move began or the peer was last heard,
	// whichever is earlier. Messages under way when a connection was lost may have been published just before.
	Gap time.Duration
	// From is the peer before a move. A move whose old connection ended too early is told as Lost and Resubscribed.
	From string
	// Overlap counts the messages that came on the new connection while the old one still served. Duplicates counts those of
	// them that were left out as copies of delivered ones. Uncertain counts those that were delivered although they may have
	// been delivered before.
	Overlap, Duplicates, Uncertain int
	// Dropped is Subscription.Dropped at that moment.
	Dropped uint64
	// Err is why the connection was lost or an attempt failed.
	Err error
}

// keptEvents is how many events wait for a receiver.
const keptEvents = 64

// Events returns the events of the subscription, from Connected on. The channel keeps the latest 64 that nobody has
// received; older ones make room. It is the same channel at each call and is closed at the end.
func (s *Subscription) Events() <-chan Event { return s.events }

// endingGap returns e with a gap that began at from and ends now, however late the event is told.
func (e Event) endingGap(from time.Time) Event {
	e.Time = time.Now()
	e.Gap = e.Time.Sub(from)
	return e
}

func (s *Subscription) tell(e Event) {
	s.locked(func() { s.tellLocked(e) })
}

// tellLocked never waits: mu makes it the only sender.
func (s *Subscription) tellLocked(e Event) {
	if e.Time.IsZero() {
		e.Time = time.Now()
	}
	for {
		select {
		case s.events <- e:
			return
		default:
		}
		select {
		case <-s.events:
		default:
		}
	}
}

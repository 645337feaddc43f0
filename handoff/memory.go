package handoff

import "time"

const (
	leastMemory = 2 * time.Minute
	maxMemory   = 1024
)

// event identifies what the server announces. Equality is all that counts: numbers may start again after a restart, so a
// lower one is not an older one. Only MOVING has a peer and a target: two peers can leave in one event, and one number
// with two targets is two announcements.
type event struct {
	kind   Kind
	seq    int64
	hasSeq bool
	target string
	peer   string
}

func eventOf(n Notification, peer string) event {
	e := event{kind: n.Kind, seq: n.Seq, hasSeq: n.HasSeq}
	if n.Kind == Moving {
		e.target, e.peer = n.Endpoint, peer
		if n.Endpoint == "" && n.Unreadable {
			e.target = "?" // what can be read is another announcement
		}
	}
	return e
}

// memory holds the events that were handled, each until an instant, so that copies of one event (one for each connection,
// more for late joiners and after reconnects) are handled once. It belongs to the endpoint: a memory of a connection would
// die with it, and the copy told to the next connection would start everything again. The zero value is empty; the owner locks.
type memory struct {
	until map[event]time.Time
}

func (m *memory) has(e event, now time.Time) bool {
	return now.Before(m.until[e])
}

// add remembers e. At the bound the entry that would be forgotten first makes room.
func (m *memory) add(e event, until, now time.Time) {
	if m.until == nil {
		m.until = map[event]time.Time{}
	}
	if _, ok := m.until[e]; !ok && len(m.until) >= maxMemory {
		m.shrink(now)
	}
	m.until[e] = later(m.until[e], until)
}

func (m *memory) shrink(now time.Time) {
	var first event
	var at time.Time
	for e, until := range m.until {
		if !now.Before(until) {
			delete(m.until, e)
			continue
		}
		if at.IsZero() || until.Before(at) {
			first, at = e, until
		}
	}
	if len(m.until) >= maxMemory {
		delete(m.until, first)
	}
}

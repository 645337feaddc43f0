package handoff

import "time"

const (
	minMemory = 2 * time.Minute
	maxMemory = 1024
)

// announcement identifies what the server announces. A lower number is not an older one: a restart may reset them. Only MOVING
// has a peer and a target: two peers can leave in one event, and one number with two targets is two announcements.
type announcement struct {
	EventID
	target string
	peer   string
}

func announcementOf(n Notification, peer string) announcement {
	a := announcement{EventID: n.EventID}
	if n.Kind == Moving {
		a.target, a.peer = n.Endpoint, peer
		if n.Endpoint == "" && n.Unreadable {
			a.target = "?" // what can be read is another announcement
		}
	}
	return a
}

// knownUntil is until when copies of n, which was read at that time, are recognised. It is zero if that is impossible:
// without a number only a MOVING can be recognised, while it lasts, and two operations must not become one.
func (n Notification) knownUntil(read time.Time) time.Time {
	switch {
	case n.HasSeq:
		return read.Add(max(2*n.In, minMemory))
	case n.Kind == Moving:
		return read.Add(n.delay() + closeSlack)
	}
	return time.Time{}
}

// memory holds each key until an instant. Announcements are remembered for the endpoint: a memory of a connection would end with
// it, and the next connection's copy would start everything again. The zero value is empty; the owner locks.
type memory[K comparable] struct {
	until map[K]time.Time
}

func (m *memory[K]) has(k K, now time.Time) bool {
	return now.Before(m.until[k])
}

// add remembers k. A full memory forgets the key that expires first.
func (m *memory[K]) add(k K, until, now time.Time) {
	if m.until == nil {
		m.until = map[K]time.Time{}
	}
	if _, ok := m.until[k]; !ok && len(m.until) >= maxMemory {
		var first K
		for k, until := range m.until {
			if at := m.until[first]; at.IsZero() || until.Before(at) {
				first = k
			}
		}
		delete(m.until, first)
	}
	m.until[k] = later(m.until[k], until)
}

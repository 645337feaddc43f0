package handoff

import (
	"slices"
	"time"
)

const (
	maxWindows = 256
	// closeSlack is how long after the announced time servers still serve old sockets: they were seen to close them 0.7 to
	// 4.1 s after it (StackExchange.Redis, AdvertisedAddressProbe).
	closeSlack = 4 * time.Second
)

// window is one operation of the server that is going on, as far as we know.
type window struct {
	EventID        // of its opening; none: the time after a handoff
	id      string // MOVING: peer and target. After a handoff: peer
	opened  time.Time
	until   time.Time
}

func (w window) same(o window) bool { return w.EventID == o.EventID && w.id == o.id }

func (w window) olderThan(o window) bool {
	if w.HasSeq && o.HasSeq {
		return w.Seq < o.Seq
	}
	return w.opened.Before(o.opened)
}

// windows is a set and not a counter, so that a closing that is lost, doubled or late can neither leave timeouts relaxed for
// ever nor end the relaxing of another operation. The owner locks. The zero value is an empty set.
type windows struct {
	current []window
	// tail is until when timeouts stay relaxed after the last closing: servers were seen to be slow again seconds after one.
	tail time.Time
}

// add opens w, or extends the window that is the same.
func (s *windows) add(w window, now time.Time) {
	s.expire(now)
	first := 0
	for i, o := range s.current {
		if o.same(w) {
			s.current[i].until = later(o.until, w.until)
			return
		}
		if o.until.Before(s.current[first].until) {
			first = i
		}
	}
	if len(s.current) == maxWindows { // a server that announces without end: the one that ends first matters least
		s.current[first] = w
		return
	}
	s.current = append(s.current, w)
}

// extend makes an open window last until w does. It opens none: a late copy of an opening says nothing new.
func (s *windows) extend(w window, now time.Time) {
	if slices.ContainsFunc(s.current, w.same) {
		s.add(w, now)
	}
}

// endedBy is the index of the window that a closing ends, -1 if there is none: the oldest one whose number is not above that of
// the closing, which may be the same (H-86). If one of both has no number the oldest will do.
func (s *windows) endedBy(closing EventID, now time.Time) int {
	oldest := -1
	for i, w := range s.current {
		if w.Kind != closing.Kind.facts().closes || !now.Before(w.until) || closing.HasSeq && w.HasSeq && w.Seq > closing.Seq {
			continue
		}
		if oldest < 0 || w.olderThan(s.current[oldest]) {
			oldest = i
		}
	}
	return oldest
}

// end closes window i and starts the tail if there is one. It returns the event that had opened the window.
func (s *windows) end(i int, now time.Time, tail time.Duration) EventID {
	opening := s.current[i].EventID
	s.current = slices.Delete(s.current, i, i+1)
	if tail > 0 {
		s.tail = later(s.tail, now.Add(tail))
	}
	return opening
}

func (s *windows) expire(now time.Time) {
	s.current = slices.DeleteFunc(s.current, func(w window) bool { return !now.Before(w.until) })
}

// phase is the kind of the most serious window that is open, KindNone if there is none.
func (s *windows) phase(now time.Time) (phase Kind) {
	severity := []Kind{SMigrating, Migrating, FailingOver, Moving}
	for _, w := range s.current {
		if now.Before(w.until) && slices.Index(severity, w.Kind) > slices.Index(severity, phase) {
			phase = w.Kind
		}
	}
	return phase
}

// relaxedUntil is the end of the tail and of all open windows: each has begun.
func (s *windows) relaxedUntil() time.Time {
	until := s.tail
	for _, w := range s.current {
		until = later(until, w.until)
	}
	return until
}

func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}

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
// it, and the next connection's copy would start everything again. The owner locks.
type memory[K comparable] map[K]time.Time

func (m memory[K]) has(k K, now time.Time) bool { return now.Before(m[k]) }

// add remembers k. A full memory forgets the key that expires first.
func (m memory[K]) add(k K, until time.Time) {
	if _, ok := m[k]; !ok && len(m) >= maxMemory {
		var first K
		for k, until := range m {
			if at := m[first]; at.IsZero() || until.Before(at) {
				first = k
			}
		}
		delete(m, first)
	}
	m[k] = later(m[k], until)
}

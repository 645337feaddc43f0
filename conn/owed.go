package conn

import "time"

// owed is one place in the queue of replies a link owes. It stays until its last reply has come, even if the caller has
// gone. Two fit into a cache line.
type owed struct {
	call    *Call // nil: an orphan, whose replies are swallowed
	timeout time.Duration
	start   age   // when the link first looked after it was queued or last got a part of its replies; 0 until then
	left    int32 // replies still to come
	size    int32 // bytes of the request, or the most that fits
}

// age is a time after the birth of a link, above 0.
type age time.Duration

// age returns how old the link is at a time.
func (l *link) age(at time.Time) age { return age(max(1, at.Sub(l.created))) }

// timeOf is the reverse of age.
func (l *link) timeOf(a age) time.Time { return l.created.Add(time.Duration(a)) }

// owedQueue is a FIFO on a ring. Places are numbered from 0 in the order of queueing for the whole life of the link.
// The zero value is empty.
type owedQueue struct {
	ring       []owed // length is a power of two
	head, tail uint64 // numbers of the oldest place and of the next one
}

func (q *owedQueue) len() int { return int(q.tail - q.head) }

func (q *owedQueue) at(seq uint64) *owed { return &q.ring[seq&uint64(len(q.ring)-1)] }

// push appends a place and returns its number.
func (q *owedQueue) push(e owed) uint64 {
	if n := len(q.ring); q.len() == n {
		ring := make([]owed, max(8, 2*n))
		for s := q.head; s < q.tail; s++ {
			ring[s&uint64(len(ring)-1)] = *q.at(s)
		}
		q.ring = ring
	}
	q.tail++
	*q.at(q.tail - 1) = e
	return q.tail - 1
}

// pop drops the oldest place.
func (q *owedQueue) pop() {
	q.at(q.head).call = nil
	q.head++
}

// clear empties the queue and returns what was in it, oldest first.
func (q *owedQueue) clear() []owed {
	out := make([]owed, 0, q.len())
	for ; q.head < q.tail; q.head++ {
		out = append(out, *q.at(q.head))
	}
	q.ring = nil
	return out
}

// shrink gives back the memory of a past burst; the queue must be empty.
func (q *owedQueue) shrink() {
	if len(q.ring) > 64 {
		q.ring = nil
	}
}

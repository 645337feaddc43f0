package pubsub

// queue holds the messages that wait for the consumer. It is guarded by Subscription.mu, but for its channels.
type queue struct {
	limit    int
	overflow Overflow
	waiting  []Message // from head on
	head     int
	loose    int // exchanges under way that must not wait for the consumer: there is always room
	dropping bool
	dropped  uint64

	news chan struct{} // room for one: there is something to take
	room chan struct{} // closed and replaced when there may be room again
	held bool          // somebody waits for room
}

func newQueue(limit int, o Overflow) queue {
	return queue{limit: limit, overflow: o, news: make(chan struct{}, 1), room: make(chan struct{})}
}

func (q *queue) len() int { return len(q.waiting) - q.head }

// offer takes m in, or drops what the policy says. If it returns a channel m was not taken: it can be offered again when
// that is closed.
func (q *queue) offer(m Message) (wait <-chan struct{}) {
	if q.len() >= q.limit && q.loose == 0 {
		switch q.overflow {
		case Block:
			q.held = true
			return q.room
		case DropNewest:
			q.dropped++
			return nil
		}
		q.pop()
		q.dropped++
	}
	q.push(m)
	return nil
}

func (q *queue) push(m Message) {
	if len(q.waiting) == cap(q.waiting) && q.head > len(q.waiting)/2 { // seldom enough to cost nothing per message
		n := copy(q.waiting, q.waiting[q.head:])
		clear(q.waiting[n:])
		q.waiting, q.head = q.waiting[:n], 0
	}
	q.waiting = append(q.waiting, m)
	q.signal()
}

func (q *queue) pop() Message {
	m := q.waiting[q.head]
	q.waiting[q.head] = Message{}
	if q.head++; q.head == len(q.waiting) {
		q.waiting, q.head = q.waiting[:0], 0
		if cap(q.waiting) > 2*q.limit {
			q.waiting = nil // it has held a move's overlap
		}
	}
	return m
}

// take returns the message that has waited longest.
func (q *queue) take() (m Message, ok bool) {
	if q.len() == 0 {
		return m, false
	}
	m = q.pop()
	if q.len() > 0 {
		q.signal() // for another consumer: one signal may stand for many messages
	}
	if q.len() <= q.limit/2 {
		q.dropping = false
		q.release()
	}
	return m, true
}

// signal tells one consumer. A signal that is still there serves as well.
func (q *queue) signal() {
	select {
	case q.news <- struct{}{}:
	default:
	}
}

// loosen makes room for whatever comes until tighten.
func (q *queue) loosen() { q.loose++; q.release() }

func (q *queue) tighten() { q.loose-- }

// release lets those try again who wait for room.
func (q *queue) release() {
	if q.held {
		q.held = false
		close(q.room)
		q.room = make(chan struct{})
	}
}

func (q *queue) clear() {
	q.waiting, q.head = nil, 0
	q.loosen() // nobody waits any more: what comes goes nowhere
}

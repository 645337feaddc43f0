package pubsub

// queue holds the messages that wait for the consumer. Subscription.mu guards it, except for its channels.
type queue struct {
	limit     int
	overflow  Overflow
	waiting   []Message // from head on
	head      int
	unlimited int  // how many need room for all messages, whatever the limit
	blocked   bool // a reader waits for room
	dropping  bool // a message was dropped, and the buffer has not been half empty since
	dropped   uint64

	ready chan struct{} // room for one: there is a message to take
	room  chan struct{} // closed and replaced when there may be room again
}

func newQueue(limit int, o Overflow) queue {
	return queue{limit: limit, overflow: o, ready: make(chan struct{}, 1), room: make(chan struct{})}
}

func (q *queue) len() int { return len(q.waiting) - q.head }

// offer takes m in, or drops a message as the policy says. If it returns a channel it has done neither: m can be offered
// again when that is closed.
func (q *queue) offer(m Message) (room <-chan struct{}) {
	if q.len() >= q.limit && q.unlimited == 0 {
		switch q.overflow {
		case Block:
			q.blocked = true
			return q.room
		case DropNewest:
			q.dropped++
			return nil
		}
		q.pop()
		q.dropped++
	}
	if len(q.waiting) == cap(q.waiting) && q.head > len(q.waiting)/2 { // rare enough to cost nothing per message
		n := copy(q.waiting, q.waiting[q.head:])
		clear(q.waiting[n:])
		q.waiting, q.head = q.waiting[:n], 0
	}
	q.waiting = append(q.waiting, m)
	return nil
}

func (q *queue) pop() Message {
	m := q.waiting[q.head]
	q.waiting[q.head] = Message{}
	if q.head++; q.head == len(q.waiting) {
		q.waiting, q.head = q.waiting[:0], 0
		if cap(q.waiting) > 2*q.limit {
			q.waiting = nil // it has held the overlap of a move
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
	q.signal() // for another consumer: one signal may stand for many messages
	if q.len() <= q.limit/2 {
		q.dropping = false
		q.unblock()
	}
	return m, true
}

// signal wakes one consumer if a message waits. A signal that has not been received yet serves as well.
func (q *queue) signal() {
	if q.len() == 0 {
		return
	}
	select {
	case q.ready <- struct{}{}:
	default:
	}
}

// unblock has readers that wait for room offer their messages again.
func (q *queue) unblock() {
	if q.blocked {
		q.blocked = false
		close(q.room)
		q.room = make(chan struct{})
	}
}

// liftLimit makes room for all messages until restoreLimit.
func (q *queue) liftLimit() {
	q.unlimited++
	q.unblock()
}

func (q *queue) restoreLimit() { q.unlimited-- }

func (q *queue) clear() {
	q.waiting, q.head = nil, 0
	q.liftLimit() // no reader waits any more: its messages go nowhere
}

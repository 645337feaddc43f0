package pubsub

import (
	"time"

	"github.com/baton-go/baton/conn"
	"github.com/baton-go/baton/resp3"
)

// sharedText is how many bytes of messages share a block of memory: few, so that a message that is kept for long does not
// keep much else.
const sharedText = 4 << 10

// push takes the pushes that were read together: messages are delivered at once, pushes that are not about channels go on to
// OnPush. It runs on the goroutine that reads from the connection. With Overflow Block it waits there for room, until the
// connection is closed at the latest.
func (c *subConn) push(cn *conn.Conn, peer string, pushes []resp3.Frame) {
	for i := range pushes {
		part, n := c.parts(pushes[i].Bytes)
		switch kind := part[0]; {
		case n == 3 && (kind == "message" || kind == "smessage"):
			c.together = append(c.together, Message{Channel: part[1], Payload: part[2], Shard: kind == "smessage"})
		case n == 4 && kind == "pmessage":
			c.together = append(c.together, Message{Pattern: part[1], Channel: part[2], Payload: part[3]})
		default:
			c.deliver(cn)
			if !c.control(kind, part[1]) {
				c.cfg.OnPush(cn, peer, pushes[i].Value())
			}
		}
	}
	c.deliver(cn)
}

// parts returns the first elements of a push as texts, and how many it has: 0 if one of the first is none, as no server
// sends it about channels. The texts are in a copy of the frame, which is a part of a block if it is small.
func (c *subConn) parts(frame []byte) (part [4]string, n int) {
	var in resp3.Cursor
	if n = len(frame); n > sharedText/4 {
		in = resp3.Walk(string(frame))
	} else {
		if n > c.block.Cap()-c.block.Len() {
			c.block.Reset()
			c.block.Grow(sharedText)
		}
		c.block.Write(frame)
		in = resp3.Walk(c.block.String()[c.block.Len()-n:])
	}
	n, err := in.Open()
	for i := 0; err == nil && i < min(n, len(part)); i++ {
		part[i], err = in.Text()
	}
	if err != nil {
		return [4]string{}, 0
	}
	return part, n
}

// control takes a push about channels that is no message, and reports whether it is one.
func (c *subConn) control(kind, channel string) bool {
	switch kind {
	case "message", "smessage", "pmessage": // not of the right length
	case "subscribe", "psubscribe", "ssubscribe":
		c.s.locked(func() {
			if c.confirmed != nil {
				c.confirmed[channel] = true
			}
		})
	case "unsubscribe", "punsubscribe", "sunsubscribe":
		select {
		case c.unsubscribed <- resubscription{c: c, channel: channel, lost: time.Now()}:
		default: // all channels are subscribed to again at once
		}
	default:
		return false // a proxy sends others by itself: they are no sign of life
	}
	c.heard.Store(time.Now().UnixNano())
	return true
}

// deliver queues the messages that came together, or buffers them while the connection does not serve. Asking who serves,
// remembering and queueing are one step under mu: a move relies on it that messages of the old connection are remembered,
// and that none comes in between when the new one begins to serve.
func (c *subConn) deliver(cn *conn.Conn) {
	s := c.s
	for left := c.together; len(left) > 0; {
		var room <-chan struct{}
		overfull := false
		s.mu.Lock()
		switch {
		case s.ctx.Err() != nil:
			left = nil
		case s.serving == c:
			left, room = s.enqueueLocked(left)
		default:
			for _, m := range left {
				c.bufferedBytes += len(m.Channel) + len(m.Pattern) + len(m.Payload)
			}
			if overfull = c.bufferedBytes > maxBuffered; overfull {
				c.buffered = nil
			} else {
				c.buffered = append(c.buffered, left...)
			}
			left = nil
		}
		s.mu.Unlock()
		c.heard.Store(time.Now().UnixNano())
		if overfull {
			cn.Retire(time.Now())
		}
		if room == nil {
			continue
		}
		select {
		case s.blocked <- struct{}{}:
		default:
		}
		select {
		case <-room:
		case <-cn.Done():
			left = nil
		}
	}
	clear(c.together)
	c.together = c.together[:0]
}

// enqueueLocked gives messages to the consumer. If it returns a channel there is no room for those that are left: they can
// be enqueued again when it is closed.
func (s *Subscription) enqueueLocked(ms []Message) (left []Message, room <-chan struct{}) {
	defer s.queue.signal()
	for i := range ms {
		dropped := s.queue.dropped
		if room = s.queue.offer(ms[i]); room != nil {
			return ms[i:], room
		}
		s.history.add(&ms[i])
		if s.queue.dropped > dropped && !s.queue.dropping {
			s.queue.dropping = true
			s.tellLocked(Event{Kind: Dropped, Peer: s.serving.cn.Peer(), Dropped: s.queue.dropped})
		}
	}
	return nil, nil
}

package pubsub

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/baton-go/baton/conn"
	"github.com/baton-go/baton/internal/errs"
	"github.com/baton-go/baton/resp3"
)

// maxBuffered bounds the bytes of messages that a connection may bring before it serves. One that brings more is given up.
const maxBuffered = 64 << 20

// subConn is one connection of a subscription. It buffers messages until it serves.
type subConn struct {
	s            *Subscription
	cfg          *conn.Config
	cn           *conn.Conn          // set before anything but push uses the subConn
	heard        atomic.Int64        // UnixNano of the last push about channels, or of the last answer
	closed       atomic.Int64        // UnixNano of its end; 0: it has not ended
	pinging      atomic.Bool         // a heartbeat is under way
	unsubscribed chan resubscription // room for one: a channel that the server has ended the subscription to

	// Owned by Subscription.run, once the subConn serves.
	refused    bool            // the server has refused the subscription, or the connection could not be used after it
	subscribed time.Time       // when it was last subscribed anew
	pending    *resubscription // it is to be subscribed anew; nil if not

	// Guarded by Subscription.mu.
	confirmed     map[string]bool // names confirmed since subscribe began; nil when it has ended
	buffered      []Message       // messages from before it served
	bufferedBytes int
	since         time.Time // when it began to serve
}

// open dials a connection with dial and subscribes on it. The subConn does not serve yet. With an error there is a
// subConn if its connection was set up; it is closed then.
func (s *Subscription) open(ctx context.Context, dial func(context.Context, *conn.Config) (*conn.Conn, error)) (*subConn, error) {
	c := &subConn{s: s, cfg: s.client.Config(), unsubscribed: make(chan resubscription, 1)}
	onPush := c.cfg.OnPush
	c.cfg.Listen = true
	c.cfg.OnPush = func(cn *conn.Conn, peer string, v resp3.Value) {
		if !c.push(cn, v) {
			onPush(cn, peer, v)
		}
	}
	c.cfg.OnState = func(cn *conn.Conn, from, to conn.State) {
		if to == conn.Closed {
			c.closed.Store(time.Now().UnixNano())
		}
		if to == conn.Closed && from != conn.Dialing {
			s.client.Ended(cn)
		}
	}
	var err error
	if c.cn, err = dial(ctx, c.cfg); err != nil {
		return nil, err
	}
	if err := c.subscribe(ctx); err != nil {
		s.client.Refused(c.cn.Peer(), err)
		c.cn.Close()
		return c, err
	}
	return c, nil
}

func (c *subConn) lastHeard() time.Time { return time.Unix(0, c.heard.Load()) }

// lostAt returns the time from which on the connection, which has ended for cause, brought nothing. That may be long ago:
// a move may have failed meanwhile.
func (c *subConn) lostAt(cause error) time.Time {
	if errors.Is(cause, conn.ErrDead) {
		return c.lastHeard()
	}
	if at := c.closed.Load(); at != 0 {
		return time.Unix(0, at)
	}
	return time.Now()
}

const ping = "*1\r\n$4\r\nPING\r\n"

// subscribe returns when every name is confirmed. SUBSCRIBE is answered by a push for each name and by no reply, so the
// reply to the PING behind it says that all have come. A refusal is a second reply, for which conn closes the connection.
func (c *subConn) subscribe(ctx context.Context) error {
	s, n := c.s, 0
	s.locked(func() { c.confirmed = map[string]bool{} })
	request := resp3.AppendCommand(nil, append([]string{s.command}, s.names...)...)
	err := c.do(ctx, string(request)+ping)
	s.locked(func() { n, c.confirmed = len(c.confirmed), nil })
	if err == nil && n < len(s.names) {
		cause := fmt.Errorf("server confirmed %d of %d channels", n, len(s.names))
		err = &conn.Error{Op: "subscribe", Addr: c.cn.Peer(), Sent: true, Err: cause}
	}
	if err != nil {
		_, refused := errs.As[*resp3.Error](err)
		ended := c.cn.Err()
		c.refused = refused || ended == nil || errors.Is(ended, conn.ErrClosed)
	}
	return err
}

// do sends commands that have one reply. By then everything that the server sent before the reply has been delivered.
// Meanwhile the queue has no limit: the calling goroutine may be the consumer's own, or the one that makes room, and the
// reply stands behind the messages.
func (c *subConn) do(ctx context.Context, request string) error {
	s := c.s
	if s.o.Overflow == Block {
		s.locked(s.queue.liftLimit)
		defer s.locked(s.queue.restoreLimit)
	}
	q := c.cfg.NewCall()
	defer q.Free()
	q.Mode, q.Req = conn.Value, append(q.Req, request...) // RESP2 answers PING with an array on such a connection
	if q.Timeout = s.client.ReadTimeout; q.Timeout <= 0 {
		q.Timeout = s.o.Heartbeat
	}
	if err := c.cn.Do(ctx, q); err != nil {
		return err
	}
	if q.Err == nil {
		c.heard.Store(time.Now().UnixNano())
	}
	return q.Err
}

// push takes a push about channels and reports whether v is one. It runs on the goroutine that reads from the connection.
// With Overflow Block it waits there for room, until the connection is closed at the latest.
func (c *subConn) push(cn *conn.Conn, v resp3.Value) bool {
	var part [4]string
	for i := range min(v.Len(), len(part)) {
		text, err := v.Index(i).Text()
		if err != nil {
			return false // no server sends that
		}
		part[i] = text
	}
	switch kind := part[0]; kind {
	case "message", "smessage":
		if v.Len() == 3 {
			c.deliver(cn, Message{Channel: part[1], Payload: part[2], Shard: kind == "smessage"})
		}
	case "pmessage":
		if v.Len() == 4 {
			c.deliver(cn, Message{Pattern: part[1], Channel: part[2], Payload: part[3]})
		}
	case "subscribe", "psubscribe", "ssubscribe":
		c.s.locked(func() {
			if c.confirmed != nil {
				c.confirmed[part[1]] = true
			}
		})
	case "unsubscribe", "punsubscribe", "sunsubscribe":
		select {
		case c.unsubscribed <- resubscription{c: c, channel: part[1], lost: time.Now()}:
		default: // all channels are subscribed to again at once
		}
	default:
		return false // a proxy sends others by itself: they are no sign of life
	}
	c.heard.Store(time.Now().UnixNano())
	return true
}

// deliver queues m, or buffers it while the connection does not serve. Asking who serves, remembering and queueing are
// one step under mu: a move relies on it that messages of the old connection are remembered, and that none comes in
// between when the new one begins to serve.
func (c *subConn) deliver(cn *conn.Conn, m Message) {
	s := c.s
	for {
		var room <-chan struct{}
		overfull := false
		s.mu.Lock()
		switch {
		case s.ctx.Err() != nil:
		case s.serving == c:
			room = s.enqueueLocked(m)
		default:
			c.buffered = append(c.buffered, m)
			c.bufferedBytes += len(m.Channel) + len(m.Pattern) + len(m.Payload)
			if overfull = c.bufferedBytes > maxBuffered; overfull {
				c.buffered = nil
			}
		}
		s.mu.Unlock()
		if overfull {
			cn.Retire(time.Now())
		}
		if room == nil {
			return
		}
		select {
		case s.blocked <- struct{}{}:
		default:
		}
		select {
		case <-room:
		case <-cn.Done():
			return
		}
	}
}

// enqueueLocked gives m to the consumer. If it returns a channel there is no room: m can be enqueued again when that is
// closed.
func (s *Subscription) enqueueLocked(m Message) (room <-chan struct{}) {
	dropped := s.queue.dropped
	if room = s.queue.offer(m); room != nil {
		return room
	}
	s.history.add(&m)
	if s.queue.dropped > dropped && !s.queue.dropping {
		s.queue.dropping = true
		s.tellLocked(Event{Kind: Dropped, Peer: s.serving.cn.Peer(), Dropped: s.queue.dropped})
	}
	return nil
}

// serveLocked has c serve, beginning with the messages that it has buffered. Of each channel it skips as many as copies
// says, and returns how many these are together.
func (s *Subscription) serveLocked(c *subConn, copies map[channelKey]int) (skipped int) {
	s.queue.liftLimit()
	defer s.queue.restoreLimit()
	s.serving, c.since = c, time.Now()
	for i := range c.buffered {
		m := c.buffered[i]
		if k := keyOf(&m); copies[k] > 0 {
			copies[k]--
			skipped++
			continue
		}
		s.enqueueLocked(m)
	}
	c.buffered, c.bufferedBytes = nil, 0
	return skipped
}

package pubsub

import (
	"context"
	"errors"
	"fmt"
	"strings"
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

	// Owned by the goroutine that reads.
	block    strings.Builder // the texts of the latest messages
	together []Message       // delivered at once

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
	c.cfg.Listen, c.cfg.OnPushes = true, c.push
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

// serveLocked has c serve, beginning with the messages that it has buffered. Of each channel it skips as many as copies
// says, and returns how many these are together.
func (s *Subscription) serveLocked(c *subConn, copies map[channelKey]int) (skipped int) {
	s.queue.liftLimit()
	defer s.queue.restoreLimit()
	s.serving, c.since = c, time.Now()
	for i := range c.buffered {
		if k := keyOf(&c.buffered[i]); copies[k] > 0 {
			copies[k]--
			skipped++
			continue
		}
		s.enqueueLocked(c.buffered[i : i+1])
	}
	c.buffered, c.bufferedBytes = nil, 0
	return skipped
}

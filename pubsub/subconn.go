package pubsub

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/baton-go/baton/conn"
	"github.com/baton-go/baton/resp3"
)

// mostHeld bounds the bytes of messages that a connection may bring before it serves. One that brings more is given up.
const mostHeld = 64 << 20

// leg is one connection of a subscription. It holds back what it brings until it serves.
type leg struct {
	s     *Subscription
	cfg   *conn.Config
	cn    *conn.Conn // set before anything but push uses the leg
	heard atomic.Int64
	ended atomic.Int64   // when its connection was closed; 0: not yet
	left  chan departure // room for one
	again time.Time      // when it was last subscribed on anew; for run alone
	bad   bool           // it could not be subscribed on, though its connection served

	// Guarded by Subscription.mu.
	confirmed map[string]bool // names confirmed since join began; nil if nobody wants to know
	held      []Message       // what came while the leg did not serve
	heldSize  int
}

// departure is the end of the subscription to one channel, by the server.
type departure struct {
	channel string
	at      time.Time
}

// open dials a connection with dial and subscribes on it. The leg does not serve yet. With an error there is a leg if its connection was
// set up; it is closed then.
func (s *Subscription) open(ctx context.Context, dial func(context.Context, *conn.Config) (*conn.Conn, error)) (*leg, error) {
	cfg := s.client.Config()
	g := &leg{s: s, cfg: cfg, left: make(chan departure, 1)}
	onPush, onState := cfg.OnPush, cfg.OnState
	cfg.Listen = true
	cfg.OnPush = func(cn *conn.Conn, peer string, v resp3.Value) {
		if !g.push(cn, v) {
			onPush(cn, peer, v)
		}
	}
	cfg.OnState = func(cn *conn.Conn, from, to conn.State) {
		if to == conn.Closed {
			g.ended.Store(time.Now().UnixNano())
		}
		onState(cn, from, to)
	}
	cn, err := dial(ctx, cfg)
	if err != nil {
		return nil, err
	}
	g.cn = cn
	if err := g.join(ctx, s.names); err != nil {
		g.judge(err)
		s.client.Refused(cn.Peer(), err)
		cn.Close()
		return g, err
	}
	g.heard.Store(time.Now().UnixNano())
	return g, nil
}

// judge finds out from a failure to subscribe whether the connection was lost or served. The refusal itself ends the connection (see join).
func (g *leg) judge(err error) {
	lost := g.cn.Err()
	g.bad = isAnswer(err) || lost == nil || errors.Is(lost, conn.ErrClosed)
}

// lastHeard is when the server last sent a push about channels or answered.
func (g *leg) lastHeard() time.Time { return time.Unix(0, g.heard.Load()) }

// lostAt is since when the connection, which has ended for cause, brings nothing. That may be long ago: a move may have failed meanwhile.
func (g *leg) lostAt(cause error) time.Time {
	if errors.Is(cause, conn.ErrDead) {
		return g.lastHeard()
	}
	if at := g.ended.Load(); at != 0 {
		return time.Unix(0, at)
	}
	return time.Now()
}

// join subscribes and returns when every name is confirmed. SUBSCRIBE is answered by a push for each name and by no reply (in
// RESP2 by arrays, which conn takes for pushes here), unless it is refused; the PING behind it has the one reply that says that all confirmations are there. After a refusal
// two replies come: the connection cannot be used any more, and conn closes it for the second.
func (g *leg) join(ctx context.Context, names []string) error {
	g.s.mu.Lock()
	g.confirmed = make(map[string]bool, len(names))
	g.s.mu.Unlock()
	err := g.exchange(ctx, func(req []byte) []byte {
		return appendPing(resp3.AppendCommand(req, append([]string{g.s.command}, names...)...))
	})
	g.s.mu.Lock()
	n := len(g.confirmed)
	g.confirmed = nil
	g.s.mu.Unlock()
	if err == nil && n < len(names) {
		err = &conn.Error{Op: "subscribe", Addr: g.cn.Peer(), Sent: true, Err: fmt.Errorf("server confirmed %d of %d channels", n, len(names))}
	}
	return err
}

// ping returns when everything that the server sent before its answer has been taken in.
func (g *leg) ping(ctx context.Context) error { return g.exchange(ctx, appendPing) }

func appendPing(req []byte) []byte { return append(req, "*1\r\n$4\r\nPING\r\n"...) }

// exchange sends commands that have one reply. Meanwhile nobody waits for room: the goroutine that waits here may be the
// consumer's own, or the one that ends the waiting for room, and its reply stands behind the messages.
func (g *leg) exchange(ctx context.Context, request func([]byte) []byte) error {
	s := g.s
	if s.o.Overflow == Block {
		s.mu.Lock()
		s.queue.loosen()
		s.mu.Unlock()
		defer func() {
			s.mu.Lock()
			s.queue.tighten()
			s.mu.Unlock()
		}()
	}
	q := g.cfg.NewCall()
	defer q.Free()
	q.Mode, q.Req = conn.Value, request(q.Req) // RESP2 answers PING with an array there
	if q.Timeout = s.client.ReadTimeout; q.Timeout <= 0 {
		q.Timeout = s.o.Heartbeat
	}
	if err := g.cn.Do(ctx, q); err != nil {
		return err
	}
	return q.Err
}

// push takes what the server says of channels. false: it is about something else. It runs on the goroutine that reads from
// the connection, and with Overflow Block it waits there for room, until the connection is closed at the latest.
func (g *leg) push(cn *conn.Conn, v resp3.Value) bool {
	var part [4]string
	for i := range part {
		var err error
		if part[i], err = v.Index(i).Text(); err != nil && i < v.Len() {
			return false // of a kind that no server sends
		}
	}
	switch kind := part[0]; kind {
	case "message", "smessage":
		if v.Len() == 3 {
			g.deliver(cn, Message{Channel: part[1], Payload: part[2], Shard: kind == "smessage"})
		}
	case "pmessage":
		if v.Len() == 4 {
			g.deliver(cn, Message{Pattern: part[1], Channel: part[2], Payload: part[3]})
		}
	case "subscribe", "psubscribe", "ssubscribe":
		g.s.mu.Lock()
		if g.confirmed != nil {
			g.confirmed[part[1]] = true
		}
		g.s.mu.Unlock()
	case "unsubscribe", "punsubscribe", "sunsubscribe":
		select {
		case g.left <- departure{part[1], time.Now()}:
		default: // all channels are subscribed again at once
		}
	default:
		return false // a proxy makes others by itself: no sign of life
	}
	g.heard.Store(time.Now().UnixNano())
	return true
}

// deliver puts m where it belongs. Asking who serves, remembering and queueing are one step under mu: a move relies on
// what is delivered by the old connection being remembered, and on nothing coming in between when it changes over.
func (g *leg) deliver(cn *conn.Conn, m Message) {
	s := g.s
	for {
		s.mu.Lock()
		room, much := g.deliverLocked(m)
		s.mu.Unlock()
		if much {
			cn.Retire(time.Now())
		}
		if room == nil {
			return
		}
		select {
		case s.stuck <- struct{}{}:
		default:
		}
		select {
		case <-room:
		case <-cn.Done():
			return
		}
	}
}

func (g *leg) deliverLocked(m Message) (room <-chan struct{}, much bool) {
	s := g.s
	if s.ended {
		return nil, false
	}
	if s.serving == g {
		return s.enqueueLocked(g, m), false
	}
	if g.heldSize += len(m.Channel) + len(m.Pattern) + len(m.Payload); g.heldSize > mostHeld {
		g.held = nil
		return nil, true
	}
	g.held = append(g.held, m)
	return nil, false
}

// enqueueLocked gives m to the consumer, unless there is no room and it is to wait.
func (s *Subscription) enqueueLocked(g *leg, m Message) (room <-chan struct{}) {
	before := s.queue.dropped
	if room = s.queue.offer(m); room != nil {
		return room
	}
	s.past.add(&m)
	if s.queue.dropped > before && !s.queue.dropping {
		s.queue.dropping = true
		s.tellLocked(Event{Kind: Dropped, Peer: g.cn.Peer(), Dropped: s.queue.dropped})
	}
	return nil
}

// serveLocked makes g the one whose messages go to the consumer, beginning with what it has held back, less what skip says.
func (s *Subscription) serveLocked(g *leg, skip map[stream]int) (skipped int) {
	s.queue.loosen()
	defer s.queue.tighten()
	for i := range g.held {
		m := g.held[i]
		if k := streamOf(&m); skip[k] > 0 {
			skip[k]--
			skipped++
			continue
		}
		s.enqueueLocked(g, m)
	}
	g.held, g.heldSize = nil, 0
	s.serving, s.since = g, time.Now()
	return skipped
}

package pubsub

import (
	"context"
	"errors"
	"math/rand/v2"
	"time"

	"github.com/baton-go/baton/conn"
	"github.com/baton-go/baton/internal/errs"
	"github.com/baton-go/baton/resp3"
)

const (
	// minReturn bounds the random pause before the first attempt to come back. It doubles with each refusal to subscribe, up
	// to maxReturn. Otherwise the account of the client's dials says when.
	minReturn = 10 * time.Millisecond
	maxReturn = 3 * time.Second
)

// serve has a connection serve after a time without one, and tells e.
func (s *Subscription) serve(c *subConn, e Event) {
	e.Peer = c.cn.Peer()
	s.locked(func() {
		s.serveLocked(c, nil)
		s.tellLocked(e)
	})
	s.client.Joined(c.cn)
}

// run is the goroutine of a subscription. It alone decides which connection serves. It ends with s.ctx.
func (s *Subscription) run(c *subConn) {
	defer func() {
		c.cn.Close()
		s.work.Wait()
		s.finish()
	}()
	heartbeat := time.Tick(s.o.Heartbeat) // nil if there is none
	due := make(chan resubscription)
	for s.ctx.Err() == nil {
		unsubscribed := c.unsubscribed
		if c.pending != nil {
			unsubscribed = nil
		}
		select {
		case <-s.ctx.Done():
		case <-c.cn.Done():
			c = s.comeBack(c)
		case r := <-unsubscribed:
			s.awaitResubscription(r, due)
		case r := <-due:
			s.resubscribe(c, r)
		case r := <-s.moves:
			next, err := s.move(c, r)
			if err == nil {
				c = next
			}
			r.result <- moveResult{c.cn, err}
		case <-s.blocked:
			s.work.Go(func() { s.client.ListenElsewhere(s.ctx) })
		case <-heartbeat:
			s.beat(c)
		}
	}
}

// beat asks the server for a sign of life after a silence. conn closes a connection that owes an answer and brings
// nothing at all within the timeout, so only an answer that the login is gone is left to act on.
func (s *Subscription) beat(c *subConn) {
	blocked := false
	s.locked(func() { blocked = s.queue.blocked })
	if blocked || time.Since(c.lastHeard()) < s.o.Heartbeat || !c.pinging.CompareAndSwap(false, true) {
		return
	}
	s.work.Go(func() {
		defer c.pinging.Store(false)
		err := c.do(s.ctx, ping)
		if e, ok := errs.As[*resp3.Error](err); ok && e.Code == "NOAUTH" {
			c.cn.Close()
		}
	})
}

// comeBack replaces a connection that is lost, for as long as it takes. It returns c if the subscription has ended.
func (s *Subscription) comeBack(c *subConn) *subConn {
	cause := c.cn.Err()
	lostAt := c.lostAt(cause)
	refused := c.refused || errors.Is(cause, conn.ErrClosed) // closed on this side, since it could not be used
	if refused {
		s.client.Group.attempts.Broken(lostAt.Add(-c.cn.Info().Age))
	} else {
		s.client.Lost(c.cn)
	}
	c.cn.Close()
	s.locked(func() {
		s.serving = nil
		s.tellLocked(Event{Kind: Lost, Peer: c.cn.Peer(), Err: cause})
	})
	told := ""
	for tries := 0; ; tries++ {
		if !refused {
			tries = 0
		}
		select {
		case <-time.After(rand.N(min(minReturn<<min(tries, 16), maxReturn))):
		case <-s.ctx.Done():
			return c
		}
		var next *subConn
		var err error
		next, refused, err = s.reopen(refused)
		if err == nil {
			s.serve(next, Event{Kind: Resubscribed}.endingGap(lostAt))
			return next
		}
		if s.ctx.Err() == nil && err.Error() != told {
			told = err.Error()
			s.tell(Event{Kind: Failed, Err: err})
		}
	}
}

// reopen opens a connection to the configured endpoint. After a refusal it waits for the account of attempts, so that
// subscriptions that are refused do not keep others from dialling. It reports whether it was refused again.
func (s *Subscription) reopen(wasRefused bool) (c *subConn, refused bool, err error) {
	account := &s.client.Group.attempts
	begun := time.Now()
	if wasRefused {
		if begun, err = account.Begin(s.ctx, nil); err != nil {
			return nil, true, err
		}
	}
	c, err = s.openConfigured(s.ctx)
	refused = err != nil && c != nil && c.refused
	switch {
	case refused:
		account.Done(begun, nil, err)
	case wasRefused && err == nil:
		account.Done(begun, c.cn, nil)
	case wasRefused:
		account.Done(begun, nil, nil)
	}
	return c, refused, err
}

// openConfigured opens a connection to the configured endpoint, on the account of all who dial it.
func (s *Subscription) openConfigured(ctx context.Context) (*subConn, error) {
	c, err := s.open(ctx, s.client.Dial)
	if err != nil && c != nil && !c.refused {
		s.client.Lost(c.cn)
	}
	return c, err
}

// resubscription is a channel to subscribe to again on c.
type resubscription struct {
	c       *subConn
	channel string
	lost    time.Time // when the server ended the subscription to it
	begun   time.Time // for the account of attempts
}

// awaitResubscription waits until a connection may be subscribed anew after the server has ended the subscription to a
// channel, as it does with sharded channels whose slot goes elsewhere. That is at once unless it happens again and again.
func (s *Subscription) awaitResubscription(r resubscription, due chan<- resubscription) {
	account := &s.client.Group.attempts
	r.c.pending = &r
	s.tell(Event{Kind: Lost, Peer: r.c.cn.Peer(), Channel: r.channel})
	if !r.lost.Before(r.c.subscribed) { // not one of several that were ended together
		account.Broken(r.c.subscribed)
	}
	s.work.Go(func() {
		var err error
		if r.begun, err = account.Begin(s.ctx, nil); err != nil {
			return
		}
		select {
		case due <- r:
		case <-r.c.cn.Done(): // also when the subscription ends
			account.Done(r.begun, nil, nil)
		}
	})
}

// resubscribe subscribes anew on c, which serves. If that is refused c is closed, and run comes back with another one.
func (s *Subscription) resubscribe(c *subConn, r resubscription) {
	account := &s.client.Group.attempts
	if r.c != c { // c has taken its place and is subscribed
		account.Done(r.begun, nil, nil)
		return
	}
	c.pending, c.subscribed = nil, time.Now()
	err := c.subscribe(s.ctx)
	account.Done(r.begun, c.cn, err)
	e := Event{Kind: Resubscribed, Peer: c.cn.Peer(), Channel: r.channel}.endingGap(r.lost)
	if err != nil {
		e.Kind, e.Gap, e.Err = Failed, 0, err
		c.cn.Close()
	}
	s.tell(e)
}

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
	// leastReturn bounds the random pause before the first attempt to come back. It doubles with each refusal to subscribe; in
	// all else the account of the client's dials says when.
	leastReturn = 10 * time.Millisecond
	mostReturn  = 3 * time.Second
)

// start makes the first connection and the goroutine that looks after it from then on.
func (s *Subscription) start(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(s.ctx, cancel)()
	err := s.client.Retry(ctx, s.command, func() error {
		g, err := s.openInTurn(ctx)
		if err == nil {
			s.serve(g, Event{Kind: Connected})
			go s.run(g)
		}
		return err
	})
	if err != nil && s.ctx.Err() != nil {
		return s.client.Closed()
	}
	return err
}

// serve lets a leg serve after a time without one, and says so.
func (s *Subscription) serve(g *leg, e Event) {
	e.Peer = g.cn.Peer()
	s.mu.Lock()
	s.serveLocked(g, nil)
	s.tellLocked(e)
	s.mu.Unlock()
	s.client.Joined(g.cn)
}

// run is the goroutine of a subscription. It alone decides which connection serves; it ends with s.ctx.
func (s *Subscription) run(g *leg) {
	defer func() {
		if g != nil {
			g.cn.Close()
		}
		s.work.Wait()
		s.finish()
	}()
	var beat <-chan time.Time
	if s.o.Heartbeat > 0 {
		t := time.NewTicker(s.o.Heartbeat)
		defer t.Stop()
		beat = t.C
	}
	asked := make(chan struct{}, 1) // full while a heartbeat is under way
	turns := make(chan turn)
	var waits *leg // for its turn
	for g != nil {
		left := g.left
		if waits == g {
			left = nil
		}
		select {
		case <-s.ctx.Done():
			return
		case <-g.cn.Done():
			g = s.comeBack(g)
		case d := <-left:
			waits = g
			s.leftBy(g, d, turns)
		case t := <-turns:
			waits = nil
			s.rejoin(g, t)
		case r := <-s.moves:
			g = s.serveMove(g, r)
		case <-s.stuck:
			s.listenElsewhere()
		case <-beat:
			s.beat(g, asked)
		}
	}
}

// beat asks the server for a sign of life if there was none for a while. conn closes a connection that owes an answer and
// brings nothing at all within the timeout, which is all that has to be known of the outcome.
func (s *Subscription) beat(g *leg, asked chan struct{}) {
	if time.Since(g.lastHeard()) < s.o.Heartbeat || s.held() {
		return
	}
	select {
	case asked <- struct{}{}:
	default:
		return
	}
	s.work.Go(func() {
		defer func() { <-asked }()
		switch err := g.ping(s.ctx); {
		case err == nil:
			g.heard.Store(time.Now().UnixNano())
		case forgotten(err):
			g.cn.Close()
		}
	})
}

// held reports whether reading waits for the consumer.
func (s *Subscription) held() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.queue.held
}

// listenElsewhere sees to it that some connection of the client is read while this one is not, so that a MOVING is heard: it
// is told on all of them.
func (s *Subscription) listenElsewhere() {
	s.work.Go(func() { s.client.ListenElsewhere(s.ctx) })
}

// comeBack replaces a connection that is lost, for as long as it takes. It returns nil if the subscription has ended.
func (s *Subscription) comeBack(g *leg) *leg {
	cause := g.cn.Err()
	from := g.lostAt(cause)
	refused := g.bad || errors.Is(cause, conn.ErrClosed) // by us, since it would not do
	if refused {
		s.client.Group.refusals.Broken(from.Add(-g.cn.Info().Age))
	} else {
		s.client.Lost(g.cn)
	}
	g.cn.Close()
	s.mu.Lock()
	s.serving = nil
	s.tellLocked(Event{Kind: Lost, Peer: g.cn.Peer(), Err: cause})
	s.mu.Unlock()
	told := ""
	for n := 0; ; n++ {
		if !refused {
			n = 0
		}
		if !sleep(s.ctx, rand.N(min(leastReturn<<min(n, 16), mostReturn))) {
			return nil
		}
		var next *leg
		var err error
		next, refused, err = s.reopen(refused)
		if err == nil {
			s.serve(next, Event{Kind: Resubscribed}.after(from))
			return next
		}
		if text := err.Error(); text != told && s.ctx.Err() == nil {
			told = text
			s.tell(Event{Kind: Failed, Err: err})
		}
	}
}

// reopen opens a connection when it is the subscription's turn. refused: the last one was set up and could not be subscribed on,
// so that the turn is one of those to whom that has happened; they do not keep others from dialling.
func (s *Subscription) reopen(refused bool) (g *leg, again bool, err error) {
	account := &s.client.Group.refusals
	tried := time.Now()
	if refused {
		if tried, err = account.Begin(s.ctx, nil); err != nil {
			return nil, true, err
		}
	}
	g, err = s.openInTurn(s.ctx)
	again = err != nil && g != nil && g.bad
	switch {
	case again:
		account.Done(tried, nil, err)
	case refused && err == nil:
		account.Done(tried, g.cn, nil)
	case refused:
		account.Done(tried, nil, nil)
	}
	return g, again, err
}

// openInTurn opens a connection to the configured endpoint, on the account of all who dial that.
func (s *Subscription) openInTurn(ctx context.Context) (*leg, error) {
	g, err := s.open(ctx, s.client.Dial)
	if err != nil && g != nil && !g.bad {
		s.client.Lost(g.cn)
	}
	return g, err
}

// turn is that of a leg to subscribe anew.
type turn struct {
	g       *leg
	channel string
	begun   time.Time // of the turn
	from    time.Time // when the subscription was ended
}

// leftBy waits for a turn after the server has ended the subscription to a channel, as it does to sharded ones whose slot goes
// elsewhere. It is there at once unless that goes on and on.
func (s *Subscription) leftBy(g *leg, d departure, turns chan<- turn) {
	t := turn{g: g, channel: d.channel, from: time.Now()}
	s.tell(Event{Kind: Lost, Peer: g.cn.Peer(), Channel: d.channel})
	if !d.at.Before(g.again) { // not one of several that were ended together
		s.client.Group.refusals.Broken(g.again)
	}
	s.work.Go(func() {
		begun, err := s.client.Group.refusals.Begin(s.ctx, nil)
		if err != nil {
			return
		}
		t.begun = begun
		select {
		case turns <- t:
		case <-g.cn.Done():
			s.client.Group.refusals.Done(begun, nil, nil)
		case <-s.ctx.Done():
		}
	})
}

// rejoin subscribes anew. If that is refused the connection is lost, and comeBack goes on from there.
func (s *Subscription) rejoin(g *leg, t turn) {
	channel, from, account := t.channel, t.from, &s.client.Group.refusals
	if t.g != g { // one that has taken its place is subscribed
		account.Done(t.begun, nil, nil)
		return
	}
	g.again = time.Now()
	err := g.join(s.ctx, s.names)
	account.Done(t.begun, g.cn, err)
	if err != nil {
		s.tell(Event{Kind: Failed, Peer: g.cn.Peer(), Channel: channel, Err: err})
		g.judge(err)
		g.cn.Close()
		return
	}
	s.tell(Event{Kind: Resubscribed, Peer: g.cn.Peer(), Channel: channel}.after(from))
}

// forgotten reports whether an answer says that the server does not know any more who is at the other end.
func forgotten(err error) bool {
	e, ok := errs.As[*resp3.Error](err)
	return ok && e.Code == "NOAUTH"
}

// sleep waits for d. It reports false if ctx has ended.
func sleep(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return ctx.Err() == nil
	case <-ctx.Done():
		return false
	}
}

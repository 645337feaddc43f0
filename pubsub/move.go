package pubsub

import (
	"context"
	"time"

	"github.com/baton-go/baton/conn"
	"github.com/baton-go/baton/internal/errs"
	"github.com/baton-go/baton/resp3"
)

// moveRequest asks run to put another connection in the place of cn.
type moveRequest struct {
	ctx    context.Context
	cn     *conn.Conn
	target conn.Target
	out    chan moveResult // room for one
}

type moveResult struct {
	cn  *conn.Conn
	err error
}

// moveTo has run move the subscription. On any error cn goes on serving, if it lives; if ctx ends here, run may be past the
// point where it could turn back, and the subscription moves all the same.
func (s *Subscription) moveTo(ctx context.Context, cn *conn.Conn, t conn.Target) (*conn.Conn, error) {
	r := moveRequest{ctx: ctx, cn: cn, target: t, out: make(chan moveResult, 1)}
	closed := &conn.Error{Op: "move", Addr: t.Addr, Err: conn.ErrClosed}
	select {
	case s.moves <- r:
	case <-ctx.Done():
		return nil, &conn.Error{Op: "move", Addr: t.Addr, Err: conn.ContextError(ctx)}
	case <-cn.Done():
		return nil, closed
	case <-s.ctx.Done():
		return nil, closed
	}
	select {
	case m := <-r.out:
		return m.cn, m.err
	case <-ctx.Done():
		return nil, &conn.Error{Op: "move", Addr: t.Addr, Err: conn.ContextError(ctx)}
	case <-s.done:
		return nil, closed
	}
}

// serveMove answers a request and returns the leg that serves now.
func (s *Subscription) serveMove(g *leg, r moveRequest) *leg {
	if r.cn != g.cn { // it was for a connection of before
		r.out <- moveResult{err: &conn.Error{Op: "move", Addr: r.target.Addr, Err: conn.ErrClosed}}
		return g
	}
	next, err := s.move(r.ctx, g, r.target)
	if err != nil {
		r.out <- moveResult{err: err}
		return g
	}
	r.out <- moveResult{cn: next.cn}
	return next
}

// move makes before it breaks:
//
//  1. A second connection is opened to the target and subscribed. What comes on it is held back. The old one serves on.
//  2. When all is confirmed there, a PING on the old one: what it brings up to the answer is delivered. Then it is held back.
//  3. A PING on the new one: whatever has come on both has come on it before the answer.
//  4. What was held back on the new one is delivered, without what is a copy of something that the old one has delivered
//     (see subscription_overlap.go), and the new one serves. What the old one still holds back came after step 2, so
//     after step 1, and is on the new one too. The old one is closed.
//
// Each channel keeps its order: all from the old one stands before all from the new one. Nothing is lost: what was published before
// the new one was confirmed comes on the old one before step 2 ends, and all later things on the new one.
//
// If the new one fails before step 4 the old one serves on with what it holds back. If the old one does not answer in step
// 2 it is given up, since it would be soon in any case, and a gap is told.
func (s *Subscription) move(ctx context.Context, old *leg, t conn.Target) (*leg, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(s.ctx, cancel)()
	s.mu.Lock()
	s.past.mark()
	s.mu.Unlock()
	defer func() {
		s.mu.Lock()
		s.past.unmark()
		s.mu.Unlock()
	}()
	begun := time.Now()
	next, err := s.open(ctx, func(ctx context.Context, cfg *conn.Config) (*conn.Conn, error) { return dialTarget(ctx, cfg, t) })
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	sure := len(next.held)
	s.mu.Unlock()
	lost := s.drain(old, t.Drain)
	// What may be missing was published before the new one was confirmed. What came on the old one meanwhile does not make
	// that any shorter: it may have been under way for long.
	from := old.lastHeard()
	if lost != nil {
		sure = 0
		if begun.Before(from) {
			from = begun
		}
	}
	if err := next.ping(s.ctx); err != nil {
		next.cn.Close()
		s.mu.Lock()
		s.serveLocked(old, nil)
		s.mu.Unlock()
		return nil, err
	}
	s.changeOver(old, next, sure, lost, from)
	old.cn.Close()
	return next, nil
}

// dialTarget dials as conn.Conn.Move does.
func dialTarget(ctx context.Context, cfg *conn.Config, t conn.Target) (*conn.Conn, error) {
	cn, err := conn.Dial(ctx, cfg, t.Addr)
	if err == nil && t.Avoid != "" && cn.Peer() == t.Avoid {
		cn.Close()
		return nil, &conn.Error{Op: "move", Addr: t.Addr, Err: conn.ErrSamePeer}
	}
	return cn, err
}

// drain delivers what the server has for the old leg at this moment and lets it serve no longer. An error says that it may have had more.
func (s *Subscription) drain(old *leg, until time.Time) error {
	ctx, cancel := context.WithDeadlineCause(s.ctx, until, conn.ErrDrained)
	defer cancel()
	err := old.ping(ctx)
	s.mu.Lock()
	s.serving = nil
	s.mu.Unlock()
	if isAnswer(err) {
		return nil // a refusal stands behind what came before it like any other answer
	}
	return err
}

// isAnswer reports whether err is what the server says.
func isAnswer(err error) bool {
	_, ok := errs.As[*resp3.Error](err)
	return ok
}

// changeOver makes next serve. A move that has lost something is told as what it is to the consumer: a loss, and the return
// after a gap that began at from.
func (s *Subscription) changeOver(old, next *leg, sure int, lost error, from time.Time) {
	s.mu.Lock()
	e := Event{Kind: Moved, From: old.cn.Peer(), Peer: next.cn.Peer(), Overlap: len(next.held)}
	if lost != nil {
		s.tellLocked(Event{Kind: Lost, Peer: e.From, Err: lost})
		e.Kind = Resubscribed
		e = e.after(from)
	}
	var skip map[stream]int
	skip, e.Uncertain = s.past.copies(next.held, sure)
	e.Duplicates = s.serveLocked(next, skip)
	s.tellLocked(e)
	s.mu.Unlock()
	s.client.Joined(next.cn)
}

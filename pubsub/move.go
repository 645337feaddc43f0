package pubsub

import (
	"context"
	"time"

	"github.com/baton-go/baton/conn"
	"github.com/baton-go/baton/internal/errs"
	"github.com/baton-go/baton/resp3"
)

// moveRequest asks run to replace cn by another connection.
type moveRequest struct {
	ctx    context.Context
	cn     *conn.Conn
	target conn.Target
	result chan moveResult // room for one
}

// moveResult has the connection that serves after a move, also after one that has failed.
type moveResult struct {
	cn  *conn.Conn
	err error
}

// requestMove has run move the subscription. On any error cn goes on serving, if it lives. If ctx ends here, run may be
// past the point where it could turn back, and the subscription moves all the same.
func (s *Subscription) requestMove(ctx context.Context, cn *conn.Conn, t conn.Target) (*conn.Conn, error) {
	fail := func(err error) (*conn.Conn, error) { return nil, &conn.Error{Op: "move", Addr: t.Addr, Err: err} }
	r := moveRequest{ctx: ctx, cn: cn, target: t, result: make(chan moveResult, 1)}
	select {
	case s.moves <- r:
	case <-ctx.Done():
		return fail(conn.ContextError(ctx))
	case <-cn.Done():
		return fail(conn.ErrClosed)
	case <-s.ctx.Done():
		return fail(conn.ErrClosed)
	}
	select {
	case m := <-r.result:
		return m.cn, m.err
	case <-ctx.Done():
		return fail(conn.ContextError(ctx))
	case <-s.done:
		return fail(conn.ErrClosed)
	}
}

// move opens the next connection before it closes the old one:
//
//  1. A second connection is opened to the target and subscribed. Its messages are buffered. The old one serves on.
//  2. When all is confirmed there, a PING on the old one: its messages up to the answer are delivered. Those behind it are
//     buffered.
//  3. A PING on the new one: the messages that come on both have come on it before the answer.
//  4. The messages buffered on the new one are delivered, without copies of those that the old one has delivered (see
//     overlap.go), and the new one serves. The messages buffered on the old one came after step 2, so after step 1, and are on
//     the new one too. The old one is closed.
//
// Each channel keeps its order: all messages from the old one stand before all from the new one. Nothing is lost: a message
// published before the new one was confirmed comes on the old one before step 2 ends, and all later ones on the new one.
//
// If the new one fails before step 4 the old one serves on, beginning with its buffer. If the old one does not answer in
// step 2 it is given up, since maintenance would end it soon in any case, and a gap is told.
func (s *Subscription) move(old *subConn, r moveRequest) (*subConn, error) {
	if r.cn != old.cn { // it has been replaced since
		return nil, &conn.Error{Op: "move", Addr: r.target.Addr, Err: conn.ErrClosed}
	}
	ctx, cancel := context.WithCancel(r.ctx)
	defer cancel()
	defer context.AfterFunc(s.ctx, cancel)()
	s.locked(s.history.beginMove)
	defer s.locked(s.history.endMove)
	gapStart := time.Now()
	next, err := s.open(ctx, r.dial)
	if err != nil {
		return nil, err
	}
	confirmed, sure := time.Now(), 0
	s.locked(func() { sure = len(next.buffered) })
	lost := s.drain(old, r.target.Drain)
	// With a loss, messages may be missing that were published before the new one was confirmed. Others that came on the
	// old one meanwhile do not make the gap shorter: the missing ones may have been under way for long.
	if heard := old.lastHeard(); heard.Before(gapStart) {
		gapStart = heard
	}
	if err := next.do(s.ctx, ping); err != nil {
		next.cn.Close()
		s.locked(func() { s.serveLocked(old, nil) })
		return nil, err
	}
	s.tellResubscribed(old, next, confirmed)
	e := Event{Kind: Moved, From: old.cn.Peer(), Peer: next.cn.Peer()}
	if lost != nil {
		s.tell(Event{Kind: Lost, Peer: e.From, Err: lost})
		e.Kind, sure = Resubscribed, 0
		e = e.endingGap(gapStart)
	}
	s.locked(func() {
		var copies map[channelKey]int
		copies, e.Uncertain = s.history.copies(next.buffered, sure)
		e.Overlap = len(next.buffered)
		e.Duplicates = s.serveLocked(next, copies)
		s.tellLocked(e)
	})
	s.client.Joined(next.cn)
	old.cn.Close()
	return next, nil
}

// tellResubscribed tells of a channel that the server ended on old before next was confirmed, so that next has it again.
func (s *Subscription) tellResubscribed(old, next *subConn, confirmed time.Time) {
	r := old.pending
	if r == nil {
		select {
		case ended := <-old.unsubscribed:
			r = &ended
		default:
		}
		if r == nil || !r.lost.Before(confirmed) {
			return
		}
		s.tell(Event{Kind: Lost, Peer: old.cn.Peer(), Channel: r.channel})
	}
	s.tell(Event{Kind: Resubscribed, Peer: next.cn.Peer(), Channel: r.channel}.endingGap(r.lost))
}

// dial dials the target as conn.Conn.Move does.
func (r moveRequest) dial(ctx context.Context, cfg *conn.Config) (*conn.Conn, error) {
	cn, err := conn.Dial(ctx, cfg, r.target.Addr)
	if err == nil && r.target.Avoid != "" && cn.Peer() == r.target.Avoid {
		cn.Close()
		return nil, &conn.Error{Op: "move", Addr: r.target.Addr, Err: conn.ErrSamePeer}
	}
	return cn, err
}

// drain delivers the messages that the server has for old now, and ends its serving. An error says that there may be more.
func (s *Subscription) drain(old *subConn, until time.Time) error {
	ctx, cancel := context.WithDeadlineCause(s.ctx, until, conn.ErrDrained)
	defer cancel()
	err := old.do(ctx, ping)
	s.locked(func() { s.serving = nil })
	if _, refused := errs.As[*resp3.Error](err); refused {
		return nil // an error reply stands behind the messages before it like any other
	}
	return err
}

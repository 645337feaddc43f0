package baton

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/baton-go/baton/conn"
	"github.com/baton-go/baton/pool"
)

const (
	// recallGrace is how long a caller whose context has ended waits for the reply of a command that was called back. Four
	// round trips are granted if that is more, up to mostGrace: a set-up may have been slow since the server was paused.
	recallGrace = 10 * time.Millisecond
	mostGrace   = 500 * time.Millisecond
	// recallPause is the first pause before CLIENT UNBLOCK is tried again, because the command did not block yet. It doubles.
	recallPause = time.Millisecond
)

// recall ends a command that blocks on the server, from another connection to the same process, so that the server tells whether
// it has taken something: the reply is an element, or the null that proves that nothing was taken.
type recall struct {
	c       *Client
	p       *conn.Pin
	to      serverLink      // what p leads to
	key     string          // one of the command's, "" if it has none
	due     time.Time       // when the server should have ended the wait; zero: it is to wait for ever
	over    context.Context // ends when the command has its reply
	abandon func()          // gives the command up without knowing
}

var errRecall = errors.New("CLIENT UNBLOCK is not possible")

// watch waits for reasons to call the command back, and returns when it has ended.
func (r *recall) watch(ctx context.Context) {
	var late <-chan time.Time
	if !r.due.IsZero() && r.c.o.ReadTimeout > 0 {
		t := time.NewTimer(r.patience())
		defer t.Stop()
		late = t.C
	}
	broken := r.p.Broken()
	for {
		select {
		case <-r.over.Done():
			return
		case <-broken: // the link goes, and has a little time left; if it is refused, the command stays until the link is cut
			broken = nil
			r.try(ctx)
		case <-late: // the server is slow; when nobody waits any more it would take an element all the same
			if more := r.patience(); more > 0 { // timeouts were relaxed meanwhile
				late = time.After(more)
				continue
			}
			late = nil
			r.try(ctx)
		case <-ctx.Done():
			r.leave()
			return
		}
	}
}

// patience is how long the reply may still take before it is late.
func (r *recall) patience() time.Duration {
	now := time.Now()
	return r.due.Add(max(r.c.o.ReadTimeout, r.c.handoffs.Relaxed(r.due, now))).Sub(now)
}

// try calls the command back while its caller goes on waiting for the reply.
func (r *recall) try(ctx context.Context) {
	both, cancel := context.WithCancel(r.over)
	defer cancel()
	defer context.AfterFunc(ctx, cancel)()
	_ = r.unblock(both)
}

// leave calls the command back for a caller who is about to go, and gives it up if the reply does not come soon.
func (r *recall) leave() {
	limit, cancel := context.WithTimeout(r.over, min(max(recallGrace, 4*r.p.Setup().RTT), mostGrace))
	defer cancel()
	if r.unblock(limit) == nil {
		<-limit.Done()
	}
	if r.over.Err() == nil {
		r.abandon()
	}
}

// unblock returns nil when the server has ended the command.
func (r *recall) unblock(ctx context.Context) error {
	if r.to.id == 0 || r.to.run == "" {
		return errRecall
	}
	p, done, err := r.c.beside(ctx, r.p.Setup().Peer, r.to.run)
	if err != nil {
		return err
	}
	defer done()
	for wait := recallPause; ; wait *= 2 {
		if ended, err := r.unblockOnce(ctx, p); ended || err != nil {
			return err
		}
		if !pause(ctx, wait, nil) { // it has its reply already, or has not come to the server yet
			return ctx.Err()
		}
	}
}

// beside pins a link to the process run at peer until done: of an idle connection, since a server that is paused holds it up; else of
// a lane that is there, else of the client's first lane, which stays, or of a connection that lives until then.
func (c *Client) beside(ctx context.Context, peer, run string) (p *conn.Pin, done func(), err error) {
	if l := c.blocking.AcquireIdle(peer); l != nil {
		if p := c.pinAt(ctx, l.Conn(), peer, run); p != nil {
			return p, func() { p.Unpin(); c.giveBack(l) }, nil
		}
		c.giveBack(l)
	}
	lanes := slices.Clone(c.pool.Lanes())
	if len(lanes) == 0 {
		if first, err := c.pool.Lane(ctx); err == nil {
			lanes = append(lanes, first)
		}
	}
	for _, lane := range lanes {
		if p := c.pinAt(ctx, lane, peer, run); p != nil {
			return p, p.Unpin, nil
		}
	}
	cn, err := conn.Dial(ctx, c.aside, peer)
	if err != nil {
		return nil, nil, err
	}
	if p := c.pinAt(ctx, cn, peer, run); p != nil {
		return p, func() { p.Unpin(); cn.Close() }, nil
	}
	cn.Close()
	return nil, nil, errRecall
}

// pinAt pins cn if it leads to the process run at peer, and MULTI is obeyed there.
func (c *Client) pinAt(ctx context.Context, cn *conn.Conn, peer, run string) *conn.Pin {
	p := cn.Pin()
	if p.Setup().Peer == peer && !cn.Slow() {
		if s, err := c.identify(ctx, p, true); err == nil && s.run == run && s.multi {
			return p
		}
	}
	p.Unpin()
	return nil
}

// giveBack releases a connection from which a command was called back. The answer may still be owed.
func (c *Client) giveBack(l *pool.Lease) {
	if l.Conn().Owes() > 0 {
		l.ReleaseAfter(func() bool { return c.settled(l.Conn()) })
	} else {
		l.Release()
	}
}

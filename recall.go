package baton

import (
	"context"
	"errors"
	"slices"
	"strconv"
	"time"

	"github.com/baton-go/baton/conn"
	"github.com/baton-go/baton/resp3"
)

const (
	// recallGrace is how long a caller whose context has ended waits for the reply of a command that was called back. Four
	// round trips are granted if that is more.
	recallGrace = 10 * time.Millisecond
	// recallPause is the first pause before CLIENT UNBLOCK is tried again, because the command did not block yet. It doubles.
	recallPause = time.Millisecond
)

// recall ends a command that blocks on the server, from another connection to the same peer, so that the server tells whether
// it has taken something: the reply is an element, or the null that proves that nothing was taken.
type recall struct {
	c       *Client
	p       *conn.Pin
	id      int64           // of the link on the server
	over    context.Context // ends when the command has its reply
	abandon func()          // gives the command up without knowing
}

var errRecall = errors.New("CLIENT UNBLOCK is not possible")

// watch waits for a reason to call the command back, and returns when it has ended.
func (r *recall) watch(ctx context.Context) {
	select {
	case <-r.over.Done():
		return
	case <-r.p.Broken(): // the link goes, and has a little time left
		both, cancel := context.WithCancel(r.over)
		stop := context.AfterFunc(ctx, cancel)
		_ = r.unblock(both) // if it is refused, the command stays until the link is cut
		stop()
		cancel()
		select {
		case <-r.over.Done():
			return
		case <-ctx.Done():
		}
	case <-ctx.Done():
	}
	limit, cancel := context.WithTimeout(r.over, max(recallGrace, 4*r.p.Setup().RTT))
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
	if r.id == 0 {
		return errRecall
	}
	do, done, err := r.c.beside(ctx, r.p.Setup().Peer)
	if err != nil {
		return err
	}
	defer done()
	q := r.c.cfg.NewCall()
	defer q.Free()
	q.Mode, q.Timeout = conn.Int, r.c.o.ReadTimeout
	q.Req = resp3.AppendCommand(q.Req, "CLIENT", "UNBLOCK", strconv.FormatInt(r.id, 10), "TIMEOUT")
	for pause := recallPause; ; pause *= 2 {
		if err := do(ctx, q); err != nil {
			return err
		}
		if q.Err != nil || q.Num == 1 {
			return q.Err
		}
		t := time.NewTimer(pause) // it has its reply already, or has not come to the server yet
		select {
		case <-t.C:
		case <-ctx.Done():
			t.Stop()
			return ctx.Err()
		}
	}
}

// beside gives a way to run commands at peer and nowhere else: a lane that is there, which is pinned until done, else the
// client's first lane, which stays, or a connection that lives until then.
func (c *Client) beside(ctx context.Context, peer string) (do func(context.Context, *conn.Call) error, done func(), err error) {
	lanes := slices.Clone(c.pool.Lanes())
	if len(lanes) == 0 {
		if first, err := c.pool.Lane(ctx); err == nil {
			lanes = append(lanes, first)
		}
	}
	for _, lane := range lanes {
		p := lane.Pin()
		if p.Setup().Peer == peer && !lane.Slow() {
			return p.Do, p.Unpin, nil
		}
		p.Unpin()
	}
	cn, err := conn.Dial(ctx, c.aside, peer)
	if err != nil {
		return nil, nil, err
	}
	if cn.Peer() != peer {
		cn.Close()
		return nil, nil, errRecall
	}
	return cn.Do, func() { cn.Close() }, nil
}

package baton

import (
	"context"
	"errors"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/baton-go/baton/conn"
	"github.com/baton-go/baton/internal/errs"
	"github.com/baton-go/baton/resp3"
)

const (
	// unblockGrace is how long a caller whose context has ended waits for the reply, or four round trips if that is more. maxGrace
	// bounds them: a set-up may have been slow since the server was paused.
	unblockGrace = 10 * time.Millisecond
	maxGrace     = 500 * time.Millisecond
	// unblockPause is the first pause before CLIENT UNBLOCK is tried again, since the command did not block yet. It doubles.
	unblockPause = time.Millisecond
	// anonymity is how long no server is asked who it is after one, most likely a proxy, has closed the connection at that.
	anonymity = 10 * time.Minute
)

// unblocker ends a command that blocks on the server, from another connection to the same process, so that the server tells
// whether it has taken something: the reply is an element, or the null that proves that nothing was taken.
type unblocker struct {
	c      *Client
	ctx    context.Context // of the caller
	p      *conn.Pin
	q      *conn.Call
	server serverLink // the server end of p
	key    string     // one of the command's, "" if it has none
	due    time.Time  // when the server should have ended the wait; zero: never

	begun   sync.Once       // done with the first reason to unblock the command, which nearly all end without
	replied context.Context // ends when the command has its reply; nil: there was no reason
	reply   func()
	work    sync.WaitGroup // watch
}

var errUnblock = errors.New("CLIENT UNBLOCK is not possible")

// do runs the command. Each reason to unblock it calls start.
func (u *unblocker) do() error {
	start := u.start
	u.p.OnBroken(start)
	if u.ctx.Done() != nil {
		defer context.AfterFunc(u.ctx, start)()
	}
	if !u.due.IsZero() {
		defer time.AfterFunc(u.untilLate(), start).Stop()
	}
	err := u.p.Do(context.Background(), u.q) // giveUp ends it
	u.p.OnBroken(func() {})                  // a pin of a session lives on
	u.begun.Do(func() {})                    // a reason that comes late starts nothing
	if u.reply != nil {
		u.reply()
		u.work.Wait()
	}
	return err
}

func (u *unblocker) start() {
	u.begun.Do(func() {
		u.replied, u.reply = context.WithCancel(context.Background())
		u.work.Go(u.watch)
	})
}

// watch waits for reasons to unblock the command, and returns when it has ended.
func (u *unblocker) watch() {
	forCaller, cancel := context.WithCancel(u.replied) // while its caller goes on waiting for the reply
	defer cancel()
	defer context.AfterFunc(u.ctx, cancel)()
	broken, late := u.p.Broken(), (<-chan time.Time)(nil)
	if !u.due.IsZero() {
		late = time.After(u.untilLate())
	}
	for {
		select {
		case <-u.replied.Done():
			return
		case <-broken: // the link has a little time left; if CLIENT UNBLOCK is refused, the command stays until the link is cut
			broken = nil
			_ = u.unblock(forCaller)
		case <-late: // the server is slow, and would take an element even when nobody waits any more
			if more := u.untilLate(); more > 0 { // timeouts were relaxed meanwhile
				late = time.After(more)
				continue
			}
			late = nil
			_ = u.unblock(forCaller)
		case <-u.ctx.Done():
			u.giveUp()
			return
		}
	}
}

// untilLate is the time until the reply is late.
func (u *unblocker) untilLate() time.Duration {
	now := time.Now()
	return u.due.Add(max(u.c.o.ReadTimeout, u.c.handoffs.Relaxed(u.due, now))).Sub(now)
}

// giveUp unblocks the command for a caller who is about to go, and gives it up if the reply does not come soon, without knowing
// what became of it.
func (u *unblocker) giveUp() {
	limit, cancel := context.WithTimeout(u.replied, min(max(unblockGrace, 4*u.p.Setup().RTT), maxGrace))
	defer cancel()
	if u.unblock(limit) == nil {
		<-limit.Done()
	}
	err := &conn.Error{Op: "wait", Addr: u.p.Setup().Peer, Sent: true, Err: conn.ContextError(u.ctx)}
	for u.replied.Err() == nil && !u.p.GiveUp(u.q, err) { // it is not queued yet, or has just ended
		pause(u.replied, unblockPause, nil)
	}
}

// unblock returns nil when the server has ended the command.
func (u *unblocker) unblock(ctx context.Context) error {
	if u.server.id == 0 || u.server.run == "" {
		return errUnblock
	}
	p, done, err := u.c.peerConn(ctx, u.p.Setup().Peer, u.server.run)
	if err != nil {
		return err
	}
	defer done()
	for wait := unblockPause; ; wait *= 2 {
		if ended, err := u.unblockOnce(ctx, p); ended || err != nil {
			return err
		}
		if !pause(ctx, wait, nil) { // it has its reply already, or has not come to the server yet
			return ctx.Err()
		}
	}
}

// peerConn pins another link to the process run at peer until done: of an idle connection, since a paused server holds it up;
// else of a lane, else of the client's first lane, which stays, or of a connection that lives until then.
func (c *Client) peerConn(ctx context.Context, peer, run string) (p *conn.Pin, done func(), err error) {
	if l := c.blocking.AcquireIdle(peer); l != nil {
		if p := c.pinAt(ctx, l.Conn(), peer, run); p != nil {
			return p, func() { p.Unpin(); c.releaseSettled(l) }, nil
		}
		c.releaseSettled(l)
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
	return nil, nil, errUnblock
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

// guards change nothing, but a server that is paused for writes postpones them, with the transaction they are in. PFCOUNT comes
// first, since nearly every user may run it. See docs/unasked.md, CLIENT UNBLOCK.
var guards = [...]string{"PFCOUNT", "PUBLISH"}

// unblockOnce sends CLIENT UNBLOCK behind a guard, and reports whether the server has ended the command. Without a guard it
// crashes a server that has postponed the command, because it is paused or failing over (valkey #2111, redis #14164).
func (u *unblocker) unblockOnce(ctx context.Context, p *conn.Pin) (ended bool, err error) {
	for i, guard := range guards {
		if guard == "PFCOUNT" && u.key == "" || u.c.refused.Load()&(1<<i) != 0 {
			continue
		}
		ended, refused, err := u.unblockGuarded(ctx, p, guard)
		if err != nil || refused == nil {
			return ended, err
		}
		if isPermanentError(refused) {
			u.c.refused.Or(1 << i)
		}
	}
	return false, errUnblock
}

// unblockGuarded tries one guard, in one write. refused is why the guard was not queued; nothing was executed then.
func (u *unblocker) unblockGuarded(ctx context.Context, p *conn.Pin, guard string) (ended bool, refused, err error) {
	q := u.c.cfg.NewCall()
	defer q.Free()
	q.Mode, q.Timeout, q.Replies = conn.Raw, u.c.o.ReadTimeout, 4
	q.Req = append(q.Req, multi...)
	if guard == "PUBLISH" {
		q.Req = resp3.AppendCommand(q.Req, guard, "baton:"+u.server.run, "")
	} else {
		q.Req = resp3.AppendCommand(q.Req, guard, u.key)
	}
	q.Req = resp3.AppendCommand(q.Req, "CLIENT", "UNBLOCK", strconv.FormatInt(u.server.id, 10), "TIMEOUT")
	q.Req = append(q.Req, exec...)
	if err := p.Do(ctx, q); err != nil {
		return false, nil, err
	}
	v := firstValues(q.Block())
	switch {
	case v[0].Err() != nil || v[2].Err() != nil: // CLIENT UNBLOCK itself is refused
		return false, nil, errUnblock
	case v[1].Err() != nil:
		return false, v[1].Err(), nil
	case v[3].Err() != nil:
		return false, nil, v[3].Err()
	}
	n, err := v[3].Index(1).Int()
	return n == 1, nil, err
}

// firstValues decodes up to four replies in succession.
func firstValues(block string) (all [4]resp3.Value) {
	w := resp3.Walk(block)
	for i := range all {
		all[i], _ = w.Value()
	}
	return all
}

// serverLink is the server end of a link. It is asked for once, and noted with the link.
type serverLink struct {
	id    int64  // of the link on the server; 0: unknown
	run   string // the run id of the server process; "": unknown. An address does not tell, since several servers may share one
	asked bool   // whether MULTI is obeyed, which is asked only of a link from which commands are unblocked
	multi bool   // it is
}

// identify finds out what p leads to. With multiToo the link must be one on which nothing is watched.
func (c *Client) identify(ctx context.Context, p *conn.Pin, multiToo bool) (serverLink, error) {
	s, known := p.Note().(serverLink)
	if known && (s.asked || !multiToo) {
		return s, nil
	}
	if time.Now().Unix() < c.unknown.Load() { // run stays empty, so nothing is unblocked from there
		return s, nil
	}
	s.id = p.Setup().ID
	q := c.cfg.NewCall()
	defer q.Free()
	q.Mode, q.Timeout, q.Replies = conn.Raw, c.o.ReadTimeout, 1
	q.Req = resp3.AppendCommand(q.Req, "INFO", "server")
	if s.id == 0 { // HELLO has told it; RESP2 has to ask
		q.Req = resp3.AppendCommand(q.Req, "CLIENT", "ID")
		q.Replies++
	}
	if multiToo {
		q.Req = append(append(q.Req, multi...), exec...)
		q.Replies += 2
	}
	if err := p.Do(ctx, q); err != nil {
		if p.Setup().Proto == 2 && sent(err) && ctx.Err() == nil && !errs.IsTimeout(err) {
			c.unknown.Store(time.Now().Add(anonymity).Unix())
		}
		return serverLink{}, notSent(err)
	}
	replies := firstValues(q.Block())
	info, rest := replies[0], replies[1:]
	s.run = runID(info)
	if s.id == 0 {
		s.id, _ = rest[0].Int() // 0 if it was refused
		rest = rest[1:]
	}
	if multiToo {
		s.asked = true
		s.multi = isOK(rest[0]) && rest[1].Kind() == resp3.Array && rest[1].Len() == 0
		if isOK(rest[0]) {
			condemnOpenMulti(q, rest[1].Err())
		}
	}
	if info.Err() == nil || isPermanentError(info.Err()) { // another error may be gone the next time
		p.SetNote(s)
	}
	return s, nil
}

// runID reads the run id out of the reply to INFO, "" if it has none.
func runID(info resp3.Value) string {
	text, _ := info.Text()
	_, behind, _ := strings.Cut("\n"+text, "\nrun_id:")
	id, _, _ := strings.Cut(behind, "\n")
	return strings.TrimSpace(id)
}

func isOK(v resp3.Value) bool {
	text, err := v.Text()
	return err == nil && text == "OK"
}

// isPermanentError reports whether err says that the user may not run a command, or that the server has none of that name.
func isPermanentError(err error) bool {
	e, ok := errs.As[*resp3.Error](err)
	return ok && (e.Code == "NOPERM" || e.Code == "ERR")
}

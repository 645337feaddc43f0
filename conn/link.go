package conn

import (
	"context"
	"errors"
	"fmt"
	"math"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/baton-go/baton/resp3"
)

// errNext tells Conn.Do that a link did not take the call: it is retired or dead, and no byte of the call was sent.
var errNext = errors.New("link takes no more commands")

// link is one socket and the replies it owes.
//
// Callers do the work themselves. Whoever finds nobody writing writes what all have queued; whoever finds nobody reading
// holds the reading (write.go, read.go), and gives it to the oldest waiting caller when its own reply has come. One
// goroutine per link, the keeper (keeper.go), reads when no caller does: when the link is idle, and when a reply takes long.
//
// mu guards memory only: it is never held over a blocking call. Setting a socket deadline does not block.
type link struct {
	conn *Conn
	cfg  *Config
	nc   net.Conn
	raw  net.Conn // the socket below nc if that is TLS: closing it neither writes nor waits
	peer string
	born time.Time
	most int // Config.MaxPending

	setup Setup // written by set-up before the link is published
	note  atomic.Pointer[any]

	mu       sync.Mutex
	pending  []byte // requests queued and not handed to the socket
	leaving  int    // request bytes handed to the socket that it has not taken yet
	spare    []byte // the buffer to queue into while pending is written
	q        owedQueue
	handed   uint64    // places below this number have been handed to the socket, at least in part
	waited   int       // request bytes queued or sent and not yet answered
	writing  bool      // somebody writes
	reading  bool      // somebody holds the reading
	parked   bool      // the keeper holds it, blocked in a read without a deadline
	watched  bool      // the keeper holds it, blocked in a read with a deadline
	wakeAt   time.Time // that deadline
	retired  bool      // takes no new command
	retireAt time.Time
	cause    error // why it is dead; set before dead is closed

	dead chan struct{} // closed when the link has failed or is finished
	park chan struct{} // a reader gives the reading to the keeper; room for one

	// Held with the reading.
	rd    *resp3.Reader
	batch *batch // replies being handed out
	fine  bool   // the socket's read deadline is a tick or less away; else there is none
	open  bool   // in the middle of a bulk string that is streamed
	heard int64  // bytes of whole pushes about channels, if the link listens
	// The context that the last reader came with, as its deadline and its Done channel, and how to end the registration with
	// it, if there is one.
	due     time.Time
	seen    <-chan struct{}
	unwatch func() bool

	// Counters for the pool and for sight; written with mu held, read without.
	owes     atomic.Int32
	slow     atomic.Bool // a reply has been awaited for more than a tick, or the link takes no more commands
	midReply atomic.Bool // in the middle of a reply that takes long; slow is set too, except for an instant
	done     atomic.Uint64
}

func newLink(c *Conn, nc, raw net.Conn, peer string) *link {
	l := &link{
		conn: c, cfg: c.cfg, nc: nc, raw: raw, peer: peer, born: time.Now(),
		dead: make(chan struct{}), park: make(chan struct{}, 1),
		rd: resp3.NewReader(nc, c.cfg.Limits),
	}
	l.rd.SetStream(streamAbove)
	if l.most = c.cfg.MaxPending; l.most <= 0 {
		l.most = math.MaxInt
	}
	c.work.Go(l.keep)
	return l
}

// submit queues q and sees to it that it is written. It reports whether the link took it, and whether the caller holds the
// reading now. If the link did not take it, nothing of it was sent here and the connection may have another link for it.
func (l *link) submit(q *Call) (lead, ok bool) {
	l.mu.Lock()
	if l.retired || l.cause != nil {
		l.mu.Unlock()
		return false, false
	}
	if l.leaving+len(l.pending)+len(q.Req) > l.most && l.leaving+len(l.pending) > 0 {
		l.refuseLocked(q)
		l.mu.Unlock()
		return false, true
	}
	l.queueLocked(q)
	if !l.writing {
		l.writeLocked()
	}
	// The call has ended already if the write failed, or if another has read the reply meanwhile.
	if !q.ended {
		lead = !l.reading
		l.reading = true
		q.waiting = !lead
	}
	l.mu.Unlock()
	return lead, true
}

// refuseLocked ends q without queueing it, because too much waits to be written.
func (l *link) refuseLocked(q *Call) {
	q.begin()
	q.loseLocked(&Error{Op: "do", Addr: l.peer, Err: fmt.Errorf("%w: %d bytes, the call has %d, limit %d", ErrBacklog, l.leaving+len(l.pending), len(q.Req), l.most)})
	q.wake <- sigDone
}

func (l *link) queueLocked(q *Call) {
	q.begin()
	l.pending = append(l.pending, q.Req...)
	var e *owed
	if q.Mode > Float {
		q.from = l
	}
	q.seq, e = l.q.push()
	*e = owed{call: q, timeout: q.Timeout, left: q.replies(), size: int32(min(len(q.Req), math.MaxInt32))}
	l.waited += int(e.size)
	if l.parked || l.watched {
		l.wakeKeeperLocked(e)
	}
	l.countLocked()
}

// wakeKeeperLocked sees to it that the keeper, asleep in a read, wakes up in time for a new place in the queue.
func (l *link) wakeKeeperLocked(e *owed) {
	now := time.Now()
	e.start = l.age(now)
	at := now.Add(recheck)
	if e.timeout > 0 {
		at = now.Add(min(recheck, l.cfg.effectiveTimeout(e.timeout, now, now)))
	}
	if l.parked || at.Before(l.wakeAt) {
		l.wakeAt = at
		l.nc.SetReadDeadline(at)
	}
	l.parked, l.watched = false, true
}

// await returns when q has ended, or ends it with ctx. Until then it sleeps, or reads for all if q is to lead.
func (l *link) await(ctx context.Context, q *Call, lead bool) error {
	for {
		if lead && l.lead(ctx, q) {
			return q.fault()
		}
		var s signal
		if gone := ctx.Done(); gone == nil {
			s = <-q.wake
		} else {
			s = q.sleepUntil(gone)
		}
		switch s {
		case sigDone:
			return l.finish(q)
		case sigLead:
			lead = true
		default:
			return l.giveUp(ctx, q)
		}
	}
}

// finish returns how q ended, after its end was signalled.
func (l *link) finish(q *Call) error {
	if q.leads {
		// It was given the reading and ended by its timeout, or with the link, before the signal for the first was
		// sent. Left in the channel, that signal would make a second reader of whoever uses the call next.
		<-q.wake
		l.passOn()
	}
	return q.fault()
}

// giveUp ends q because its context has ended. Its place in the queue stays, as an orphan; a reply that is just being
// filled in is waited for, which takes no longer than copying it.
func (l *link) giveUp(ctx context.Context, q *Call) error {
	l.mu.Lock()
	due := 1 // signals to take: the end, and the reading if it was given to q
	if q.leads {
		due++
	}
	q.waiting, q.leads = false, false
	fault := &Error{Op: "read", Addr: l.peer, Sent: true, Err: ContextError(ctx)}
	switch {
	case q.ended:
	case q.taken:
		q.cutLocked(fault)
		if l.open {
			l.poke() // the reader may be waiting for more of this very reply
		}
	default:
		l.endLocked(q, fault)
	}
	l.mu.Unlock()
	for ; due > 0; due-- {
		if <-q.wake == sigLead {
			l.passOn()
		}
	}
	return q.fault()
}

// endLocked ends a queued call that nobody fills in, and leaves its place in the queue to an orphan.
func (l *link) endLocked(q *Call, fault error) {
	l.q.at(q.seq).call = nil
	q.loseLocked(fault)
	q.wake <- sigDone // there is room: a call ends once
}

// retire stops the link from taking commands. It delivers what it owes and closes itself then, or at the given time at the latest.
func (l *link) retire(at time.Time) {
	l.mu.Lock()
	l.retired, l.retireAt = true, at
	l.slow.Store(true)
	finished := l.finishedLocked()
	if l.watched {
		l.poke() // the keeper has to look at the new time
	}
	l.mu.Unlock()
	if finished {
		l.fail(errNext)
	}
}

// finishedLocked reports whether a retired link has delivered all it owed.
func (l *link) finishedLocked() bool {
	return l.retired && l.q.len() == 0 && !l.writing && l.cause == nil
}

// fail ends the link for good: the first cause wins. Calls that were not handed to the socket get errNext, others an
// error that says they may have been executed.
func (l *link) fail(cause error) { l.failFrom(cause, ^uint64(0)) }

// failFrom is fail, knowing that places from unsent on were not sent.
func (l *link) failFrom(cause error, unsent uint64) {
	l.mu.Lock()
	if l.cause != nil {
		l.mu.Unlock()
		return
	}
	l.cause = cause
	l.slow.Store(true)
	seq, unsent := l.q.head, min(unsent, l.handed)
	left := l.q.clear()
	for i := range left {
		q := left[i].call
		if q == nil {
			continue
		}
		fault := errNext
		if seq+uint64(i) < unsent {
			fault = &Error{Op: "read", Addr: l.peer, Sent: true, Err: cause}
		}
		if q.taken { // the reader ends it when it has its hands free
			q.cutLocked(fault)
			left[i].call = nil
			continue
		}
		q.loseLocked(fault)
	}
	l.waited = 0
	l.pending, l.spare = nil, nil
	l.owes.Store(0)
	l.mu.Unlock()
	l.raw.Close()
	close(l.dead)
	l.conn.lost(l)
	for _, e := range left {
		if e.call != nil {
			e.call.wake <- sigDone
		}
	}
}

// err is why the link is dead, nil while it lives.
func (l *link) err() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.cause
}

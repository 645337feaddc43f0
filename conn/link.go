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
// Callers do the work. One that finds nobody writing writes for all (write.go). One that finds nobody reading takes the
// reading, and hands it over when its own reply has come (read.go). The keeper (keeper.go), one goroutine per link,
// reads when no caller does: when the link is idle, and when a reply takes long.
//
// mu guards memory only: it is never held over a blocking call. Setting a socket deadline does not block.
type link struct {
	conn    *Conn
	cfg     *Config
	nc      net.Conn
	socket  net.Conn // the one below nc if that is TLS: closing it neither writes nor waits
	peer    string
	created time.Time
	setup   Setup // written by set-up before the link is published
	note    atomic.Pointer[any]

	mu       sync.Mutex
	out      outbox
	queue    owedQueue
	company  bool      // the replies that came last were of several calls
	reading  bool      // somebody holds the reading
	asleep   bool      // the keeper holds it, blocked in a read
	wakeAt   time.Time // the deadline of that read; zero: none, since nothing was owed
	retired  bool      // takes no new command
	retireAt time.Time
	cause    error // why it is dead; set before dead is closed

	dead     chan struct{} // closed when the link has failed or is finished
	toKeeper chan struct{} // a reader gives the reading to the keeper; room for one

	in reader // owned by the holder of the reading
	counters
}

// counters of a link are for the pool and for people; written with link.mu held, read without.
type counters struct {
	owes      atomic.Int32  // calls that are owed replies
	slow      atomic.Bool   // a reply has been awaited for more than a tick, or the link takes no more commands
	midReply  atomic.Bool   // in the middle of a reply that takes long; slow is set too, except for an instant
	delivered atomic.Uint64 // replies
}

func newLink(c *Conn, nc, socket net.Conn, peer string) *link {
	l := &link{
		conn: c, cfg: c.cfg, nc: nc, socket: socket, peer: peer, created: time.Now(),
		dead: make(chan struct{}), toKeeper: make(chan struct{}, 1),
	}
	l.out.takesAtOnce = takesAtOnce(nc)
	l.in.rd = resp3.NewReader(nc, c.cfg.Limits)
	l.in.rd.SetStream(streamAbove)
	l.in.rd.Shrink() // what set-up reads is small: a link that nobody uses then never has a large buffer
	l.in.watch.interrupt = l.interruptRead
	c.work.Go(l.keep)
	return l
}

// do queues q, sees to it that it is written, and returns when it has ended. The error is errNext if nothing of it was
// sent here and another link may take it.
func (l *link) do(ctx context.Context, q *Call) error {
	if ctx.Err() != nil {
		return &Error{Op: "do", Addr: l.peer, Err: ContextError(ctx)}
	}
	l.mu.Lock()
	if l.retired || l.cause != nil {
		l.mu.Unlock()
		return errNext
	}
	// A reply may come before the writer, which still counts the bytes as leaving, has noticed that they were taken.
	n, limit := min(l.out.size()+l.out.leaving, l.out.unanswered), l.cfg.MaxPending
	if n > 0 && limit > 0 && n+q.size() > limit {
		l.mu.Unlock()
		err := fmt.Errorf("%w: %d bytes, the call has %d, limit %d", ErrBacklog, n, q.size(), limit)
		return &Error{Op: "do", Addr: l.peer, Err: err}
	}
	l.queueLocked(q)
	if !l.out.writing {
		l.writeLocked(true)
	}
	reads := false
	if !q.ended { // the write has not failed, nor has somebody read the reply meanwhile
		reads = !l.reading
		l.reading = true
		q.waiting = !reads
	}
	l.mu.Unlock()
	return l.await(ctx, q, reads)
}

func (l *link) queueLocked(q *Call) {
	q.begin()
	e := owed{call: q, timeout: q.Timeout, left: 1, size: int32(min(q.size(), math.MaxInt32))}
	if q.Mode == Raw {
		e.left = int32(max(q.Replies, 1))
	}
	if q.Mode > Float {
		q.from = l
	}
	if l.asleep { // the keeper has to wake up in time for q
		now := time.Now()
		e.start = l.age(now)
		at := now.Add(recheck)
		if e.timeout > 0 {
			at = now.Add(min(recheck, l.cfg.effectiveTimeout(e.timeout, now, now)))
		}
		if l.wakeAt.IsZero() || at.Before(l.wakeAt) {
			l.wakeAt = at
			l.nc.SetReadDeadline(at)
		}
	}
	if len(q.Req) < RefAbove && !q.refers {
		l.out.pending = append(l.out.pending, q.Req...)
	} else {
		l.out.add(q, l.out.takesAtOnce, !l.out.writing) // who finds nobody writing writes
	}
	l.out.unanswered += int(e.size)
	q.seq = l.queue.push(e)
	l.countLocked()
}

// countLocked tells the pool how many calls are owed replies.
func (l *link) countLocked() { l.owes.Store(int32(l.queue.len())) }

// await returns when q has ended, or ends it with ctx. Until then it sleeps, or reads if q has the reading.
func (l *link) await(ctx context.Context, q *Call, reads bool) error {
	for {
		if reads && l.readForAll(ctx, q) {
			return q.err()
		}
		var s signal
		if gone := ctx.Done(); gone == nil {
			s = <-q.wake
		} else {
			s = q.sleepUntil(gone)
		}
		switch s {
		case sigRead:
			reads = true
		case sigDone:
			if q.reads {
				// It was given the reading and ended by its timeout, or with the link, before the signal for the first
				// was sent. Left in the channel, that signal would make a second reader of the next user of the call.
				<-q.wake
				l.handOverReading()
			}
			return q.err()
		default:
			return l.giveUp(ctx, q)
		}
	}
}

// giveUp ends q because its context has ended. Its place in the queue stays, as an orphan. A reply that is just being
// filled in is waited for, which takes no longer than copying it.
func (l *link) giveUp(ctx context.Context, q *Call) error {
	l.mu.Lock()
	due := 1 // signals to take: the end, and the reading if it was given to q
	if q.reads {
		due++
	}
	q.waiting, q.reads = false, false
	err := &Error{Op: "read", Addr: l.peer, Sent: true, Err: ContextError(ctx)}
	if !q.ended {
		l.endLocked(q, err)
		if q.taken && l.in.midBody {
			l.interruptRead() // the reader may be waiting for more of this very reply
		}
	}
	l.mu.Unlock()
	for ; due > 0; due-- {
		if <-q.wake == sigRead {
			l.handOverReading()
		}
	}
	return q.err()
}

// endLocked ends a queued call, and leaves its place in the queue to an orphan. The reader does so if it just fills it in.
func (l *link) endLocked(q *Call, err error) {
	if q.taken {
		q.cutLocked(err)
		return
	}
	l.queue.at(q.seq).call = nil
	q.failLocked(err)
	q.wake <- sigDone // there is room: a call ends once
}

// retire stops the link from taking commands. It closes itself when it has delivered what it owes, or at the given time
// at the latest.
func (l *link) retire(at time.Time) {
	l.mu.Lock()
	l.retired, l.retireAt = true, at
	l.slow.Store(true)
	finished := l.finishedLocked()
	if l.asleep {
		l.interruptRead() // the keeper has to look at the new time
	}
	l.mu.Unlock()
	if finished {
		l.fail(errNext)
	}
}

// finishedLocked reports whether a retired link has delivered all it owed.
func (l *link) finishedLocked() bool {
	return l.retired && l.queue.len() == 0 && !l.out.writing && l.cause == nil
}

// fail ends the link for good: the first cause wins. Calls that were not handed to the socket get errNext, others an
// error that says they may have been executed.
func (l *link) fail(cause error) { l.failFrom(cause, math.MaxUint64) }

// failFrom is fail, knowing that places from unsent on were not sent.
func (l *link) failFrom(cause error, unsent uint64) {
	l.mu.Lock()
	if l.cause != nil {
		l.mu.Unlock()
		return
	}
	l.cause = cause
	l.slow.Store(true)
	seq, unsent := l.queue.head, min(unsent, l.out.handed)
	left := l.queue.clear()
	for i := range left {
		q := left[i].call
		if q == nil {
			continue
		}
		err := errNext
		if seq+uint64(i) < unsent {
			err = &Error{Op: "read", Addr: l.peer, Sent: true, Err: cause}
		}
		if q.taken { // the reader ends it when it has its hands free
			q.cutLocked(err)
			left[i].call = nil
			continue
		}
		q.failLocked(err)
	}
	l.out.drop()
	l.owes.Store(0)
	l.mu.Unlock()
	l.socket.Close()
	close(l.dead)
	l.conn.linkEnded(l)
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

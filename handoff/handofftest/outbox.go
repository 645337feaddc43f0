package handofftest

import (
	"sync"
	"time"
)

// outbox holds what one connection has yet to send. Whoever produces bytes only
// appends here, so that neither a command nor the operator ever waits for a slow
// client; one writer goroutine takes them out.
//
// Replies can be held back (stalled, delayed) while pushes pass: a server that is
// busy with a failover still tells about it.
type outbox struct {
	mu   sync.Mutex // memory only
	cond sync.Cond  // for the writer

	ready   []byte         // in order
	due     int            // how many bytes of ready may be written now
	delayed []delayedReply // replies kept back, oldest first
	stalled bool
	delay   time.Duration
	timer   *time.Timer // wakes the writer for the oldest held reply
	pushes  []latePush

	cutAfter int64 // bytes after which the connection is cut; 0: never
	ended    bool  // nothing is added any more; the writer leaves when ready is empty
}

// heldReply is replies of one batch and the instant they may go.
type delayedReply struct {
	due   time.Time
	bytes []byte
}

// latePush is a push that waits for its time.
type latePush struct {
	due   time.Time
	bytes []byte
}

func newOutbox() *outbox {
	o := &outbox{}
	o.cond.L = &o.mu
	return o
}

// reply adds the reply of one command. It is not sent before the next flush or push.
func (o *outbox) reply(b []byte) {
	if len(b) == 0 {
		return
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.ended {
		return
	}
	if !o.stalled && o.delay == 0 && len(o.delayed) == 0 {
		o.ready = append(o.ready, b...)
		return
	}
	o.delayed = append(o.delayed, delayedReply{due: time.Now().Add(o.delay), bytes: append([]byte(nil), b...)})
}

// flush lets the writer have what is ready.
func (o *outbox) flush() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.due = len(o.ready)
	o.cond.Signal()
}

// push adds out-of-band bytes behind the replies that are ready, and sends both.
// With a positive after they wait that long first.
func (o *outbox) push(b []byte, after time.Duration) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.ended {
		return
	}
	if after > 0 {
		o.pushes = append(o.pushes, latePush{due: time.Now().Add(after), bytes: append([]byte(nil), b...)})
	} else {
		o.ready = append(o.ready, b...)
		o.due = len(o.ready)
	}
	o.cond.Signal()
}

// stall holds all replies from now on, or lets them go.
func (o *outbox) stall(on bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.stalled = on
	o.cond.Signal()
}

// setDelay makes each reply wait for d.
func (o *outbox) setDelay(d time.Duration) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.delay = d
	o.cond.Signal()
}

// setCutAfter cuts the connection after n more bytes.
func (o *outbox) setCutAfter(n int64) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.cutAfter = n
}

// end refuses further bytes. Replies still held are lost.
func (o *outbox) end() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.ended = true
	o.delayed, o.pushes = nil, nil
	o.due = len(o.ready)
	if o.timer != nil {
		o.timer.Stop()
	}
	o.cond.Signal()
}

// take waits for bytes and returns them; cut says that the connection must be cut
// after them. ok is false when there will be no more. spare is reused.
func (o *outbox) take(spare []byte) (b []byte, cut, ok bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for {
		o.releaseLocked()
		if o.due > 0 {
			break
		}
		if o.ended {
			return nil, false, false
		}
		o.cond.Wait()
	}
	rest := append(spare[:0], o.ready[o.due:]...)
	b, o.ready, o.due = o.ready[:o.due], rest, 0
	if o.cutAfter > 0 {
		if int64(len(b)) >= o.cutAfter {
			return b[:o.cutAfter], true, true
		}
		o.cutAfter -= int64(len(b))
	}
	return b, false, true
}

// releaseLocked moves what has waited long enough to ready and sets the timer for
// the rest.
func (o *outbox) releaseLocked() {
	if len(o.delayed) == 0 && len(o.pushes) == 0 {
		return
	}
	now := time.Now()
	var next time.Time
	for !o.stalled && len(o.delayed) > 0 {
		if h := o.delayed[0]; h.due.After(now) {
			next = h.due
			break
		}
		o.ready = append(o.ready, o.delayed[0].bytes...)
		o.due = len(o.ready)
		o.delayed = o.delayed[1:]
	}
	for len(o.pushes) > 0 {
		if p := o.pushes[0]; p.due.After(now) {
			if next.IsZero() || p.due.Before(next) {
				next = p.due
			}
			break
		}
		o.ready = append(o.ready, o.pushes[0].bytes...)
		o.due = len(o.ready)
		o.pushes = o.pushes[1:]
	}
	if !next.IsZero() {
		o.alarmLocked(next.Sub(now))
	}
}

// wake lets the writer look again.
func (o *outbox) wake() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.cond.Signal()
}

// alarmLocked wakes the writer after d.
func (o *outbox) alarmLocked(d time.Duration) {
	if o.timer == nil {
		o.timer = time.AfterFunc(d, o.wake)
		return
	}
	o.timer.Reset(d)
}

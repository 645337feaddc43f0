package handoff

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

const (
	hookTimeout  = 250 * time.Millisecond
	closeTimeout = time.Second
	hookQueue    = 256
)

var errHookSlow = errors.New("hook has not returned, going on without it")

// dispatcher runs hooks and logger on a goroutine of its own, the hook runner, so that they never delay a goroutine that
// reads. If a hook does not return in time, the notifications that wait for it are acted upon without hooks.
type dispatcher struct {
	ctx       context.Context
	logger    *slog.Logger
	observers *observers           // it is one of them
	act       func(received) error // the error is for hooks

	start  sync.Once     // starts the hook runner; close uses it up
	urgent chan func()   // for the hook runner: notifications that wait
	later  chan func()   // for the hook runner when nothing is urgent
	busy   atomic.Int64  // start of what the hook runner does now, 0 if it does nothing
	exited chan struct{} // closed when the hook runner has returned

	adding sync.Mutex // for writing set; not mu, since AllowEndpoint, which is called with mu held, may add a hook
	set    atomic.Pointer[hookSet]

	// mu guards the fields below. It is held while a notification is acted upon, so that none overtakes another.
	mu      sync.Mutex
	waiting []*pending // in the order in which they were read
	known   map[announcement]*pending
}

// hookSet holds the hooks, if there are any, and the function that uses them, which is linked only into programs that add a hook.
type hookSet struct {
	hooks    []NotificationHook
	dispatch func(d *dispatcher, p *pending)
}

// pending is the first copy of a notification. It waits for its hooks; what they make of it holds for the copies.
type pending struct {
	received
	until time.Time   // copies are recognised until then
	timer *time.Timer // fires when the hooks' time is over
	shown bool        // the hooks have it

	decided bool
	keep    bool
	result  Notification // acted upon if keep is set
}

func (d *dispatcher) hooks() []NotificationHook { return d.set.Load().hooks }

func (d *dispatcher) add(h NotificationHook) {
	d.adding.Lock()
	defer d.adding.Unlock()
	d.set.Store(&hookSet{hooks: append(slices.Clip(d.hooks()), h), dispatch: (*dispatcher).dispatch})
}

// put has the hook runner call f, and starts it if needed. It never blocks. false: the queue is full, or ctx has ended.
func (d *dispatcher) put(queue chan<- func(), f func()) bool {
	if d.ctx.Err() != nil {
		return false
	}
	d.start.Do(func() { go d.run() })
	select {
	case queue <- f:
		return true
	default:
		return false
	}
}

// run is the hook runner.
func (d *dispatcher) run() {
	defer close(d.exited)
	for {
		var f func()
		select {
		case f = <-d.urgent:
		default:
			select {
			case f = <-d.urgent:
			case f = <-d.later:
			case <-d.ctx.Done():
				return
			}
		}
		d.busy.Store(time.Now().UnixNano())
		f()
		d.busy.Store(0)
	}
}

// close waits for the hook runner, but at most closeTimeout for a hook that ignores its context. ctx has ended.
func (d *dispatcher) close() {
	d.mu.Lock()
	d.waiting = nil // their timers will find nothing
	d.mu.Unlock()
	d.start.Do(func() { close(d.exited) })
	select {
	case <-d.exited:
	case <-time.After(closeTimeout):
	}
}

func (d *dispatcher) tell(e *Event) {
	if len(d.hooks()) == 0 && d.logger == nil {
		return
	}
	told := *e
	d.put(d.later, func() {
		if d.logger != nil && told.EventKind != Repeated {
			d.guard(func() { logEvent(d.ctx, d.logger, &told) })
		}
		for _, h := range d.hooks() {
			if h, ok := h.(EventHook); ok {
				d.guard(func() { h.OnEvent(d.ctx, told) })
			}
		}
	})
}

func (d *dispatcher) guard(f func()) {
	defer func() {
		if p := recover(); p != nil {
			d.observers.hookFailed(fmt.Errorf("hook panicked: %v", p))
		}
	}()
	f()
}

// logEvent writes one record. The message is the kind of the event; fields that do not apply are left out.
func logEvent(ctx context.Context, l *slog.Logger, e *Event) {
	level := slog.LevelInfo
	switch e.EventKind {
	case MoveFailed, BreakerOpened, HookFailed, Unknown:
		level = slog.LevelWarn
	case OptInRefused: // the ordinary case with most servers
		level = slog.LevelDebug
	}
	if !l.Enabled(ctx, level) {
		return
	}
	var args []any
	for _, f := range []struct {
		known bool
		name  string
		value any
	}{
		{e.Kind != KindNone, "kind", e.Kind.String()},
		{e.HasSeq, "seq", e.Seq},
		{e.Conn != 0, "conn", e.Conn},
		{e.From != "", "from", e.From},
		{e.To != "", "to", e.To},
		{e.Outcome != "", "outcome", e.Outcome},
		{e.Took > 0, "took", e.Took},
		{e.Err != nil, "err", e.Err},
	} {
		if f.known {
			args = append(args, f.name, f.value)
		}
	}
	l.Log(ctx, level, "handoff: "+e.EventKind.String(), args...)
}

// dispatch has the hook runner show a notification to the hooks and act upon it. A copy of one that is decided is acted
// upon at once.
func (d *dispatcher) dispatch(p *pending) {
	d.mu.Lock()
	defer d.mu.Unlock()
	a := announcementOf(p.n, p.info.Peer)
	if known := d.known[a]; known != nil && p.read.Before(known.until) {
		switch {
		case !known.decided:
			d.observers.tell(p.event(Repeated, "announced before, and waits for its hooks"))
		case known.keep:
			_ = d.act(known.apply(p.received))
		}
		return
	}
	if p.until = p.n.knownUntil(p.read); !p.until.IsZero() {
		if len(d.known) >= maxMemory {
			maps.DeleteFunc(d.known, func(_ announcement, old *pending) bool { return old.decided && !p.read.Before(old.until) })
			maps.DeleteFunc(d.known, func(_ announcement, old *pending) bool { return old.decided && len(d.known) >= maxMemory })
		}
		d.known[a] = p
	}
	d.waiting = append(d.waiting, p)
	p.timer = time.AfterFunc(hookTimeout-time.Since(p.read), func() {
		d.mu.Lock()
		defer d.mu.Unlock()
		d.skipHooksLocked(false)
	})
	queued := d.put(d.urgent, func() { d.show(p) })
	d.skipHooksLocked(!queued)
}

// show runs the PreHooks of a notification and acts upon the result, unless that has taken too long.
func (d *dispatcher) show(p *pending) {
	d.mu.Lock()
	p.shown = true
	skip := p.decided || d.ctx.Err() != nil
	d.mu.Unlock()
	if skip {
		return
	}
	n, keep := p.n, true
	for _, h := range d.hooks() {
		d.guard(func() { n, keep = h.PreHook(d.ctx, p.info, n) })
		if !keep {
			break
		}
	}
	d.mu.Lock()
	if p.decided || d.ctx.Err() != nil {
		d.mu.Unlock()
		return
	}
	err := d.decideLocked(p, n, keep)
	d.mu.Unlock()
	if !keep {
		return
	}
	if !d.put(d.later, func() {
		for _, h := range d.hooks() {
			d.guard(func() { h.PostHook(d.ctx, p.info, n, err) })
		}
	}) {
		d.observers.hookFailed(nil)
	}
}

// skipHooksLocked acts without hooks upon the notifications whose time is over; upon all if a hook is stuck.
func (d *dispatcher) skipHooksLocked(all bool) {
	since := d.busy.Load()
	all = all || since != 0 && time.Now().UnixNano()-since >= int64(hookTimeout)
	for len(d.waiting) > 0 {
		p := d.waiting[0]
		if !all && time.Since(p.read) < hookTimeout {
			return
		}
		if p.shown {
			d.observers.hookFailed(errHookSlow)
		} else {
			d.observers.hookFailed(nil)
		}
		_ = d.decideLocked(p, p.n, true)
	}
}

// decideLocked acts upon p, which is the first of waiting, as the hooks have left it.
func (d *dispatcher) decideLocked(p *pending, n Notification, keep bool) error {
	p.timer.Stop()
	d.waiting = d.waiting[1:]
	p.decided, p.keep, p.result = true, keep, n
	if !keep {
		return nil
	}
	return errors.Join(p.unreadable, d.act(received{p.info, n, p.unreadable, p.read}))
}

// apply changes a copy as the first was changed. Its time stays: it may have been sent later.
func (p *pending) apply(r received) received {
	in, hasIn := r.n.In, r.n.HasIn
	r.n = p.result
	if p.result.In == p.n.In && p.result.HasIn == p.n.HasIn {
		r.n.In, r.n.HasIn = in, hasIn
	}
	return r
}

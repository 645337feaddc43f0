package handoff

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"
)

// ConnInfo is what hooks are told about the connection that brought a notification.
type ConnInfo struct {
	ID   uint64 // of the connection, as conn.Info has it
	Peer string // remote address of the link the push came in on, "" if unknown
	Addr string // configured address
	TLS  bool
}

// NotificationHook sees every notification before and after it is acted upon. PreHook may change it, or drop it by
// returning false; then neither later hooks nor PostHook see it. PostHook gets what was acted upon, and an error if a
// part was unreadable or the target must not be used.
//
// Hooks run one after the other on a goroutine of the Manager, never on one that reads replies. A hook that takes longer
// than a quarter of a second is not waited for: the notification is acted upon as it came, and hooks are passed over until it
// returns. Panics are recovered. ctx ends when the Manager is closed. A hook may use the Manager, except Close.
type NotificationHook interface {
	// PreHook is called with what was read, or what the hook before has made of it.
	PreHook(ctx context.Context, c ConnInfo, n Notification) (Notification, bool)
	// PostHook is called when n was acted upon; moves that it has begun go on.
	PostHook(ctx context.Context, c ConnInfo, n Notification, err error)
}

// EventHook may be implemented by a NotificationHook that also wants the events of the timeline as they happen. OnEvent
// runs where PreHook does. Events are left out when hooks cannot follow.
type EventHook interface {
	OnEvent(ctx context.Context, e Event)
}

const (
	hookPatience  = 250 * time.Millisecond
	closePatience = time.Second // for a hook that ignores its context
	hookQueue     = 256
)

var (
	errHookSlow = errors.New("hook has not returned, going on without it")
)

// desk is the goroutine at which notifications wait for hooks, and from which hooks and logger are told what happened, so
// that neither can hold up a goroutine that reads. Its own goroutine never runs foreign code: that is done by a second
// one, which may be stuck.
type desk struct {
	ctx    context.Context
	logger *slog.Logger
	act    func(c ConnInfo, n Notification, unreadable error) error
	failed func(err error) // reports trouble with a hook; nil error: one was passed over

	queue chan task
	clerk chan func() // to the goroutine that runs foreign code
	ended sync.WaitGroup
	out   chan struct{} // closed when the clerk has ended

	list atomic.Pointer[hookList]
	mu   sync.Mutex // guards open and changes of list
	open bool       // both goroutines have been started

	late chan struct{} // closed when the hook that was not waited for has returned; run's own
}

// hookList are the hooks, and what shows them a notification: linked only into programs that add a hook.
type hookList struct {
	hooks  []NotificationHook
	notify func(d *desk, t task)
}

// task is a notification to act upon (act set), or an event to tell.
type task struct {
	act   bool
	info  ConnInfo
	n     Notification
	err   error
	event Event
}

func newDesk(ctx context.Context, logger *slog.Logger) *desk {
	return &desk{ctx: ctx, logger: logger, queue: make(chan task, hookQueue), clerk: make(chan func()), out: make(chan struct{})}
}

func (d *desk) hooks() []NotificationHook {
	if l := d.list.Load(); l != nil {
		return l.hooks
	}
	return nil
}

func (d *desk) add(h NotificationHook) {
	d.mu.Lock()
	defer d.mu.Unlock()
	list := append(append([]NotificationHook(nil), d.hooks()...), h)
	d.list.Store(&hookList{hooks: list, notify: (*desk).notify})
}

// put never blocks. It reports false if nobody will look at t: nothing to look with, queue full, or closed.
func (d *desk) put(t task) bool {
	if len(d.hooks()) == 0 && (t.act || d.logger == nil) {
		return false
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.ctx.Err() != nil {
		return false
	}
	if !d.open {
		d.open = true
		d.ended.Add(1)
		go d.run()
		go d.serve()
	}
	select {
	case d.queue <- t:
		return true
	default:
		return false
	}
}

// close waits for the desk, and for a hook that is running, but not for ever.
func (d *desk) close() {
	d.mu.Lock()
	open := d.open
	d.mu.Unlock()
	if !open {
		return
	}
	d.ended.Wait()
	t := time.NewTimer(closePatience)
	defer t.Stop()
	select {
	case <-d.out:
	case <-t.C:
	}
}

func (d *desk) serve() {
	defer close(d.out)
	for f := range d.clerk {
		f()
	}
}

func (d *desk) run() {
	defer d.ended.Done()
	defer close(d.clerk)
	for {
		select {
		case <-d.ctx.Done():
			return
		case t := <-d.queue:
			if t.act {
				d.list.Load().notify(d, t) // there is a hook, or t would not have been put
			} else {
				d.tell(&t.event)
			}
		}
	}
}

// notify lets hooks see the notification, acts, and lets them see the outcome.
func (d *desk) notify(t task) {
	n, keep := t.n, true
	got := make(chan Notification, 1)
	ok := d.call(func() {
		n, keep := t.n, true
		for _, h := range d.hooks() {
			if n, keep = d.pre(h, t.info, n); !keep {
				close(got)
				return
			}
		}
		got <- n
	})
	if ok {
		n, keep = <-got
	}
	if !keep {
		return
	}
	err := errors.Join(t.err, d.act(t.info, n, t.err))
	if ok {
		d.call(func() {
			for _, h := range d.hooks() {
				d.guard(func() { h.PostHook(d.ctx, t.info, n, err) })
			}
		})
	}
}

func (d *desk) tell(e *Event) {
	d.call(func() {
		if d.logger != nil && e.What != Repeated {
			d.guard(func() { logEvent(d.ctx, d.logger, e) })
		}
		for _, h := range d.hooks() {
			if h, ok := h.(EventHook); ok {
				d.guard(func() { h.OnEvent(d.ctx, *e) })
			}
		}
	})
}

// call runs f at the clerk and waits for a while. false: f has not finished, or was not begun since an earlier one has not.
func (d *desk) call(f func()) bool {
	if d.late != nil {
		select {
		case <-d.late:
			d.late = nil
		default:
			d.failed(nil)
			return false
		}
	}
	done := make(chan struct{})
	select {
	case d.clerk <- func() { defer close(done); f() }:
	case <-d.ctx.Done():
		return false
	}
	t := time.NewTimer(hookPatience)
	defer t.Stop()
	select {
	case <-done:
		return true
	case <-d.ctx.Done():
	case <-t.C:
		d.late = done
		d.failed(errHookSlow)
	}
	return false
}

func (d *desk) pre(h NotificationHook, c ConnInfo, n Notification) (out Notification, keep bool) {
	out, keep = n, true // what a hook that panics leaves
	d.guard(func() { out, keep = h.PreHook(d.ctx, c, n) })
	return out, keep
}

func (d *desk) guard(f func()) {
	defer func() {
		if p := recover(); p != nil {
			d.failed(fmt.Errorf("hook panicked: %v", p))
		}
	}()
	f()
}

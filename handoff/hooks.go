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

// NotificationHook sees every event that is announced, once, before and after it is acted upon. The copies that other
// connections bring are counted in Stats.Duplicates, get what was decided about the first, and are not shown. PreHook may change a
// notification, or drop it by returning false; then neither later hooks nor PostHook see it. PostHook gets what was acted
// upon, and an error if a part was unreadable or the target must not be used.
//
// Hooks run one after the other on a goroutine of the client, never on one that reads replies. A notification is acted upon
// in its turn and a quarter of a second after it was read at the latest, as it came if the PreHooks have not returned by
// then; times count from when it was read. While a hook takes longer than that, hooks are passed over. PostHook is not waited
// for, and left out if hooks cannot follow. Panics are recovered. ctx ends when the client is closed. A hook may use the
// Manager.
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

var errHookSlow = errors.New("hook has not returned, going on without it")

// desk is where notifications wait for hooks, and from where hooks and logger are told what happened, so that neither can hold
// up a goroutine that reads. Foreign code is run by a goroutine of its own, the clerk, which may be stuck.
type desk struct {
	ctx    context.Context
	logger *slog.Logger
	act    func(c ConnInfo, n Notification, unreadable error, read time.Time) error
	copied func(c ConnInfo, n Notification) // counts a copy of what waits for its hooks
	failed func(err error)                  // reports trouble with a hook; nil error: one was passed over

	first chan func()    // to the clerk: somebody waits for it
	rest  chan func()    // to the clerk: when there is nothing else to do
	busy  atomic.Int64   // since when the clerk runs a function, 0 if it runs none
	out   chan struct{}  // closed when the clerk has ended
	ended sync.WaitGroup // of run

	list   atomic.Pointer[hookList]
	mu     sync.Mutex // guards changes of list and what follows
	open   bool       // the clerk has been started
	lineOn bool       // so has run

	line line
}

// hookList are the hooks, and what shows them a notification: linked only into programs that add a hook.
type hookList struct {
	hooks []NotificationHook
	take  func(d *desk, t *task)
}

func newDesk(ctx context.Context, logger *slog.Logger) *desk {
	return &desk{
		ctx: ctx, logger: logger, first: make(chan func()), rest: make(chan func(), hookQueue), out: make(chan struct{}),
		line: line{news: make(chan struct{}, 1)},
	}
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
	d.list.Store(&hookList{hooks: list, take: (*desk).take})
}

// start starts the clerk, if it has not been, and reports whether there is one: after Close none begins.
func (d *desk) start() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.ctx.Err() != nil {
		return false
	}
	if !d.open {
		d.open = true
		go d.serve()
	}
	return true
}

// put has f run when the clerk has time, and never blocks. false: the clerk cannot follow, or has ended.
func (d *desk) put(f func()) bool {
	if !d.start() {
		return false
	}
	select {
	case d.rest <- f:
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

// serve is the clerk.
func (d *desk) serve() {
	defer close(d.out)
	for {
		var f func()
		select {
		case f = <-d.first:
		default:
			select {
			case f = <-d.first:
			case f = <-d.rest:
			case <-d.ctx.Done():
				return
			}
		}
		d.busy.Store(time.Now().UnixNano())
		f()
		d.busy.Store(0)
	}
}

// stuck reports whether the clerk has run one function for longer than anybody waits.
func (d *desk) stuck() bool {
	since := d.busy.Load()
	return since != 0 && time.Now().UnixNano()-since >= int64(hookPatience)
}

// tell has the logger and the hooks told of an event.
func (d *desk) tell(e *Event) {
	if len(d.hooks()) == 0 && d.logger == nil {
		return
	}
	told := *e
	d.put(func() {
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

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
	closeTimeout = time.Second // for a hook that ignores its context
	hookQueue    = 256
)

var errHookSlow = errors.New("hook has not returned, going on without it")

// dispatcher runs hooks and logger on one goroutine of its own, the hook runner, so that they hold up no goroutine that
// reads. If a hook does not return in time, the notifications that wait for it are acted upon without hooks.
type dispatcher struct {
	ctx    context.Context
	logger *slog.Logger
	act    func(c ConnInfo, n Notification, unreadable error, read time.Time) error
	copied func(c ConnInfo, n Notification) // counts a copy of a notification that waits for its hooks
	failed func(err error)                  // reports trouble with a hook; nil error: one was passed over

	start  sync.Once     // of the hook runner, or of close, which then has nobody to wait for
	urgent chan func()   // to the hook runner: notifications that wait
	later  chan func()   // to the hook runner: done when nothing urgent is left
	busy   atomic.Int64  // when the hook runner began what it does, 0 if it does nothing
	ended  chan struct{} // closed when the hook runner has ended

	set atomic.Pointer[hookSet]

	mu        sync.Mutex // guards the fields below; held while a notification is acted upon, so that none overtakes another
	waiting   []*pending // in the order in which they were read
	decisions map[announcement]*decision
}

// hookSet holds the hooks. The function that shows them a notification is linked only into programs that add a hook.
type hookSet struct {
	hooks    []NotificationHook
	dispatch func(d *dispatcher, p *pending)
}

// pending is the first copy of a notification, which waits to be shown to hooks and acted upon.
type pending struct {
	*decision
	info       ConnInfo
	n          Notification
	unreadable error
	read       time.Time
	timer      *time.Timer // fires when the time of the hooks is over
	shown      bool        // to the hooks, which have not returned
}

// decision is what hooks have made of a notification, for its copies.
type decision struct {
	until    time.Time // copies are recognised until then
	decided  bool
	keep     bool
	came, to Notification // as it came, as it was acted upon
}

func newDispatcher(ctx context.Context, logger *slog.Logger) *dispatcher {
	return &dispatcher{
		ctx: ctx, logger: logger,
		urgent: make(chan func(), hookQueue), later: make(chan func(), hookQueue), ended: make(chan struct{}),
	}
}

func (d *dispatcher) hooks() []NotificationHook {
	if s := d.set.Load(); s != nil {
		return s.hooks
	}
	return nil
}

func (d *dispatcher) add(h NotificationHook) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.set.Store(&hookSet{hooks: append(slices.Clip(d.hooks()), h), dispatch: (*dispatcher).dispatch})
}

// put hands f to the hook runner, which is started if it has not been. It never blocks. false: the hook runner cannot
// follow, or has ended.
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
	defer close(d.ended)
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

// close waits for a hook that is running, but not for ever. ctx has ended.
func (d *dispatcher) close() {
	d.mu.Lock()
	for _, p := range d.waiting {
		p.timer.Stop()
	}
	d.waiting = nil
	d.mu.Unlock()
	d.start.Do(func() { close(d.ended) })
	t := time.NewTimer(closeTimeout)
	defer t.Stop()
	select {
	case <-d.ended:
	case <-t.C:
	}
}

// tell has the logger and the hooks told of an event.
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
			d.failed(fmt.Errorf("hook panicked: %v", p))
		}
	}()
	f()
}

// logEvent writes one record. The message is the event's name; what does not apply is left out.
func logEvent(ctx context.Context, l *slog.Logger, e *Event) {
	level := slog.LevelInfo
	switch e.EventKind {
	case MoveFailed, BreakerOpened, HookFailed, Unknown:
		level = slog.LevelWarn
	case OptInRefused: // the ordinary case with most servers: no noise
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

// dispatch has the hook runner show a notification to the hooks and act upon it. Copies of one that is decided are acted upon here.
func (d *dispatcher) dispatch(p *pending) {
	d.mu.Lock()
	defer d.mu.Unlock()
	a := announcementOf(p.n, p.info.Peer)
	if known := d.decisions[a]; known != nil && p.read.Before(known.until) {
		switch {
		case !known.decided:
			d.copied(p.info, p.n)
		case known.keep:
			_ = d.act(p.info, known.apply(p.n), p.unreadable, p.read)
		}
		return
	}
	p.decision = &decision{came: p.n, until: p.n.knownUntil(p.read)}
	if !p.until.IsZero() {
		d.rememberLocked(a, p)
	}
	d.waiting = append(d.waiting, p)
	p.timer = time.AfterFunc(hookTimeout-time.Since(p.read), func() {
		d.mu.Lock()
		defer d.mu.Unlock()
		d.passOverLocked(false)
	})
	queued := d.put(d.urgent, func() { d.show(p) })
	d.passOverLocked(!queued)
}

func (d *dispatcher) rememberLocked(a announcement, p *pending) {
	if d.decisions == nil {
		d.decisions = map[announcement]*decision{}
	}
	if len(d.decisions) >= maxMemory {
		maps.DeleteFunc(d.decisions, func(_ announcement, old *decision) bool { return old.decided && !p.read.Before(old.until) })
		maps.DeleteFunc(d.decisions, func(_ announcement, old *decision) bool { return old.decided && len(d.decisions) >= maxMemory })
	}
	d.decisions[a] = p.decision
}

// show runs the PreHooks of a notification and acts upon what they return, unless that has taken too long.
func (d *dispatcher) show(p *pending) {
	d.mu.Lock()
	p.shown = true
	decided := p.decided
	d.mu.Unlock()
	if decided {
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
		d.failed(nil)
	}
}

// passOverLocked acts without hooks upon the notifications whose time is over, and upon all if a hook is stuck or none may wait.
func (d *dispatcher) passOverLocked(all bool) {
	since := d.busy.Load()
	all = all || since != 0 && time.Now().UnixNano()-since >= int64(hookTimeout)
	for len(d.waiting) > 0 {
		p := d.waiting[0]
		if !all && time.Since(p.read) < hookTimeout {
			return
		}
		if p.shown {
			d.failed(errHookSlow)
		} else {
			d.failed(nil)
		}
		_ = d.decideLocked(p, p.n, true)
	}
}

// decideLocked acts upon the first notification that waits, as hooks have left it.
func (d *dispatcher) decideLocked(p *pending, n Notification, keep bool) error {
	p.timer.Stop()
	d.waiting = d.waiting[1:]
	p.decided, p.keep, p.to = true, keep, n
	if !keep {
		return nil
	}
	return errors.Join(p.unreadable, d.act(p.info, n, p.unreadable, p.read))
}

// apply makes of a copy what was made of the first. Its time is its own: it may have been sent later.
func (d *decision) apply(n Notification) Notification {
	out := d.to
	if d.to.In == d.came.In && d.to.HasIn == d.came.HasIn {
		out.In, out.HasIn = n.In, n.HasIn
	}
	return out
}

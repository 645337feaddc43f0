package handoff

import (
	"errors"
	"sync"
	"time"
)

// task is the first copy of an event, which waits to be shown to hooks and acted upon.
type task struct {
	info ConnInfo
	n    Notification
	err  error
	read time.Time
	v    *verdict
}

// verdict is what hooks have made of an event, for its copies.
type verdict struct {
	until   time.Time
	decided bool
	keep    bool
	raw, n  Notification // as it came, as it was acted upon
}

// of is what a copy becomes. Its time is its own: it was sent later, perhaps.
func (v *verdict) of(n Notification) Notification {
	out := v.n
	if v.n.In == v.raw.In && v.n.HasIn == v.raw.HasIn {
		out.In, out.HasIn = n.In, n.HasIn
	}
	return out
}

// line are the events that wait for hooks, in the order in which they were read. turn is held while one is acted upon, so that none
// overtakes another.
type line struct {
	turn sync.Mutex // guards what follows; taken before desk.mu and those of the Engine
	wait []*task
	seen map[announcement]*verdict

	news chan struct{} // holds one: somebody waits
}

// take shows the first copy of an event to the hooks and acts, not on this goroutine. A copy of what was decided is acted upon here.
func (d *desk) take(t *task) {
	l := &d.line
	l.turn.Lock()
	defer l.turn.Unlock()
	key := announcementOf(t.n, t.info.Peer)
	if v := l.seen[key]; v != nil && t.read.Before(v.until) {
		switch {
		case !v.decided:
			d.copied(t.info, t.n)
		case v.keep:
			_ = d.act(t.info, v.of(t.n), t.err, t.read)
		}
		return
	}
	t.v = &verdict{raw: t.n}
	l.remember(key, t)
	if len(l.wait) == hookQueue { // nobody waits longer for hooks, and none overtakes another
		for _, w := range l.wait {
			d.failed(nil)
			d.decideLocked(w, w.n, true)
		}
		l.wait = nil
	}
	l.wait = append(l.wait, t)
	if !d.startLine() {
		l.wait = nil
		d.decideLocked(t, t.n, true)
	}
}

// startLine wakes the goroutine that shows notifications to hooks, or starts it.
func (d *desk) startLine() bool {
	if !d.start() {
		return false
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.ctx.Err() != nil {
		return false
	}
	if !d.lineOn {
		d.lineOn = true
		d.ended.Add(1)
		go d.run()
	}
	select {
	case d.line.news <- struct{}{}:
	default:
	}
	return true
}

// remember makes copies recognisable. Without a number only a MOVING is, while it lasts: two operations must not become one.
func (l *line) remember(key announcement, t *task) {
	until := t.read.Add(max(2*t.n.In, minMemory))
	if !t.n.HasSeq {
		if t.n.Kind != Moving {
			return
		}
		until = t.read.Add(untilEffect(t.n) + closeSlack)
	}
	if l.seen == nil {
		l.seen = map[announcement]*verdict{}
	}
	if len(l.seen) >= maxMemory {
		for k, v := range l.seen {
			if v.decided && !t.read.Before(v.until) {
				delete(l.seen, k)
			}
		}
		for k, v := range l.seen {
			if len(l.seen) < maxMemory {
				break
			}
			if v.decided {
				delete(l.seen, k)
			}
		}
	}
	t.v.until = until
	l.seen[key] = t.v
}

// decideLocked acts upon a notification as hooks have left it.
func (d *desk) decideLocked(t *task, n Notification, keep bool) error {
	t.v.decided, t.v.keep, t.v.n = true, keep, n
	if !keep {
		return nil
	}
	return errors.Join(t.err, d.act(t.info, n, t.err, t.read))
}

// run is the goroutine that shows notifications to hooks, one after the other, and acts.
func (d *desk) run() {
	defer d.ended.Done()
	l := &d.line
	for {
		l.turn.Lock()
		var t *task
		if len(l.wait) > 0 {
			t = l.wait[0]
		}
		l.turn.Unlock()
		if t == nil {
			select {
			case <-l.news:
				continue
			case <-d.ctx.Done():
				return
			}
		}
		n, keep, seen := d.ask(t)
		if d.ctx.Err() != nil {
			return
		}
		l.turn.Lock()
		if len(l.wait) == 0 || l.wait[0] != t { // acted upon meanwhile
			l.turn.Unlock()
			continue
		}
		l.wait = l.wait[1:]
		err := d.decideLocked(t, n, keep)
		l.turn.Unlock()
		if keep && seen {
			d.showOutcome(t.info, n, err)
		}
	}
}

// ask lets hooks see a notification, until its time is over. seen: they have all returned.
func (d *desk) ask(t *task) (n Notification, keep, seen bool) {
	left := hookPatience - time.Since(t.read)
	if left <= 0 || d.stuck() {
		d.failed(nil)
		return t.n, true, false
	}
	over := time.NewTimer(left)
	defer over.Stop()
	type shown struct {
		n    Notification
		keep bool
	}
	done := make(chan shown, 1)
	show := func() {
		made, kept := t.n, true
		for _, h := range d.hooks() {
			if made, kept = d.pre(h, t.info, made); !kept {
				break
			}
		}
		done <- shown{made, kept}
	}
	select {
	case d.first <- show:
	case <-over.C:
		d.failed(nil)
		return t.n, true, false
	case <-d.ctx.Done():
		return t.n, true, false
	}
	select {
	case s := <-done:
		return s.n, s.keep, true
	case <-over.C:
		d.failed(errHookSlow)
	case <-d.ctx.Done():
	}
	return t.n, true, false
}

// showOutcome has the hooks told, and waits for nobody.
func (d *desk) showOutcome(c ConnInfo, n Notification, err error) {
	if !d.put(func() {
		for _, h := range d.hooks() {
			d.guard(func() { h.PostHook(d.ctx, c, n, err) })
		}
	}) {
		d.failed(nil)
	}
}

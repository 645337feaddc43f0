package pool

import (
	"math/rand/v2"
	"time"

	"github.com/baton-go/baton/conn"
)

// backoff is the one failure state of the endpoint: after a failed dial the next one waits, longer each time, with full
// jitter, so that many clients do not return in step.
type backoff struct {
	failed int
	noted  time.Time // when the last failure was counted
	until  time.Time
	err    error
}

const (
	minBackoff = 8 * time.Millisecond
	maxBackoff = time.Second
)

// note takes the outcome of a dial begun at the given time. Dials that were under way together fail together and count once.
func (b *backoff) note(err error, begun, now time.Time) {
	if err == nil {
		*b = backoff{}
		return
	}
	b.err = err
	if !begun.After(b.noted) {
		return
	}
	limit := min(minBackoff<<min(b.failed, 10), maxBackoff)
	b.failed++
	b.noted, b.until = now, now.Add(rand.N(limit))
}

func (b *backoff) wait(now time.Time) time.Duration { return max(0, b.until.Sub(now)) }

// dialled is what came of a dial.
type dialled struct {
	c     *conn.Conn
	err   error
	begun time.Time
}

// dialOne dials after the back-off, if any. The caller's impatience does not matter here: what comes of it goes to the pool.
func (p *Pool) dialOne() dialled {
	p.mu.Lock()
	wait := p.backoff.wait(time.Now())
	p.count.Dials++
	p.mu.Unlock()
	if wait > 0 {
		t := time.NewTimer(wait)
		defer t.Stop()
		select {
		case <-t.C:
		case <-p.ctx.Done():
			return dialled{err: ErrClosed}
		}
	}
	begun := time.Now()
	c, err := p.dial(p.ctx)
	return dialled{c, err, begun}
}

// addLocked enters a fresh connection in the books, as idle and not yet on the idle list. It returns nil and an error if
// there is nothing to enter; the caller then closes what it dialled.
func (p *Pool) addLocked(d dialled) (*member, error) {
	if p.closed {
		return nil, ErrClosed
	}
	now := time.Now()
	p.backoff.note(d.err, d.begun, now)
	if d.err != nil {
		p.count.DialErrors++
		return nil, d.err
	}
	p.caring.Do(func() { p.work.Go(p.care) })
	c := d.c
	m := &member{c: c, since: now, until: p.lifeEnd()}
	p.all[c] = m
	if ended(c) { // before it was in the books, so that Gone did not find it
		delete(p.all, c)
		return nil, c.Err()
	}
	return m, nil
}

func discard(c *conn.Conn) {
	if c != nil {
		c.Close()
	}
}

// announce tells the client of a connection once it is in the books.
func (p *Pool) announce(c *conn.Conn) {
	if p.joined != nil {
		p.joined(c)
	}
}

// lifeEnd spreads the ends over the last tenth of MaxLifetime, so that connections opened together do not end together.
func (p *Pool) lifeEnd() time.Time {
	if p.cfg.MaxLifetime <= 0 {
		return time.Time{}
	}
	return time.Now().Add(p.cfg.MaxLifetime - rand.N(p.cfg.MaxLifetime/10+1))
}

// roomLocked reports whether one more connection may be dialled.
func (p *Pool) roomLocked() bool {
	return !p.closed && len(p.all)+p.dialing < p.cfg.Size && p.dialing < p.cfg.MaxDialing
}

// startDialsLocked starts as many dials as waiting callers and MinIdle ask for and limits allow. It is called whenever one
// of these has changed.
func (p *Pool) startDialsLocked() {
	wanted := max(p.waiting.Len(), p.cfg.MinIdle-len(p.idle))
	leaseDials := p.dialing
	if p.opening != nil {
		leaseDials--
	}
	for ; leaseDials < wanted && p.roomForLeaseLocked() && p.roomLocked(); leaseDials++ {
		p.dialing++
		p.work.Go(p.dialForLease)
	}
}

// roomForLeaseLocked keeps one place for the lane, if there are to be any.
func (p *Pool) roomForLeaseLocked() bool {
	lane := 0
	if p.cfg.Lanes > 0 && len(*p.lanes.Load()) == 0 && p.opening == nil {
		lane = 1
	}
	return len(p.all)+p.dialing+lane < p.cfg.Size
}

func (p *Pool) dialForLease() {
	d := p.dialOne()
	p.mu.Lock()
	p.dialing--
	m, err := p.addLocked(d)
	if m != nil {
		p.offerLocked(m)
	} else if w := p.nextWaiterLocked(); w != nil {
		w.end(nil, err) // the others try again
	}
	if m != nil || err != ErrClosed && p.waiting.Len() > 0 {
		p.startDialsLocked()
	}
	p.mu.Unlock()
	if m != nil {
		p.announce(m.c)
	} else {
		discard(d.c)
	}
}

func (p *Pool) timeoutError(begun time.Time, cause error) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.count.Timeouts++
	return &TimeoutError{Waited: time.Since(begun), Stats: p.statsLocked(), Size: p.cfg.Size, LastDial: p.backoff.err, Cause: cause}
}

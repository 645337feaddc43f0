package pool

import (
	"math/rand/v2"
	"time"

	"github.com/baton-go/baton/conn"
)

// dialled is what came of a dial.
type dialled struct {
	c   *conn.Conn
	err error
}

// dialOne dials when it is its turn. The caller's impatience does not matter here: what comes of it goes to the pool.
func (p *Pool) dialOne(urgent func() bool) dialled {
	begun, err := p.Dials.Begin(p.ctx, urgent)
	if err != nil {
		return dialled{err: ErrClosed}
	}
	p.mu.Lock()
	p.count.Dials++
	p.mu.Unlock()
	c, err := p.dial(p.ctx)
	if p.ctx.Err() == nil {
		p.Dials.Done(begun, c, err)
	} else {
		p.Dials.Done(begun, nil, nil)
	}
	return dialled{c, err}
}

// addLocked enters a fresh connection in the books, as idle and not yet on the idle list. It returns nil and an error if
// there is nothing to enter; the caller then closes what it dialled.
func (p *Pool) addLocked(d dialled) (*member, error) {
	if p.closed {
		return nil, ErrClosed
	}
	if d.err != nil {
		p.count.DialErrors++
		return nil, d.err
	}
	p.caring.Do(func() { p.work.Go(p.care) })
	c := d.c
	m := &member{c: c, since: time.Now(), until: p.lifeEnd()}
	p.all[c] = m
	if ended(c) { // before it was in the books, so that Gone did not find it
		delete(p.all, c)
		p.Dials.Lost(c)
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
	for _, s := range []*shared{&p.lanes, &p.apart} {
		if s.opening != nil {
			leaseDials--
		}
	}
	if p.waiting.Len() > leaseDials {
		p.reclaimLocked()
	}
	for ; leaseDials < wanted && p.roomForLeaseLocked() && p.roomLocked(); leaseDials++ {
		p.dialing++
		p.work.Go(p.dialForLease)
	}
}

// roomForLeaseLocked keeps one place for the lane, if there are to be any.
func (p *Pool) roomForLeaseLocked() bool {
	lane := 0
	if p.cfg.Lanes > 0 && len(*p.lanes.list.Load()) == 0 && p.lanes.opening == nil {
		lane = 1
	}
	return len(p.all)+p.dialing+lane < p.cfg.Size
}

func (p *Pool) dialForLease() {
	d := p.dialOne(nil)
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
	return &TimeoutError{Waited: time.Since(begun), Stats: p.statsLocked(), Size: p.cfg.Size, LastDial: p.Dials.failure(), Cause: cause}
}

package pool

import (
	"context"
	"errors"
	"math"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/baton-go/baton/conn"
)

const (
	// lasting is the age from which on a connection has shown that the endpoint serves.
	lasting = 5 * time.Second
	// minPause and maxPause bound the pauses between dials while the endpoint fails. The cap fits a restart of a second.
	minPause = 8 * time.Millisecond
	maxPause = 250 * time.Millisecond
	// probeLimit is how long one dial that hangs keeps others from being tried.
	probeLimit = time.Second

	// staleAfter is when failures are forgotten that nothing has followed.
	staleAfter = 30 * time.Second
)

// Dials is the account of the attempts at one endpoint. All who dial it share one, so that what one finds out holds for all.
//
// While the endpoint serves everybody dials at once. After a failure it is shut: one dial at a time, with growing random
// pauses of 250 ms at most. A connection that was set up and did not last is a failure too. The first success opens it again
// for all who wait, unless connections have not lasted before: then the new one has to last for a second first, and the time
// after for five. When five seconds have passed since a success, and nothing has failed, all is forgotten.
//
// The zero value is ready for use. All methods may be called from several goroutines at once.
type Dials struct {
	// MaxPerSecond returns how many connections there were lately. Where connections do not last, no more dials than that begin
	// within a second. nil: no such bound. It must be set before the first use.
	MaxPerSecond func() int
	mu           sync.Mutex // a leaf: memory only
	changed      chan struct{}
	shut         bool
	failed       int         // failures since all was forgotten
	broken       int         // those of them that were connections which did not last
	refused      bool        // a dial has failed since the last of these
	noted        time.Time   // when a failure was last counted
	witness      time.Time   // when the dial began whose success counts; zero: none since noted
	openAt       time.Time   // shut: when that has lasted long enough
	clearAt      time.Time   // when it has lasted for good
	until        time.Time   // shut: end of the pause
	probe        time.Time   // shut: when the dial began that is under way; zero: none
	recent       []time.Time // when the dials of the last second began
	first        int         // those who wait and go before the others
	err          error       // of the last dial that failed
	strays       strays
}

// Begin waits until a dial may begin and returns when it does; ctx ending is an error. What came of the dial is then told to
// Done. Who is urgent goes before all who are not, and beside a dial that is under way; that may change while it waits. urgent
// is called with the lock of the account held; nil: never.
func (d *Dials) Begin(ctx context.Context, urgent func() bool) (begun time.Time, err error) {
	if ctx.Err() != nil {
		return begun, conn.ContextError(ctx)
	}
	most := math.MaxInt
	if d.MaxPerSecond != nil {
		most = max(d.MaxPerSecond(), 1)
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	first := false
	defer func() {
		if first {
			d.first--
			d.wakeLocked()
		}
	}()
	for {
		now := time.Now()
		if !first && urgent != nil && urgent() {
			d.first++
			first = true
		}
		at, ok := d.turnLocked(now, first, most)
		if ok {
			d.recent = append(d.recent, now)
			if !now.After(d.noted) { // the clock is coarse, or a fake one: it is later all the same
				now = d.noted.Add(1)
				if d.shut {
					d.probe = now
				}
			}
			return now, nil
		}
		if d.changed == nil {
			d.changed = make(chan struct{})
		}
		changed := d.changed
		d.mu.Unlock()
		err := waitFor(ctx, changed, at.Sub(now))
		d.mu.Lock()
		if err != nil {
			return begun, err
		}
	}
}

// waitFor waits for a change, for d, or for the end of ctx, which is the error.
func waitFor(ctx context.Context, changed <-chan struct{}, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-changed:
	case <-t.C:
	case <-ctx.Done():
		return conn.ContextError(ctx)
	}
	return nil
}

// turnLocked takes the turn if it is there. If not it returns when to look again.
func (d *Dials) turnLocked(now time.Time, urgent bool, most int) (at time.Time, ok bool) {
	d.settleLocked(now)
	for len(d.recent) > 0 && now.Sub(d.recent[0]) >= time.Second {
		d.recent = d.recent[1:]
	}
	if d.probationLocked() > 0 && len(d.recent) >= most {
		return d.recent[len(d.recent)-most].Add(time.Second), false
	}
	if !d.shut {
		return now, true
	}
	at = d.until
	if d.probe.Add(probeLimit).After(at) && !d.probe.IsZero() && !urgent {
		at = d.probe.Add(probeLimit)
	}
	if !urgent && d.first > 0 { // it will be told when they have had their turn
		at = now.Add(maxPause)
	}
	if !at.After(now) {
		d.probe = now
		return now, true
	}
	if !d.openAt.IsZero() && d.openAt.Before(at) {
		at = d.openAt
	}
	return at, false
}

// settleLocked does what the time that has passed makes due.
func (d *Dials) settleLocked(now time.Time) {
	switch {
	case d.failed == 0:
	case !d.clearAt.IsZero() && !now.Before(d.clearAt), now.Sub(d.noted) >= staleAfter:
		d.shut, d.failed, d.broken, d.refused, d.err = false, 0, 0, false, nil
		d.witness, d.openAt, d.clearAt = time.Time{}, time.Time{}, time.Time{}
	case d.shut && !d.openAt.IsZero() && !now.Before(d.openAt):
		d.shut = false
	}
}

// wakeLocked has all who wait look again.
func (d *Dials) wakeLocked() {
	if d.changed != nil {
		close(d.changed)
		d.changed = nil
	}
}

// Done takes the outcome of a dial: the connection, the error, or neither if it was called off.
func (d *Dials) Done(begun time.Time, c *conn.Conn, err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	now := time.Now()
	d.settleLocked(now)
	if d.probe.Equal(begun) {
		d.probe = time.Time{}
	}
	switch {
	case err != nil:
		d.err = err
		d.failLocked(begun, now, false)
	case c != nil:
		d.err = nil
		d.strays.led = c.Peer()
		d.succeedLocked(begun, now)
	}
	d.wakeLocked()
}

func (d *Dials) succeedLocked(begun, now time.Time) {
	if d.failed == 0 {
		return
	}
	if d.witness.IsZero() {
		d.witness, d.clearAt, d.openAt = begun, now.Add(lasting), now.Add(d.probationLocked())
	}
	d.until = now.Add(d.pauseLocked())
	d.settleLocked(now)
}

// probationLocked is how long a success has to last before all may dial. Connections that did not last since the server went
// away are no reason for one, the first time.
func (d *Dials) probationLocked() time.Duration {
	switch {
	case d.broken == 0, d.broken == 1 && d.refused:
		return 0
	case d.broken == 1:
		return time.Second
	}
	return lasting
}

// Broken tells that what was begun at that time has not lasted. It counts only if it was young.
func (d *Dials) Broken(begun time.Time) {
	d.mu.Lock()
	defer d.mu.Unlock()
	now := time.Now()
	if now.Sub(begun) >= lasting {
		return
	}
	d.settleLocked(now)
	d.failLocked(begun, now, true)
	d.wakeLocked()
}

// Lost tells of a connection that has ended. One that was closed on this side says nothing about the endpoint.
func (d *Dials) Lost(c *conn.Conn) {
	if err := c.Err(); err != nil && !errors.Is(err, conn.ErrClosed) {
		d.Broken(time.Now().Add(1 - c.Info().Age)) // it was dialled after its turn began
	}
}

// failLocked counts a failure of what was begun at that time. What was under way together fails together and counts once, and
// what is older than a success since then does not speak against that.
func (d *Dials) failLocked(begun, now time.Time, broken bool) {
	d.refused = d.refused || !broken
	if begun.Before(d.witness) || d.shut && !begun.After(d.noted) {
		return
	}
	d.failed++
	if broken {
		d.broken++
		d.refused = false
	}
	d.shut, d.noted = true, now
	d.witness, d.openAt, d.clearAt = time.Time{}, time.Time{}, time.Time{}
	d.until = now
	if !broken || d.failed > 1 { // the loss of one may have been a whim: one dial at once
		d.until = now.Add(d.pauseLocked())
	}
}

// pauseLocked is a random pause between a half and the whole of its bound, which is the cap at once where connections do not last.
func (d *Dials) pauseLocked() time.Duration {
	limit := maxPause
	if d.broken == 0 {
		limit = min(minPause<<min(d.failed-1, 10), maxPause)
	}
	return limit/2 + rand.N(limit/2)
}

// open reports whether nobody has to wait.
func (d *Dials) open() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.settleLocked(time.Now())
	return !d.shut
}

// failure is that of the last dial, nil if it is forgotten.
func (d *Dials) failure() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.err
}

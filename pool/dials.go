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
	// staleAfter is the age at which failures are forgotten that nothing has followed.
	staleAfter = 30 * time.Second
)

// Dials is the account of the attempts at one endpoint. All that dial it share one, so that each learns from the others.
//
// While the endpoint serves all dial at once. After a failure it counts as failing: one dial at a time, with growing
// random pauses of 250 ms at most. A connection that was set up and did not last is a failure too. The first success
// ends that for all that wait, unless connections have not lasted before: then the new one has to last for a second
// first, and the time after for five. Five seconds after a success that no failure has followed, all failures are
// forgotten.
//
// The zero value is ready for use. All methods may be called from several goroutines at once.
type Dials struct {
	// MaxPerSecond returns how many connections there were lately. If connections do not last, no more dials than that
	// begin within a second. nil: no such bound. It must be set before the first use.
	MaxPerSecond func() int

	mu       sync.Mutex    // guards the fields below, for work in memory only; nothing is locked with it held
	changed  chan struct{} // closed when those that wait have to look again; nil: none waits
	recent   []time.Time   // starts of the dials of the last second
	err      error         // of the last dial; nil: it has succeeded, or is forgotten
	wrong    wrongServers
	failures int       // counted since all was forgotten
	broken   int       // those of them that were connections which did not last
	refused  bool      // a dial has failed since the last of these
	failedAt time.Time // when a failure was last counted
	goodDial time.Time // start of the dial that has succeeded first since then; zero: none
	forgetAt time.Time // when that success has lasted for good

	// While the endpoint is failing:
	failing bool
	trustAt time.Time // when the success has lasted long enough to end it; zero: no success
	pauseTo time.Time // end of the pause
	probe   time.Time // start of the dial under way; zero: none
	urgent  int       // callers that wait and go before the others
}

// Dial calls dial when it is its turn, and takes the outcome into account unless ctx has ended. urgent is that of Begin.
func (d *Dials) Dial(ctx context.Context, urgent func() bool,
	dial func(context.Context) (*conn.Conn, error)) (*conn.Conn, error) {
	start, err := d.Begin(ctx, urgent)
	if err != nil {
		return nil, err
	}
	c, err := dial(ctx)
	if err != nil && ctx.Err() != nil {
		d.Done(start, nil, nil)
	} else {
		d.Done(start, c, err)
	}
	return c, err
}

// Begin waits until a dial may begin and returns its start; ctx ending is an error. The outcome of the dial is then
// told to Done. An urgent one goes before all others, and beside a dial that is under way; that may change while it
// waits. urgent is called with the lock of the account held; nil: never.
func (d *Dials) Begin(ctx context.Context, urgent func() bool) (start time.Time, err error) {
	if ctx.Err() != nil {
		return start, conn.ContextError(ctx)
	}
	perSecond := math.MaxInt
	if d.MaxPerSecond != nil {
		perSecond = max(d.MaxPerSecond(), 1)
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	first := false
	for {
		if !first && urgent != nil && urgent() {
			first = true
			d.urgent++
			defer func() {
				d.urgent--
				d.wakeLocked()
			}()
		}
		start, pause := d.startLocked(time.Now(), first, perSecond)
		if pause <= 0 {
			return start, nil
		}
		if d.changed == nil {
			d.changed = make(chan struct{})
		}
		changed := d.changed
		d.mu.Unlock()
		select {
		case <-changed:
		case <-time.After(pause):
		case <-ctx.Done():
			err = conn.ContextError(ctx)
		}
		d.mu.Lock()
		if err != nil {
			return start, err
		}
	}
}

// startLocked starts a dial if one may start now, else it returns a pause after which to look again.
func (d *Dials) startLocked(now time.Time, urgent bool, perSecond int) (start time.Time, pause time.Duration) {
	d.settleLocked(now)
	for len(d.recent) > 0 && now.Sub(d.recent[0]) >= time.Second {
		d.recent = d.recent[1:]
	}
	if n := len(d.recent); d.probationLocked() > 0 && n >= perSecond {
		return start, d.recent[n-perSecond].Add(time.Second).Sub(now)
	}
	if d.failing {
		at := d.pauseTo
		if hangs := d.probe.Add(probeLimit); !urgent && !d.probe.IsZero() && hangs.After(at) {
			at = hangs
		}
		if !urgent && d.urgent > 0 { // the end of their wait wakes this one
			at = now.Add(maxPause)
		}
		if at.After(now) {
			if !d.trustAt.IsZero() && d.trustAt.Before(at) {
				at = d.trustAt
			}
			return start, at.Sub(now)
		}
	}
	d.recent = append(d.recent, now)
	if !now.After(d.failedAt) { // the clock is coarse, or a fake one: it is later all the same
		now = d.failedAt.Add(1)
	}
	if d.failing {
		d.probe = now
	}
	return now, 0
}

// settleLocked brings the state up to now.
func (d *Dials) settleLocked(now time.Time) {
	switch {
	case d.failures == 0:
	case !d.forgetAt.IsZero() && !now.Before(d.forgetAt), now.Sub(d.failedAt) >= staleAfter:
		d.failing, d.failures, d.broken, d.refused, d.err = false, 0, 0, false, nil
		d.goodDial, d.trustAt, d.forgetAt = time.Time{}, time.Time{}, time.Time{}
	case d.failing && !d.trustAt.IsZero() && !now.Before(d.trustAt):
		d.failing = false
	}
}

// wakeLocked makes all that wait look again.
func (d *Dials) wakeLocked() {
	if d.changed != nil {
		close(d.changed)
		d.changed = nil
	}
}

// Done takes the outcome of a dial: the connection, the error, or neither if it was called off.
func (d *Dials) Done(start time.Time, c *conn.Conn, err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	now := time.Now()
	d.settleLocked(now)
	if d.probe.Equal(start) {
		d.probe = time.Time{}
	}
	if err != nil {
		d.err = err
		d.failLocked(start, now, false)
	} else if c != nil {
		d.err, d.wrong.dialled = nil, c.Peer()
		if d.failures > 0 {
			if d.goodDial.IsZero() {
				d.goodDial, d.forgetAt, d.trustAt = start, now.Add(lasting), now.Add(d.probationLocked())
			}
			d.pauseTo = now.Add(d.pauseLocked())
			d.settleLocked(now)
		}
	}
	d.wakeLocked()
}

// probationLocked is how long a success has to last before all may dial. Connections that did not last since the server
// went away are no reason for one, the first time.
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
func (d *Dials) Broken(start time.Time) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if now := time.Now(); now.Sub(start) < lasting {
		d.settleLocked(now)
		d.failLocked(start, now, true)
		d.wakeLocked()
	}
}

// Lost tells of a connection that has ended. One that was closed on this side says nothing about the endpoint.
func (d *Dials) Lost(c *conn.Conn) {
	if err := c.Err(); err != nil && !errors.Is(err, conn.ErrClosed) {
		d.Broken(time.Now().Add(1 - c.Info().Age)) // it was dialled after its turn began
	}
}

// failLocked counts a failure of what was begun at start. Dials that were under way together fail together and count
// once, and a failure of one that is older than a success since then does not count.
func (d *Dials) failLocked(start, now time.Time, broken bool) {
	d.refused = d.refused || !broken
	if start.Before(d.goodDial) || d.failing && !start.After(d.failedAt) {
		return
	}
	d.failures++
	if broken {
		d.broken++
		d.refused = false
	}
	d.failing, d.failedAt, d.pauseTo = true, now, now
	d.goodDial, d.trustAt, d.forgetAt = time.Time{}, time.Time{}, time.Time{}
	if !broken || d.failures > 1 { // the loss of one may be an accident: one dial at once
		d.pauseTo = now.Add(d.pauseLocked())
	}
}

// pauseLocked is a random pause of half its bound or more. The bound grows, or is the cap if connections do not last.
func (d *Dials) pauseLocked() time.Duration {
	limit := maxPause
	if d.broken == 0 {
		limit = min(minPause<<min(d.failures-1, 10), maxPause)
	}
	return limit/2 + rand.N(limit/2)
}

// serves reports whether no dial has to wait.
func (d *Dials) serves() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.settleLocked(time.Now())
	return !d.failing
}

// lastError returns the error of the last dial, nil if it is forgotten.
func (d *Dials) lastError() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.err
}

// wrongServer reports whether a connection is to be given up because its server is not the right one.
func (d *Dials) wrongServer(c *conn.Conn, lane bool) bool {
	i, now := c.Info(), time.Now()
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.wrong.giveUp(i.Peer, lane, now.Add(-i.Age), now)
}

// wrongPause is the least time between two dials made because the server of a new connection was not the right one.
const wrongPause = 250 * time.Millisecond

// wrongServers knows which peers answer like a server that is not the right one, a replica for instance. An older
// connection is given up at once, since the name may lead elsewhere by now. One that was dialled after the answer, and
// to such a peer again, shows that it does not: then each answer would cost a dial.
type wrongServers struct {
	dialled string // peer of the last connection that was dialled
	peers   map[string]*wrongPeer
}

type wrongPeer struct {
	first, latest time.Time          // such answers
	gaveUp        map[bool]time.Time // when a new connection was last given up, by whether it was a lane
}

// giveUp reports whether a connection to that peer, start then, is to be given up. Lanes do not wait for the others.
func (s *wrongServers) giveUp(peer string, lane bool, start, now time.Time) bool {
	for p, w := range s.peers {
		if now.Sub(w.latest) >= lasting {
			delete(s.peers, p)
		}
	}
	if s.peers == nil {
		s.peers = map[string]*wrongPeer{}
	}
	w := s.peers[peer]
	if w == nil {
		w = &wrongPeer{first: now, gaveUp: map[bool]time.Time{}}
		s.peers[peer] = w
	}
	w.latest = now
	if now.Sub(start) >= lasting && start.Before(w.first) || s.dialled != peer && s.peers[s.dialled] == nil {
		return true
	}
	for _, o := range s.peers {
		if now.Sub(o.gaveUp[lane]) < wrongPause {
			return false
		}
	}
	w.gaveUp[lane] = now
	return true
}

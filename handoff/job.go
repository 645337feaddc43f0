package handoff

import (
	"slices"
	"time"

	"github.com/baton-go/baton/conn"
)

// maxJobs bounds the peers that are left at the same time; more than one is rare, and the number comes from the wire.
const maxJobs = 64

// job moves the connections away from one peer, as long as its window is open. There is at most one for each peer.
type job struct {
	peer string
	news chan struct{} // holds one: look again

	// Guarded by mover.mu.
	plan      plan
	failing   bool            // the last attempt on the target failed: new dials go to the configured address
	arrived   map[string]bool // peers that connections were moved to
	toldAgain map[uint64]bool // connections that brought a copy after half of the time
}

// target is where dials go that would reach the peer, "" if that is not known.
func (j *job) target() string {
	p := &j.plan
	if p.canceled || len(p.targets) == 0 || p.strategy == reconnectHalfway || p.strategy == unlisted {
		return ""
	}
	return p.targets[0]
}

// notify wakes the goroutine of j, if there is a j.
func (j *job) notify() {
	if j == nil {
		return
	}
	select {
	case j.news <- struct{}{}:
	default:
	}
}

// strategy is how a job finds out where to go.
type strategy uint8

const (
	namedTarget      strategy = iota // the server said
	followName                       // ask DNS until the name has an address other than the peer's
	reconnectHalfway                 // reconnect to the configured address when half of the time has passed
	unlisted                         // not announced: DNS does not list the peer any more
)

var strategyWords = [...]string{"named target", "name moves", "half of the time", "peer not listed"}

func (s strategy) String() string { return strategyWords[s] }

// plan is what a job does. It is replaced as a whole when another announcement for the same peer comes; the newest wins.
type plan struct {
	rev      int     // higher is newer, over all jobs
	event    EventID // what announced it
	strategy strategy
	targets  []string // addresses to go to, empty until they are known
	opened   time.Time
	start    time.Time     // not before
	deadline time.Time     // when the peer stops serving, as far as we were told
	until    time.Time     // end of the window
	samePeer bool          // the peer's address tells nothing: the same one may be another node
	canceled bool          // the server calls everybody back: connections on the peer stay there
	spread   time.Duration // over how long the moves may be spread, once it is known where to
}

// unlistedHolds is long: no session is broken on a guess. A move that still waits when the window ends is called off.
const unlistedHolds = 24 * time.Hour

// minDrain is what an old link is given for the replies it owes, however late it is.
const minDrain = time.Second

// halfway is when half of the announced time is over.
func (p plan) halfway() time.Time { return p.opened.Add(p.deadline.Sub(p.opened) / 2) }

// moveTo is the move to addr that begins now. Owed replies get a few seconds even if the announcement says "now": servers
// close later than they say.
func (p plan) moveTo(addr, avoid string, now time.Time) conn.Target {
	t := conn.Target{Addr: addr, Avoid: avoid, Hold: conn.HoldBefore(p.opened, p.deadline)}
	t.Drain = later(later(p.deadline, p.opened.Add(closeSlack)), now.Add(minDrain))
	if p.strategy == unlisted {
		t.Hold = p.until.Add(unlistedHolds)
	}
	return t
}

// olderThan reports whether p was announced before o. A guess is older than any announcement.
func (p plan) olderThan(o plan) bool { return o.strategy != unlisted && p.opened.Before(o.opened) }

// renewedBy reports whether p differs from o, whose window is open, in its times only. A reconnect at half of the time is never
// renewed: the newest announcement tells when that is.
func (o plan) renewedBy(p plan) bool {
	if o.strategy != p.strategy || !p.opened.Before(o.until) {
		return false
	}
	return p.strategy == followName || p.strategy == namedTarget && slices.Equal(o.targets, p.targets)
}

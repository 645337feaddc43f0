package handoff

import (
	"context"
	"errors"
	"net/netip"
	"slices"
	"time"

	"github.com/baton-go/baton/conn"
)

// maxJobs bounds the peers that are left at the same time; more than one is rare, and the number comes from the wire.
const maxJobs = 64

// job moves the connections away from one peer, as long as its window is open. There is at most one for each peer.
type job struct {
	peer string
	wake chan struct{} // holds one: look again, something is new

	// Guarded by Engine.mu.
	plan    plan
	goal    string          // where new dials go, "" while that is not known
	sick    bool            // the last attempt on goal failed: new dials go to the configured address
	arrived map[string]bool // peers that connections were moved to
	told    map[uint64]bool // who heard of the event after half of the time
}

// plan is what a job does. It is replaced as a whole when another announcement for the same peer comes; the newest wins.
type plan struct {
	rev      int // higher is newer, over all jobs
	cause    announcement
	way      way
	goals    []string // addresses to go to, empty until they are known
	opened   time.Time
	start    time.Time     // not before
	deadline time.Time     // when the peer stops serving, as far as we were told
	until    time.Time     // end of the window
	samePeer bool          // the peer's address tells nothing: the same one may be another node
	recalled bool          // the server calls everybody back: who is on the peer stays there
	spread   time.Duration // over how long the moves may be spread, once it is known where to
}

// drain is when an old link is closed even if it owes replies. Servers close later than they say, so that replies owed
// get a few seconds even when the announcement says "now".
func (p plan) drain() time.Time { return later(p.deadline, p.opened.Add(closeSlack)) }

// guessHolds is long: a session is not broken on a guess. A move that still waits when the window ends is called off.
const guessHolds = 24 * time.Hour

// hold is until when a session may keep its connection on the old link.
func (p plan) hold() time.Time {
	if p.way == quiet {
		return p.until.Add(guessHolds)
	}
	return conn.HoldBefore(p.opened, p.deadline)
}

// startLocked gives p to the job of that peer. If there was none it returns a new one, counted in m.jobs: the caller starts run.
// A plan that goes where the job goes already prolongs it and disturbs nothing: if it called attempts off, a server that
// numbers its reminders could keep the connections from ever arriving.
func (m *Engine) startLocked(peer string, p plan) (started *job) {
	if m.cfg.DryRun || m.closed {
		return nil
	}
	if len(p.goals) == 1 {
		m.recallLocked(p.goals[0], p.opened)
	}
	j := m.running[peer]
	if j != nil && j.plan.renewedBy(p) {
		p.rev, p.start = j.plan.rev, sooner(j.plan.start, p.start)
		j.plan = p
		j.poke()
		return nil
	}
	m.lastRev++
	p.rev = m.lastRev
	if j == nil {
		if len(m.running) >= maxJobs {
			return nil
		}
		j = &job{peer: peer, wake: make(chan struct{}, 1), arrived: map[string]bool{}}
		m.running[peer] = j
		m.jobs.Add(1)
		started = j
	}
	j.plan, j.goal, j.sick, j.told = p, "", false, nil
	if len(p.goals) > 0 && p.way == toTarget {
		j.goal = p.goals[0]
	}
	j.poke()
	return started
}

// renewedBy reports whether p says of an open window what is known, but for the time. At half of the time there is nobody
// to go to, so that the newest announcement tells when that is.
func (o plan) renewedBy(p plan) bool {
	named := o.way == toTarget && p.way == toTarget && slices.Equal(o.goals, p.goals)
	return p.opened.Before(o.until) && (named || o.way == byName && p.way == byName)
}

// recallLocked ends the job of a peer that is a target now: what the server says last holds, and it is going back there.
func (m *Engine) recallLocked(peer string, now time.Time) {
	if j := m.running[peer]; j != nil {
		m.lastRev++
		j.plan.rev, j.plan.until, j.plan.recalled, j.goal = m.lastRev, now, true, ""
		j.poke()
	}
}

func (j *job) poke() {
	select {
	case j.wake <- struct{}{}:
	default:
	}
}

func (m *Engine) wakeLocked(peer string) {
	if j := m.running[peer]; j != nil {
		j.poke()
	}
}

// maxTold bounds the connections that have been told again and have not been looked at yet.
const maxTold = 1 << 16

// toldAgainLocked notes who is told after half of the time of a job without a target. It has reached the same node again, or has come
// to it since. A copy that was read late costs one more reconnect.
func (m *Engine) toldAgainLocked(peer string, id uint64, now time.Time) {
	j := m.running[peer]
	if j == nil || j.plan.way != halfTime || now.Before(j.plan.start) || len(j.told) >= maxTold {
		return
	}
	if j.told == nil {
		j.told = map[uint64]bool{}
	}
	j.told[id] = true
}

// Joined tells the Engine that c has been registered, so that Wiring.Conns returns it from now on. If its peer retires, c
// is moved by the job that runs: it may have been dialled before the announcement and have missed it.
func (m *Engine) Joined(c *conn.Conn) { m.joined(c.Peer()) }

func (m *Engine) joined(peer string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.wakeLocked(peer)
}

// PeerLost tells the Engine that c is closed. If it was the peer that ended it, the peers of the other connections are
// looked up: a proxy that DNS does not list any more is about to go, with or without an announcement.
func (m *Engine) PeerLost(c *conn.Conn) {
	if !errors.Is(c.Err(), conn.ErrClosed) {
		m.peerLost()
	}
}

func (m *Engine) peerLost() {
	now := time.Now()
	m.mu.Lock()
	check := m.cfg.Mode != ModeDisabled && m.named && now.Sub(m.checked) >= checkEvery && m.checkLocked(1, now)
	m.mu.Unlock()
	if check {
		go m.checkPeers()
	}
}

// run is the goroutine of a job.
func (m *Engine) run(j *job) {
	defer m.jobs.Done()
	ctx, cancel := context.WithCancel(m.ctx)
	r := &runner{m: m, j: j, results: make(chan result, m.cfg.MaxWorkers), answers: make(chan []netip.Addr, 1)}
	for r.turn(ctx) {
	}
	cancel()
	r.settle()
}

// ended takes the job off the list, unless a newer plan came at the last moment.
func (m *Engine) ended(j *job, rev int, closing bool) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	if !closing && (j.plan.rev != rev || time.Now().Before(j.plan.until)) {
		return false
	}
	if m.running[j.peer] == j {
		delete(m.running, j.peer)
	}
	return true
}

package handoff

import (
	"cmp"
	"slices"
	"time"

	"github.com/baton-go/baton/conn"
)

// assumedIn is the time until a MOVING without one takes effect: every one captured said 15 s.
const assumedIn = 15 * time.Second

// effect is what is done about a notification.
type effect uint8

const (
	ignore       effect = iota
	extendWindow        // if it is still open
	openWindow
	closeWindow
	join // the running job takes the connection along
	move // start a job
)

// view is what a decision depends on besides the notification and the time.
type view struct {
	peer        string        // of the link that brought it, "" if unknown
	named       bool          // the configured endpoint is a name
	known       bool          // this event was handled before
	arrived     bool          // a job of the same event has moved connections to this peer
	opened      bool          // completions: a window is open that this one ends
	justOptedIn bool          // a connection to this peer was opted in less than a second ago
	refused     string        // why the target must not be used, "" if it may be
	cap         time.Duration // of a window whose end is never told
	jitter      time.Duration // drawn for this event
}

// action is what to do, and why in a sentence for logs.
type action struct {
	do     effect
	reason string
	check  bool      // ask DNS whether the peers in use are still listed
	repeat bool      // nothing that was not known already
	replay bool      // a completion that the server keeps for every new connection, possibly hours old
	until  time.Time // end of the window
	plan   plan      // of the job to start, but for its spread
}

// decide is the whole policy: no clock, no memory, no side effects.
func decide(n Notification, v view, now time.Time) action {
	switch {
	case n.Kind == Moving:
		return decideMoving(n, v, now)
	case n.Kind.closes():
		return decideEnd(n, v)
	case n.Kind == KindNone:
		return action{reason: "no notification"}
	}
	until := now.Add(n.In + v.cap)
	if v.known {
		return action{do: extendWindow, until: until, repeat: true, reason: "announced before"}
	}
	return action{do: openWindow, until: until, reason: "operation announced"}
}

func decideEnd(n Notification, v view) action {
	// A migration can take the peer out of the name without any MOVING (several proxies; seen with maintenance mode).
	check := n.Kind == Migrated && v.named
	switch {
	case v.known:
		return action{repeat: true, reason: "told before"}
	case v.opened:
		return action{do: closeWindow, check: check, reason: "operation is over"}
	case v.justOptedIn:
		return action{repeat: true, replay: true, reason: "completion kept for new connections"}
	}
	return action{check: check, reason: "no operation is open that it ends"}
}

func decideMoving(n Notification, v view, now time.Time) action {
	in := n.delay()
	switch {
	case v.arrived:
		return action{repeat: true, reason: "a handoff of this event led here"}
	case v.known:
		return action{do: join, repeat: true, reason: "announced before"}
	case n.Endpoint != "" && n.Endpoint == v.peer:
		return action{repeat: true, reason: "connected to the target already"}
	}
	if n.Endpoint == "" && n.Unreadable {
		return action{do: openWindow, until: now.Add(in + closeSlack), reason: "the target cannot be read: nobody moves unless the peer closes"}
	}
	p := plan{event: n.EventID, opened: now, start: now.Add(v.jitter), deadline: now.Add(in), until: now.Add(in + closeSlack)}
	reason := v.refused
	switch {
	case n.Endpoint != "" && v.refused == "":
		p.strategy, p.targets, reason = namedTarget, []string{n.Endpoint}, "server named a target"
	case v.named && v.peer != "":
		p.strategy, reason = followName, cmp.Or(reason, "no target: wait for the name to move")
	default:
		p.strategy, reason = reconnectHalfway, cmp.Or(reason, "no target and nothing to ask: reconnect at half of the time")
		p.start = p.start.Add(in / 2)
	}
	return action{do: move, plan: p, until: p.until, reason: reason}
}

// jitterBound is the longest random delay of the move that n announces.
func jitterBound(n Notification, limit time.Duration) time.Duration {
	return max(0, min(n.delay()/10, limit))
}

// strategy is how a job finds out where to go, in words for the timeline.
type strategy string

const (
	namedTarget      strategy = "named target"     // the server said
	followName       strategy = "name moves"       // ask DNS until the name has an address other than the peer's
	reconnectHalfway strategy = "half of the time" // reconnect to the configured address when half of the time has passed
	unlisted         strategy = "peer not listed"  // not announced: DNS does not list the peer any more
)

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

const (
	minDrain      = time.Second    // what an old link is given for the replies it owes, however late it is
	unlistedHolds = 24 * time.Hour // no session is broken on a guess; a move that still waits is called off with the window
)

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

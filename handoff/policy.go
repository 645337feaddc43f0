package handoff

import (
	"net/netip"
	"time"
)

// assumedIn is the time until a MOVING takes effect if it does not say: every one captured said 15 s.
const assumedIn = 15 * time.Second

// verb is what a notification makes us do.
type verb uint8

const (
	ignore  verb = iota
	extend       // prolong the window if it is still open
	relax        // open a window
	unrelax      // end a window
	join         // the running job takes the connection along
	move         // start a job
)

// way is how a job finds out where to go.
type way uint8

const (
	toTarget way = iota // the server said
	byName              // ask DNS until the name has an address other than the peer's
	halfTime            // reconnect to the configured address when half of the time has passed
	quiet               // not announced: DNS does not list the peer any more
)

var wayWords = [...]string{"named target", "name moves", "half of the time", "peer not listed"}

func (w way) String() string { return wayWords[w] }

// view is what a decision depends on besides the notification and the time.
type view struct {
	peer    string        // of the link that brought it, "" if unknown
	named   bool          // the configured endpoint is a name
	known   bool          // this event was handled before
	arrived bool          // a job of the same event has moved connections to this peer
	opened  bool          // completions: a window is open that this one ends
	fresh   bool          // a connection to this peer was opted in less than a second ago
	barred  string        // why the target must not be used, "" if it may be
	cap     time.Duration // of a window whose end is never told
	jitter  time.Duration // drawn for this event
}

// action is what to do, and why in a sentence for logs.
type action struct {
	do     verb
	reason string
	// check: ask DNS whether the peers in use are still listed
	check bool
	// repeat: nothing that was not known already
	repeat bool
	// replay: a completion that the server keeps for every new connection, possibly hours old
	replay bool

	until time.Time // end of the window

	way      way
	target   string    // of way toTarget
	start    time.Time // connections do not move before
	deadline time.Time // when the peer stops serving
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
		return action{do: extend, until: until, repeat: true, reason: "announced before"}
	}
	return action{do: relax, until: until, reason: "operation announced"}
}

func decideEnd(n Notification, v view) action {
	// A migration can take the peer out of the name without any MOVING (several proxies; seen with maintenance mode).
	check := n.Kind == Migrated && v.named
	switch {
	case v.known:
		return action{repeat: true, reason: "told before"}
	case v.opened:
		return action{do: unrelax, check: check, reason: "operation is over"}
	case v.fresh:
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
		return action{do: relax, until: now.Add(in + closeSlack), reason: "the target cannot be read: nobody moves unless the peer closes"}
	}
	a := action{do: move, deadline: now.Add(in), until: now.Add(in + closeSlack), start: now.Add(v.jitter)}
	switch {
	case n.Endpoint != "" && v.barred == "":
		a.way, a.target, a.reason = toTarget, n.Endpoint, "server named a target"
	case v.named && v.peer != "":
		a.way, a.reason = byName, "no target: wait for the name to move"
	default:
		a.way, a.reason = halfTime, "no target and nothing to ask: reconnect at half of the time"
		a.start = a.start.Add(in / 2)
	}
	if n.Endpoint != "" && v.barred != "" {
		a.reason = v.barred
	}
	return a
}

// jitterBound is the longest random delay of a move announced for in from now.
func jitterBound(n Notification, most time.Duration) time.Duration {
	return max(0, min(n.delay()/10, most))
}

// barred tells why the target of a MOVING must not be used, "" if it may be. Without a rule of the user, an address that
// leads back to this machine or this cable is believed only if it comes from there. Where names lead is seen by Admit.
func barred(endpoint, peer string, allow func(host string) bool) string {
	host := hostOf(endpoint)
	if host == "" {
		return ""
	}
	if allow != nil {
		if !allowed(allow, host) {
			return "AllowEndpoint refuses the target"
		}
		return ""
	}
	if to, err := netip.ParseAddr(host); err == nil && !trustOf(peer).covers(to) {
		return localTarget
	}
	return ""
}

// allowed takes a panic of the user's function for a refusal: it runs where replies are read.
func allowed(allow func(host string) bool, host string) (ok bool) {
	defer func() {
		if recover() != nil {
			ok = false
		}
	}()
	return allow(host)
}

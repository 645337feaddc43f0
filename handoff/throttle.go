package handoff

import (
	"maps"
	"time"
)

const (
	restAfterMove = time.Second // a connection stays so long where it has moved, whatever is announced
	minBurst      = 8           // attempts that a client of few connections may make at once
	minRate       = 10          // attempts a second that all jobs together may make at least in the long run
	maxBreakers   = 128
)

// throttle bounds the attempts of each connection by a rest, and those of all jobs by a bucket with a token for each live
// connection: a server that announces without end costs a few dials a second. It begins full; the owner locks.
type throttle struct {
	live   int // connections
	tokens float64
	at     time.Time // when tokens was right
	conns  map[uint64]rested
}

// rested is the rest of a connection after its last attempt.
type rested struct {
	until time.Time     // no attempt before
	pause time.Duration // after an attempt that has not succeeded; doubles
}

func (t *throttle) population(n int, now time.Time) {
	t.fill(now)
	t.tokens += float64(max(0, n-t.live))
	t.live = n
	t.tokens = min(t.tokens, t.burst())
	if len(t.conns) > 2*n+minBurst {
		maps.DeleteFunc(t.conns, func(_ uint64, c rested) bool { return now.Sub(c.until) > maxPause })
	}
}

func (t *throttle) burst() float64 { return float64(max(minBurst, t.live)) }

func (t *throttle) rate() float64 { return max(minRate, float64(t.live)/6) }

func (t *throttle) fill(now time.Time) {
	if d := now.Sub(t.at); d > 0 { // for the first time more than enough
		t.at, t.tokens = now, min(t.burst(), t.tokens+d.Seconds()*t.rate())
	}
}

// free is when there is a token for another attempt.
func (t *throttle) free(now time.Time) time.Time {
	t.fill(now)
	if t.tokens >= 1 {
		return now
	}
	return now.Add(time.Duration((1-t.tokens)/t.rate()*float64(time.Second)) + time.Millisecond)
}

// begin takes a token for an attempt on a connection, which counts as failed until moved is called.
func (t *throttle) begin(id uint64, now time.Time) {
	t.fill(now)
	t.tokens--
	pause := min(max(2*t.conns[id].pause, firstPause), restAfterMove)
	t.conns[id] = rested{until: now.Add(pause), pause: pause}
}

func (t *throttle) moved(id uint64, now time.Time) {
	t.conns[id] = rested{until: now.Add(restAfterMove)}
}

// rested moves a connection that may be tried now to the front of the queue, and returns when the next one may be.
func (r *runner) rested(now time.Time) time.Time {
	r.m.mu.Lock()
	defer r.m.mu.Unlock()
	t := &r.m.throttle
	if free := t.free(now); free.After(now) {
		return free
	}
	first := t.conns[r.queue[0].ID()].until
	for i, c := range r.queue {
		until := t.conns[c.ID()].until
		if !until.After(now) {
			r.queue[0], r.queue[i] = c, r.queue[0]
			return now
		}
		first = sooner(first, until)
	}
	return first
}

// breaker is closed until a number of failures in a row, then open for a while, then half-open: successes close it, one failure
// opens it again. The clock alone makes it half-open.
type breaker struct {
	failures int
	openTill time.Time // zero: closed
	probes   int       // successes while half-open
}

func (b *breaker) allows(now time.Time) bool { return !now.Before(b.openTill) }

func (b *breaker) halfOpen(now time.Time) bool { return !b.openTill.IsZero() && b.allows(now) }

func (b *breaker) succeed(now time.Time, probes int) {
	if !b.halfOpen(now) {
		b.failures = 0
		return
	}
	if b.probes++; b.probes >= probes {
		*b = breaker{}
	}
}

// fail reports whether it opened the breaker.
func (b *breaker) fail(now time.Time, threshold int, reset time.Duration) bool {
	b.failures++
	if !b.halfOpen(now) && b.failures < threshold {
		return false
	}
	*b = breaker{failures: b.failures, openTill: now.Add(reset)}
	return true
}

// breakers holds one breaker for each target, at most maxBreakers: targets come from the wire. The owner locks.
type breakers map[string]*breaker

func (s breakers) get(target string) *breaker {
	if b := s[target]; b != nil {
		return b
	}
	if len(s) >= maxBreakers { // the one with the fewest failures costs least to learn again
		victim := ""
		for t, b := range s {
			if v := s[victim]; v == nil || b.failures < v.failures {
				victim = t
			}
		}
		delete(s, victim)
	}
	s[target] = new(breaker)
	return s[target]
}

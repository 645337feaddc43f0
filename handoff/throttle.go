package handoff

import "time"

const (
	// restAfterMove is how long a connection stays where it has moved, whatever is announced.
	restAfterMove = time.Second
	// leastBurst is how many attempts may be made at once by a client of few connections.
	leastBurst = 8
	// leastRate is how many attempts a second are made at least in the long run, by all jobs together.
	leastRate = 10
)

// floor bounds the attempts of all jobs, whatever the server announces: those of each connection by a rest, and those of all by a
// bucket of tokens that holds one for each live connection. So one move of everybody is as fast as can be, and a server that
// announces without end costs a few dials a second. The zero value has a full bucket; the owner locks.
type floor struct {
	live   int // connections
	tokens float64
	at     time.Time // when tokens was right
	conns  map[uint64]rested
}

// rested is what is remembered of a connection.
type rested struct {
	until  time.Time     // no attempt before
	pause  time.Duration // of the last failure; doubles
	missed bool          // the last attempt has not succeeded
}

// population tells how many connections there are.
func (f *floor) population(n int, now time.Time) {
	grown := n - f.live
	f.fill(now)
	if f.live = n; grown > 0 {
		f.tokens += float64(grown)
	}
	f.tokens = min(f.tokens, f.burst())
	if len(f.conns) > 2*n+leastBurst {
		for id, c := range f.conns {
			if now.Sub(c.until) > longestPause {
				delete(f.conns, id)
			}
		}
	}
}

func (f *floor) burst() float64 { return float64(max(leastBurst, f.live)) }

func (f *floor) rate() float64 { return max(leastRate, float64(f.live)/6) }

func (f *floor) fill(now time.Time) {
	if f.at.IsZero() {
		f.at, f.tokens = now, f.burst()
		return
	}
	if d := now.Sub(f.at); d > 0 {
		f.at, f.tokens = now, min(f.burst(), f.tokens+d.Seconds()*f.rate())
	}
}

// free is when there will be a token for another attempt.
func (f *floor) free(now time.Time) time.Time {
	f.fill(now)
	if f.tokens >= 1 {
		return now
	}
	return now.Add(time.Duration((1-f.tokens)/f.rate()*float64(time.Second)) + time.Millisecond)
}

// begin takes a token for an attempt on a connection. Until it has succeeded it counts as one that has not.
func (f *floor) begin(id uint64, now time.Time) {
	f.fill(now)
	f.tokens--
	if f.conns == nil {
		f.conns = map[uint64]rested{}
	}
	c := f.conns[id]
	if c.missed {
		c.pause = min(2*c.pause, restAfterMove)
	} else {
		c.pause = firstPause
	}
	c.missed, c.until = true, now.Add(c.pause)
	f.conns[id] = c
}

// moved is told of an attempt that has succeeded.
func (f *floor) moved(id uint64, now time.Time) {
	if f.conns != nil {
		f.conns[id] = rested{until: now.Add(restAfterMove)}
	}
}

// rested brings a connection to the front of the line that may be tried now, and returns when that may be.
func (r *runner) rested(now time.Time) time.Time {
	r.m.mu.Lock()
	defer r.m.mu.Unlock()
	f := &r.m.floor
	if free := f.free(now); free.After(now) {
		return free
	}
	first := f.conns[r.waiting[0].id].until
	for i, c := range r.waiting {
		until := f.conns[c.id].until
		if !until.After(now) {
			r.waiting[0], r.waiting[i] = c, r.waiting[0]
			return now
		}
		first = sooner(first, until)
	}
	return first
}

package handoff

import "time"

const maxBreakers = 128

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

// breakers holds one breaker for each target, at most maxBreakers: targets come from the wire. The zero value is empty;
// the owner locks.
type breakers struct {
	of map[string]*breaker
}

func (s *breakers) get(target string) *breaker {
	if b := s.of[target]; b != nil {
		return b
	}
	if s.of == nil {
		s.of = map[string]*breaker{}
	}
	if len(s.of) >= maxBreakers { // the one with the fewest failures costs least to learn again
		victim := ""
		for t, b := range s.of {
			if v := s.of[victim]; v == nil || b.failures < v.failures {
				victim = t
			}
		}
		delete(s.of, victim)
	}
	b := new(breaker)
	s.of[target] = b
	return b
}

package handoff

import (
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/baton-go/baton/conn"
)

// Capability is what an endpoint answered when it was asked for notifications. It is knowledge about a server, apart from
// Mode, which is the user's will and never changes.
type Capability uint8

// The capabilities.
const (
	CapabilityUnknown Capability = iota // not asked, or the refusal is old enough to ask again
	CapabilitySupported
	CapabilityRefused
)

// String returns "unknown", "supported" or "refused".
func (c Capability) String() string {
	return [...]string{"unknown", "supported", "refused"}[min(c, CapabilityRefused)]
}

// OptInError is why a connection fails in ModeEnabled.
type OptInError struct {
	Peer  string
	Proto int    // granted RESP version
	Asked string // endpoint type, "" if the server could not even be asked
	Err   error  // the server's refusal, nil if there was none
}

// Error names the reason.
func (e *OptInError) Error() string {
	why := "the server was not asked"
	switch {
	case e.Proto != 3:
		why = fmt.Sprintf("RESP3 was not granted (protocol is %d), and notifications need it", e.Proto)
	case e.Err != nil:
		why = fmt.Sprintf("refused for endpoint type %s: %v", e.Asked, e.Err)
	}
	return fmt.Sprintf("handoff %s: maintenance notifications are enabled and cannot be had: %s", e.Peer, why)
}

// Unwrap returns the server's refusal.
func (e *OptInError) Unwrap() error { return e.Err }

// capability remembers the answer of the endpoint and, for a moment, when which peer was opted in.
type capability struct {
	cfg *Config

	mu      sync.Mutex // guards what follows, never held over a call
	state   Capability
	foreign bool                 // HELLO named something that is not Redis
	again   time.Time            // a refusal is doubted from here on
	fresh   map[string]time.Time // peer: last opt-in
}

const (
	freshFor = time.Second // a retained completion was seen 17 ms after the opt-in (StackExchange.Redis)
	maxFresh = 256
)

// ask returns the endpoint type to ask for, "" not to ask. After the cool-down one connection probes; the others go on
// without asking until it has its answer or another cool-down has passed.
func (c *capability) ask(peer string, tls bool, now time.Time) string {
	switch c.cfg.Mode {
	case ModeDisabled:
		return ""
	case ModeEnabled:
	case ModeAuto:
		if !c.worthAsking(now) {
			return ""
		}
	}
	c.mu.Lock()
	c.noteLocked(peer, now) // before the answer: what the server kept may stand right behind it
	c.mu.Unlock()
	if t := c.cfg.EndpointType; t != EndpointTypeAuto {
		return t.String()
	}
	return DetectEndpointType(peer, tls).String()
}

func (c *capability) worthAsking(now time.Time) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.foreign {
		return false
	}
	if c.state != CapabilityRefused {
		return true
	}
	if c.cfg.Reprobe < 0 || now.Before(c.again) {
		return false
	}
	c.again = now.Add(c.cfg.Reprobe)
	return true
}

// learn takes the answer. In ModeAuto a refusal is remembered and is no error. refusedNow reports a refusal that was not
// known before.
func (c *capability) learn(s conn.Setup, now time.Time) (refusedNow bool, err error) {
	if c.cfg.Mode == ModeDisabled {
		return false, nil
	}
	granted := s.Proto == 3 && s.Asked != "" && s.Refused == nil
	c.mu.Lock()
	if s.Server != "" {
		c.foreign = s.Server != "redis" && !granted
	}
	switch {
	case granted:
		c.state = CapabilitySupported
		c.noteLocked(s.Peer, now)
	case s.Asked != "" || s.Proto != 3:
		refusedNow = c.state != CapabilityRefused
		c.state = CapabilityRefused
		c.again = now.Add(c.cfg.Reprobe)
	}
	c.mu.Unlock()
	if c.cfg.Mode != ModeEnabled || granted {
		return refusedNow, nil
	}
	refused := s.Refused
	if s.Proto != 3 && errors.Is(refused, conn.ErrProtocol) {
		refused = nil // the sentence says it already
	}
	return refusedNow, &OptInError{Peer: s.Peer, Proto: s.Proto, Asked: s.Asked, Err: refused}
}

func (c *capability) noteLocked(peer string, now time.Time) {
	if c.fresh == nil {
		c.fresh = map[string]time.Time{}
	}
	if len(c.fresh) >= maxFresh {
		for p, at := range c.fresh {
			if now.Sub(at) >= freshFor {
				delete(c.fresh, p)
			}
		}
		if len(c.fresh) >= maxFresh {
			return
		}
	}
	c.fresh[peer] = now
}

// isFresh reports whether a connection to peer was opted in less than a second ago.
func (c *capability) isFresh(peer string, now time.Time) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	at, ok := c.fresh[peer]
	return ok && now.Sub(at) < freshFor
}

func (c *capability) get() Capability {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.state
}

package handoff

import (
	"context"
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

	mu     sync.Mutex // guards what follows, never held over a call
	state  Capability
	again  time.Time // a refusal is doubted from here on; zero: nobody was refused
	asking *question
	fresh  map[string]time.Time // peer: last opt-in
}

// question is the first one put to an endpoint.
type question struct {
	answered chan struct{}
	since    time.Time
}

const (
	freshFor = time.Second // a retained completion was seen 17 ms after the opt-in (StackExchange.Redis)
	maxFresh = 256
	// answerPatience is for how long connections wait for the answer to a question that another one has put.
	answerPatience = 250 * time.Millisecond
)

// foreign reports whether HELLO named something that is not Redis, which is not asked: none is known to have the feature,
// and some count the refusal as an error.
func foreign(server string) bool { return server != "" && server != "redis" }

// ask returns the endpoint type to ask for, "" not to ask. Where it is known that the endpoint grants it, the question goes
// out with the first write. Otherwise it waits for HELLO, and one connection asks for all: those dialled at the same time
// wait for its answer, and after a refusal the others go on without asking until another cool-down has passed.
func (c *capability) ask(ctx context.Context, f conn.Facts, now time.Time) string {
	switch c.cfg.Mode {
	case ModeDisabled:
		return ""
	case ModeEnabled:
	case ModeAuto:
		if !c.worthAsking(ctx, f, now) {
			return ""
		}
	}
	c.mu.Lock()
	c.noteLocked(f.Peer, now) // before the answer: what the server kept may stand right behind it
	c.mu.Unlock()
	if t := c.cfg.EndpointType; t != EndpointTypeAuto {
		return t.String()
	}
	return detectEndpointType(f.Peer, f.TLS).String()
}

func (c *capability) worthAsking(ctx context.Context, f conn.Facts, now time.Time) bool {
	c.mu.Lock()
	yes, wait := c.verdictLocked(f, now)
	c.mu.Unlock()
	if wait == nil {
		return yes
	}
	t := time.NewTimer(answerPatience)
	defer t.Stop()
	select {
	case <-wait.answered:
		c.mu.Lock()
		defer c.mu.Unlock()
		yes, _ = c.verdictLocked(f, time.Now())
		return yes
	case <-t.C:
	case <-ctx.Done():
	}
	return true
}

// verdictLocked decides, or returns a question whose answer is to be waited for.
func (c *capability) verdictLocked(f conn.Facts, now time.Time) (yes bool, wait *question) {
	switch {
	case c.state == CapabilitySupported:
		return true, nil
	case !f.Greeted || foreign(f.Server):
		return false, nil
	case !c.again.IsZero():
		if c.cfg.Reprobe < 0 || now.Before(c.again) {
			return false, nil
		}
		c.again = now.Add(c.cfg.Reprobe)
		return true, nil
	case c.asking != nil && now.Sub(c.asking.since) < answerPatience:
		return false, c.asking
	}
	c.asking = &question{answered: make(chan struct{}), since: now}
	return true, nil
}

// learn takes the answer. In ModeAuto a refusal is remembered and is no error. refusedNow reports a refusal that was not
// known before.
func (c *capability) learn(s conn.Setup, now time.Time) (refusedNow bool, err error) {
	if c.cfg.Mode == ModeDisabled {
		return false, nil
	}
	granted := s.Proto == 3 && s.Asked != "" && s.Refused == nil
	c.mu.Lock()
	switch {
	case granted:
		c.state = CapabilitySupported
		c.noteLocked(s.Peer, now)
	case foreign(s.Server) && s.Asked == "": // says nothing about servers that call themselves otherwise
		refusedNow = c.state != CapabilityRefused
		c.state = CapabilityRefused
	case s.Asked != "" || s.Proto != 3:
		refusedNow = c.state != CapabilityRefused
		c.state = CapabilityRefused
		c.again = now.Add(c.cfg.Reprobe)
	}
	if c.asking != nil && (s.Asked != "" || s.Proto != 3) {
		close(c.asking.answered)
		c.asking = nil
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

package handoff

import (
	"cmp"
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

const (
	// replayTime is for how long completions on a new link may be ones that the server keeps for new connections. One came
	// 17 ms after the opt-in (StackExchange.Redis).
	replayTime    = time.Second
	answerTimeout = 250 * time.Millisecond // connections wait so long for the answer to the question of another one
)

// capability remembers the answer of the endpoint and, for a moment, when which peer was opted in.
type capability struct {
	cfg *Config

	mu     sync.Mutex // guards the fields below, never held over a call
	state  Capability
	reask  time.Time      // a refusal is doubted from then on; zero: nobody was refused
	asking chan struct{}  // closed with the answer to the first question; nil: none is open
	asked  time.Time      // the first question
	optIns memory[string] // peers that were opted in a moment ago
}

// foreign reports whether HELLO named something that is not Redis, which is not asked: none is known to have the feature,
// and some count the refusal as an error.
func foreign(server string) bool { return server != "" && server != "redis" }

// ask returns the endpoint type to ask for, "" not to ask. If the endpoint is known to grant it, the question goes out with
// the first write. Otherwise it waits for HELLO, and one connection asks for all: those dialled at the same time wait for
// its answer, and after a refusal the others go on without asking until another cool-down has passed.
func (c *capability) ask(ctx context.Context, f conn.Facts, now time.Time) string {
	yes, other := c.worthAsking(f, now)
	if other != nil {
		select {
		case <-other:
			yes, _ = c.worthAsking(f, time.Now())
		case <-time.After(answerTimeout):
			yes = true
		case <-ctx.Done():
			yes = true
		}
	}
	if !yes {
		return ""
	}
	c.mu.Lock()
	c.optIns.add(f.Peer, now.Add(replayTime)) // before the answer: kept completions may stand right behind it
	c.mu.Unlock()
	return cmp.Or(c.cfg.EndpointType, detectEndpointType(f.Peer, f.TLS)).String()
}

// worthAsking decides, or returns the question of another connection, whose answer is to be waited for.
func (c *capability) worthAsking(f conn.Facts, now time.Time) (yes bool, other <-chan struct{}) {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case c.cfg.Mode != ModeAuto:
		return c.cfg.Mode == ModeEnabled, nil
	case c.state == CapabilitySupported:
		return true, nil
	case !f.Greeted || foreign(f.Server):
		return false, nil
	case !c.reask.IsZero():
		if c.cfg.Reprobe < 0 || now.Before(c.reask) {
			return false, nil
		}
		c.reask = now.Add(c.cfg.Reprobe)
		return true, nil
	case c.asking != nil && now.Sub(c.asked) < answerTimeout:
		return false, c.asking
	}
	c.asking, c.asked = make(chan struct{}), now
	return true, nil
}

// learn takes the answer. In ModeAuto a refusal is remembered and is no error. news reports a refusal that was not known before.
func (c *capability) learn(s conn.Setup, now time.Time) (news bool, err error) {
	if c.cfg.Mode == ModeDisabled {
		return false, nil
	}
	granted := s.Proto == 3 && s.Asked != "" && s.Refused == nil
	tried := s.Asked != "" || s.Proto != 3
	c.mu.Lock()
	switch {
	case granted:
		c.state = CapabilitySupported
		c.optIns.add(s.Peer, now.Add(replayTime))
	case tried || foreign(s.Server):
		news = c.state != CapabilityRefused
		c.state = CapabilityRefused
		if s.Asked != "" || !foreign(s.Server) { // else it says nothing about servers that call themselves otherwise
			c.reask = now.Add(c.cfg.Reprobe)
		}
	}
	if c.asking != nil && tried {
		close(c.asking)
		c.asking = nil
	}
	c.mu.Unlock()
	if c.cfg.Mode != ModeEnabled || granted {
		return news, nil
	}
	refused := s.Refused
	if s.Proto != 3 && errors.Is(refused, conn.ErrProtocol) {
		refused = nil // the sentence says it already
	}
	return news, &OptInError{Peer: s.Peer, Proto: s.Proto, Asked: s.Asked, Err: refused}
}

func (c *capability) justOptedIn(peer string, now time.Time) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.optIns.has(peer, now)
}

func (c *capability) get() Capability {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.state
}

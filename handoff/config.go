package handoff

import (
	"cmp"
	"errors"
	"fmt"
	"time"
)

// Mode says whether the server is asked for maintenance notifications. It is what the user wants and never changes; what
// the server can do is remembered elsewhere. The zero value is ModeAuto.
type Mode uint8

// The modes.
const (
	ModeAuto     Mode = iota // asks; a server that refuses, or grants RESP2 only, is used without the feature, silently
	ModeEnabled              // insists: a connection that cannot have notifications fails, and the error says why
	ModeDisabled             // does not ask, and ignores notifications that are sent nevertheless
)

// String returns "auto", "enabled" or "disabled".
func (m Mode) String() string {
	return wordOf([]string{"auto", "enabled", "disabled"}, uint8(m), "Mode")
}

// Config says how maintenance of the server is handled. The zero value suits most programs. For durations 0 means the
// default; a negative value means none where that is allowed. The fields up to MaxHandoffRetries have the names and the
// meaning of go-redis's maintnotifications.Config.
type Config struct {
	// Mode says whether the server is asked for notifications. Default ModeAuto.
	Mode Mode
	// EndpointType is the form in which a target is asked for. The default, EndpointTypeAuto, follows for each connection
	// from the address of its peer and from TLS.
	EndpointType EndpointType

	// RelaxedTimeout is the minimum timeout of commands, dials and set-ups during maintenance. Longer configured timeouts
	// stay. Default 10 s, negative: timeouts are not relaxed.
	RelaxedTimeout time.Duration
	// PostHandoffRelaxedDuration is how long timeouts stay relaxed after connections moved. Default twice RelaxedTimeout,
	// negative: not at all.
	PostHandoffRelaxedDuration time.Duration
	// RelaxedTail is how long timeouts stay relaxed after the server has announced the end of an operation: servers were
	// seen to be slow again some seconds later. It is limited to RelaxedCap. Default RelaxedTimeout, negative: not at all.
	RelaxedTail time.Duration
	// HandoffTimeout limits one attempt to move one connection. Default 15 s. Within a window an attempt also ends after a
	// third of the remaining time (at least one second), so that a target that never answers leaves time for others.
	HandoffTimeout time.Duration

	// MaxWorkers limits how many connections move at the same time. Default min(PoolSize/2, max(10, PoolSize/3)), at least 1.
	MaxWorkers int
	// HandoffQueueSize limits how many connections are queued to be moved. The others stay where they are and are queued
	// later. Default max(20*MaxWorkers, PoolSize), at most MaxActiveConns+1 if that is limited, else 5*PoolSize.
	HandoffQueueSize int

	// CircuitBreakerFailureThreshold is how many handoffs in a row to one target must fail before no more are tried.
	// Default 5. A handoff counts as failed when MaxHandoffRetries attempts in a row did.
	CircuitBreakerFailureThreshold int
	// CircuitBreakerResetTimeout is how long such a target is not tried. While connections leave a peer for it, it is at
	// most half of the time that this peer still serves. Default 60 s.
	CircuitBreakerResetTimeout time.Duration
	// CircuitBreakerMaxRequests is how many attempts must then succeed before the target is trusted again. One failure, and
	// it is not tried for another CircuitBreakerResetTimeout. Default 3.
	CircuitBreakerMaxRequests int

	// MaxHandoffRetries is how many attempts on a target make one failure for its circuit breaker, 1 to 10. Default 3.
	// It does not end a handoff: attempts go on while the window is open and the breaker allows it.
	MaxHandoffRetries int

	// RelaxedCap is how long timeouts stay relaxed if the server never announces the end of an operation, counted from the
	// announced beginning. Another announcement renews it. Default 60 s.
	RelaxedCap time.Duration
	// Jitter limits the random delay before connections move, so that many clients do not dial at one instant, and the time
	// over which the moves of one client are spread. Neither exceeds a tenth of the announced time. Default 1 s,
	// negative: none.
	Jitter time.Duration
	// Reprobe is how long a refusal is remembered in ModeAuto before a new connection asks again. Default 60 s,
	// negative: for ever.
	Reprobe time.Duration
	// AllowEndpoint may refuse the host that a MOVING names, a name in lower case or an IP. The move then goes as if the
	// server had named no target. It is called on goroutines that read from connections and must not block. If it is nil,
	// every host is allowed except loopback and link-local addresses that a peer without such an address has named; they
	// are recognised before anything is written to them.
	AllowEndpoint func(host string) bool
	// DryRun reads, counts and reports notifications and decisions, and changes nothing: no timeout is relaxed, no
	// connection moved.
	DryRun bool
}

// WithDefaults returns c with every zero replaced by its default. maxActive 0 means that the pool has no such limit.
func (c Config) WithDefaults(poolSize, maxActive int) Config {
	poolSize = max(poolSize, 1)
	c.RelaxedTimeout = cmp.Or(c.RelaxedTimeout, 10*time.Second)
	c.PostHandoffRelaxedDuration = cmp.Or(c.PostHandoffRelaxedDuration, max(2*c.RelaxedTimeout, -1))
	c.RelaxedTail = cmp.Or(c.RelaxedTail, c.RelaxedTimeout)
	c.HandoffTimeout = cmp.Or(c.HandoffTimeout, 15*time.Second)
	c.CircuitBreakerResetTimeout = cmp.Or(c.CircuitBreakerResetTimeout, time.Minute)
	c.RelaxedCap = cmp.Or(c.RelaxedCap, time.Minute)
	c.Jitter = cmp.Or(c.Jitter, time.Second)
	c.Reprobe = cmp.Or(c.Reprobe, time.Minute)
	c.MaxWorkers = cmp.Or(c.MaxWorkers, max(1, min(poolSize/2, max(10, poolSize/3))))
	limit := 5 * poolSize
	if maxActive > 0 {
		limit = maxActive + 1
	}
	c.HandoffQueueSize = cmp.Or(c.HandoffQueueSize, min(limit, max(20*c.MaxWorkers, poolSize)))
	c.CircuitBreakerFailureThreshold = cmp.Or(c.CircuitBreakerFailureThreshold, 5)
	c.CircuitBreakerMaxRequests = cmp.Or(c.CircuitBreakerMaxRequests, 3)
	c.MaxHandoffRetries = cmp.Or(c.MaxHandoffRetries, 3)
	return c
}

// Limits of Config. Durations outside of them are nearly always a number without its unit.
const (
	minDuration = time.Millisecond
	maxDuration = 10 * time.Minute
)

// Validate reports every field that is out of range, joined, each with its value and the limit. Zeroes are fine.
func (c Config) Validate() error {
	return errors.Join(
		check(c.Mode <= ModeDisabled, "Mode is %d, limit %d", c.Mode, ModeDisabled),
		check(c.EndpointType <= EndpointTypeNone, "EndpointType is %d, limit %d", c.EndpointType, EndpointTypeNone),
		checkDuration("RelaxedTimeout", c.RelaxedTimeout, true),
		checkDuration("PostHandoffRelaxedDuration", c.PostHandoffRelaxedDuration, true),
		checkDuration("RelaxedTail", c.RelaxedTail, true),
		checkDuration("HandoffTimeout", c.HandoffTimeout, false),
		checkDuration("CircuitBreakerResetTimeout", c.CircuitBreakerResetTimeout, false),
		checkDuration("RelaxedCap", c.RelaxedCap, false),
		checkDuration("Jitter", c.Jitter, true),
		checkNumber("MaxWorkers", c.MaxWorkers, 1<<16),
		checkNumber("HandoffQueueSize", c.HandoffQueueSize, 1<<24),
		checkNumber("CircuitBreakerFailureThreshold", c.CircuitBreakerFailureThreshold, 1<<16),
		checkNumber("CircuitBreakerMaxRequests", c.CircuitBreakerMaxRequests, 1<<16),
		checkNumber("MaxHandoffRetries", c.MaxHandoffRetries, 10))
}

func checkDuration(name string, d time.Duration, noneOK bool) error {
	return check(d == 0 || d < 0 && noneOK || minDuration <= d && d <= maxDuration, "%s is %v, limits %v to %v", name, d, minDuration, maxDuration)
}

func checkNumber(name string, n, limit int) error {
	return check(0 <= n && n <= limit, "%s is %d, limits 1 to %d", name, n, limit)
}

func check(ok bool, format string, a ...any) error {
	if ok {
		return nil
	}
	return fmt.Errorf("handoff: "+format, a...)
}

package pool

import (
	"cmp"
	"errors"
	"fmt"
	"runtime"
	"time"
)

// Config sizes the pools of a client. The zero value is useful. Durations: 0 means the default, negative means no limit.
type Config struct {
	// Size bounds the connections, shared and leased ones together. Default 10 per processor, at most 64. A pool of 1
	// gives no leases, since its connection is shared.
	Size int
	// Lanes bounds the shared connections. Default 4, at most Size. One is open most of the time, since each further one
	// splits the batches; another is opened when the open ones wait for a slow reply, and given up again afterwards. For
	// replies that are large, or come bit by bit, there may be more, up to half of Size, as long as nobody waits for a
	// lease.
	Lanes int
	// Blocking bounds the connections for commands that block on the server, one for each that waits. They come on top of
	// Size, so that waiting for work never keeps other commands from a connection. Default 64.
	Blocking int
	// MinIdle is how many connections are kept ready for leases, from the first use of the pool on. Default 0.
	MinIdle int
	// MaxActive bounds the sockets while connections are moved: at most MaxActive-Size of them get their next link at
	// once. Old links that still owe replies come on top. 0: only the handoff's MaxWorkers bounds that; else it must be
	// greater than Size.
	MaxActive int
	// MaxDialing bounds the dials in parallel. Default 8, at most Size.
	MaxDialing int
	// MaxWaiting bounds the callers that wait for a lease; one more is refused at once. Default 64 times Size.
	MaxWaiting int
	// WaitTimeout bounds the wait for a connection. Default 3 s.
	WaitTimeout time.Duration
	// MaxIdleTime is how long an unused connection above MinIdle is kept. Default 5 min, which is below the 10 min after
	// which common load balancers forget a connection.
	MaxIdleTime time.Duration
	// MaxLifetime is the age at which a connection is replaced, less a random tenth. Default none.
	MaxLifetime time.Duration
}

// maxConns is more than a process can have, and so small that sums and products with it do not overflow.
const maxConns = 1 << 20

// WithDefaults returns c with every zero replaced by its default.
func (c Config) WithDefaults() Config {
	c.Size = cmp.Or(c.Size, min(10*runtime.GOMAXPROCS(0), 64))
	size := min(max(c.Size, 1), maxConns) // an impossible Size is reported once, not for what follows from it as well
	c.Lanes = cmp.Or(c.Lanes, min(4, size))
	c.Blocking = cmp.Or(c.Blocking, 64)
	c.MaxDialing = cmp.Or(c.MaxDialing, min(8, size))
	c.MaxWaiting = cmp.Or(c.MaxWaiting, 64*size)
	c.WaitTimeout = cmp.Or(c.WaitTimeout, 3*time.Second)
	c.MaxIdleTime = cmp.Or(c.MaxIdleTime, 5*time.Minute)
	return c
}

// ForBlocking returns the configuration of the separate pool for commands that block, which has leases only. c must
// have its defaults.
func (c Config) ForBlocking() Config {
	c.Size, c.Lanes, c.MinIdle = c.Blocking, 0, 0
	c.MaxDialing, c.MaxWaiting = min(c.MaxDialing, c.Size), 64*c.Size
	return c
}

// Validate reports everything that is wrong with c after WithDefaults.
func (c Config) Validate() error {
	return errors.Join(
		check(c.Size >= 1 && c.Size <= maxConns, "Pool.Size is %d, must be from 1 to %d", c.Size, maxConns),
		check(c.Lanes >= 1 && c.Lanes <= max(c.Size, 1), "Pool.Lanes is %d, must be from 1 to Size (%d)", c.Lanes, c.Size),
		check(c.Blocking >= 1 && c.Blocking <= maxConns, "Pool.Blocking is %d, must be from 1 to %d", c.Blocking, maxConns),
		check(c.MinIdle >= 0 && c.MinIdle < max(c.Size, 1),
			"Pool.MinIdle is %d, must be from 0 to Size-1 (%d), since one connection is shared", c.MinIdle, c.Size-1),
		check(c.MaxActive == 0 || c.MaxActive > c.Size, "Pool.MaxActive is %d, must be greater than Size (%d)", c.MaxActive, c.Size),
		check(c.MaxDialing >= 1, "Pool.MaxDialing is %d, must be at least 1", c.MaxDialing),
		check(c.MaxWaiting >= 1, "Pool.MaxWaiting is %d, must be at least 1", c.MaxWaiting))
}

func check(ok bool, format string, a ...any) error {
	if ok {
		return nil
	}
	return fmt.Errorf(format, a...)
}

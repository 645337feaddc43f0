package pool

import (
	"errors"
	"fmt"
	"runtime"
	"time"
)

// Config sizes the pools of a client. The zero value is useful. Durations: 0 means the default, negative means no limit.
type Config struct {
	// Size bounds the connections, shared and leased ones together. Default 10 per processor, at most 64. A pool of 1 gives no
	// leases, since its connection is shared.
	Size int
	// Lanes bounds the shared connections. Default 4, at most Size. One is open most of the time, since each further one
	// splits the batches; another is opened when the open ones wait for a slow reply, and given up again afterwards.
	Lanes int
	// Blocking bounds the connections for commands that block on the server, one for each that waits. They come on top of
	// Size, so that waiting for work never keeps other commands from a connection. Default 64.
	Blocking int
	// MinIdle is how many connections are kept ready for leases, from the first use of the pool on. Default 0.
	MinIdle int
	// MaxActive bounds the sockets while connections are moved: at most MaxActive-Size of them get their next link at once.
	// Old links that still owe replies come on top. 0: only the handoff's MaxWorkers bounds that; else it must be greater than Size.
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

// WithDefaults returns c with every zero replaced by its default.
func (c Config) WithDefaults() Config {
	def := func(v *int, d int) {
		if *v == 0 {
			*v = d
		}
	}
	dur := func(v *time.Duration, d time.Duration) {
		if *v == 0 {
			*v = d
		}
	}
	def(&c.Size, min(10*runtime.GOMAXPROCS(0), 64))
	def(&c.Lanes, min(4, c.Size))
	def(&c.Blocking, 64)
	def(&c.MaxDialing, min(8, c.Size))
	def(&c.MaxWaiting, 64*c.Size)
	dur(&c.WaitTimeout, 3*time.Second)
	dur(&c.MaxIdleTime, 5*time.Minute)
	return c
}

// ForBlocking returns the configuration of the pool beside, for commands that block. It has leases only. c must have its defaults.
func (c Config) ForBlocking() Config {
	c.Size, c.Lanes, c.MinIdle = c.Blocking, 0, 0
	c.MaxDialing, c.MaxWaiting = min(c.MaxDialing, c.Size), 64*c.Size
	return c
}

// Validate reports everything that is wrong with c after WithDefaults.
func (c Config) Validate() error {
	var errs []error
	for _, f := range []struct {
		ok    bool
		name  string
		value int
		want  string
	}{
		{c.Size >= 1, "Pool.Size", c.Size, "at least 1"},
		{c.Lanes >= 1 && c.Lanes <= c.Size, "Pool.Lanes", c.Lanes, "from 1 to Size"},
		{c.Blocking >= 1, "Pool.Blocking", c.Blocking, "at least 1"},
		{c.MinIdle >= 0 && c.MinIdle < max(c.Size, 1), "Pool.MinIdle", c.MinIdle, "from 0 to Size-1, since one connection is shared"},
		{c.MaxActive == 0 || c.MaxActive > c.Size, "Pool.MaxActive", c.MaxActive, "greater than Size"},
		{c.MaxDialing >= 1, "Pool.MaxDialing", c.MaxDialing, "at least 1"},
		{c.MaxWaiting >= 1, "Pool.MaxWaiting", c.MaxWaiting, "at least 1"},
	} {
		if !f.ok {
			errs = append(errs, fmt.Errorf("%s is %d, must be %s (Size is %d)", f.name, f.value, f.want, c.Size))
		}
	}
	return errors.Join(errs...)
}

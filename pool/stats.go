package pool

import (
	"errors"
	"fmt"
	"iter"
	"maps"
	"slices"
	"time"

	"github.com/baton-go/baton/conn"
)

// Stats is a snapshot: first the state, then counters since the pool was made.
type Stats struct {
	Open    int // connections: shared, idle and leased ones
	Lanes   int // shared ones, those apart for large replies included
	Idle    int // those that wait for a lease
	Leased  int // exclusive ones
	Dialing int // dials that run
	Waiting int // callers that wait for a lease

	Dials      uint64 // begun
	DialErrors uint64 // failed
	Lost       uint64 // connections that ended by themselves
	Retired    uint64 // connections closed by the pool: idle too long, too old
	Acquired   uint64 // leases
	Waits      uint64 // leases that had to wait
	Timeouts   uint64 // waits that ended without a lease
}

// Plus returns the sums of two pools of one client.
func (s Stats) Plus(o Stats) Stats {
	s.Open, s.Lanes, s.Idle, s.Leased = s.Open+o.Open, s.Lanes+o.Lanes, s.Idle+o.Idle, s.Leased+o.Leased
	s.Dialing, s.Waiting = s.Dialing+o.Dialing, s.Waiting+o.Waiting
	s.Dials, s.DialErrors, s.Lost, s.Retired = s.Dials+o.Dials, s.DialErrors+o.DialErrors, s.Lost+o.Lost, s.Retired+o.Retired
	s.Acquired, s.Waits, s.Timeouts = s.Acquired+o.Acquired, s.Waits+o.Waits, s.Timeouts+o.Timeouts
	return s
}

// Role says what the pool uses a connection for.
type Role uint8

// The roles of a connection.
const (
	Idle       Role = iota // waits for a lease
	Lane                   // shared by all callers
	Leased                 // held by one caller
	Subscribed             // of a subscription; not of the pool
	Apart                  // shared by callers whose replies are large
)

// String returns the lower-case name of the role.
func (r Role) String() string { return [...]string{"idle", "lane", "leased", "subscribed", "apart"}[r] }

// ConnInfo describes one live connection.
type ConnInfo struct {
	conn.Info
	Role  Role          // what it is used for
	Since time.Duration // for how long it has had this role

	// Relaxed is the time until which maintenance relaxes its timeouts, zero if they are not relaxed. It is a fact of
	// the endpoint, which a Client fills in; a pool by itself does not know it.
	Relaxed time.Time
}

// Stats returns a snapshot. It takes the lock of the pool for a moment.
func (p *Pool) Stats() Stats {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.statsLocked()
}

func (p *Pool) statsLocked() Stats {
	s := p.count
	s.Open, s.Dialing, s.Waiting, s.Idle = len(p.all), p.dialing, len(p.waiting), len(p.idle)
	s.Lanes = len(p.lanes.conns()) + len(p.apart.conns())
	s.Leased = s.Open - s.Idle - s.Lanes
	return s
}

// Conns yields every live connection as it was when the iteration began.
func (p *Pool) Conns() iter.Seq[ConnInfo] {
	return func(yield func(ConnInfo) bool) {
		for _, m := range p.members() {
			if !yield(ConnInfo{Info: m.c.Info(), Role: m.role, Since: time.Since(m.since)}) {
				return
			}
		}
	}
}

// Lanes returns the connections that all callers share. The slice must not be changed.
func (p *Pool) Lanes() []*conn.Conn { return p.lanes.conns() }

// List returns every live connection, whatever it is used for.
func (p *Pool) List() []*conn.Conn {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.AppendSeq(make([]*conn.Conn, 0, len(p.all)), maps.Keys(p.all))
}

func (p *Pool) members() []member {
	p.mu.Lock()
	defer p.mu.Unlock()
	ms := make([]member, 0, len(p.all))
	for _, m := range p.all {
		ms = append(ms, *m)
	}
	return ms
}

var (
	// ErrClosed is returned by every use of a pool after Close.
	ErrClosed = errors.New("pool is closed")
	// ErrShared is the cause when a lease is asked for and the pool has room for nothing but its shared connection.
	ErrShared = errors.New("its connection is shared")
)

// TimeoutError tells why a caller got no connection in time, or was not allowed to wait for one.
type TimeoutError struct {
	Waited   time.Duration // 0 without a Cause: MaxWaiting callers waited already
	Stats    Stats         // at the end of the wait
	Size     int           // Config.Size
	LastDial error         // of the last dial if that failed, else nil
	Cause    error         // the context's, nil if it was WaitTimeout or MaxWaiting
}

// Error gives the counts, so that the text alone tells whether the pool is too small or the server is away.
func (e *TimeoutError) Error() string {
	s := fmt.Sprintf("pool: no connection within %v", e.Waited.Round(time.Millisecond))
	if e.Waited == 0 && e.Cause == nil {
		s = "pool: no connection, and no more callers may wait for one"
	}
	s += fmt.Sprintf(" (%d of %d leased, %d shared, %d dialing, %d waiting",
		e.Stats.Leased, e.Size, e.Stats.Lanes, e.Stats.Dialing, e.Stats.Waiting)
	if e.LastDial != nil {
		s += fmt.Sprintf(", last dial: %v", e.LastDial)
	}
	s += ")"
	if e.Cause != nil {
		s += ": " + e.Cause.Error()
	}
	return s
}

// Unwrap gives the context's error and the last dial's.
func (e *TimeoutError) Unwrap() []error {
	return slices.DeleteFunc([]error{e.Cause, e.LastDial}, func(err error) bool { return err == nil })
}

// Timeout reports true: it is a timeout in the sense of net.Error.
func (e *TimeoutError) Timeout() bool { return true }

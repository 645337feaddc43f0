package conn

import (
	"context"
	"crypto/tls"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/baton-go/baton/resp3"
)

// Config says how connections to one endpoint are dialled, set up and watched. It is shared by all connections of a
// client, must not be copied after the first Dial, and is read concurrently. Durations are final here: 0 means none.
type Config struct {
	Network string // "tcp" (the default) or "unix"
	// Dial opens the byte stream; nil: DialNet. TLS, if wanted, is put on top of what it returns.
	Dial func(ctx context.Context, network, addr string) (net.Conn, error)
	// TLS nil: plaintext. ServerName must hold the configured host: it stays the name for SNI and verification whatever
	// address is dialled.
	TLS *tls.Config

	DialTimeout time.Duration // for dialling and set-up together
	Limits      resp3.Limits
	// MaxPending bounds the bytes of requests that wait until the socket takes them, those being written included; 0:
	// none. A call that would pass it is refused with ErrBacklog, unless nothing waits.
	MaxPending int

	// Protocol is 0 (RESP3, falling back to RESP2), 2, or 3 (RESP3 or an error).
	Protocol   int
	DB         int
	ClientName string
	LibName    string // CLIENT SETINFO LIB-NAME, with RESP3 only; "" sends neither
	LibVersion string
	// Credentials is asked at every set-up; nil or an empty password: no AUTH. expires is when the server ends what
	// they grant, zero: never. It is noted in Setup and nothing else.
	Credentials func(ctx context.Context) (username, password string, expires time.Time, err error)

	// Listen makes a link read whenever no caller does, so that pushes are heard at once and not only when the link has
	// been idle for a while. It is for connections that exist for their pushes. On them an array in the form of a
	// pub/sub message or confirmation counts as a push, since RESP2 has it in that place.
	Listen bool
	// OnPush gets every push frame, with the peer of the link it came in on. It runs on the goroutine that reads: it
	// must not block. It may be called before Dial returns.
	OnPush func(c *Conn, peer string, v resp3.Value)
	// OnPushes, if there is one, takes the place of OnPush: it gets all pushes at once that were read together, in order.
	// The frames are valid until it returns. Unlike OnPush it may block, for as long as nothing else is to be read.
	OnPushes func(c *Conn, peer string, pushes []resp3.Frame)
	// Relaxed returns the least timeout in force at now for something that began at start; 0 if nothing is relaxed.
	Relaxed func(start, now time.Time) time.Duration
	// OptIn returns the endpoint type to ask for in CLIENT MAINT_NOTIFICATIONS, or "" not to ask. It is called before
	// the first write and, if it returned "" then, once more when HELLO has granted RESP3 and told who answers: a
	// question asked then costs a write of its own. It may block until ctx ends; nothing is in flight on the link
	// meanwhile.
	OptIn func(ctx context.Context, f Facts) string
	// OptedIn is told what set-up found. An error fails the connection.
	OptedIn func(s Setup) error
	// OnState is told every change of state after it happened, without locks held. It must not block.
	OnState func(c *Conn, from, to State)

	calls     sync.Pool
	noSetInfo atomic.Bool // the endpoint refused CLIENT SETINFO once: it is not asked again
}

// Facts are what is known of a link before it opts in.
type Facts struct {
	Peer    string // remote address, "" if unknown
	TLS     bool
	Greeted bool   // HELLO has been answered
	Server  string // as HELLO names it, "" if it does not
}

// Setup is what the set-up of a link found.
type Setup struct {
	Peer    string
	TLS     bool
	Server  string // as HELLO names it: "redis", "valkey", …; "" without HELLO
	Version string
	ID      int64         // of the connection, as CLIENT ID gives it; 0 if HELLO did not tell
	RTT     time.Duration // from the write of the set-up to its last reply
	Proto   int           // granted RESP version
	Asked   string        // endpoint type asked for, "" if the opt-in was not sent
	Began   time.Time     // when the credentials were asked for
	Expires time.Time     // of these credentials; zero: never
	Refused error         // *resp3.Error, or ErrProtocol if RESP3 was not granted; nil if it was granted or not asked
}

// effectiveTimeout is the longer of d and the relaxed timeout of an operation that began at start. 0 is no timeout.
func (c *Config) effectiveTimeout(d time.Duration, start, now time.Time) time.Duration {
	if d <= 0 || c.Relaxed == nil {
		return max(d, 0)
	}
	return max(d, c.Relaxed(start, now))
}

package handofftest

import (
	"crypto/tls"
	"net"
	"time"
)

// Maintenance says how a Server answers CLIENT MAINT_NOTIFICATIONS.
type Maintenance int

const (
	// MaintenanceOn accepts the opt-in, as a Redis Enterprise database does.
	MaintenanceOn Maintenance = iota
	// MaintenanceOff knows the command and refuses it: the feature is switched off.
	MaintenanceOff
	// MaintenanceUnknown does not know the command, as every open source server.
	MaintenanceUnknown
)

// Options configure a Server. The zero value is an open Redis on a keyspace of
// its own, on loopback TCP, with the feature on.
type Options struct {
	// Backend is the "host:port" of a real Redis. If set, the server is a proxy:
	// each client connection gets one of its own to the backend, and everything
	// but CLIENT MAINT_NOTIFICATIONS goes through, with ServerName in the reply to
	// HELLO. "": the keyspace of the kit.
	Backend string

	// Username and Password a client must give, with AUTH or HELLO. No password:
	// none is asked for. No username: "default". Not used by a proxy, whose
	// backend decides.
	Username, Password string

	// ServerName is the server that HELLO names; "" is "redis". A proxy answers so
	// too, because it has the feature itself: clients may not ask a server that
	// calls itself "valkey", and would then get no notification.
	//
	// ServerVersion is the version that HELLO names; "" is "7.4.0". Not used by a
	// proxy, whose backend tells its own.
	ServerName, ServerVersion string

	// Resp2Only makes a server that does not know HELLO, as Redis before 6.
	Resp2Only bool

	// Maintenance is how the opt-in is answered at first; SetMaintenance changes it.
	Maintenance Maintenance

	// Dialect varies the shape of maintenance pushes. Zero: as captured from
	// Redis Enterprise.
	Dialect Dialect

	// TLS, if not nil, is served on every node; Node.SetTLS makes an exception.
	TLS *tls.Config

	// Listen opens the addresses of nodes: Network.Listen, or nil for loopback
	// and other TCP addresses.
	Listen func(addr string) (net.Listener, error)

	// CatchUp is how long after +OK a newly opted-in connection is told of the
	// retained completion and of an open MOVING window. 0: in the same segment
	// as +OK, which is the hardest for a client. Real servers took about 17 ms.
	CatchUp time.Duration

	// SetupPush is sent after each reply to HELLO, AUTH, SELECT, PING and CLIENT on
	// a RESP3 connection: a push between any two set-up replies. It must be
	// a whole frame, or several. nil: nothing.
	SetupPush []byte

	// ByteByByte writes one byte at a time, so that every frame is split at
	// every place.
	ByteByByte bool

	// OnCommand is told of every command before it runs, in the order of its
	// connection, on the connection's goroutine. args are valid until it returns.
	// It may call methods of the Server; what it takes delays that connection.
	OnCommand func(c ConnInfo, args [][]byte)

	// Intercept may answer a command in the server's place: with handled, reply
	// (encoded, possibly empty or more than one) is sent instead of running it.
	// Called as OnCommand is, after it.
	Intercept func(c ConnInfo, args [][]byte) (reply []byte, handled bool)
}

// withDefaults fills in what a zero field stands for.
func (o Options) withDefaults() Options {
	if o.Listen == nil {
		o.Listen = func(addr string) (net.Listener, error) { return net.Listen("tcp", addr) }
	}
	if o.Username == "" {
		o.Username = "default"
	}
	if o.ServerName == "" {
		o.ServerName = "redis"
	}
	if o.ServerVersion == "" {
		o.ServerVersion = "7.4.0"
	}
	return o
}

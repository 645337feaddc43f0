package main

import (
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net"
)

// Role says what a driver stands for in the report.
type Role string

// The roles.
const (
	Ours  Role = "ours"
	Peer  Role = "peer"
	Floor Role = "floor" // hand-made minimum without any client around it
	Null  Role = "null"  // the harness alone
)

// Env is where a driver finds its server and how many callers will use it.
type Env struct {
	Network string // "tcp" or "unix"
	Addr    string
	TLS     *tls.Config // nil: plaintext
	Callers int
	Conns   int // that calls need at once, if each needs one for itself; 0: as many as the client has by default
}

// dial opens the byte stream, with TLS if it is wanted.
func (e Env) dial(ctx context.Context) (net.Conn, error) {
	if e.TLS == nil {
		return new(net.Dialer).DialContext(ctx, e.Network, e.Addr)
	}
	return (&tls.Dialer{Config: e.TLS}).DialContext(ctx, e.Network, e.Addr)
}

// Worker is what one caller owns. Nothing in it is shared, so operations may keep scratch space there.
type Worker struct {
	ID  int
	Buf []byte // scratch or destination, big enough for the scenario's value
	req request
}

// Driver is one client in one of its modes. A nil function means that the client does not offer the operation.
type Driver struct {
	Name   string
	Role   Role
	Open   func(e Env) (*Session, error)
	Listen func(e Env) (*Session, error)         // instead of Open where a subscription is measured
	Idle   func(e Env, n int) (io.Closer, error) // opens n connections that stay unused
	Move   func(e movingEnv) (*mover, error)     // while the server moves
	Decode Decoder                               // without a server
	// Program is the directory of a program that does one SET and one GET with the client.
	Program string
}

// Session is an opened client. Every operation returns what is needed to check the reply: bytes of a value, elements of an
// aggregate, bytes of all values of a pipeline. All operations may be called by many workers at once.
type Session struct {
	Get     func(ctx context.Context, w *Worker, key string) (int, error)
	GetInto func(ctx context.Context, w *Worker, key string) (int, error) // into w.Buf
	Set     func(ctx context.Context, w *Worker, key string, value []byte) (int, error)
	Incr    func(ctx context.Context, w *Worker, key string) (int, error)
	Pipe    func(ctx context.Context, w *Worker, keys []string) (int, error)
	MGet    func(ctx context.Context, w *Worker, keys []string) (int, error)
	HGetAll func(ctx context.Context, w *Worker, key string) (int, error)
	LRange  func(ctx context.Context, w *Worker, key string) (int, error)
	Large   *LargeWrites
	Struct  func(ctx context.Context, w *Worker, key string) (int, error)    // a hash as a person
	Push    func(ctx context.Context, w *Worker, key, value string) error    // LPUSH
	BPop    func(ctx context.Context, w *Worker, key string) (string, error) // BLPOP
	Watch   func(ctx context.Context, w *Worker, key string) (int, error)    // WATCH, GET, then MULTI, SET, EXEC
	// Listen receives messages until ctx ends. It calls ready when the channels are confirmed, once or more, and got with the
	// length of each message, by one goroutine.
	Listen func(ctx context.Context, channels []string, ready func(), got func(payload int)) error
	Close  func()
}

// closers closes many connections.
type closers []io.Closer

// Close closes them all and returns the first error.
func (c closers) Close() error {
	var first error
	for _, x := range c {
		if err := x.Close(); err != nil && first == nil {
			first = err
		}
	}
	return first
}

// closerFunc makes a function an io.Closer.
type closerFunc func()

// Close calls the function.
func (f closerFunc) Close() error { f(); return nil }

// allDrivers lists every driver, ours first.
func allDrivers() []Driver {
	var all []Driver
	for _, family := range [][]Driver{
		batonDrivers(), goRedisDrivers(), rueidisDrivers(), radixDrivers(), redigoDrivers(), redconDrivers(), floorDrivers(), sharedFloorDrivers(), nullDrivers(),
	} {
		all = append(all, family...)
	}
	return all
}

// nullDrivers is the harness without a client: what an open loop costs by itself.
func nullDrivers() []Driver {
	open := func(Env) (*Session, error) {
		return &Session{
			Get:   func(context.Context, *Worker, string) (int, error) { return smallValue, nil },
			Close: func() {},
		}, nil
	}
	return []Driver{{Name: "null", Role: Null, Open: open}}
}

// findDriver returns the driver of that name.
func findDriver(name string) (Driver, error) {
	for _, d := range allDrivers() {
		if d.Name == name {
			return d, nil
		}
	}
	return Driver{}, fmt.Errorf("driver %q: not known", name)
}

// driverNames are all names in the order of the tables.
func driverNames() []string {
	var names []string
	for _, d := range allDrivers() {
		names = append(names, d.Name)
	}
	return names
}

// peerNames are the drivers to be compared with.
func peerNames() []string {
	var names []string
	for _, d := range allDrivers() {
		if d.Role == Peer {
			names = append(names, d.Name)
		}
	}
	return names
}

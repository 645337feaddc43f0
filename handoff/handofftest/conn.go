package handofftest

import (
	"crypto/tls"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"time"
)

// finGrace is how long a connection that was sent FIN may take to go, and a
// client that does not read may hold up the bytes before it.
const finGrace = time.Second

// departure is how a connection ends.
type departure int

const (
	dropped departure = iota // closed at once
	finned                   // FIN after what is ready was sent
	killed                   // reset
)

// Conn is the server's side of one client connection.
type Conn struct {
	server   *Server
	node     *Node
	id       uint64
	tcp      net.Conn // the socket
	stream   net.Conn // tcp, or TLS over it
	out      *outbox
	in       *input
	remote   string
	opened   time.Time
	commands atomic.Int64
	trouble  Trouble

	leaving  sync.Once
	done     chan struct{} // closed when the connection begins to end
	written  chan struct{} // closed when the writer has ended
	upstream *upstream     // proxy only

	facts // under server.mu

	// The connection's own goroutine only.
	session
}

// facts are what a connection is to others.
type facts struct {
	proto    int // 2 or 3
	name     string
	optedIn  bool
	endpoint string // form of address asked for; "" is a bare ON
	db       int
	blocked  *waiter // not nil while in a blocking command
	libName  string
	libVer   string
}

// session is what only the connection's own goroutine needs.
type session struct {
	w       []byte // reply under construction
	args    [][]byte
	authed  bool
	muted   bool
	quit    bool // leave after this command
	pending *waiter
	tx      transaction
	subs    subscriptions
}

// ConnInfo describes a connection as the server sees it.
type ConnInfo struct {
	ID       uint64
	Node     string // address of the node
	Remote   string // address of the client
	Name     string // given with SETNAME
	Proto    int    // 2 or 3
	OptedIn  bool   // gets maintenance pushes
	Endpoint string // moving-endpoint-type asked for; "" for a bare ON
	Commands int64  // received so far
	Opened   time.Time
}

// admit makes a connection of nc, unless the node has stopped meanwhile.
func (s *Server) admit(n *Node, l net.Listener, nc net.Conn) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed || n.listener != l {
		_ = nc.Close()
		return
	}
	s.lastID++
	c := &Conn{
		server: s, node: n, id: s.lastID, tcp: nc, stream: nc,
		remote: nc.RemoteAddr().String(),
		out:    newOutbox(), opened: time.Now(), trouble: n.trouble,
		done: make(chan struct{}), written: make(chan struct{}),
	}
	if n.tls != nil {
		c.stream = tls.Server(nc, n.tls)
	}
	c.in = newInput(c)
	c.proto = 2
	c.authed = s.opts.Password == "" && !n.trouble.RefuseAuth
	c.out.stall(n.stalled)
	c.out.setDelay(n.delay)
	c.out.setCutAfter(n.trouble.CutAfter)
	n.accepted++
	n.conns[c.id] = c
	s.conns[c.id] = c
	s.wg.Go(c.serve)
	s.wg.Go(c.write)
}

// ID is the number of the connection, unique on its server. Without a backend it
// is also what CLIENT ID answers.
func (c *Conn) ID() uint64 { return c.id }

// Info describes the connection.
func (c *Conn) Info() ConnInfo {
	c.server.mu.Lock()
	defer c.server.mu.Unlock()
	return c.infoLocked()
}

func (c *Conn) infoLocked() ConnInfo {
	return ConnInfo{
		ID: c.id, Node: c.node.addr, Remote: c.remote, Name: c.name,
		Proto: c.proto, OptedIn: c.optedIn, Endpoint: c.endpoint,
		Commands: c.commands.Load(), Opened: c.opened,
	}
}

// Stall holds the replies of this connection, or lets them go.
func (c *Conn) Stall(on bool) { c.out.stall(on) }

// Delay makes every reply of this connection wait for d; 0 ends it.
func (c *Conn) Delay(d time.Duration) { c.out.setDelay(d) }

// Push sends any bytes, opted in or not.
func (c *Conn) Push(raw []byte) { c.out.push(raw, 0) }

// CutAfter closes the connection after n more bytes were sent.
func (c *Conn) CutAfter(n int64) { c.out.setCutAfter(n) }

// Shut ends the connection with FIN, after what is ready was sent.
func (c *Conn) Shut() { c.leave(finned) }

// Kill resets the connection; what was not yet sent is lost.
func (c *Conn) Kill() { c.leave(killed) }

// leave begins the end of the connection; only the first call counts, but a later
// one that is not FIN still closes the socket under a client that does not go.
func (c *Conn) leave(how departure) {
	c.leaving.Do(func() { close(c.done) })
	if how == finned {
		now := time.Now()
		_ = c.stream.SetWriteDeadline(now.Add(finGrace))
		_ = c.stream.SetReadDeadline(now) // the reading goroutine does the rest
		return
	}
	if l, ok := c.tcp.(interface{ SetLinger(int) error }); ok && how == killed {
		_ = l.SetLinger(0)
	}
	_ = c.tcp.Close()
}

// left says that the connection has begun to end.
func (c *Conn) left() bool {
	select {
	case <-c.done:
		return true
	default:
		return false
	}
}

// serve is the connection's own goroutine: it reads and runs commands in their
// order, and is the one that takes the connection down.
func (c *Conn) serve() {
	defer c.finish()
	if c.server.opts.Backend != "" && c.dialUpstream() != nil {
		return // as a proxy whose backend is gone
	}
	for {
		frame, ok, err := c.in.buffered()
		if err == nil && !ok {
			c.flush()
			frame, err = c.in.next()
		}
		if err != nil || c.left() || !c.handle(frame) {
			return
		}
	}
}

// flush sends what has piled up while commands were at hand.
func (c *Conn) flush() {
	c.out.flush()
	if c.upstream != nil {
		c.upstream.flush()
	}
}

// finish sends what is left, says goodbye, and waits for the client to go.
func (c *Conn) finish() {
	c.leaving.Do(func() { close(c.done) })
	c.out.end()
	_ = c.stream.SetWriteDeadline(time.Now().Add(finGrace))
	<-c.written
	if t, ok := c.stream.(*tls.Conn); ok {
		_ = t.CloseWrite() // fails if the handshake was never finished
	}
	if h, ok := c.tcp.(interface{ CloseWrite() error }); ok && h.CloseWrite() == nil {
		_ = c.tcp.SetReadDeadline(time.Now().Add(finGrace))
		_, _ = io.Copy(io.Discard, c.tcp)
	}
	_ = c.tcp.Close()
	if c.upstream != nil {
		c.upstream.close()
	}
	c.server.forget(c)
}

// forget takes c out of every list.
func (s *Server) forget(c *Conn) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.conns, c.id)
	delete(c.node.conns, c.id)
	c.optedIn = false
	s.keys.unwatch(c)
	s.bus.drop(c)
}

// write is the goroutine that sends what the outbox has.
func (c *Conn) write() {
	defer close(c.written)
	var spare []byte
	for {
		b, cut, ok := c.out.take(spare)
		if !ok {
			return
		}
		if err := c.send(b); err != nil || cut {
			c.out.end()
			c.leave(dropped)
			return
		}
		spare = b
		if cap(spare) > 1<<20 {
			spare = nil // one large reply must not cost memory for ever
		}
	}
}

// send writes b, whole or byte by byte.
func (c *Conn) send(b []byte) error {
	if !c.server.opts.ByteByByte {
		_, err := c.stream.Write(b)
		return err
	}
	for i := range b {
		if _, err := c.stream.Write(b[i : i+1]); err != nil {
			return err
		}
		time.Sleep(time.Microsecond) // lets the reader see this byte alone
	}
	return nil
}

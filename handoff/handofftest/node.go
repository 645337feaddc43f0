package handofftest

import (
	"crypto/tls"
	"fmt"
	"net"
	"sync/atomic"
	"time"
)

// Node is one address under which the database is served.
type Node struct {
	server   *Server
	addr     string
	commands atomic.Int64

	// under server.mu
	listener net.Listener // nil: refuses
	conns    map[uint64]*Conn
	accepted int64
	optIns   int64
	pushes   int64
	tls      *tls.Config // nil: plain
	window   *window
	trouble  Trouble
	stalled  bool
	delay    time.Duration
}

// Trouble is how a node treats the connections it accepts. The zero value is a
// node in good health.
type Trouble struct {
	Mute       bool  // HELLO, and whatever follows it, is never answered
	RefuseAuth bool  // any password is wrong
	Resp2Hello bool  // HELLO 3 is answered with a RESP2 array, and RESP2 it stays
	Surplus    bool  // HELLO gets one reply too many
	CutAfter   int64 // the connection is closed after so many bytes were sent; 0: never
}

// NodeStats are the counters of a node.
type NodeStats struct {
	Accepted int64 // connections, ever
	Open     int64 // connections now
	OptedIn  int64 // connections now that asked for maintenance pushes and may get them
	OptIns   int64 // successful opt-ins, ever
	Commands int64 // received, set-up included
	Pushes   int64 // maintenance pushes sent
}

// Addr is the "ip:port" of the node. It stays the same over Shut and Reopen.
func (n *Node) Addr() string { return n.addr }

// open begins to accept from l.
func (n *Node) open(l net.Listener) {
	s := n.server
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed || n.listener != nil {
		_ = l.Close()
		return
	}
	n.listener = l
	s.wg.Go(func() { n.accept(l) })
}

// accept runs until l is closed.
func (n *Node) accept(l net.Listener) {
	for {
		nc, err := l.Accept()
		if err != nil {
			return
		}
		n.server.admit(n, l, nc)
	}
}

// close closes the listener and returns the connections that were open.
func (n *Node) close() []*Conn {
	s := n.server
	s.mu.Lock()
	l := n.listener
	n.listener = nil
	conns := n.connsLocked()
	s.mu.Unlock()
	if l != nil {
		_ = l.Close()
	}
	return conns
}

func (n *Node) connsLocked() []*Conn {
	conns := make([]*Conn, 0, len(n.conns))
	for _, c := range n.conns {
		conns = append(conns, c)
	}
	return conns
}

// Refuse closes the listener: new connections are refused, those there are go on.
func (n *Node) Refuse() { n.close() }

// Shut is the end of a maintenance window: FIN to every connection, opted in or
// not, and new ones are refused. Replies of commands already run are sent before
// the FIN, commands not yet run are dropped (behind a proxy the backend may still
// run what was forwarded). It returns how many connections were still there.
func (n *Node) Shut() int {
	conns := n.close()
	for _, c := range conns {
		c.Shut()
	}
	return len(conns)
}

// Kill is a crash: every connection is reset, what was not yet sent is lost, and
// new connections are refused. It returns how many connections there were.
func (n *Node) Kill() int {
	conns := n.close()
	for _, c := range conns {
		c.Kill()
	}
	return len(conns)
}

// Reopen listens again on the same address, with Options.Listen. A MOVING window
// of before is over. It does nothing if the node is open.
func (n *Node) Reopen() error {
	s := n.server
	s.mu.Lock()
	n.window = nil
	isOpen := n.listener != nil
	s.mu.Unlock()
	if isOpen {
		return nil
	}
	l, err := s.opts.Listen(n.addr)
	if err != nil {
		return fmt.Errorf("reopen node %s: %w", n.addr, err)
	}
	n.open(l)
	return nil
}

// SetTrouble decides how connections accepted from now on are treated.
func (n *Node) SetTrouble(t Trouble) {
	n.server.mu.Lock()
	defer n.server.mu.Unlock()
	n.trouble = t
}

// SetTLS replaces Options.TLS for connections accepted from now on: a target with
// the wrong certificate, a node that asks for one, or (nil) one without TLS.
func (n *Node) SetTLS(cfg *tls.Config) {
	n.server.mu.Lock()
	defer n.server.mu.Unlock()
	n.tls = cfg
}

// Stall holds the replies on all connections of the node, present and future, or
// lets them go. Commands still run, and pushes pass.
func (n *Node) Stall(on bool) {
	n.server.mu.Lock()
	defer n.server.mu.Unlock()
	n.stalled = on
	for _, c := range n.conns {
		c.out.stall(on)
	}
}

// Delay makes every reply of the node wait for d; 0 ends it. Pushes pass.
func (n *Node) Delay(d time.Duration) {
	n.server.mu.Lock()
	defer n.server.mu.Unlock()
	n.delay = d
	for _, c := range n.conns {
		c.out.setDelay(d)
	}
}

// Conns describes the open connections, in no order.
func (n *Node) Conns() []ConnInfo {
	n.server.mu.Lock()
	defer n.server.mu.Unlock()
	infos := make([]ConnInfo, 0, len(n.conns))
	for _, c := range n.conns {
		infos = append(infos, c.infoLocked())
	}
	return infos
}

// Stats returns the counters of the node.
func (n *Node) Stats() NodeStats {
	n.server.mu.Lock()
	defer n.server.mu.Unlock()
	st := NodeStats{
		Accepted: n.accepted,
		Open:     int64(len(n.conns)),
		OptIns:   n.optIns,
		Commands: n.commands.Load(),
		Pushes:   n.pushes,
	}
	for _, c := range n.conns {
		if c.optedIn {
			st.OptedIn++
		}
	}
	return st
}

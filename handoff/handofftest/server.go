package handofftest

import (
	"fmt"
	"math/rand/v2"
	"net"
	"sync"
)

// Server is a fake database: a keyspace, a counter of maintenance events, and the
// nodes that serve it. The test plays its operator with Migrating, Migrated,
// FailingOver, FailedOver and, on a node, Moving, Shut and the like.
//
// Make one with NewServer, give it nodes with Listen or Serve, end it with Close.
// All methods may be called concurrently. None of them waits for a client.
type Server struct {
	opts Options
	wg   sync.WaitGroup // every goroutine of the server

	log   commandLog
	runID uint64 // never changes

	mu       sync.Mutex // memory only; before outbox.mu
	closed   bool
	nodes    []*Node
	conns    map[uint64]*Conn
	lastID   uint64
	executed map[string]int64 // by command name, upper case
	keys     keyspace
	bus      bus
	upkeep   upkeep
}

// NewServer returns a server without nodes.
func NewServer(o Options) *Server {
	return &Server{
		opts:     o.withDefaults(),
		runID:    rand.Uint64(),
		conns:    make(map[uint64]*Conn),
		executed: make(map[string]int64),
		keys:     newKeyspace(),
		bus:      newBus(),
		upkeep:   upkeep{state: o.Maintenance, names: make(map[string]string)},
	}
}

// Listen adds a node that listens on addr, "127.0.0.1:0" for any free port.
func (s *Server) Listen(addr string) (*Node, error) {
	l, err := s.opts.Listen(addr)
	if err != nil {
		return nil, fmt.Errorf("node %s: %w", addr, err)
	}
	return s.Serve(l), nil
}

// Serve adds a node that accepts from l, and takes l over.
func (s *Server) Serve(l net.Listener) *Node {
	n := &Node{server: s, addr: l.Addr().String(), conns: make(map[uint64]*Conn), tls: s.opts.TLS}
	s.mu.Lock()
	s.nodes = append(s.nodes, n)
	s.mu.Unlock()
	n.open(l)
	return n
}

// Nodes lists the nodes in the order they were added.
func (s *Server) Nodes() []*Node {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]*Node(nil), s.nodes...)
}

// Conn finds a live connection by its ID, nil if there is none.
func (s *Server) Conn(id uint64) *Conn {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.conns[id]
}

// Close closes all listeners and connections and returns when every goroutine of
// the server has ended.
func (s *Server) Close() {
	s.mu.Lock()
	s.closed = true
	nodes := append([]*Node(nil), s.nodes...)
	s.mu.Unlock()
	for _, n := range nodes {
		for _, c := range n.close() {
			c.leave(dropped)
		}
	}
	s.wg.Wait()
}

// Executed says how often a command (its name, in any case) has been carried out,
// or forwarded by a proxy, on all nodes. Commands that were refused for their
// number of arguments or before AUTH do not count; those queued in MULTI count
// when EXEC runs them.
func (s *Server) Executed(name string) int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.executed[upperName([]byte(name))]
}

// Commands returns the latest 4096 commands, oldest first. Passwords are left out.
func (s *Server) Commands() []Command { return s.log.list() }

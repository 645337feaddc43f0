package handofftest

import (
	"context"
	"fmt"
	"net"
	"os"
	"slices"
	"strconv"
	"sync"
	"syscall"
)

// Network is an in-memory network: listeners, dialling, names, and connections
// with buffers and deadlines. No byte leaves the process, so that a test can run
// under testing/synctest, where a maintenance window of fifteen seconds takes
// microseconds. Make it, and whatever uses it, inside the bubble.
//
// A connection behaves as TCP does where a client could tell: each direction
// buffers 64 KiB and then blocks the writer, Close lets the peer read what was
// sent, CloseWrite closes one half, SetLinger(0) makes Close a reset, and
// addresses are of type *net.TCPAddr.
//
// All methods may be called concurrently.
type Network struct {
	mu        sync.Mutex // memory only
	listeners map[string]*memListener
	names     map[string][]string
	nextPort  int // for ":0" listeners and for dialling ends
}

// firstPort begins the range that RFC 6335 leaves to ephemeral use.
const firstPort = 49152

// NewNetwork returns an empty network.
func NewNetwork() *Network {
	return &Network{
		listeners: make(map[string]*memListener),
		names:     map[string][]string{"localhost": {"127.0.0.1"}},
		nextPort:  firstPort,
	}
}

// SetHost makes name resolve to ips in this order, for DialContext and
// LookupHost. No ips: the name is unknown again.
func (n *Network) SetHost(name string, ips ...string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if len(ips) == 0 {
		delete(n.names, name)
		return
	}
	n.names[name] = slices.Clone(ips)
}

// LookupHost resolves as net.Resolver.LookupHost does: an IP is its own answer, an
// unknown name is a *net.DNSError with IsNotFound.
func (n *Network) LookupHost(ctx context.Context, host string) ([]string, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if net.ParseIP(host) != nil {
		return []string{host}, nil
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	ips := n.names[host]
	if ips == nil {
		return nil, &net.DNSError{Err: "no such host", Name: host, IsNotFound: true}
	}
	return slices.Clone(ips), nil
}

// Listen opens addr, "ip:port". An empty host is 127.0.0.1, port 0 takes a free
// one. An address that was closed can be opened again.
func (n *Network) Listen(addr string) (net.Listener, error) {
	host, port, err := net.SplitHostPort(addr)
	if err != nil {
		return nil, fmt.Errorf("listen %q: %w", addr, err)
	}
	if host == "" || host == "localhost" {
		host = "127.0.0.1"
	}
	ip := net.ParseIP(host)
	num, err := strconv.ParseUint(port, 10, 16)
	if err != nil || ip == nil {
		return nil, fmt.Errorf("listen %q: want ip:port", addr)
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	at := &net.TCPAddr{IP: ip, Port: int(num)}
	if num == 0 {
		at.Port = n.portLocked()
	}
	if n.listeners[at.String()] != nil {
		return nil, &net.OpError{Op: "listen", Net: "tcp", Addr: at, Err: os.NewSyscallError("bind", syscall.EADDRINUSE)}
	}
	l := &memListener{network: n, addr: at}
	l.cond.L = &l.mu
	n.listeners[at.String()] = l
	return l, nil
}

// portLocked hands out the ephemeral ports one after the other.
func (n *Network) portLocked() int {
	p := n.nextPort
	n.nextPort++
	if n.nextPort > 65535 {
		n.nextPort = firstPort
	}
	return p
}

// DialContext connects to a listener of this network; it fits
// net.Dialer.DialContext. It does not block: without a listener it is refused at
// once. The addresses of a name are tried in their order.
func (n *Network) DialContext(ctx context.Context, network, addr string) (net.Conn, error) {
	if network != "tcp" && network != "tcp4" && network != "tcp6" {
		return nil, &net.OpError{Op: "dial", Net: network, Err: net.UnknownNetworkError(network)}
	}
	host, port, err := net.SplitHostPort(addr)
	if err != nil {
		return nil, &net.OpError{Op: "dial", Net: network, Err: err}
	}
	ips, err := n.LookupHost(ctx, host)
	if err != nil {
		return nil, &net.OpError{Op: "dial", Net: network, Err: err}
	}
	for _, ip := range ips {
		var c net.Conn
		if c, err = n.dial(net.JoinHostPort(ip, port)); err == nil {
			return c, nil
		}
	}
	return nil, err
}

func (n *Network) dial(addr string) (net.Conn, error) {
	at, err := net.ResolveTCPAddr("tcp", addr) // an IP: nothing is looked up
	if err != nil {
		return nil, &net.OpError{Op: "dial", Net: "tcp", Err: err}
	}
	n.mu.Lock()
	l := n.listeners[at.String()]
	port := n.portLocked()
	n.mu.Unlock()
	if l != nil {
		client := &net.TCPAddr{IP: net.IPv4(192, 0, 2, 1), Port: port}
		if c := l.connect(client); c != nil {
			return c, nil
		}
	}
	return nil, &net.OpError{Op: "dial", Net: "tcp", Addr: at, Err: os.NewSyscallError("connect", syscall.ECONNREFUSED)}
}

// memListener is one open address of a Network.
type memListener struct {
	network *Network
	addr    *net.TCPAddr

	mu      sync.Mutex // memory only
	cond    sync.Cond
	backlog []*memConn // connected, not accepted yet
	closed  bool
}

// connect returns the dialling end of a new connection, nil if l is closed.
func (l *memListener) connect(client *net.TCPAddr) net.Conn {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return nil
	}
	c, s := newMemPair(client, l.addr)
	l.backlog = append(l.backlog, s)
	l.cond.Signal()
	return c
}

// Accept waits for the next connection; net.ErrClosed after Close.
func (l *memListener) Accept() (net.Conn, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for len(l.backlog) == 0 && !l.closed {
		l.cond.Wait()
	}
	if l.closed {
		return nil, &net.OpError{Op: "accept", Net: "tcp", Addr: l.addr, Err: net.ErrClosed}
	}
	c := l.backlog[0]
	l.backlog = l.backlog[1:]
	return c, nil
}

// Close frees the address. Connections nobody accepted are reset.
func (l *memListener) Close() error {
	l.mu.Lock()
	orphans, again := l.backlog, l.closed
	l.backlog, l.closed = nil, true
	l.cond.Broadcast()
	l.mu.Unlock()
	if again {
		return &net.OpError{Op: "close", Net: "tcp", Addr: l.addr, Err: net.ErrClosed}
	}
	for _, c := range orphans {
		_ = c.SetLinger(0)
		_ = c.Close()
	}
	l.network.mu.Lock()
	defer l.network.mu.Unlock()
	delete(l.network.listeners, l.addr.String())
	return nil
}

func (l *memListener) Addr() net.Addr { return l.addr }

package handofftest

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"maps"
	"math"
	"net"
	"strconv"
	"strings"
	"sync"
	"time"
)

// StageName is the name under which the database of a [Stage] can be reached, if the client is configured with "addr=name".
const StageName = "db.example.com"

// Stage is what a script is played on: a server with its nodes, and the way a client gets there. Player.Open makes the
// client from it.
type Stage struct {
	Server   *Server
	Settings map[string]string // what the script says under "client:", without addr
	Off      bool              // the client must have the feature switched off
	Addr     string            // what the client connects to
	Password string            // "" for none
	TLS      *tls.Config       // for the client; nil for plaintext
	Scale    float64           // factor for all times, 1 in fake time

	network *Network
	real    bool
	nodes   map[string]*Node
	certs   map[string]*tls.Config // for nodes: right, wrong, plain

	mu      sync.Mutex // guards what follows
	dials   map[string]int
	swallow map[string]bool
	lookups int
	probes  map[string]int    // by address of the node
	asked   map[string]string // by address of the node
}

// serverSettings are the words of "server:".
var serverSettings = map[string]func(o *Options, value string) error{
	"maintenance": func(o *Options, value string) (err error) {
		o.Maintenance, err = maintenanceOf(value)
		return err
	},
	"password": func(o *Options, value string) error { o.Password = value; return nil },
	"software": func(o *Options, value string) error { o.ServerName = value; return nil },
	"catchup": func(o *Options, value string) (err error) {
		o.CatchUp, err = time.ParseDuration(value)
		return err
	},
	"resp2":      func(o *Options, value string) error { o.Resp2Only = true; return onlyYes(value) },
	"bytebybyte": func(o *Options, value string) error { o.ByteByByte = true; return onlyYes(value) },
	"tls":        func(_ *Options, value string) error { return onlyYes(value) }, // done by the stage
	"dialect":    func(o *Options, value string) error { return o.Dialect.set(value) },
	"setuppush": func(o *Options, value string) error {
		o.SetupPush = []byte(">1\r\n$4\r\nnews\r\n")
		return onlyYes(value)
	},
}

func onlyYes(value string) error {
	if value != "yes" {
		return fmt.Errorf("is %q, may only be yes", value)
	}
	return nil
}

func maintenanceOf(word string) (Maintenance, error) {
	m, ok := map[string]Maintenance{"on": MaintenanceOn, "off": MaintenanceOff, "unknown": MaintenanceUnknown}[word]
	if !ok {
		return 0, fmt.Errorf("is %q, must be on, off or unknown", word)
	}
	return m, nil
}

// set takes variations by name, separated by commas.
func (d *Dialect) set(words string) error {
	flags := map[string]*bool{"simple-name": &d.SimpleName, "simple-endpoint": &d.SimpleEndpoint, "null-bulk": &d.NullBulk,
		"short-moving": &d.ShortMoving, "bare-shards": &d.BareShards, "no-seq": &d.NoSeq, "text-ints": &d.TextInts,
		"extra": &d.Extra, "attribute": &d.Attribute}
	for w := range strings.SplitSeq(words, ",") {
		if text, ok := strings.CutPrefix(w, "null-text:"); ok {
			d.NullText = text
			continue
		}
		if flags[w] == nil {
			return fmt.Errorf("has no variation %q", w)
		}
		*flags[w] = true
	}
	return nil
}

// newStage builds what s asks for. backend "" means a network in memory, else real sockets in front of that server.
func newStage(s *Script, off bool, backend string, scale float64) (*Stage, error) {
	st := &Stage{Off: off, Scale: scale, Settings: maps.Clone(s.Client), network: NewNetwork(), real: backend != "",
		nodes: map[string]*Node{}, dials: map[string]int{}, swallow: map[string]bool{}, probes: map[string]int{}, asked: map[string]string{}}
	o := Options{Backend: backend, OnCommand: st.noteProbe}
	for key, value := range s.server {
		if err := serverSettings[key](&o, value); err != nil {
			return nil, fmt.Errorf("%s: server: %s %w", s.Name, key, err)
		}
	}
	if s.server["tls"] != "" {
		if err := st.makeCerts(); err != nil {
			return nil, err
		}
		o.TLS = st.certs["right"]
	}
	if !st.real {
		o.Listen = st.network.Listen
	}
	st.Password, st.Server = o.Password, NewServer(o)
	if err := st.listen(s.nodes); err != nil {
		st.Server.Close()
		return nil, err
	}
	return st, st.configuredAddr(s)
}

// listen opens the nodes, all with one port, as the nodes of a database have.
func (st *Stage) listen(nodes []scriptNode) error {
	port := "6379"
	for i, n := range nodes {
		addr := n.addr
		switch {
		case st.real && i == 0:
			addr = "127.0.0.2:0"
		case st.real:
			addr = net.JoinHostPort(fmt.Sprintf("127.0.0.%d", i+2), port)
		case addr == "":
			addr = net.JoinHostPort(fmt.Sprintf("10.0.0.%d", i+1), port)
		}
		node, err := st.Server.Listen(addr)
		if err != nil {
			return fmt.Errorf("node %s: %w", n.name, err)
		}
		st.nodes[n.name] = node
		if i == 0 {
			_, port, _ = net.SplitHostPort(node.Addr())
		}
	}
	return nil
}

func (st *Stage) configuredAddr(s *Script) error {
	first := st.nodes[s.nodes[0].name].Addr()
	host, port, _ := net.SplitHostPort(first)
	st.network.SetHost(StageName, host)
	switch where := st.Settings["addr"]; {
	case where == "":
		st.Addr = first
	case where == "name":
		st.Addr = net.JoinHostPort(StageName, port)
	case st.nodes[where] != nil:
		st.Addr = st.nodes[where].Addr()
	default:
		st.Server.Close()
		return fmt.Errorf("%s: addr=%s is neither a node nor name", s.Name, where)
	}
	delete(st.Settings, "addr")
	return nil
}

// makeCerts makes one authority per certificate: the client trusts both, so that only the name is wrong on a wrong one.
func (st *Stage) makeCerts() error {
	roots := x509.NewCertPool()
	st.certs = map[string]*tls.Config{"plain": nil}
	for word, name := range map[string]string{"right": StageName, "wrong": "other.example.com"} {
		cert, err := selfSigned(name)
		if err != nil {
			return err
		}
		roots.AddCert(cert.Leaf)
		st.certs[word] = &tls.Config{Certificates: []tls.Certificate{cert}}
	}
	st.TLS = &tls.Config{RootCAs: roots, ServerName: StageName}
	return nil
}

// DialContext connects to a node, or to where a name of the stage leads. It is what the client has to dial with.
func (st *Stage) DialContext(ctx context.Context, network, addr string) (net.Conn, error) {
	st.mu.Lock()
	st.dials[addr]++
	lost := st.swallow[addr]
	st.mu.Unlock()
	if lost {
		<-ctx.Done()
		return nil, &net.OpError{Op: "dial", Net: network, Err: ctx.Err()}
	}
	if !st.real {
		return st.network.DialContext(ctx, network, addr)
	}
	host, port, err := net.SplitHostPort(addr)
	if err != nil {
		return nil, err
	}
	ips, err := st.network.LookupHost(ctx, host)
	if err != nil {
		return nil, err
	}
	var d net.Dialer
	return d.DialContext(ctx, network, net.JoinHostPort(ips[0], port))
}

// LookupHost resolves the names of the stage. It is what the client has to resolve with.
func (st *Stage) LookupHost(ctx context.Context, host string) ([]string, error) {
	st.mu.Lock()
	st.lookups++
	st.mu.Unlock()
	return st.network.LookupHost(ctx, host)
}

func (st *Stage) noteProbe(c ConnInfo, args [][]byte) {
	if !isOptIn(args) {
		return
	}
	st.mu.Lock()
	defer st.mu.Unlock()
	st.probes[c.Node]++
	if len(args) == 5 {
		st.asked[c.Node] = string(args[4])
	}
}

// quantity answers for what the stage knows by itself.
func (st *Stage) quantity(name, node string) (string, bool) {
	var n *Node
	if node != "" {
		n = st.nodes[node]
	}
	st.mu.Lock()
	defer st.mu.Unlock()
	switch name {
	case "open":
		return strconv.FormatInt(n.Stats().Open, 10), true
	case "accepted":
		return strconv.FormatInt(n.Stats().Accepted, 10), true
	case "optins":
		return strconv.FormatInt(n.Stats().OptIns, 10), true
	case "told":
		return strconv.FormatInt(n.Stats().Pushes, 10), true
	case "dials":
		return strconv.Itoa(st.dials[n.Addr()]), true
	case "probes":
		return strconv.Itoa(st.probes[n.Addr()]), true
	case "asked":
		return st.asked[n.Addr()], true
	case "lookups":
		return strconv.Itoa(st.lookups), true
	}
	return "", false
}

// seconds is a time that servers announce: whole seconds, scaled as the rest is, but never to nothing.
func (st *Stage) seconds(text string) time.Duration {
	n, _ := strconv.ParseInt(text, 10, 64)
	if n > 0 {
		n = int64(math.Ceil(float64(n) * st.Scale))
	}
	return time.Duration(n) * time.Second
}

func (st *Stage) duration(text string) time.Duration {
	d, _ := time.ParseDuration(text)
	return time.Duration(float64(d) * st.Scale)
}

// target is what a MOVING names: a node, nothing, or any text.
func (st *Stage) target(text string) string {
	switch {
	case text == "null":
		return ""
	case st.nodes[text] != nil:
		return st.nodes[text].Addr()
	}
	return text
}

// frame puts the addresses of nodes, as bulk strings, where bytes of a script say {A}.
func (st *Stage) frame(bytes string) []byte {
	for name, n := range st.nodes {
		bulk := fmt.Sprintf("$%d\r\n%s\r\n", len(n.Addr()), n.Addr())
		bytes = strings.ReplaceAll(bytes, "{"+name+"}", bulk)
	}
	return []byte(bytes)
}

// closed ends the server and reports what the client has left open.
func (st *Stage) closed() error {
	var errs []error
	for name, n := range st.nodes {
		if open := n.Stats().Open; open > 0 {
			errs = append(errs, fmt.Errorf("%d connections to %s are open after the client was closed", open, name))
		}
	}
	st.Server.Close()
	return errors.Join(errs...)
}

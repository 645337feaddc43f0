package handofftest

import (
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"time"

	"github.com/baton-go/baton/handoff/handofftest/resp3test"
)

// endpointTypes are the values of moving-endpoint-type.
var endpointTypes = []string{"internal-ip", "internal-fqdn", "external-ip", "external-fqdn", "none"}

// isOptIn says whether a command is CLIENT MAINT_NOTIFICATIONS.
func isOptIn(args [][]byte) bool {
	return len(args) > 1 && equalFold(args[0], "CLIENT") && equalFold(args[1], "MAINT_NOTIFICATIONS")
}

// answerOptIn carries out CLIENT MAINT_NOTIFICATIONS and appends the reply, with
// what a newly opted-in connection has to catch up on behind it. The caller holds
// server.mu.
func (c *Conn) answerOptIn(dst []byte, args [][]byte) []byte {
	switch c.server.upkeep.state {
	case MaintenanceUnknown:
		return resp3test.AppendSimpleError(dst, unknownSubcommand(args[1]))
	case MaintenanceOff:
		return resp3test.AppendSimpleError(dst, "ERR maintenance notifications are disabled on this server")
	}
	switch {
	case len(args) == 3 && equalFold(args[2], "OFF"):
		c.optedIn, c.endpoint = false, ""
		return append(dst, "+OK\r\n"...)
	case len(args) == 3 && equalFold(args[2], "ON"):
		return c.optIn(dst, "")
	case len(args) == 5 && equalFold(args[2], "ON") && equalFold(args[3], "moving-endpoint-type"):
		form := strings.ToLower(string(args[4]))
		if !slices.Contains(endpointTypes, form) {
			return resp3test.AppendSimpleError(dst, fmt.Sprintf("ERR unknown moving-endpoint-type '%.32s'", args[4]))
		}
		return c.optIn(dst, form)
	}
	return resp3test.AppendSimpleError(dst, errSyntax)
}

// optIn accepts. On RESP2 servers say +OK as well, and then nothing ever comes.
func (c *Conn) optIn(dst []byte, form string) []byte {
	dst = append(dst, "+OK\r\n"...)
	if c.proto != 3 {
		return dst
	}
	again := c.optedIn
	c.optedIn, c.endpoint = true, form
	c.node.optIns++
	if again {
		return dst // it has been told already
	}
	for _, n := range c.missed() {
		frame := c.frame(n)
		c.account(frame)
		if after := c.server.opts.CatchUp; after > 0 {
			c.out.push(frame, after)
			continue
		}
		dst = append(dst, frame...)
	}
	return dst
}

// missed is what happened before the connection opted in and still concerns it: the
// database's last shard completion, however old, and the open window of its node.
func (c *Conn) missed() (notices []notice) {
	if r := c.server.upkeep.retained; r != nil {
		notices = append(notices, *r)
	}
	if w := c.node.window; w != nil {
		notices = append(notices, *w)
	}
	return notices
}

// frame words a notice for this connection, as of now.
func (c *Conn) frame(n notice) []byte {
	return c.server.opts.Dialect.frame(n, c.server.upkeep.endpoint(n.target, c.endpoint), time.Now())
}

// account counts and records a push; the caller sends it.
func (c *Conn) account(frame []byte) {
	c.node.pushes++
	c.server.upkeep.record(SentPush{Conn: c.id, Node: c.node.addr, Time: time.Now(), Frame: frame})
}

// tell sends a notice to the connection.
func (c *Conn) tell(n notice) {
	frame := c.frame(n)
	c.account(frame)
	c.out.push(frame, 0)
}

// endpoint words a target in the form that was asked for; "" is null.
func (u *upkeep) endpoint(target, form string) string {
	switch {
	case form == "" || form == "none":
		return ""
	case strings.HasSuffix(form, "-fqdn"):
		if name, ok := u.names[target]; ok {
			return name
		}
	default:
		for addr, name := range u.names {
			if name == target {
				return addr
			}
		}
	}
	return target
}

// SetName gives an address, "ip:port", a host name, "name:port" or "name" with the
// same port. A target of Moving is then named in the form the connection asked for:
// the one for the ip types, the other for the fqdn types.
func (s *Server) SetName(addr, name string) {
	if _, _, err := net.SplitHostPort(name); err != nil {
		if _, port, err := net.SplitHostPort(addr); err == nil {
			name = net.JoinHostPort(name, port)
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.upkeep.names[addr] = name
}

// SetMaintenance changes how the opt-in is answered from now on. Connections that
// have opted in stay so.
func (s *Server) SetMaintenance(m Maintenance) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.upkeep.state = m
}

// OptIns is how many opt-ins were accepted on RESP3 connections of all nodes.
func (s *Server) OptIns() int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	var n int64
	for _, node := range s.nodes {
		n += node.optIns
	}
	return n
}

// CheckOptIn returns an error unless a connection has opted in. A test asks it
// before it concludes anything: a client that never asked for notifications passes
// every test in which nothing happens.
func (s *Server) CheckOptIn() error {
	if s.OptIns() > 0 {
		return nil
	}
	var accepted, commands int64
	for _, n := range s.Nodes() {
		st := n.Stats()
		accepted, commands = accepted+st.Accepted, commands+st.Commands
	}
	err := errors.Join(errNoOptIn, fmt.Errorf("%d connections accepted, %d commands received", accepted, commands))
	if name := s.opts.ServerName; name != "redis" {
		err = errors.Join(err, fmt.Errorf("HELLO names the server %q, and a client may ask only what calls itself redis", name))
	}
	return err
}

var errNoOptIn = errors.New("handofftest: no RESP3 connection has opted in")

package handofftest

import (
	"context"
	"net"
	"sync"
	"time"

	"github.com/baton-go/baton/handoff/handofftest/resp3test"
	"github.com/baton-go/baton/resp3"
)

// dialTimeout bounds how long a proxy waits for its backend.
const dialTimeout = 5 * time.Second

// part is what a reply owed to the client belongs to.
type part int

const (
	ordinary  part = iota // some command of the backend's
	hello                 // decides on the protocol
	reset                 // back to RESP2
	setupStep             // SetupPush follows its reply
	subscribe             // answered by pushes in RESP3
	monitor               // answered by a stream
	local                 // answered by the kit
	optIn                 // answered by the kit: CLIENT MAINT_NOTIFICATIONS
)

// owed is one reply the client waits for.
type owed struct {
	part  part
	reply []byte   // local
	args  [][]byte // optIn
}

// upstream is the connection of a proxied client to the backend. The client's own
// goroutine sends, another one receives; owed keeps the replies of the kit in their
// places between those of the backend.
type upstream struct {
	c    *Conn
	conn net.Conn
	out  []byte // of the sending goroutine

	mu     sync.Mutex // memory only; before server.mu
	owed   []owed
	stream bool // a RESP2 subscriber or MONITOR: replies cannot be told apart any more
}

// dialUpstream connects to the backend and starts receiving.
func (c *Conn) dialUpstream() error {
	ctx, cancel := context.WithTimeout(context.Background(), dialTimeout)
	defer cancel()
	c.server.wg.Go(func() {
		select {
		case <-c.done:
			cancel()
		case <-ctx.Done():
		}
	})
	var d net.Dialer
	conn, err := d.DialContext(ctx, "tcp", c.server.opts.Backend)
	if err != nil {
		return err
	}
	u := &upstream{c: c, conn: conn}
	c.upstream = u
	c.server.wg.Go(u.receive)
	c.server.wg.Go(func() {
		<-c.done
		u.close()
	})
	return nil
}

func (u *upstream) close() { _ = u.conn.Close() }

// flush sends what was forwarded.
func (u *upstream) flush() {
	if len(u.out) == 0 {
		return
	}
	_, _ = u.conn.Write(u.out) // a dead backend is noticed by the receiver
	u.out = u.out[:0]
}

// forward passes the command in c.args on, or answers it if it is the kit's.
func (c *Conn) forward(frame []byte) bool {
	name := upperName(c.args[0])
	switch {
	case c.muted || c.trouble.Mute && name == "HELLO":
		c.muted = true
		return true
	case isOptIn(c.args):
		var copied transaction
		copied.queue(c.args)
		return c.upstream.owe(owed{part: optIn, args: copied.queued[0]})
	case c.trouble.RefuseAuth && hasPassword(name, c.args):
		return c.answerUpstream(resp3test.AppendSimpleError(nil, "WRONGPASS invalid username-password pair or user is disabled."))
	case c.trouble.Resp2Hello && name == "HELLO" && len(c.args) > 1:
		c.args[1] = []byte("2")
		frame = appendArgs(nil, c.args)
	}
	c.note(name)
	c.upstream.owe(owed{part: partOf(name)})
	c.upstream.out = append(c.upstream.out, frame...)
	return true
}

// note keeps the facts of the connection that the kit reports.
func (c *Conn) note(name string) {
	s := c.server
	s.mu.Lock()
	defer s.mu.Unlock()
	if commands[name] != nil {
		s.executed[name]++
	}
	if name == "CLIENT" && len(c.args) == 3 && equalFold(c.args[1], "SETNAME") {
		c.name = string(c.args[2])
	}
	if name == "HELLO" {
		var o helloOptions
		if o.parse(c.args) == "" && o.name != nil {
			c.name = string(o.name)
		}
	}
}

func hasPassword(name string, args [][]byte) bool {
	from, to := secrets(args)
	return from < to && (name == "AUTH" || name == "HELLO")
}

func appendArgs(dst []byte, args [][]byte) []byte {
	dst = resp3.AppendHeader(dst, resp3.Array, len(args))
	for _, a := range args {
		dst = resp3.AppendBulkString(dst, a)
	}
	return dst
}

func partOf(name string) part {
	switch name {
	case "HELLO":
		return hello
	case "RESET":
		return reset
	case "AUTH", "SELECT", "CLIENT", "PING":
		return setupStep
	case "SUBSCRIBE", "UNSUBSCRIBE", "PSUBSCRIBE", "PUNSUBSCRIBE", "SSUBSCRIBE", "SUNSUBSCRIBE":
		return subscribe
	case "MONITOR":
		return monitor
	}
	return ordinary
}

// answerUpstream puts a reply of the kit's in its place.
func (c *Conn) answerUpstream(reply []byte) bool {
	return c.upstream.owe(owed{part: local, reply: append([]byte(nil), reply...)})
}

// owe adds to the replies the client waits for.
func (u *upstream) owe(o owed) bool {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.stream && o.part != local && o.part != optIn {
		return true
	}
	u.owed = append(u.owed, o)
	u.settleLocked()
	return true
}

// settleLocked answers what is the kit's and next.
func (u *upstream) settleLocked() {
	settled := false
	for len(u.owed) > 0 {
		o := u.owed[0]
		if o.part != local && o.part != optIn {
			break
		}
		u.owed = u.owed[1:]
		settled = true
		if o.part == local {
			u.c.out.reply(o.reply)
			continue
		}
		u.c.server.mu.Lock()
		u.c.out.reply(u.setupPush(u.c.answerOptIn(nil, o.args)))
		u.c.server.mu.Unlock()
	}
	if settled {
		u.c.out.flush()
	}
}

// setupPush appends Options.SetupPush on a RESP3 connection; with server.mu held.
func (u *upstream) setupPush(dst []byte) []byte {
	if u.c.proto == 3 {
		dst = append(dst, u.c.server.opts.SetupPush...)
	}
	return dst
}

// receive is the goroutine that takes the backend's replies to the client.
func (u *upstream) receive() {
	r := resp3.NewReader(u.conn, resp3.Limits{})
	for {
		f, ok, err := r.Buffered()
		if err == nil && !ok {
			u.c.out.flush()
			f, err = r.Next()
		}
		if err != nil {
			u.c.leave(finned)
			return
		}
		u.pass(f)
	}
}

// pass sends one frame of the backend's on and notes what it settles.
func (u *upstream) pass(f resp3.Frame) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if f.Kind == resp3.Push {
		u.c.out.push(f.Bytes, 0)
		if len(u.owed) > 0 && u.owed[0].part == subscribe {
			u.owed = u.owed[1:]
			u.settleLocked()
		}
		return
	}
	reply := f.Bytes
	if len(u.owed) > 0 && !u.stream {
		o := u.owed[0]
		u.owed = u.owed[1:]
		reply = u.learn(o.part, f)
	}
	u.c.out.reply(reply)
	u.settleLocked()
}

// learn takes from a reply what the kit must know, and returns what the client gets.
func (u *upstream) learn(p part, f resp3.Frame) []byte {
	c := u.c
	failed := f.Kind == resp3.SimpleError || f.Kind == resp3.BulkError
	if p == ordinary || p != setupStep && failed {
		return f.Bytes
	}
	c.server.mu.Lock()
	defer c.server.mu.Unlock()
	switch p {
	case hello:
		c.proto = grantedProto(f.Value())
		c.optedIn = c.optedIn && c.proto == 3
		reply := greeting(f.Value(), c.server.opts.ServerName)
		if c.trouble.Surplus {
			reply = append(reply, "+OK\r\n"...)
		}
		return u.setupPush(reply)
	case setupStep:
		return u.setupPush(append([]byte(nil), f.Bytes...))
	case reset:
		c.proto, c.optedIn, c.endpoint, c.name = 2, false, "", ""
	case subscribe:
		u.stream = c.proto == 2 && f.Kind == resp3.Array
	case monitor:
		u.stream = true
	}
	return f.Bytes
}

// greeting is a reply to HELLO with name in the place of the backend's: it is the proxy that has the feature.
func greeting(v resp3.Value, name string) []byte {
	var b []byte
	switch v.Kind() {
	case resp3.Map:
		b = resp3.AppendHeader(b, resp3.Map, v.Len())
	case resp3.Array:
		b = resp3.AppendHeader(b, resp3.Array, v.Len())
	default:
		return resp3.AppendValue(b, v)
	}
	for k, val := range v.Pairs() {
		b = resp3.AppendValue(b, k)
		if text, _ := k.Text(); text == "server" {
			b = resp3.AppendBulkString(b, name)
		} else {
			b = resp3.AppendValue(b, val)
		}
	}
	return b
}

// grantedProto reads the protocol out of a reply to HELLO.
func grantedProto(v resp3.Value) int {
	for k, val := range v.Pairs() {
		if text, _ := k.Text(); text == "proto" {
			if n, err := val.Int(); err == nil && n == 3 {
				return 3
			}
		}
	}
	return 2
}

package handofftest

import (
	"crypto/subtle"

	"github.com/baton-go/baton/resp3"
)

var connectionCommands = []command{
	{key: "PING", arity: -1, traits: setup | whileSubscribed, run: cmdPing},
	{key: "ECHO", arity: 2, run: func(c *Conn, args [][]byte) { c.bulk(args[1]) }},
	{key: "HELLO", arity: -1, traits: setup | beforeAuth, run: cmdHello},
	{key: "AUTH", arity: -2, traits: setup | beforeAuth, run: cmdAuth},
	{key: "SELECT", arity: 2, traits: setup, run: cmdSelect},
	{key: "QUIT", arity: -1, traits: beforeAuth | insideMulti | whileSubscribed, run: cmdQuit},
	{key: "RESET", arity: 1, traits: beforeAuth | insideMulti | whileSubscribed, run: cmdReset},
}

func cmdPing(c *Conn, args [][]byte) {
	switch {
	case len(args) > 2:
		c.wrongArgs("ping")
	case c.proto == 2 && c.subs.count() > 0:
		c.array(2)
		c.bulkString("pong")
		if len(args) == 2 {
			c.bulk(args[1])
			return
		}
		c.bulkString("")
	case len(args) == 2:
		c.bulk(args[1])
	default:
		c.simple("PONG")
	}
}

// helloOptions are the words after HELLO.
type helloOptions struct {
	proto      int
	user, pass []byte
	auth       bool
	name       []byte // nil: none
}

// parse returns the error text, "" for none.
func (o *helloOptions) parse(args [][]byte) (errText string) {
	if len(args) < 2 {
		return ""
	}
	v, err := resp3.ParseInt(args[1])
	if err != nil {
		return "ERR Protocol version is not an integer or out of range"
	}
	if v != 2 && v != 3 {
		return "NOPROTO unsupported protocol version"
	}
	o.proto = int(v)
	for i := 2; i < len(args); i++ {
		switch left := len(args) - i - 1; {
		case equalFold(args[i], "AUTH") && left >= 2:
			o.auth, o.user, o.pass = true, args[i+1], args[i+2]
			i += 2
		case equalFold(args[i], "SETNAME") && left >= 1:
			o.name = args[i+1]
			i++
		default:
			return "ERR Syntax error in HELLO option '" + string(args[i]) + "'"
		}
	}
	return ""
}

func cmdHello(c *Conn, args [][]byte) {
	o := helloOptions{proto: c.proto}
	if errText := o.parse(args); errText != "" {
		c.error(errText)
		return
	}
	if o.auth && !c.login(o.user, o.pass) {
		return
	}
	if !c.authed {
		c.error("NOAUTH HELLO must be called with the client already authenticated, otherwise the HELLO <proto> AUTH <user> <pass> option can be used to authenticate the client and select the RESP protocol version at the same time")
		return
	}
	if o.name != nil && !c.setName(o.name) {
		return
	}
	if c.trouble.Resp2Hello {
		o.proto = 2
	}
	c.proto = o.proto
	if c.proto == 2 {
		c.optedIn = false
	}
	c.greet()
	if c.trouble.Surplus {
		c.ok()
	}
}

// greet answers HELLO in the protocol just chosen.
func (c *Conn) greet() {
	c.mapHead(7)
	c.bulks("server", c.server.opts.ServerName, "version", c.server.opts.ServerVersion, "proto")
	c.integer(int64(c.proto))
	c.bulkString("id")
	c.integer(int64(c.id))
	c.bulks("mode", "standalone", "role", "master", "modules")
	c.array(0)
}

// login checks a user and a password; if they are wrong the error is answered.
func (c *Conn) login(user, pass []byte) bool {
	o := &c.server.opts
	open := o.Password == "" && string(user) == "default" && !c.trouble.RefuseAuth
	right := o.Password != "" && !c.trouble.RefuseAuth && string(user) == o.Username &&
		subtle.ConstantTimeCompare(pass, []byte(o.Password)) == 1
	if !open && !right {
		c.error("WRONGPASS invalid username-password pair or user is disabled.")
		return false
	}
	c.authed = true
	return true
}

func cmdAuth(c *Conn, args [][]byte) {
	switch {
	case len(args) > 3:
		c.error(errSyntax)
	case len(args) == 2 && c.server.opts.Password == "" && !c.trouble.RefuseAuth:
		c.error("ERR AUTH <password> called without any password configured for the default user. Are you sure your configuration is correct?")
	case len(args) == 2 && c.login([]byte("default"), args[1]):
		c.ok()
	case len(args) == 3 && c.login(args[1], args[2]):
		c.ok()
	}
}

func cmdSelect(c *Conn, args [][]byte) {
	n, err := resp3.ParseInt(args[1])
	switch {
	case err != nil:
		c.error(errNotInt)
	case n < 0 || n >= numDBs:
		c.error("ERR DB index is out of range")
	default:
		c.db = int(n)
		c.ok()
	}
}

func cmdQuit(c *Conn, _ [][]byte) {
	c.quit = true
	c.ok()
}

func cmdReset(c *Conn, _ [][]byte) {
	c.endTx()
	c.server.bus.drop(c)
	c.proto, c.db, c.name = 2, 0, ""
	c.optedIn, c.endpoint = false, ""
	c.authed = c.server.opts.Password == "" && !c.trouble.RefuseAuth
	c.simple("RESET")
}

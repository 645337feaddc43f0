package baton

import (
	"errors"
	"net"
	"net/netip"
	"strings"
	"time"

	"github.com/baton-go/baton/conn"
	"github.com/baton-go/baton/internal/errs"
	"github.com/baton-go/baton/resp3"
)

// chance says what bounds another attempt after a failed one.
type chance uint8

const (
	none    chance = iota // there is to be none: it was answered, may do harm, or would fail in the same way
	byCount               // it may have been executed without harm, or only a new connection can mend it: Retry.Max
	byTime                // it was not executed, for a reason that passes: Retry.For
)

// verdict says what an answer means for the connection it came on.
type verdict uint8

const (
	keep  verdict = iota
	leave         // it is given up, the name is looked up again, and the peer is dialled last for a while
)

// state is what an answer says with which a server executes nothing.
type state struct {
	chance    chance
	verdict   verdict
	elsewhere bool // it does not pass on this connection
}

const noAuth = "NOAUTH"

// states are the codes that prove that a command was not executed, if the text is the server's own: see foreign. Codes that
// prove it and are missing here (BUSY, OOM, MISCONF, NOREPLICAS, NOPERM) are for the caller to decide on. docs/errors.md
// says the same in words.
var states = map[string]state{
	"LOADING":     {chance: byTime, verdict: leave},
	"MASTERDOWN":  {chance: byTime, verdict: leave},
	"CLUSTERDOWN": {chance: byTime, verdict: leave},
	"TRYAGAIN":    {chance: byTime},
	"READONLY":    {chance: byTime, verdict: leave, elsewhere: true},
	"MOVED":       {chance: byTime, verdict: leave, elsewhere: true},  // to the node that says it, else it is no state
	noAuth:        {chance: byCount, verdict: leave, elsewhere: true}, // the login is gone; that of others there may be too
}

// relays are the commands that are known and may hand on the text of somebody else: of a script, of another server, of the
// caller.
var relays = map[string]bool{
	"EVAL": true, "EVALSHA": true, "FCALL": true, "EVAL_RO": true, "EVALSHA_RO": true, "FCALL_RO": true,
	"FUNCTION": true, "MIGRATE": true, "DEBUG": true,
}

// foreign reports whether an error that answers the command that req begins with may be anybody's text, which proves nothing. What is not
// known may be a module's.
func foreign(req []byte) bool {
	_, rest := cutLength(req, '*')
	size, name := cutLength(rest, '$')
	if size < 0 || len(name) < size {
		return true
	}
	var buf [64]byte
	upper := appendUpper(buf[:0], name[:size])
	_, known := facts[string(upper)]
	return !known || relays[string(upper)]
}

// stateOf returns what state an answer tells that came from peer, if it tells one.
func (c *Client) stateOf(err error, peer string) (state, bool) {
	e, ok := errs.As[*resp3.Error](err)
	if !ok || e.Code == "MOVED" && !toItself(e.Message, peer, c.o.Addr) {
		return state{}, false
	}
	s, ok := states[e.Code]
	return s, ok
}

// toItself reports whether the redirection "slot host:port" leads to where it came from: the peer, or the configured address. Without a
// host it leads to another port of the same host.
func toItself(message, peer, configured string) bool {
	_, target, _ := strings.Cut(message, " ")
	target, _, _ = strings.Cut(strings.TrimLeft(target, " "), " ")
	colon := strings.LastIndexByte(target, ':')
	if colon < 0 {
		return false
	}
	host, port := strings.Trim(target[:colon], "[]"), target[colon+1:]
	if host == "" || host == "?" {
		own, _, err := net.SplitHostPort(peer)
		if err != nil {
			return true // a socket file has no other port
		}
		host = own
	}
	at := net.JoinHostPort(host, port)
	return samePlace(at, peer) || samePlace(at, configured)
}

// samePlace reports whether two host:port are the same, as texts or as addresses.
func samePlace(a, b string) bool {
	hostA, portA, errA := net.SplitHostPort(a)
	hostB, portB, errB := net.SplitHostPort(b)
	if errA != nil || errB != nil {
		return a == b
	}
	ipA, errA := netip.ParseAddr(hostA)
	ipB, errB := netip.ParseAddr(hostB)
	if errA == nil && errB == nil {
		return portA == portB && ipA.Unmap() == ipB.Unmap()
	}
	return portA == portB && strings.EqualFold(strings.TrimSuffix(hostA, "."), strings.TrimSuffix(hostB, "."))
}

// fate is what has become of an attempt.
type fate struct {
	err       error // nil: a reply, or for several commands their replies
	answered  bool  // err is the server's, or nil
	proven    bool  // by the answer: nothing was executed
	elsewhere bool  // it cannot end otherwise on the same connection
	chance    chance
}

// judge decides what the outcome of an attempt means for op, and heeds what it means for the connection.
func (c *Client) judge(op *operation, cn *conn.Conn, err error) fate {
	refusal, own := op.call.Err, true
	switch {
	case op.pipe != nil:
		err, refusal = op.pipe.settle(c, *op, cn, err)
	case err == nil && refusal != nil:
		own = !foreign(op.call.Req)
		c.heed(op.alone, cn, refusal, own)
	case errors.Is(err, errDemoted):
		c.condemn(op.alone, cn, leave, true)
	}
	if err != nil {
		return fate{err: err, chance: c.chanceOf(op, err)}
	}
	f := fate{err: refusal, answered: true}
	if refusal == nil {
		return f
	}
	s, ok := c.stateOf(refusal, peerOf(cn))
	switch {
	case !ok:
	case own:
		f.proven, f.elsewhere, f.chance = true, s.elsewhere, s.chance
	case op.harm() <= c.o.Retry.UpTo: // nothing is proven: as if the reply had been lost
		f.elsewhere, f.chance = s.elsewhere, byCount
	}
	return f
}

// heed carries out the verdict on the connection that has answered with an error, whatever that proves. own says that the
// text is the server's.
func (c *Client) heed(of owner, cn *conn.Conn, answer error, own bool) {
	if s, ok := c.stateOf(answer, peerOf(cn)); ok {
		c.condemn(of, cn, s.verdict, own)
	}
}

// owner is who has a connection for itself, and gives it up. nil: it is shared.
type owner interface {
	condemn(c *Client, cn *conn.Conn)
}

// condemn gives a connection up. What the server itself has said of its state, and is news, concerns all connections to it that
// nobody holds.
func (c *Client) condemn(of owner, cn *conn.Conn, v verdict, own bool) {
	if v == keep || cn == nil {
		return
	}
	peer := cn.Peer()
	if c.shunned.add(peer, time.Now()) && own {
		c.pool.Leave(peer)
		c.blocking.Leave(peer)
	}
	if of != nil {
		of.condemn(c, cn)
	} else {
		c.pool.Retire(cn)
	}
}

// chanceOf is the chance after a failure that is no answer to op; nil stands for an operation that only reads.
func (c *Client) chanceOf(op *operation, err error) chance {
	if permanent(err) {
		return none
	}
	if refused, ok := errs.As[*resp3.Error](err); ok {
		return c.chanceOfRefused(refused, err)
	}
	if !sent(err) {
		return byTime
	}
	if op != nil && op.harm() > c.o.Retry.UpTo {
		return none
	}
	return byCount
}

// chanceOfRefused is the chance after a set-up, or the start of a subscription, that the server has refused.
func (c *Client) chanceOfRefused(refused *resp3.Error, err error) chance {
	peer := ""
	ce, settingUp := errs.As[*conn.Error](err)
	if settingUp {
		peer = ce.Addr
	}
	s, ok := c.stateOf(refused, peer)
	switch {
	case !settingUp:
		return s.chance
	case unauthorised(refused):
		if c.provided {
			return byCount // it is asked again
		}
		return none
	case ok || crowded(refused):
		return byTime
	}
	return none
}

// crowded reports whether the server has no room for another connection now. The code of that error is ERR.
func crowded(e *resp3.Error) bool {
	return e.Code == "ERR" && strings.HasPrefix(e.Message, "max number of clients")
}

// unauthorised reports whether a set-up was refused for its credentials. Servers before Redis 6 have no code for that.
func unauthorised(e *resp3.Error) bool {
	switch e.Code {
	case "WRONGPASS", noAuth:
		return true
	case "ERR":
		text := strings.ToLower(e.Message)
		return strings.HasPrefix(text, "invalid password") || strings.HasPrefix(text, "invalid username-password")
	}
	return false
}

// shunRefusing puts a peer last that has refused a set-up, or the start of a subscription, since it cannot serve.
func (c *Client) shunRefusing(peer string, err error) {
	refused, ok := errs.As[*resp3.Error](err)
	if !ok {
		return
	}
	if s, _ := c.stateOf(refused, peer); s.verdict == leave || crowded(refused) {
		c.shunned.add(peer, time.Now())
	}
}

func peerOf(cn *conn.Conn) string {
	if cn == nil {
		return ""
	}
	return cn.Peer()
}

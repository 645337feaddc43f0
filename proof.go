package baton

import (
	"errors"
	"net"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/baton-go/baton/conn"
	"github.com/baton-go/baton/internal/errs"
	"github.com/baton-go/baton/internal/facts"
	"github.com/baton-go/baton/resp3"
)

// state is a state of the server in which it executes nothing.
type state struct {
	chance    chance
	giveUp    bool // the connection: the name is looked up again, and the peer is dialled last for a while
	elsewhere bool // it does not pass on this connection
}

const noAuth = "NOAUTH"

// states are the codes that prove that a command was not executed, if the text is the server's own: see facts.Relays.
// Codes that prove it and are missing here (BUSY, OOM, MISCONF, NOREPLICAS, NOPERM) are for the caller to decide on.
// docs/errors.md says the same in words.
var states = map[string]state{
	"LOADING":     {chance: byTime, giveUp: true},
	"MASTERDOWN":  {chance: byTime, giveUp: true},
	"CLUSTERDOWN": {chance: byTime, giveUp: true},
	"TRYAGAIN":    {chance: byTime},
	"READONLY":    {chance: byTime, giveUp: true, elsewhere: true},
	"MOVED":       {chance: byTime, giveUp: true, elsewhere: true},  // to the node that says it, else it is no state
	noAuth:        {chance: byCount, giveUp: true, elsewhere: true}, // the login is gone; that of others there may be too
}

// stateOf returns the state that an answer from peer tells, if it tells one.
func (c *Client) stateOf(err error, peer string) (state, bool) {
	e, ok := errs.As[*resp3.Error](err)
	if !ok || e.Code == "MOVED" && !toItself(e.Message, peer, c.o.Addr) {
		return state{}, false
	}
	s, ok := states[e.Code]
	return s, ok
}

// toItself reports whether the redirection "slot host:port" leads to its sender: the peer, or the configured address.
// Without a host it leads to another port of the same host.
func toItself(message, peer, configured string) bool {
	_, target, _ := strings.Cut(message, " ")
	target, _, _ = strings.Cut(strings.TrimLeft(target, " "), " ")
	colon := strings.LastIndexByte(target, ':')
	if colon < 0 {
		return false
	}
	host, port := strings.Trim(target[:colon], "[]"), target[colon+1:]
	if host == "" || host == "?" {
		var err error
		if host, _, err = net.SplitHostPort(peer); err != nil {
			return true // a socket file has no other port
		}
	}
	at := net.JoinHostPort(host, port)
	return conn.SameAddr(at, peer) || conn.SameAddr(at, configured)
}

// fate is the outcome of an attempt.
type fate struct {
	err         error // nil: a reply, or for several commands their replies
	replied     bool  // err is the server's, or nil
	notExecuted bool  // the reply proves that nothing was executed
	elsewhere   bool  // it cannot end otherwise on the same connection
	chance      chance
}

// proves is the fate of an operation with an answer that proves that it was not executed.
func (s state) proves(answer error) fate {
	return fate{err: answer, replied: true, notExecuted: true, elsewhere: s.elsewhere, chance: s.chance}
}

// judge decides what the outcome of an attempt means for op, and gives the connection up if the outcome says so.
func (c *Client) judge(op *operation, cn *conn.Conn, err error) fate {
	f := fate{err: op.call.Err, replied: true}
	switch {
	case op.pipe != nil:
		f = op.pipe.settle(c, op, cn, err)
	case errors.Is(err, errDemoted):
		c.giveUp(op.conn, cn, true)
	case err == nil && f.err != nil:
		genuine := !facts.Relays(op.call.Req)
		switch s, ok := c.checkReply(op.conn, cn, f.err, genuine); {
		case !ok:
		case genuine:
			f = s.proves(f.err)
		case op.retryClass() <= c.o.Retry.UpTo: // nothing is proven: as if the reply had been lost
			f.elsewhere, f.chance = s.elsewhere, byCount
		}
	}
	if err != nil {
		return fate{err: err, chance: c.maySendAgain(op, err)}
	}
	return f
}

// checkReply returns the state that an error reply tells, if any, and gives up the connection it came on if the state
// asks for it. genuine says that the text is the server's own.
func (c *Client) checkReply(of *Conn, cn *conn.Conn, answer error, genuine bool) (state, bool) {
	peer := ""
	if cn != nil {
		peer = cn.Peer()
	}
	s, ok := c.stateOf(answer, peer)
	if s.giveUp {
		c.giveUp(of, cn, genuine)
	}
	return s, ok
}

// giveUp gives up a connection whose server cannot serve. News that the server itself has told concern all connections
// to it that are not leased.
func (c *Client) giveUp(of *Conn, cn *conn.Conn, genuine bool) {
	if cn == nil {
		return
	}
	peer := cn.Peer()
	if c.shunned.add(peer, time.Now()) && genuine {
		c.pool.Leave(peer)
		c.blocking.Leave(peer)
	}
	if of != nil {
		of.unfit = true // its caller goes on with what it has
	} else {
		c.pool.Retire(cn) // the pool that has it
		c.blocking.Retire(cn)
	}
}

// chanceOfRefused is the chance after a set-up, or the start of a subscription, that the server has refused.
func (c *Client) chanceOfRefused(refused *resp3.Error, err error) chance {
	ce, settingUp := errs.As[*conn.Error](err)
	if !settingUp {
		s, _ := c.stateOf(refused, "")
		return s.chance
	}
	_, ok := c.stateOf(refused, ce.Addr)
	switch {
	case unauthorised(refused) && c.provided:
		return byCount // the provider is asked again
	case unauthorised(refused):
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

// shunRefusing shuns a peer that has refused a set-up, or the start of a subscription, since it cannot serve.
func (c *Client) shunRefusing(peer string, err error) {
	if refused, ok := errs.As[*resp3.Error](err); ok {
		if s, _ := c.stateOf(refused, peer); s.giveUp || crowded(refused) {
			c.shunned.add(peer, time.Now())
		}
	}
}

const (
	shunTime   = 5 * time.Second // how long a peer is dialled last
	maxShunned = 16              // peers that are remembered
)

// shunned are the peers that have said lately that they cannot serve. If a name has several addresses they are dialled
// last, longest ago first. The zero value is ready.
type shunned struct {
	mu    sync.Mutex // guards peers, for work in memory only; nothing is locked with it held
	peers []shunnedPeer
}

type shunnedPeer struct {
	addr  string
	until time.Time
}

// add shuns a peer. It reports whether that is news: it was not shunned, and there was room.
func (s *shunned) add(addr string, now time.Time) (news bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.peers = slices.DeleteFunc(s.peers, func(p shunnedPeer) bool { return !now.Before(p.until) })
	before := len(s.peers)
	s.peers = slices.DeleteFunc(s.peers, func(p shunnedPeer) bool { return conn.SameAddr(p.addr, addr) })
	news = len(s.peers) == before
	if len(s.peers) == maxShunned {
		s.peers, news = slices.Delete(s.peers, 0, 1), false
	}
	s.peers = append(s.peers, shunnedPeer{addr, now.Add(shunTime)})
	return news
}

// any reports whether a peer is shunned.
func (s *shunned) any(now time.Time) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.peers) > 0 && now.Before(s.peers[len(s.peers)-1].until)
}

// order puts those of addrs that are shunned behind the others, longest ago first.
func (s *shunned) order(addrs []string, now time.Time) []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, p := range s.peers {
		if now.Before(p.until) {
			addrs = putLast(addrs, func(a string) bool { return conn.SameAddr(a, p.addr) })
		}
	}
	return addrs
}

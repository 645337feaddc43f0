package handoff

import (
	"errors"
	"fmt"
	"maps"
	"net/netip"
	"time"
)

// maxNamed bounds the named addresses that are remembered. One that does not fit is not dialled.
const maxNamed = 1024

const localTarget = "the target is local to this host and the peer is not"

var errRefused = errors.New("target must not be used")

// trust says whether a peer may name loopback and link-local addresses: only if its own address is of that kind. A peer that is
// not known (a unix socket, a dialler that hides it) may name both.
type trust struct{ loopback, linkLocal bool }

func trustOf(peer string) trust {
	from, known := ipOf(peer)
	return trust{!known || from.IsLoopback(), !known || from.IsLinkLocalUnicast()}
}

// covers reports whether to may be used. A forged announcement must not turn a client against services of its own host.
func (t trust) covers(to netip.Addr) bool {
	to = to.Unmap()
	if to.IsLoopback() || to.IsUnspecified() {
		return t.loopback
	}
	return !to.IsLinkLocalUnicast() || t.linkLocal
}

// named is an address that the server has named and that may be dialled for that reason.
type named struct {
	until   time.Time // no dial leads there any more
	trust             // of all that named it
	refused bool      // it led where it must not
}

// namedAddrs holds the addresses that the server has named recently. The owner locks.
type namedAddrs map[string]named

// note records that peer names addr. It returns why addr must not be dialled, "" if it may be.
func (s namedAddrs) note(addr, peer string, until, now time.Time) (reason string) {
	n, known := s[addr]
	if !known && len(s) >= maxNamed {
		maps.DeleteFunc(s, func(_ string, n named) bool { return !now.Before(n.until) })
		if len(s) >= maxNamed {
			return "too many targets"
		}
	}
	t := trustOf(peer)
	if known && now.Before(n.until) {
		t = trust{t.loopback && n.loopback, t.linkLocal && n.linkLocal}
	} else {
		n = named{}
	}
	n.trust, n.until = t, later(n.until, until)
	s[addr] = n
	if n.refused {
		return localTarget
	}
	return ""
}

// targetRefused returns why the target of a MOVING must not be used, "" if it may be. Without Config.AllowEndpoint a loopback or
// link-local address needs a peer with one. Admit judges the address that a name leads to.
func targetRefused(endpoint, peer string, allow func(host string) bool) (reason string) {
	host := hostOf(endpoint)
	to, err := netip.ParseAddr(host)
	switch {
	case host != "" && allow != nil && !allowed(allow, host):
		return "AllowEndpoint refuses the target"
	case allow == nil && err == nil && !trustOf(peer).covers(to):
		return localTarget
	}
	return ""
}

// allowed calls the user's function on a goroutine that reads replies, so a panic counts as false.
func allowed(allow func(host string) bool, host string) (ok bool) {
	defer func() {
		if recover() != nil {
			ok = false
		}
	}()
	return allow(host)
}

// Admit decides about a connection that has been made to addr, host:port as it was asked for, and leads to connected, the
// remote address. It is to be called before anything is written. An address that a server has named must not lead to
// loopback or to a link-local address unless the peer that named it has one of the kind, however it is spelled. The
// error says so; connections then go as if the server had named no target. The configured address, a remote address that is
// no IP, and what Config.AllowEndpoint has allowed are admitted. Admit does not block.
func (e *Engine) Admit(addr, connected string) error {
	to, ok := ipOf(connected)
	if !ok || addr == e.addr || e.cfg.AllowEndpoint != nil {
		return nil
	}
	e.mu.Lock()
	n, known := e.namedAddrs[addr]
	if !known || n.covers(to) {
		e.mu.Unlock()
		return nil
	}
	news := !n.refused
	n.refused = true
	e.namedAddrs[addr] = n
	e.mu.Unlock()
	e.mover.refuse(addr, time.Now())
	if news {
		e.timeline.count(func(s *Stats) { s.Refused++ })
	}
	return fmt.Errorf("%s leads to %s: %w: %s", addr, connected, errRefused, localTarget)
}

package baton

import (
	"slices"
	"sync"
	"time"
)

const (
	shunTime    = 5 * time.Second // how long a peer is dialled last
	mostShunned = 16              // peers that are remembered
)

// shunned are the peers that have said lately that they cannot serve. Where a name has several addresses they are dialled
// last, longest ago first. The zero value is ready.
type shunned struct {
	mu    sync.Mutex // memory only; a leaf
	peers []shunnedPeer
}

type shunnedPeer struct {
	addr  string
	until time.Time
}

// add puts a peer last. It reports whether that is news: it was not among them, and there was room.
func (s *shunned) add(addr string, now time.Time) (news bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.peers = slices.DeleteFunc(s.peers, func(p shunnedPeer) bool { return !now.Before(p.until) })
	before := len(s.peers)
	s.peers = slices.DeleteFunc(s.peers, func(p shunnedPeer) bool { return samePlace(p.addr, addr) })
	news = len(s.peers) == before
	if len(s.peers) == mostShunned {
		s.peers, news = slices.Delete(s.peers, 0, 1), false
	}
	s.peers = append(s.peers, shunnedPeer{addr, now.Add(shunTime)})
	return news
}

// any reports whether there is one.
func (s *shunned) any(now time.Time) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.peers) > 0 && now.Before(s.peers[len(s.peers)-1].until)
}

// order puts those of addrs that are shunned behind the others, in the order in which they were.
func (s *shunned) order(addrs []string, now time.Time) []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	var last []string
	for _, p := range s.peers {
		if now.Before(p.until) {
			for _, a := range addrs {
				if samePlace(a, p.addr) {
					last = append(last, a)
				}
			}
		}
	}
	first := slices.DeleteFunc(slices.Clone(addrs), func(a string) bool { return slices.Contains(last, a) })
	return append(first, last...)
}

package pool

import (
	"time"

	"github.com/baton-go/baton/conn"
)

// strayPause is the least time between two dials that are made because the server of a fresh connection was not the right one.
const strayPause = 250 * time.Millisecond

// strays knows which peers answer as a server does that is not the right one, a replica for instance. A connection of before
// is given up at once, since the name may lead elsewhere by now. One that was dialled afterwards, and to such a peer again,
// shows that it does not: then each answer would cost a dial.
type strays struct {
	led   string // peer of the last connection that was dialled
	peers map[string]*stray
}

type stray struct {
	since, last time.Time    // first and last such answer
	paused      [2]time.Time // when a fresh connection was last given up: a lane, and another
}

// leave reports whether a connection to that peer, born then, is to be given up. Lanes do not wait for the others.
func (s *strays) leave(peer string, lane bool, born, now time.Time) bool {
	for p, e := range s.peers {
		if now.Sub(e.last) >= lasting {
			delete(s.peers, p)
		}
	}
	if s.peers == nil {
		s.peers = map[string]*stray{}
	}
	e := s.peers[peer]
	if e == nil {
		e = &stray{since: now}
		s.peers[peer] = e
	}
	e.last = now
	if now.Sub(born) >= lasting && born.Before(e.since) || s.led != peer && s.peers[s.led] == nil {
		return true
	}
	kind := 0
	if lane {
		kind = 1
	}
	for _, o := range s.peers {
		if now.Sub(o.paused[kind]) < strayPause {
			return false
		}
	}
	e.paused[kind] = now
	return true
}

// wrongServer reports whether a connection is to be given up because its server is not the right one.
func (d *Dials) wrongServer(c *conn.Conn, lane bool) bool {
	i, now := c.Info(), time.Now()
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.strays.leave(i.Peer, lane, now.Add(-i.Age), now)
}

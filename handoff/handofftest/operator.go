package handofftest

import (
	"time"

	"github.com/baton-go/baton/resp3"
)

// pushLogSize bounds what Pushes remembers.
const pushLogSize = 4096

// upkeep is what a database knows of its maintenance. It is guarded by server.mu.
type upkeep struct {
	state    Maintenance
	nextSeq  int64
	retained *notice // last shard completion, told to every newcomer
	names    map[string]string
	sent     []SentPush // ring once it is full
	oldest   int
}

// SentPush is one maintenance push as it was sent.
type SentPush struct {
	Conn  uint64
	Node  string
	Time  time.Time
	Frame []byte // all bytes, attributes included
}

func (u *upkeep) record(p SentPush) {
	if len(u.sent) < pushLogSize {
		u.sent = append(u.sent, p)
		return
	}
	u.sent[u.oldest] = p
	u.oldest = (u.oldest + 1) % pushLogSize
}

// Pushes returns the latest 4096 maintenance pushes of all nodes, oldest first.
// What Push sent is not among them.
func (s *Server) Pushes() []SentPush {
	s.mu.Lock()
	defer s.mu.Unlock()
	u := &s.upkeep
	return append(append([]SentPush(nil), u.sent[u.oldest:]...), u.sent[:u.oldest]...)
}

// SetSeq sets the sequence number of the next event. The counter of a database
// starts at 0, goes up by one with each event of any kind, and may start again.
func (s *Server) SetSeq(next int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.upkeep.nextSeq = next
}

// numberLocked gives n the next sequence number.
func (s *Server) numberLocked(n *notice) {
	n.seq = s.upkeep.nextSeq
	s.upkeep.nextSeq++
}

// announce sends an event of the database to every opted-in connection of every
// node and returns its sequence number.
func (s *Server) announce(n notice, retain bool) int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.numberLocked(&n)
	if retain {
		s.upkeep.retained = &n
	}
	for _, c := range s.conns {
		if c.optedIn {
			c.tell(n)
		}
	}
	return n.seq
}

// named makes sure that a shard push names a shard.
func named(shards []string) []string {
	if len(shards) == 0 {
		return []string{"1"}
	}
	return append([]string(nil), shards...)
}

// Migrating announces that shards will be migrated, in so long. No shard named: "1".
// It goes to every opted-in connection of the database; like all announcements it
// returns the sequence number and does not wait for clients.
func (s *Server) Migrating(in time.Duration, shards ...string) int64 {
	return s.announce(notice{name: "MIGRATING", at: time.Now().Add(in), shards: named(shards)}, false)
}

// Migrated announces that the migration is done. It is retained: connections that
// opt in later are told as well, with this sequence number, until the next
// completion takes its place.
func (s *Server) Migrated(shards ...string) int64 {
	return s.announce(notice{name: "MIGRATED", shards: named(shards)}, true)
}

// FailingOver announces a failover, as Migrating does a migration.
func (s *Server) FailingOver(in time.Duration, shards ...string) int64 {
	return s.announce(notice{name: "FAILING_OVER", at: time.Now().Add(in), shards: named(shards)}, false)
}

// FailedOver announces that the failover is done. It is retained as Migrated is.
func (s *Server) FailedOver(shards ...string) int64 {
	return s.announce(notice{name: "FAILED_OVER", shards: named(shards)}, true)
}

// SlotsMigrating announces that slots ("1,5-10") of a cluster begin to move.
func (s *Server) SlotsMigrating(slots string) int64 {
	return s.announce(notice{name: "SMIGRATING", tail: resp3.AppendBulkString(nil, slots)}, false)
}

// SlotMove is slots that went from one node to another, both "host:port".
type SlotMove struct{ From, To, Slots string }

// SlotsMigrated announces where slots have gone. It is not retained.
func (s *Server) SlotsMigrated(moves ...SlotMove) int64 {
	tail := resp3.AppendHeader(nil, resp3.Array, len(moves))
	for _, m := range moves {
		tail = resp3.AppendHeader(tail, resp3.Array, 3)
		tail = appendBulks(tail, []string{m.From, m.To, m.Slots})
	}
	return s.announce(notice{name: "SMIGRATED", tail: tail}, false)
}

// window is an announced MOVING. It stays until the node is reopened, the window is
// ended, or the next one takes its place.
type window = notice

// Moving announces that the node will leave in so long, and where to go: "ip:port",
// "name:port", or "" for nowhere in particular. It goes to the opted-in connections
// of this node only. The window stays open: a connection that opts in later is told
// with the seconds that are left, which may be none or negative. It returns the
// sequence number. Nothing else happens: the caller shuts the node when it is time.
func (n *Node) Moving(in time.Duration, target string) int64 {
	s := n.server
	s.mu.Lock()
	defer s.mu.Unlock()
	w := &window{name: "MOVING", moving: true, at: time.Now().Add(in), target: target}
	s.numberLocked(w)
	n.window = w
	n.tellLocked(*w)
	return w.seq
}

// Remind sends the open window's MOVING once more, with the seconds left, as a
// second delivery of one event. It returns how many connections were told.
func (n *Node) Remind() int {
	n.server.mu.Lock()
	defer n.server.mu.Unlock()
	if n.window == nil {
		return 0
	}
	return n.tellLocked(*n.window)
}

// EndMoving ends the window: newcomers are not told any more.
func (n *Node) EndMoving() {
	n.server.mu.Lock()
	defer n.server.mu.Unlock()
	n.window = nil
}

func (n *Node) tellLocked(note notice) (told int) {
	for _, c := range n.conns {
		if c.optedIn {
			c.tell(note)
			told++
		}
	}
	return told
}

// Push sends any bytes to every opted-in connection of the node and returns to how
// many.
func (n *Node) Push(raw []byte) int {
	n.server.mu.Lock()
	defer n.server.mu.Unlock()
	told := 0
	for _, c := range n.conns {
		if c.optedIn {
			c.out.push(raw, 0)
			told++
		}
	}
	return told
}

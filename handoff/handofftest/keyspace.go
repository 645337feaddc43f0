package handofftest

import (
	"strings"
	"time"
)

// numDBs is how many databases SELECT knows.
const numDBs = 16

// kind is what a key holds.
type kind byte

const (
	kindString kind = iota
	kindList
	kindHash
	kindSet
	kindSorted
)

// entry is the value of one key. Only the field of its kind is used.
type entry struct {
	kind    kind
	expires time.Time // zero: never
	str     []byte
	list    []string
	hash    hash
	set     map[string]struct{}
	sorted  map[string]float64
}

// place names a key in a database.
type place struct {
	db  int
	key string
}

// keyspace is all databases of a server. It is guarded by server.mu.
type keyspace struct {
	dbs     [numDBs]map[string]*entry
	watches map[place]map[*Conn]struct{}
	waiters map[place][]*waiter // blocked commands, longest waiting first
	grown   []place             // lists that got elements while somebody waits
}

func newKeyspace() keyspace {
	k := keyspace{
		watches: make(map[place]map[*Conn]struct{}),
		waiters: make(map[place][]*waiter),
	}
	for i := range k.dbs {
		k.dbs[i] = make(map[string]*entry)
	}
	return k
}

// get finds a living key, nil if there is none.
func (k *keyspace) get(db int, key []byte) *entry {
	e := k.dbs[db][string(key)]
	if e != nil && !e.expires.IsZero() && !time.Now().Before(e.expires) {
		k.delete(db, string(key))
		return nil
	}
	return e
}

// put stores e and tells who watches.
func (k *keyspace) put(db int, key string, e *entry) {
	k.dbs[db][key] = e
	k.touch(db, key)
}

// delete removes the key, living or expired, if it is there.
func (k *keyspace) delete(db int, key string) {
	if _, ok := k.dbs[db][key]; ok {
		delete(k.dbs[db], key)
		k.touch(db, key)
	}
}

// touch tells connections that watch the key that it has changed.
func (k *keyspace) touch(db int, key string) {
	if len(k.watches) == 0 {
		return
	}
	for c := range k.watches[place{db, key}] {
		c.tx.dirty = true
	}
}

// flush empties one database.
func (k *keyspace) flush(db int) {
	for key := range k.dbs[db] {
		k.delete(db, key)
	}
}

// live lists the keys of a database that have not expired.
func (k *keyspace) live(db int) []string {
	keys := make([]string, 0, len(k.dbs[db]))
	for key := range k.dbs[db] {
		if k.get(db, []byte(key)) != nil {
			keys = append(keys, key)
		}
	}
	return keys
}

func (k *keyspace) watch(c *Conn, at place) {
	if k.watches[at] == nil {
		k.watches[at] = make(map[*Conn]struct{})
	}
	k.watches[at][c] = struct{}{}
	c.tx.watching = append(c.tx.watching, at)
}

// unwatch forgets all keys c watches.
func (k *keyspace) unwatch(c *Conn) {
	for _, at := range c.tx.watching {
		delete(k.watches[at], c)
		if len(k.watches[at]) == 0 {
			delete(k.watches, at)
		}
	}
	c.tx.watching, c.tx.dirty = nil, false
}

// lookup finds the entry of a key that must be of kind t if it exists. With ok
// false the key holds something else and the error has been answered.
func (c *Conn) lookup(key []byte, t kind) (e *entry, ok bool) {
	e = c.server.keys.get(c.db, key)
	if e != nil && e.kind != t {
		c.error(errWrongType)
		return nil, false
	}
	return e, true
}

// obtain is lookup for a command that adds to the key: it makes the entry.
func (c *Conn) obtain(key []byte, t kind) (e *entry, ok bool) {
	e, ok = c.lookup(key, t)
	if e == nil && ok {
		e = &entry{kind: t}
		c.server.keys.dbs[c.db][string(key)] = e
	}
	return e, ok
}

// changed tells who watches; a collection without elements ceases to exist.
func (c *Conn) changed(key []byte, e *entry) {
	empty := false
	switch e.kind {
	case kindList:
		empty = len(e.list) == 0
	case kindHash:
		empty = e.hash.len() == 0
	case kindSet:
		empty = len(e.set) == 0
	case kindSorted:
		empty = len(e.sorted) == 0
	}
	if empty {
		c.server.keys.delete(c.db, string(key))
		return
	}
	c.server.keys.touch(c.db, string(key))
}

// Value returns the string stored under key in database 0, bypassing the wire: what
// the database really holds, for the verdict of a test. A proxy has no keyspace.
func (s *Server) Value(key string) (value string, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	e := s.keys.get(0, []byte(key))
	if e == nil || e.kind != kindString {
		return "", false
	}
	return string(e.str), true
}

// Elements returns the list stored under key in database 0, head first; as Value.
func (s *Server) Elements(key string) []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	e := s.keys.get(0, []byte(key))
	if e == nil || e.kind != kindList {
		return nil
	}
	return append([]string(nil), e.list...)
}

// equalFold compares an argument with a keyword.
func equalFold(arg []byte, word string) bool {
	return len(arg) == len(word) && strings.EqualFold(string(arg), word)
}

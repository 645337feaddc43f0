package handofftest

import (
	"math"
	"slices"
	"strconv"
	"time"

	"github.com/baton-go/baton/resp3"
)

// waiter is one command that blocks. Whoever ends it, with server.mu held, takes it
// off all lists and sends its result, which the channel has room for.
type waiter struct {
	places []place
	head   bool          // pops there
	wait   time.Duration // 0: for ever
	result chan waitResult
	finish func(c *Conn, res waitResult) // answers; holds server.mu
}

// parseTimeout reads the seconds of a blocking command, which may have a fraction.
func parseTimeout(arg []byte) (d time.Duration, errText string) {
	f, err := strconv.ParseFloat(string(arg), 64)
	switch {
	case err != nil || math.IsNaN(f) || math.IsInf(f, 0):
		return 0, "ERR timeout is not a float or out of range"
	case f < 0:
		return 0, "ERR timeout is negative"
	case f > maxTTL.Seconds()/2:
		return 0, "ERR timeout is out of range"
	}
	d = time.Duration(f * float64(time.Second))
	if f > 0 && d < time.Millisecond {
		d = time.Millisecond
	}
	return d, ""
}

func (c *Conn) blockingPop(args [][]byte, head bool) {
	wait, errText := parseTimeout(args[len(args)-1])
	if errText != "" {
		c.error(errText)
		return
	}
	keys := args[1 : len(args)-1]
	for _, key := range keys {
		e, ok := c.lookup(key, kindList)
		if !ok {
			return
		}
		if e != nil {
			c.array(2)
			c.bulk(key)
			c.bulkString(e.pop(head))
			c.changed(key, e)
			return
		}
	}
	if c.tx.running {
		c.nullArray()
		return
	}
	w := &waiter{head: head, wait: wait, finish: finishPop}
	for _, key := range keys {
		w.places = append(w.places, place{c.db, string(key)})
	}
	c.beginWait(w)
}

func finishPop(c *Conn, res waitResult) {
	switch {
	case res.err != "":
		c.error(res.err)
	case res.got:
		c.array(2)
		c.bulks(res.key, res.value)
	default:
		c.nullArray()
	}
}

// cmdWait answers WAIT for a database without replicas: 0, after the time given.
func cmdWait(c *Conn, args [][]byte) {
	replicas, err := resp3.ParseInt(args[1])
	if err != nil {
		c.error(errNotInt)
		return
	}
	ms, err := resp3.ParseInt(args[2])
	switch {
	case err != nil || ms > maxTTL.Milliseconds():
		c.error("ERR timeout is not an integer or out of range")
	case ms < 0:
		c.error("ERR timeout is negative")
	case replicas <= 0 || c.tx.running:
		c.integer(0)
	default:
		c.beginWait(&waiter{wait: time.Duration(ms) * time.Millisecond, finish: finishWait})
	}
}

func finishWait(c *Conn, res waitResult) {
	if res.err != "" {
		c.error(res.err)
		return
	}
	c.integer(0)
}

// beginWait registers w; the connection's goroutine waits after the lock is free.
func (c *Conn) beginWait(w *waiter) {
	w.result = make(chan waitResult, 1)
	for _, at := range w.places {
		c.server.keys.waiters[at] = append(c.server.keys.waiters[at], w)
	}
	c.blocked, c.pending = w, w
}

// removeWaiter takes w off every list it is on.
func (k *keyspace) removeWaiter(w *waiter) {
	for _, at := range w.places {
		left := slices.DeleteFunc(k.waiters[at], func(o *waiter) bool { return o == w })
		if len(left) == 0 {
			delete(k.waiters, at)
			continue
		}
		k.waiters[at] = left
	}
}

// grew notes that a list has elements somebody may wait for.
func (k *keyspace) grew(db int, key string) {
	if at := (place{db, key}); len(k.waiters[at]) > 0 {
		k.grown = append(k.grown, at)
	}
}

// serveBlocked gives new elements to those who wait, after the command or
// transaction that pushed them is complete.
func (s *Server) serveBlocked() {
	k := &s.keys
	for len(k.grown) > 0 {
		at := k.grown[0]
		k.grown = k.grown[1:]
		e := k.get(at.db, []byte(at.key))
		for e != nil && e.kind == kindList && len(e.list) > 0 && len(k.waiters[at]) > 0 {
			w := k.waiters[at][0]
			k.removeWaiter(w)
			w.result <- waitResult{key: at.key, value: e.pop(w.head), got: true}
			k.touch(at.db, at.key)
			if len(e.list) == 0 {
				k.delete(at.db, at.key)
			}
		}
	}
}

// unblock ends the blocking command of c, as CLIENT UNBLOCK does, and says whether
// there was one.
func (s *Server) unblock(c *Conn, withError bool) bool {
	w := c.blocked
	if w == nil {
		return false
	}
	c.blocked = nil
	s.keys.removeWaiter(w)
	res := waitResult{}
	if withError {
		res.err = "UNBLOCKED client unblocked via CLIENT UNBLOCK"
	}
	select {
	case w.result <- res:
		return true
	default: // an element is on its way already
		return false
	}
}

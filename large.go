package baton

import (
	"bytes"
	"hash/maphash"
	"sync/atomic"

	"github.com/baton-go/baton/conn"
)

const (
	largeEntries = 1024     // remembered requests, a power of two
	largeReply   = 64 << 10 // bytes of all replies of a pipeline; conn measures single replies
	largeScore   = 8        // small replies in succession after which a request is forgotten
	maxHashed    = 256      // bytes of a request
)

// largeReplies remembers which requests had large replies, by the name of the command and its first argument, mostly the key. It is
// lossy: a request that is mistaken for another or forgotten only goes to the wrong kind of connection.
type largeReplies struct {
	seed    maphash.Seed
	entries [largeEntries]atomic.Uint64 // the upper 56 bits of a hash, and how many small replies are left to forget it
}

const scoreBits = 8

func (t *largeReplies) hash(part []byte) uint64 {
	return maphash.Bytes(t.seed, part[:min(len(part), maxHashed)])
}

func (t *largeReplies) knows(h uint64) bool {
	return t.entries[h%largeEntries].Load()>>scoreBits == h>>scoreBits
}

// note records whether the reply to a request was large. A large one replaces any other request in its entry.
func (t *largeReplies) note(h uint64, large bool) {
	e := &t.entries[h%largeEntries]
	old := e.Load()
	switch {
	case large:
		e.Store(h>>scoreBits<<scoreBits | largeScore)
	case old>>scoreBits != h>>scoreBits:
	case old&(1<<scoreBits-1) <= 1:
		e.CompareAndSwap(old, 0)
	default:
		e.CompareAndSwap(old, old-1)
	}
}

// expects reports whether the reply to q is likely to be large, or one of them if q is a pipeline.
func (t *largeReplies) expects(q *conn.Call) bool {
	var whole uint64
	for i, rest := 0, q.Req; len(rest) > 0; i++ {
		var part []byte
		part, rest = splitRequest(rest, q.Replies > 1)
		h := t.hash(part)
		if t.knows(h) {
			return true
		}
		if whole = pipelined(whole, h, i); i == 1 && t.knows(whole) {
			return true
		}
	}
	return false
}

// pipelined adds command i to the hash of a pipeline, which is that of its first two commands.
func pipelined(whole, h uint64, i int) uint64 {
	if i < 2 {
		whole = whole<<1 ^ ^h
	}
	return whole
}

// learn takes the replies to q.
func (t *largeReplies) learn(q *conn.Call) {
	if q.Replies < 2 {
		part, _ := splitRequest(q.Req, false)
		t.note(t.hash(part), q.Large)
		return
	}
	var whole uint64
	single, begin := false, 0
	many := !q.Large && len(q.Rep) >= largeReply // and none of them large: the first two commands are enough
	for i, rest := 0, q.Req; len(rest) > 0 && i <= len(q.Ends) && (i < 2 || !many); i++ {
		var part []byte
		part, rest = splitRequest(rest, true)
		h := t.hash(part)
		whole = pipelined(whole, h, i)
		large := q.Large && i == len(q.Ends) // given up in the middle of it
		if i < len(q.Ends) {
			large = q.Ends[i]-begin >= largeReply
			begin = q.Ends[i]
		}
		large = large && bytes.Count(part, []byte{'\n'}) > 2 // EXEC has no argument: its reply is that of the whole
		if large || t.knows(h) {
			t.note(h, large)
			single = single || large
		}
	}
	if large := !single && (q.Large || len(q.Rep) >= largeReply); large || t.knows(whole) {
		t.note(whole, large)
	}
}

// splitRequest returns the encoded name and first argument of the first command in req, and the commands behind it if more is set.
func splitRequest(req []byte, more bool) (part, rest []byte) {
	n, begin := lengthAt(req, 0)
	at, end := begin, begin
	for i := 0; i < n && (i < 2 || more); i++ {
		size, content := lengthAt(req, at)
		if at = min(content+size+2, len(req)); i < 2 {
			end = at
		}
	}
	if more {
		rest = req[at:]
	}
	return req[begin:end], rest
}

// lengthAt reads the header that begins at a place, as our encoders write it, and returns where it ends.
func lengthAt(req []byte, at int) (n, end int) {
	for at++; at < len(req) && req[at] != '\r'; at++ {
		n = n*10 + int(req[at]-'0')
	}
	return n, min(at+2, len(req))
}

// noteReplySize records whether the replies to q were large, after an attempt on a shared connection. Small ones that were
// expected to be small say nothing new.
func (c *Client) noteReplySize(q *conn.Call, apart bool) {
	if !apart && !q.Large && len(q.Rep) < largeReply {
		return
	}
	if c.large.Load() == nil {
		c.large.CompareAndSwap(nil, &largeReplies{seed: maphash.MakeSeed()})
	}
	c.large.Load().learn(q)
}

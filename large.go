package baton

import (
	"bytes"
	"context"
	"hash/maphash"
	"sync/atomic"

	"github.com/baton-go/baton/conn"
)

const (
	largeEntries = 1024     // remembered requests, a power of two
	largeReply   = 64 << 10 // together, for a pipeline; conn says it of a single reply
	largeScore   = 8        // small replies in succession after which a request is forgotten
	largeHashed  = 256      // bytes of a request that are looked at, at most
)

// largeReplies remembers which requests had large replies, by the name of the command and its first argument, which mostly is the
// key. It is lossy: a request may be taken for another or be forgotten, and then only waits behind others, or apart from them.
type largeReplies struct {
	seed    maphash.Seed
	entries [largeEntries]atomic.Uint64 // of a hash the upper 56 bits, and how many small replies are put up with
}

const scoreBits = 8

func (t *largeReplies) hash(part []byte) uint64 {
	return maphash.Bytes(t.seed, part[:min(len(part), largeHashed)])
}

func (t *largeReplies) knows(h uint64) bool {
	return t.entries[h%largeEntries].Load()>>scoreBits == h>>scoreBits
}

// note takes the outcome of a request. A large one takes the place of whatever had it.
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
	if q.Replies < 2 {
		part, _ := splitRequest(q.Req, false)
		return t.knows(t.hash(part))
	}
	var whole uint64
	for i, rest := 0, q.Req; len(rest) > 0; i++ {
		var part []byte
		part, rest = splitRequest(rest, true)
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

// pipelined goes on with the hash of a pipeline, which is that of its first two commands.
func pipelined(whole, h uint64, i int) uint64 {
	if i < 2 {
		whole = whole<<1 ^ ^h
	}
	return whole
}

// learn takes the replies that q has got.
func (t *largeReplies) learn(q *conn.Call) {
	if q.Replies < 2 {
		part, _ := splitRequest(q.Req, false)
		t.note(t.hash(part), q.Large)
		return
	}
	var whole uint64
	single, begin := false, 0
	for i, rest := 0, q.Req; len(rest) > 0 && i <= len(q.Ends); i++ {
		var part []byte
		part, rest = splitRequest(rest, true)
		h := t.hash(part)
		whole = pipelined(whole, h, i)
		large := q.Large && i == len(q.Ends) // given up in the middle of it
		if i < len(q.Ends) {
			large = q.Ends[i]-begin >= largeReply
			begin = q.Ends[i]
		}
		if large = large && bytes.IndexByte(part, '\n') != bytes.LastIndexByte(part, '\n'); large || t.knows(h) {
			t.note(h, large) // EXEC has no argument: its reply is that of the whole
			single = single || large
		}
	}
	if large := !single && (q.Large || len(q.Rep) >= largeReply); large || t.knows(whole) {
		t.note(whole, large)
	}
}

// splitRequest returns of the first command in req the name and the first argument, as they are encoded, and, if that is asked
// for, what comes behind the command.
func splitRequest(req []byte, further bool) (part, rest []byte) {
	n, at := lengthAt(req, 0)
	begin := at
	end := at
	for i := range n {
		if i == 2 && !further {
			break
		}
		size, body := lengthAt(req, at)
		at = min(body+size+2, len(req))
		if i < 2 {
			end = at
		}
	}
	return req[begin:end], req[at:]
}

// lengthAt reads the header that begins at a place, as our encoders write it, and returns where it ends.
func lengthAt(req []byte, at int) (n, end int) {
	for at++; at < len(req) && req[at] != '\r'; at++ {
		n = n*10 + int(req[at]-'0')
	}
	return n, min(at+2, len(req))
}

// lane picks the shared connection for q: one apart if its reply is likely to be large.
func (c *Client) lane(ctx context.Context, q *conn.Call) (*conn.Conn, error) {
	if t := c.large.Load(); t != nil && t.expects(q) {
		return c.pool.Apart(ctx)
	}
	return c.pool.Lane(ctx)
}

// noteReplySize remembers it if the replies to q were large, or were not any more. It is called after each attempt on a shared connection.
func (c *Client) noteReplySize(q *conn.Call) {
	t := c.large.Load()
	if t == nil {
		if !q.Large && len(q.Rep) < largeReply {
			return
		}
		t = &largeReplies{seed: maphash.MakeSeed()}
		if !c.large.CompareAndSwap(nil, t) {
			t = c.large.Load()
		}
	}
	t.learn(q)
}

package conn

import (
	"bytes"
	"io"

	"github.com/baton-go/baton/resp3"
)

// fill waits for bytes and hands out every reply that is whole then. It reports whether own was among them.
func (l *link) fill(own *Call) (mine bool, err error) {
	if l.open {
		return l.stream(own)
	}
	f, err := l.rd.Next()
	if err != nil {
		return false, err
	}
	return l.handOutFrom(f, own)
}

// handOut hands out every reply that is whole in the buffer.
func (l *link) handOut(own *Call) (mine bool, err error) {
	if l.open {
		return false, nil
	}
	f, ok, err := l.rd.Buffered()
	if !ok || err != nil {
		return false, err
	}
	return l.handOutFrom(f, own)
}

// handOutFrom hands out f and all that is buffered behind it.
func (l *link) handOutFrom(f resp3.Frame, own *Call) (mine bool, err error) {
	if l.batch == nil {
		l.batch = batches.Get().(*batch)
	}
	for ok := true; ok; {
		n, pushes := 0, 0
		for ; ok && f.Open == 0 && n < batchLen; n++ {
			if l.cfg.Listen && ofChannels(f.Bytes) {
				if f.Kind == resp3.Push {
					l.heard += int64(len(f.Bytes))
				}
				f.Kind = resp3.Push
			}
			if f.Kind == resp3.Push {
				pushes++
			}
			l.batch.frames[n] = f
			if f, ok, err = l.rd.Buffered(); err != nil {
				ok = false
			}
		}
		got, derr := l.deliver(own, n, pushes)
		mine = mine || got
		if derr != nil {
			return mine, derr
		}
		if ok && f.Open > 0 {
			got, serr := l.openBody(f, own)
			return mine || got, serr
		}
	}
	return mine, err
}

// ofChannels reports whether an encoded push, or the array that RESP2 has in its place, is a message or the confirmation that a
// channel was joined or left. It is enough if it has begun. The answer to a PING is an array in RESP2 too, and none of these.
func ofChannels(frame []byte) bool {
	head, rest, _ := bytes.Cut(frame, crlf)
	if len(head) != 2 || head[0] != byte(resp3.Push) && head[0] != byte(resp3.Array) {
		return false
	}
	_, rest, _ = bytes.Cut(rest, crlf) // the length of the word
	word, _, _ := bytes.Cut(rest, crlf)
	switch string(word) {
	case "message", "smessage", "subscribe", "psubscribe", "ssubscribe", "unsubscribe", "punsubscribe", "sunsubscribe":
		return head[1] == '3'
	case "pmessage":
		return head[1] == '4'
	}
	return false
}

var crlf = []byte("\r\n")

// deliver gives the first n frames of the batch to those they belong to, in order. Some may be pushes.
func (l *link) deliver(own *Call, n, pushes int) (mine bool, err error) {
	b, claims, i := l.batch, 0, 0
	if n > pushes {
		claims, err = l.claim(n - pushes)
	}
	for k, c := range b.claims[:claims] {
		possible := true
		for ; c.n > 0; i++ {
			f := &b.frames[i]
			if pushes > 0 && f.Kind == resp3.Push {
				l.push(f)
				continue
			}
			if c.call != nil {
				possible = c.call.take(f, c.left+c.n-1)
			}
			c.n--
		}
		if !possible {
			return l.condemn(b.claims[k:claims], own) || mine, ErrOutOfStep
		}
		mine = l.release(c, own) || mine
	}
	for ; i < n && err == nil; i++ {
		if b.frames[i].Kind == resp3.Push {
			l.push(&b.frames[i])
		}
	}
	return mine, err
}

// claim takes the calls that the next n replies belong to and returns how many there are. From here to release nobody
// else ends them.
func (l *link) claim(n int) (claims int, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.done.Add(uint64(n))
	if l.slow.Load() {
		l.slow.Store(l.retired)
		l.midReply.Store(false)
	}
	defer l.countLocked()
	for ; n > 0; claims++ {
		if l.q.head >= l.handed || l.q.len() == 0 {
			if l.cause != nil {
				return claims, l.cause // the queue is empty because the link has failed meanwhile
			}
			return claims, ErrSurplus
		}
		e := l.q.at(l.q.head)
		k := min(n, int(e.left))
		n -= k
		e.left -= int32(k)
		l.batch.claims[claims] = claim{call: e.call, n: k, left: int(e.left), last: e.left == 0}
		if e.call != nil {
			e.call.taken = true
			e.call.ended = e.left == 0
		}
		if e.left == 0 {
			l.popLocked()
		} else {
			e.start = 0 // it is being answered: its timeout begins anew
		}
	}
	return claims, nil
}

func (l *link) popLocked() {
	l.waited -= int(l.q.at(l.q.head).size)
	l.q.pop()
}

// countLocked tells the pool how many calls are owed replies.
func (l *link) countLocked() { l.owes.Store(int32(l.q.len())) }

// release ends a claimed call, or puts it back to waiting for the rest of its replies. It reports whether own has ended.
func (l *link) release(c claim, own *Call) (mine bool) {
	q := c.call
	if q == nil {
		return false
	}
	if !c.last {
		l.mu.Lock()
		q.taken = false
		if !q.wasCut {
			l.mu.Unlock()
			return false
		}
		if l.cause == nil {
			l.q.at(q.seq).call = nil
		}
		q.loseLocked(q.cut)
		l.mu.Unlock()
	}
	if q == own {
		return true
	}
	q.wake <- sigDone
	return false
}

// condemn ends the link, because the first of some claimed calls has got a reply of a kind that it cannot have. The replies of the
// others are not handed out. It reports whether own is among them.
func (l *link) condemn(claims []claim, own *Call) (mine bool) {
	why := outOfStep(claims[0].call.Err)
	l.fail(why) // before anybody learns of it, so that nobody comes back to this link
	for i, c := range claims {
		if q := c.call; i > 0 && q != nil {
			l.mu.Lock()
			q.loseLocked(&Error{Op: "read", Addr: l.peer, Sent: true, Err: why})
			l.mu.Unlock()
		}
		c.last = true // nobody reads its other replies
		mine = l.release(c, own) || mine
	}
	return mine
}

// openBody begins a bulk string that is too long to be buffered, and goes on with it as far as bytes come.
func (l *link) openBody(f resp3.Frame, own *Call) (mine bool, err error) {
	l.mu.Lock()
	if l.q.len() == 0 || l.q.head >= l.handed {
		defer l.mu.Unlock()
		if l.cause != nil {
			return false, l.cause
		}
		return false, ErrSurplus
	}
	q := l.q.at(l.q.head).call
	if q != nil {
		q.taken = true
	}
	l.open = true
	l.slow.Store(true) // whoever has a choice does not queue behind it
	l.midReply.Store(true)
	l.mu.Unlock()
	if q != nil {
		q.Large = q.Large || f.Open >= largeReply
		if !q.open(f) {
			l.closeBody()
			return l.condemn([]claim{{call: q}}, own), ErrOutOfStep
		}
		if mine = l.release(claim{call: q}, own); mine {
			return true, nil // cut short: the rest is swallowed by whoever reads next
		}
	}
	return l.stream(own)
}

// stream reads the rest of the open bulk string to where its owner wants it.
func (l *link) stream(own *Call) (mine bool, err error) {
	for got := 0; ; {
		l.mu.Lock()
		if l.cause != nil {
			l.mu.Unlock()
			return false, l.cause
		}
		e := l.q.at(l.q.head)
		if got > 0 {
			e.start = 0 // it is being answered: its timeout begins anew
		}
		q := e.call
		if q != nil {
			q.taken = true
		}
		l.mu.Unlock()

		var rerr error
		got, rerr = l.readBody(q)
		last := false
		if rerr == io.EOF {
			if q != nil {
				q.shut()
			}
			last, rerr = l.closeBody(), nil
		}
		mine = l.release(claim{call: q, last: last}, own)
		if last || mine || rerr != nil {
			return mine, rerr
		}
		if !l.open {
			return false, nil // one reply of several
		}
	}
}

// readBody reads one piece to where q wants it, or away if q is nil, and returns its length.
func (l *link) readBody(q *Call) (int, error) {
	var dst *[]byte
	if q != nil {
		dst = q.body()
	}
	if dst == nil {
		scratch := l.batch.scratch[:0]
		dst = &scratch
	}
	n, left := len(*dst), l.rd.Body()
	if room := cap(*dst) - n; room < left && room < 4<<10 {
		*dst = grown(*dst, left, q.Mode == Raw)
	}
	// With room for the line end too, the last piece comes in one read with it.
	got, err := l.rd.ReadBody((*dst)[n:min(cap(*dst), n+left+2)])
	*dst = (*dst)[:n+got]
	return got, err
}

// grown returns b with room for more: for all that is left if that is not much compared with what has come, so that memory
// follows the bytes and not what the server announces.
func grown(b []byte, left int, more bool) []byte {
	room := min(left+2, max(bodyStep, len(b)))
	if more { // other replies follow in the same slice
		room = max(room, len(b)/2)
	}
	out := make([]byte, len(b), len(b)+room)
	copy(out, b)
	return out
}

// closeBody counts the streamed reply and reports whether it was the last of its call.
func (l *link) closeBody() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.open = false
	l.done.Add(1)
	l.slow.Store(l.retired)
	l.midReply.Store(false)
	if l.cause != nil {
		return false
	}
	e := l.q.at(l.q.head)
	if e.left--; e.left > 0 {
		return false
	}
	if e.call != nil {
		e.call.ended = true
	}
	l.popLocked()
	l.countLocked()
	return true
}

func (l *link) push(f *resp3.Frame) {
	if l.cfg.OnPush != nil {
		l.cfg.OnPush(l.conn, l.peer, f.Value())
	}
}

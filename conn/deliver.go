package conn

import (
	"bytes"
	"io"
	"sync"

	"github.com/baton-go/baton/resp3"
)

const batchLen = 64

// batch is the room for replies that are handed out together.
type batch struct {
	frames [batchLen]resp3.Frame
	claims [batchLen]claim
	// scratch takes the pieces of a streamed bulk string whose caller has given up.
	scratch [4 << 10]byte
}

// claim is a call and how many of the batch's replies it gets.
type claim struct {
	call *Call // nil: discard them
	n    int
	left int // replies that the call is owed after these
}

var batches = sync.Pool{New: func() any { return new(batch) }}

// fill hands out every reply that is whole; if wait is set and none is, it waits for bytes first. It reports whether
// the reply of self was among them.
func (l *link) fill(self *Call, wait bool) (mine bool, err error) {
	in := &l.in
	if in.midBody && wait {
		return l.streamBody(self)
	}
	if in.midBody {
		return false, nil
	}
	f, ok := resp3.Frame{}, true
	if wait {
		f, err = in.rd.Next()
	} else {
		f, ok, err = in.rd.Buffered()
	}
	if !ok || err != nil {
		return false, err
	}
	if in.batch == nil {
		in.batch = batches.Get().(*batch)
	}
	for ok {
		n, pushes := 0, 0
		for ; ok && f.Open == 0 && n < batchLen; n++ {
			if l.cfg.Listen && ofChannels(f.Bytes) {
				if f.Kind == resp3.Push {
					in.heard += int64(len(f.Bytes))
				}
				f.Kind = resp3.Push
			}
			if f.Kind == resp3.Push {
				pushes++
			}
			in.batch.frames[n] = f
			if f, ok, err = in.rd.Buffered(); err != nil {
				ok = false
			}
		}
		got, derr := l.deliver(self, n, pushes)
		mine = mine || got
		if derr != nil {
			return mine, derr
		}
		if ok && f.Open > 0 {
			got, err = l.beginBody(f, self)
			return mine || got, err
		}
	}
	return mine, err
}

// ofChannels reports whether an encoded push, or an array in RESP2, is a message or a confirmation of pub/sub. Its
// beginning is enough. The answer to a PING on such a connection is an array too, and is none of these.
func ofChannels(frame []byte) bool {
	if len(frame) > 0 && bytes.HasPrefix(frame[1:], usual) && (frame[0] == byte(resp3.Push) || frame[0] == byte(resp3.Array)) {
		return true
	}
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

var crlf, usual = []byte("\r\n"), []byte("3\r\n$7\r\nmessage\r\n")

// deliver gives the first n frames of the batch, in order, to the calls they belong to, and pushes to Config.OnPush or
// Config.OnPushes.
func (l *link) deliver(self *Call, n, pushes int) (mine bool, err error) {
	var claims []claim
	if n > pushes {
		claims, err = l.claim(n - pushes)
	}
	for i := 0; i < n && (err == nil || len(claims) > 0); i++ {
		f := &l.in.batch.frames[i]
		if f.Kind == resp3.Push {
			i += l.push(l.in.batch.frames[i:n]) - 1
			continue
		}
		c := &claims[0]
		c.n--
		if c.call != nil && !c.call.take(f, c.left+c.n) {
			return l.condemn(claims, self) || mine, ErrOutOfStep
		}
		if c.n == 0 {
			mine = l.release(c.call, c.left == 0, self) || mine
			claims = claims[1:]
		}
	}
	return mine, err
}

// push hands out the pushes that frames begins with, and returns how many they are.
func (l *link) push(frames []resp3.Frame) int {
	n := 1
	for n < len(frames) && frames[n].Kind == resp3.Push {
		n++
	}
	switch {
	case l.cfg.OnPushes != nil:
		l.cfg.OnPushes(l.conn, l.peer, frames[:n])
	case l.cfg.OnPush != nil:
		for i := range n {
			l.cfg.OnPush(l.conn, l.peer, frames[i].Value())
		}
	}
	return n
}

// claim takes the calls that the next n replies belong to. From here to release nobody else ends them. With an error
// they are fewer than n replies need.
func (l *link) claim(n int) (claims []claim, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.repliedLocked(n)
	defer l.countLocked()
	claims = l.in.batch.claims[:0]
	for n > 0 {
		e, err := l.oldestLocked()
		if err != nil {
			return claims, err
		}
		k := min(n, int(e.left))
		n -= k
		e.left -= int32(k)
		claims = append(claims, claim{call: e.call, n: k, left: int(e.left)})
		if e.call != nil {
			e.call.taken = true
		}
		l.servedLocked(e)
	}
	l.company = len(claims) > 1
	return claims, nil
}

// oldestLocked returns the place that the next reply belongs to.
func (l *link) oldestLocked() (*owed, error) {
	switch {
	case l.cause != nil: // which has emptied the queue
		return nil, l.cause
	case l.queue.len() == 0 || l.queue.head >= l.out.handed:
		return nil, ErrSurplus
	}
	return l.queue.at(l.queue.head), nil
}

// repliedLocked counts replies that are whole.
func (l *link) repliedLocked(n int) {
	l.delivered.Add(uint64(n))
	if l.slow.Load() {
		l.slow.Store(l.retired)
		l.midReply.Store(false)
	}
}

// servedLocked drops the oldest place if it has all its replies. Else its timeout begins anew: it is being answered.
func (l *link) servedLocked(e *owed) {
	if e.left > 0 {
		e.start = 0
		return
	}
	if e.call != nil {
		e.call.ended = true
	}
	l.out.unanswered -= int(e.size)
	l.queue.pop()
}

// release ends a claimed call, or has it wait for the rest of its replies. It reports whether self has ended.
func (l *link) release(q *Call, complete bool, self *Call) (mine bool) {
	if q == nil {
		return false
	}
	if !complete {
		l.mu.Lock()
		q.taken = false
		if !q.wasCut {
			l.mu.Unlock()
			return false
		}
		if l.cause == nil {
			l.queue.at(q.seq).call = nil
		}
		q.failLocked(q.cut)
		l.mu.Unlock()
	}
	if q == self {
		return true
	}
	q.wake <- sigDone
	return false
}

// condemn ends the link, because the first of some claimed calls has got a reply of a kind that it cannot have. The
// replies of the others are not handed out. It reports whether self is among them.
func (l *link) condemn(claims []claim, self *Call) (mine bool) {
	why := outOfStep(claims[0].call.Err)
	l.fail(why) // before any caller learns of it, so that none comes back to this link
	for i, c := range claims {
		if q := c.call; i > 0 && q != nil {
			l.mu.Lock()
			q.failLocked(&Error{Op: "read", Addr: l.peer, Sent: true, Err: why})
			l.mu.Unlock()
		}
		mine = l.release(c.call, true, self) || mine // its other replies are not read
	}
	return mine
}

// beginBody begins a bulk string that is too long to be buffered, and goes on with it as far as bytes come.
func (l *link) beginBody(f resp3.Frame, self *Call) (mine bool, err error) {
	l.mu.Lock()
	e, err := l.oldestLocked()
	if err != nil {
		l.mu.Unlock()
		return false, err
	}
	q := e.call
	if q != nil {
		q.taken = true
	}
	l.in.midBody = true
	l.slow.Store(true) // a caller that has a choice does not queue behind it
	l.midReply.Store(true)
	l.mu.Unlock()
	if q != nil {
		q.Large = q.Large || f.Open >= largeReply
		if !q.beginBody(f) {
			l.endBody()
			return l.condemn([]claim{{call: q}}, self), ErrOutOfStep
		}
		if l.release(q, false, self) {
			return true, nil // cut short: the next reader discards the rest
		}
	}
	return l.streamBody(self)
}

// streamBody reads the rest of a bulk string to where its owner wants it.
func (l *link) streamBody(self *Call) (mine bool, err error) {
	for got := 0; ; {
		l.mu.Lock()
		if l.cause != nil {
			l.mu.Unlock()
			return false, l.cause
		}
		e := l.queue.at(l.queue.head)
		if got > 0 {
			e.start = 0 // it is being answered: its timeout begins anew
		}
		q := e.call
		if q != nil {
			q.taken = true
		}
		l.mu.Unlock()

		got, err = l.in.readBody(q)
		complete := false
		if err == io.EOF {
			if q != nil {
				q.endBody()
			}
			complete, err = l.endBody(), nil
		}
		mine = l.release(q, complete, self)
		if complete || mine || err != nil || !l.in.midBody {
			return mine, err
		}
	}
}

// readBody reads one piece to where q wants it, or discards it if nobody does, and returns its length.
func (in *reader) readBody(q *Call) (int, error) {
	scratch := in.batch.scratch[:0]
	dst := &scratch
	switch {
	case q == nil || q.Mode == Check:
	case q.Mode == AppendText:
		dst = &q.Dst
	default:
		dst = &q.Rep
	}
	n, left := len(*dst), in.rd.Body()
	if room := cap(*dst) - n; room < left && room < 4<<10 {
		// Memory grows in step with received, not announced, bytes: for all that is left if that is not much in comparison.
		more := min(left, max(bodyStep, n))
		if q.Mode == Raw { // other replies follow in the same slice
			more = max(more, n/2)
		}
		grown := make([]byte, n, n+more)
		copy(grown, *dst)
		*dst = grown
	}
	// With room for the line end too, the last piece comes in one read with it.
	got, err := in.rd.ReadBody((*dst)[n:min(cap(*dst), n+left+2)])
	*dst = (*dst)[:n+got]
	return got, err
}

// endBody counts the streamed reply and reports whether it was the last of its call.
func (l *link) endBody() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.in.midBody, l.company = false, false
	l.repliedLocked(1)
	if l.cause != nil {
		return false
	}
	e := l.queue.at(l.queue.head)
	e.left--
	complete := e.left == 0
	l.servedLocked(e)
	l.countLocked()
	return complete
}

package conn

import (
	"sync"
	"time"
	"unsafe"

	"github.com/baton-go/baton/resp3"
)

// Mode says in which form a call wants its reply.
type Mode uint8

const (
	// Check wants nothing but to know whether the reply is an error or null.
	Check Mode = iota
	// AppendText appends the text of the reply to Call.Dst.
	AppendText
	// Text puts the text of the reply into Call.Str.
	Text
	// Int puts an integer reply into Call.Num.
	Int
	// Value decodes the reply into Call.Val.
	Value
	// Raw copies the encoded replies, one behind the other, to Call.Rep. It is the only mode for more than one reply.
	Raw
)

// Call is one unit of work for a connection: the encoded request, the form in which the reply is wanted, and the reply.
// Get one with Config.NewCall and give it back with Free; in between it belongs to one goroutine. Do never keeps a call: when it
// returns, early or not, nothing of the connection touches the call or Dst any more.
type Call struct {
	Req     []byte // one or more whole commands; kept for another attempt until Free
	Replies int    // how many replies Req asks for; more than one needs mode Raw
	Mode    Mode
	// Timeout for the reply to come, or to go on once it has begun; 0 none. It is a floor during maintenance.
	Timeout time.Duration

	Dst  []byte      // AppendText: in and out
	Str  string      // Text
	Num  int64       // Int
	Val  resp3.Value // Value
	Rep  []byte      // Raw: encoded replies
	Null bool        // the reply was null; not in modes Value and Raw
	// Err is what the server answered if that is an error, or a *resp3.TypeError; the link is fine.
	Err error

	home *sync.Pool
	wake chan signal // room for one sigLead and one sigDone, so that a sender never waits

	begun bool // it has been queued before
	base  int  // length of Dst before the first attempt

	// Guarded by link.mu while the call is queued there.
	seq     uint64
	waiting bool  // sleeps on wake: may be given the reading
	leads   bool  // was given the reading; the signal is in wake or on its way
	taken   bool  // a reader fills in the reply at this moment
	ended   bool  // not queued any more; sigDone is in wake or on its way, unless the owner ended it itself
	cut     error // why a taken call is to end early
	fault   error // why it ended without its whole reply; read by the owner after the end
}

type signal uint8

const (
	sigDone signal = 1 + iota // the call has ended
	sigLead                   // read for all
)

const keepBuffer = 16 << 10 // larger buffers are not kept with a free call

// NewCall returns an empty call for one reply. Calls are kept per Config, so that those of a client under a fake clock never
// meet others.
func (c *Config) NewCall() *Call {
	q, _ := c.calls.Get().(*Call)
	if q == nil {
		q = &Call{home: &c.calls, wake: make(chan signal, 2)}
	}
	q.Replies = 1
	return q
}

// Free gives the call back. Neither the call nor Req and Rep may be used afterwards; Dst, Str and Val are the caller's.
func (q *Call) Free() {
	req, rep := q.Req[:0], q.Rep[:0]
	if cap(req) > keepBuffer {
		req = nil
	}
	if cap(rep) > keepBuffer {
		rep = nil
	}
	*q = Call{home: q.home, wake: q.wake, Req: req, Rep: rep}
	q.home.Put(q)
}

// Block returns the replies of mode Raw as one string that owns its memory. A large one takes the memory of Rep along, which is empty afterwards.
func (q *Call) Block() string {
	if cap(q.Rep) <= keepBuffer {
		return string(q.Rep)
	}
	s := frozen(q.Rep)
	q.Rep = nil
	return s
}

// begin makes the call ready to be queued, again if need be.
func (q *Call) begin() {
	if !q.begun {
		q.begun, q.base = true, len(q.Dst)
	}
	q.Dst = q.Dst[:q.base] // an attempt that failed may have left a part there
	q.Null, q.Err, q.Rep = false, nil, q.Rep[:0]
	q.waiting, q.leads, q.taken, q.ended, q.cut, q.fault = false, false, false, false, nil, nil
}

// take fills in one whole reply. It runs on the goroutine that reads.
func (q *Call) take(f resp3.Frame) {
	if q.Mode == Raw {
		q.Rep = append(q.Rep, f.Bytes...)
		return
	}
	if q.Mode == Value {
		q.Val = f.Value()
		q.Err = q.Val.Err()
		return
	}
	switch {
	case f.Kind == resp3.SimpleError || f.Kind == resp3.BulkError:
		q.Err = f.Value().Err()
	case f.IsNull():
		q.Null = true
	case q.Mode == Check:
	case q.Mode == Int:
		q.takeInt(f)
	default:
		q.takeText(f)
	}
}

func (q *Call) takeInt(f resp3.Frame) {
	if f.Kind == resp3.Integer {
		if n, err := resp3.ParseInt(f.Payload()); err == nil {
			q.Num = n
			return
		}
	}
	q.Num, q.Err = f.Value().Int()
}

func (q *Call) takeText(f resp3.Frame) {
	p := f.Payload()
	if p == nil && f.Kind != resp3.BulkString && f.Kind != resp3.SimpleString {
		_, q.Err = f.Value().Text()
		return
	}
	if q.Mode == AppendText {
		q.Dst = append(q.Dst, p...)
		return
	}
	q.Str = string(p)
}

// open prepares for a bulk string whose payload follows in pieces.
func (q *Call) open(f resp3.Frame) {
	switch q.Mode {
	case Raw, Value:
		q.Rep = append(q.Rep, f.Bytes...)
	case Text:
		q.Rep = nil // becomes the string's memory, so it must not be a recycled buffer
	}
}

// body is the slice that the payload of an open bulk string is appended to, nil if nobody wants it.
func (q *Call) body() *[]byte {
	switch q.Mode {
	case AppendText:
		return &q.Dst
	case Check, Int:
		return nil
	}
	return &q.Rep
}

// shut ends an open bulk string.
func (q *Call) shut() {
	switch q.Mode {
	case Raw:
		q.Rep = append(q.Rep, '\r', '\n')
	case Value:
		q.Rep = append(q.Rep, '\r', '\n')
		if q.Val, _, q.Err = resp3.Decode(frozen(q.Rep)); q.Err == nil {
			q.Err = q.Val.Err()
		}
		q.Rep = nil
	case Text:
		q.Str, q.Rep = frozen(q.Rep), nil
	case Int:
		q.Err = &resp3.SyntaxError{What: "a large bulk string where an integer was expected"}
	}
}

// frozen views b as a string without copying. The caller gives up every other reference to b, so it cannot change.
func frozen(b []byte) string { return unsafe.String(unsafe.SliceData(b), len(b)) }

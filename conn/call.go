package conn

import (
	"fmt"
	"math"
	"slices"
	"sync"
	"time"
	"unsafe"

	"github.com/baton-go/baton/internal/blocks"
	"github.com/baton-go/baton/resp3"
)

// Mode says in which form a call wants its reply. In all but Value, Encoded and Raw the kind of the reply is known: it
// may be an error or null too, and any other is a *resp3.TypeError and ends the link, see ErrOutOfStep.
type Mode uint8

// The forms of a reply.
const (
	Check      Mode = iota // only whether the reply is a text, an error or null
	AppendText             // the text of a bulk, simple or verbatim string is appended to Call.Dst
	Text                   // such a text is put into Call.Str
	Int                    // an integer is put into Call.Num
	Truth                  // as Int, and a boolean as 0 or 1
	Float                  // a number is put into Call.Float: a double, an integer, or the text of a bulk string
	Value                  // the reply is decoded into Call.Val
	Encoded                // the encoded reply is copied to Call.Rep, unless it is an error
	Raw                    // the encoded replies are copied to Call.Rep, one behind the other; for more than one reply
)

// Call is one unit of work for a connection: the encoded request, the form in which the reply is wanted, and the reply.
// Get one with Config.NewCall and give it back with Free; in between it belongs to one goroutine. Do never keeps a
// call: when it returns, early or not, nothing of the connection touches the call or Dst any more.
//
// With hundreds of callers, most of the cost of a call is memory that is not in the cache. The fields that every call
// needs are in the first two cache lines, and Free cleans no more than was used.
type Call struct {
	Req []byte // one or more whole commands; kept for another attempt until Free
	// Timeout for the reply to come, or to go on once it has begun; 0 none. It is a floor during maintenance.
	Timeout time.Duration
	wake    chan signal // room for one sigRead and one sigDone, so that a sender never waits
	seq     uint64      // place in the queue; guarded by link.mu
	Mode    Mode
	Null    bool // the reply was null; not in modes Value and Raw
	refers  bool // Refs is not empty
	Large   bool // out: a single reply had 64 KiB or more, or was going to when the call was given up
	callState

	Dst []byte // AppendText: in and out
	Str string // Text
	// Err is the server's answer if that is an error; or a *resp3.TypeError, and the link has been ended.
	Err  error
	home *sync.Pool

	Num     int64         // Int, Truth; Raw: how many replies are errors
	Float   float64       // Float
	Val     resp3.Value   // Value
	Rep     []byte        // Encoded, Raw: encoded replies
	Ends    []int         // Raw: where in Rep each whole reply ends
	Wait    time.Duration // the server may wait so long before Timeout begins; not in modes Check, AppendText, Text
	Refs    []Ref         // arguments for which empty ones stand in Req
	Replies int           // Raw: how many replies Req asks for, 0 is 1; the other modes are for one
	attempt
}

// attempt is what a call keeps of its present attempt.
type attempt struct {
	base int   // length of Dst before the first attempt
	cut  error // why a taken call is to end early; guarded by link.mu
	from *link // modes Value, Encoded and Raw: where it was queued last
}

// callState is the progress of a call; guarded by link.mu while it is queued.
type callState struct {
	queued  bool // once at least
	waiting bool // sleeps on wake: may be given the reading
	reads   bool // was given the reading; the signal is in wake or on its way
	taken   bool // a reader fills in the reply at this moment
	ended   bool // not queued any more; sigDone is in wake or on its way, unless the owner ended it itself
	failed  bool // Err is why it ended without its whole reply
	wasCut  bool // cut is set
}

// sleepUntil waits for a signal or for the end of a context, which is signal 0. It is not inlined, since its select
// would take room on the stack of every sleeping caller.
//
//go:noinline
func (q *Call) sleepUntil(gone <-chan struct{}) signal {
	select {
	case s := <-q.wake:
		return s
	case <-gone:
		return 0
	}
}

// failLocked ends the call without its whole reply.
func (q *Call) failLocked(err error) {
	q.Err, q.failed, q.ended, q.waiting = err, true, true, false
}

// cutLocked asks the reader, which is just filling in the call, to end it.
func (q *Call) cutLocked(err error) { q.cut, q.wasCut = err, true }

// err returns why the call ended without its whole reply, nil if it has it. It is for the owner, after the end.
func (q *Call) err() error {
	if q.failed {
		return q.Err
	}
	return nil
}

type signal uint8

const (
	sigDone signal = 1 + iota // the call has ended
	sigRead                   // read for all callers
)

// Larger buffers are not kept with a free call, or an idle link.
const (
	keepRequest = 64 << 10
	keepReplies = 16 << 10
	keepEnds    = 2 << 10
	keepRefs    = 256
	keepIdle    = 1 << 10
)

// NewCall returns an empty call for one reply. Calls are kept per Config, so that those of a client under a fake clock
// never meet others.
func (c *Config) NewCall() *Call {
	q, _ := c.calls.Get().(*Call)
	if q == nil {
		q = &Call{home: &c.calls, wake: make(chan signal, 2)}
	}
	return q
}

// Free gives the call back. Neither it nor Req, Rep and Ends may be used afterwards; Dst, Str and Val are the caller's.
func (q *Call) Free() {
	if q.refers {
		q.dropRefs()
	}
	if cap(q.Req) > keepRequest {
		blocks.Recycle(q.Req)
	}
	q.Req = emptied(q.Req, keepRequest)
	q.Dst, q.Str, q.Err = nil, "", nil
	if q.Mode >= Int || q.failed || q.wasCut {
		q.Rep, q.Ends = emptied(q.Rep, keepReplies), emptied(q.Ends, keepEnds)
		q.Num, q.Float, q.Val, q.Wait, q.Replies, q.cut, q.from = 0, 0, resp3.Value{}, 0, 0, nil, nil
	}
	q.Timeout, q.Mode, q.Null, q.Large, q.callState = 0, Check, false, false, callState{}
	q.home.Put(q)
}

// emptied keeps the memory of s unless its capacity is above limit.
func emptied[T any](s []T, limit int) []T {
	if cap(s) > limit {
		return nil
	}
	return s[:0]
}

// Condemn ends the link that has answered the call, because its command cannot have a reply of this kind or length, as
// why says. Calls that wait there fail with ErrOutOfStep. It is for the modes in which the caller judges the reply,
// after Do and before Free; in the others it does nothing, since the link has judged.
func (q *Call) Condemn(why error) {
	if q.from != nil {
		q.from.fail(outOfStep(why))
	}
}

// outOfStep does not wrap why, which is only for the call whose reply was judged.
func outOfStep(why error) error { return fmt.Errorf("%w (%v)", ErrOutOfStep, why) }

// Block returns the replies of modes Encoded and Raw as one string that owns its memory. A large one takes the memory
// of Rep, which is empty afterwards.
func (q *Call) Block() string {
	if cap(q.Rep) <= keepReplies {
		return string(q.Rep)
	}
	s := frozen(q.Rep)
	q.Rep = nil
	return s
}

// begin makes the call ready to be queued, again if need be.
func (q *Call) begin() {
	if q.Mode == AppendText {
		if !q.queued {
			q.base = len(q.Dst)
		}
		q.Dst = q.Dst[:q.base] // an attempt that failed may have left a part there
	}
	if q.queued {
		q.Rep, q.Ends, q.Num, q.cut, q.Err, q.Null = q.Rep[:0], q.Ends[:0], 0, nil, nil, false
	}
	q.callState = callState{queued: true}
}

// take fills in one whole reply, on the goroutine that reads; more is the number of replies that follow. It reports
// false if the command cannot have a reply of this kind.
func (q *Call) take(f *resp3.Frame, more int) bool {
	if len(f.Bytes) >= largeReply {
		q.Large = true
	}
	if f.Kind == resp3.BulkString && q.Mode <= Text { // the common case first
		if p := f.Payload(); p != nil {
			q.takeText(p)
			return true
		}
	}
	switch {
	case q.Mode == Raw:
		// Room for as many bytes in each reply to come, unless that is much compared with what has come.
		if b := f.Bytes; more > 0 && cap(q.Rep)-len(q.Rep) < len(b) {
			q.Rep = slices.Grow(q.Rep, min(len(b)*(more+1), max(bodyStep, len(q.Rep)+len(b))))
		}
		q.Rep = append(q.Rep, f.Bytes...)
		q.Ends = append(q.Ends, len(q.Rep))
		if f.Kind == resp3.SimpleError || f.Kind == resp3.BulkError {
			q.Num++
		}
	case q.Mode == Value:
		q.Val = f.Value()
		q.Err = q.Val.Err()
	case f.Kind == resp3.SimpleError || f.Kind == resp3.BulkError:
		q.Err = f.Value().Err()
	case q.Mode == Encoded:
		q.Rep, q.Null = append(q.Rep, f.Bytes...), f.IsNull()
	case f.IsNull():
		q.Null = true
	case q.possible(f):
		return true
	default:
		q.Err = &resp3.TypeError{Want: wanted[q.Mode], Kind: f.Kind}
		return false
	}
	return true
}

// wanted is what a reply of another kind is not.
var wanted = [...]string{
	Check: "a status", AppendText: "text", Text: "text", Int: "an int64", Truth: "an int64", Float: "a float64",
}

// possible takes a reply whose kind the mode has, and reports whether it is one.
func (q *Call) possible(f *resp3.Frame) (ok bool) {
	isText := f.Kind == resp3.SimpleString || f.Kind == resp3.BulkString || f.Kind == resp3.VerbatimString
	isNumber := f.Kind == resp3.Double || f.Kind == resp3.Integer || f.Kind == resp3.BulkString
	var err error
	switch {
	case q.Mode <= Text && isText:
		q.takeText(f.Payload())
	case q.Mode == Truth && f.Kind == resp3.Boolean:
		q.Num, _ = f.Value().Int()
	case (q.Mode == Int || q.Mode == Truth) && f.Kind == resp3.Integer:
		q.Num, err = resp3.ParseInt(f.Payload())
	case q.Mode == Float && isNumber:
		q.Float, err = resp3.ParseFloat(f.Payload())
		if err != nil && math.IsInf(q.Float, 0) { // a number, and too large
			q.Float, q.Err, err = 0, &resp3.TypeError{Want: wanted[Float], Kind: f.Kind}, nil
		}
	default:
		return false
	}
	return err == nil
}

func (q *Call) takeText(p []byte) {
	switch q.Mode {
	case AppendText:
		q.Dst = append(q.Dst, p...)
	case Text:
		q.Str = string(p)
	}
}

// beginBody prepares for a bulk string that comes in pieces. It reports false if the command cannot have one.
func (q *Call) beginBody(f resp3.Frame) bool {
	switch q.Mode {
	case Int, Truth, Float:
		q.Err = &resp3.TypeError{Want: wanted[q.Mode], Kind: f.Kind}
		return false
	case Raw, Encoded, Value:
		q.Rep = append(q.Rep, f.Bytes...)
	case Text:
		q.Rep = nil // becomes the string's memory, so it must not be a recycled buffer
	}
	return true
}

// endBody ends a streamed bulk string.
func (q *Call) endBody() {
	if q.Mode > Float {
		q.Rep = append(q.Rep, '\r', '\n')
	}
	switch q.Mode {
	case Raw:
		q.Ends = append(q.Ends, len(q.Rep))
	case Value:
		if q.Val, _, q.Err = resp3.Decode(frozen(q.Rep)); q.Err == nil {
			q.Err = q.Val.Err()
		}
		q.Rep = nil
	case Text:
		q.Str, q.Rep = frozen(q.Rep), nil
	}
}

// frozen views b as a string without copying. The caller gives up every other reference to b, so it cannot change.
func frozen(b []byte) string { return unsafe.String(unsafe.SliceData(b), len(b)) }

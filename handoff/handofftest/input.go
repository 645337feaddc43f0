package handofftest

import (
	"io"

	"github.com/baton-go/baton/resp3"
)

// queueLen is how many commands a connection reads ahead once it has blocked.
const queueLen = 256

// input is where a connection's commands come from. At first its goroutine reads
// the socket itself. From the first blocking command on, another goroutine reads
// ahead into a queue, so that a client that goes away while blocked is noticed and
// no element is popped for it.
type input struct {
	c     *Conn
	r     *resp3.Reader
	queue chan []byte // nil: read r
}

func newInput(c *Conn) *input {
	return &input{c: c, r: resp3.NewReader(c.stream, resp3.Limits{})}
}

// next waits for a command. The bytes are good until the next call.
func (in *input) next() ([]byte, error) {
	if in.queue == nil {
		f, err := in.r.Next()
		return f.Bytes, err
	}
	select {
	case b := <-in.queue:
		return b, nil
	case <-in.c.done:
		return nil, io.EOF
	}
}

// buffered is next for what has arrived already; ok is false if nothing has.
func (in *input) buffered() (b []byte, ok bool, err error) {
	if in.queue == nil {
		f, ok, err := in.r.Buffered()
		return f.Bytes, ok, err
	}
	select {
	case b := <-in.queue:
		return b, true, nil
	default:
		return nil, false, nil
	}
}

// readAhead hands the socket to a goroutine of its own, for good.
func (in *input) readAhead() {
	if in.queue != nil {
		return
	}
	in.queue = make(chan []byte, queueLen)
	in.c.server.wg.Go(func() { in.fill(in.queue) })
}

// fill reads until the connection ends. The end of the stream ends the connection
// even while a command blocks.
func (in *input) fill(queue chan<- []byte) {
	for {
		f, err := in.r.Next()
		if err != nil {
			in.c.leave(finned)
			return
		}
		select {
		case queue <- append([]byte(nil), f.Bytes...):
		case <-in.c.done:
			return
		}
	}
}

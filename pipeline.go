package baton

import (
	"context"
	"errors"
	"fmt"

	"github.com/baton-go/baton/conn"
	"github.com/baton-go/baton/internal/facts"
	"github.com/baton-go/baton/resp3"
)

// Pipe collects commands that are sent in one write. It is valid inside the function given to Pipeline, and is not for
// several goroutines at once. Its methods are those of Client; a command that cannot be encoded fails the whole pipeline
// before anything is sent.
type Pipe struct {
	call *conn.Call
	n    int    // commands
	err  error  // why there are no replies, or no further ones; errRunning until the pipeline has ended
	req  []byte // all commands, while call.Req may be what is left of them
	text string // the replies that have come, encoded, one behind the other
	ends []int  // where in text each of them ends
	errs bool   // some reply, perhaps of an attempt that was made again, was an error

	tx bool       // MULTI and EXEC surround the commands, none of which is sent again by itself
	cn *conn.Conn // of a transaction: where it was sent
}

// Reply is the reply of one command of a pipeline. It is a small value; its memory is shared by all replies of the pipeline.
type Reply[T any] struct {
	p      *Pipe
	i      int
	decode func(reply string) (T, error)
}

var errRunning = errors.New("baton: reply is read before its pipeline has ended")

// Get returns the reply after Pipeline has returned: Nil for a null, the server's error, or the pipeline's.
func (r Reply[T]) Get() (T, error) {
	var zero T
	switch {
	case r.p == nil:
		return zero, errors.New("baton: reply of no pipeline")
	case r.p.err == errRunning || r.i >= len(r.p.ends):
		return zero, r.p.err
	}
	return r.decode(r.p.reply(r.i))
}

// reply returns one reply as it came.
func (p *Pipe) reply(i int) string {
	begin := 0
	if i > 0 {
		begin = p.ends[i-1]
	}
	return p.text[begin:p.ends[i]]
}

// Pipeline runs fn, which queues commands, and sends them in one write: nothing if fn returns an error, which is then
// returned. It waits for all replies. The commands are executed in order, but other clients' commands may stand between
// them. They go to one server as a whole, also while maintenance moves the connection.
//
// If the connection is lost, the commands that were answered are not sent again. The others are, if the most harmful of
// them may be. If all of them were answered by a state that proves that the server executed nothing, they are sent again too.
//
// The error is the transport's, or else the first that the server answered to a command. All replies that have come can be
// read with Reply.Get then; the others return the error, which says whether they may have been executed.
func (c *commands) Pipeline(ctx context.Context, fn func(*Pipe) error) error {
	p := &Pipe{call: c.newCall(), err: errRunning}
	p.call.Mode = conn.Raw
	defer p.free()
	if err := p.fill(fn); err != nil || p.n == 0 {
		return err
	}
	p.call.Replies, p.req = p.n, p.call.Req
	p.ends = make([]int, 0, p.n)
	p.err = c.run(ctx, &operation{call: p.call, name: "pipeline", pipe: p})
	if len(p.ends) == p.n {
		p.err = nil
		if p.errs {
			return p.firstError("pipeline", 0)
		}
	}
	return p.err
}

// fill lets fn queue its commands.
func (p *Pipe) fill(fn func(*Pipe) error) error {
	err := fn(p)
	switch {
	case err != nil:
		p.err = err
	case p.err != errRunning: // of a command that could not be encoded
		err = p.err
	case p.n == 0:
		p.err = nil
	}
	return err
}

func (p *Pipe) free() {
	p.call.Free()
	p.call, p.req = nil, nil
}

// settle takes the replies of an attempt, which has ended with err, and judges them. After a failure the commands that were
// answered leave the request.
func (p *Pipe) settle(c *Client, op *operation, cn *conn.Conn, err error) fate {
	if p.tx {
		p.cn = cn
		return fate{replied: true}
	}
	q, before := op.call, 0
	first := p.n - q.Replies // the replies before it were settled by a failure
	if p.ends = p.ends[:first]; first > 0 {
		before = p.ends[first-1]
	}
	p.ends = append(p.ends, q.Ends...)
	for i := first; before > 0 && i < len(p.ends); i++ {
		p.ends[i] += before
	}
	p.text = p.text[:before] + q.Block() // without a copy if one of them is empty
	f := p.judgeFrom(first, c, op, cn)
	if err != nil {
		q.DropFront(len(q.Req) - len(facts.Skip(q.Req, len(q.Ends))))
		q.Replies -= len(q.Ends)
	}
	q.Rep, q.Ends, q.Num = q.Rep[:0], q.Ends[:0], 0 // the next attempt may end before the call is queued again
	return f
}

// judgeFrom judges the replies from the first of an attempt on. If each of them proves that its own command was not executed,
// the one that leaves the least chance stands for all.
func (p *Pipe) judgeFrom(first int, c *Client, op *operation, cn *conn.Conn) fate {
	if op.call.Num == 0 {
		return fate{replied: true}
	}
	p.errs = true
	least, notExecuted := fate{replied: true}, true
	req, at := op.call.Req, first // req is cut as far as there was an error
	for i := first; i < len(p.ends); i++ {
		err := errorOf(p.reply(i))
		if err == nil {
			notExecuted = false
			continue
		}
		req, at = facts.Skip(req, i-at), i
		genuine := !facts.Relays(req)
		switch s, ok := c.checkReply(op.conn, cn, err, genuine); {
		case !ok || !genuine:
			notExecuted = false
		case least.err == nil || s.chance < least.chance:
			least = s.proves(err)
		}
	}
	if !notExecuted {
		return fate{replied: true}
	}
	return least
}

// errorOf is the error that an encoded reply is, or nil.
func errorOf(reply string) error {
	switch resp3.Kind(reply[0]) {
	case resp3.SimpleError, resp3.BulkError, resp3.Attribute: // which may have an error behind it
	default:
		return nil
	}
	w := resp3.Walk(reply)
	if k := w.Kind(); k != resp3.SimpleError && k != resp3.BulkError {
		return nil
	}
	_, err := decodeValue(reply)
	return err
}

// firstError is the first error among the replies. head is how many commands stand before those of the caller.
func (p *Pipe) firstError(in string, head int) error {
	for i := range p.ends {
		if err := errorOf(p.reply(i)); err != nil {
			return fmt.Errorf("baton: command %d of %d in the %s, %s: %w", i+1, p.n, in, p.name(i+head), err)
		}
	}
	return nil
}

// name reads the name of a command out of the encoded request.
func (p *Pipe) name(i int) string {
	w := resp3.Walk(string(facts.Skip(p.req, i)))
	v, _ := w.Value()
	name, _ := v.Index(0).Text()
	return name
}

// next returns the call that the next command goes to.
func (p *Pipe) next() *conn.Call {
	if p.call == nil {
		panic("baton: Pipe used after its pipeline has ended")
	}
	return p.call
}

// enqueue adds r to the pipeline and returns the handle of its reply. It is short, as there is one for each type of reply.
func enqueue[T any](p *Pipe, r request, decode func(string) (T, error)) Reply[T] {
	return Reply[T]{p: p, i: p.queue(&r), decode: decode}
}

// queue completes r and returns its place in the pipeline.
func (p *Pipe) queue(r *request) int {
	p.n++
	if err := r.end(); err != nil && p.err == errRunning {
		p.err = fmt.Errorf("baton: command %d of the pipeline, %s: %w", p.n, r.name, err)
	}
	return p.n - 1
}

// Do queues any command that Client.Do takes, except those that may block.
func (p *Pipe) Do(args ...any) Reply[resp3.Value] {
	r := anyArgs(p.next(), args...)
	if r.err == nil {
		if f, _ := facts.Of(r.call.Req[r.start:]); f.Use != facts.Shared {
			r.err = errors.New("is not possible in a pipeline")
		}
	}
	return enqueue(p, r, decodeValue)
}

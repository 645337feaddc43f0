package baton

import (
	"context"
	"errors"
	"fmt"

	"github.com/baton-go/baton/conn"
	"github.com/baton-go/baton/resp3"
)

// Pipe collects commands that are sent in one write. It is valid inside the function given to Pipeline, and is not for
// several goroutines at once. Its methods are those of Client; what cannot be encoded fails the whole pipeline before
// anything is sent.
type Pipe struct {
	call    *conn.Call
	n       int      // commands
	err     error    // first command that could not be encoded
	replies []string // encoded, set when the pipeline has ended
	fault   error    // why there are no replies
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
	case r.p.fault != nil:
		return zero, r.p.fault
	}
	return r.decode(r.p.replies[r.i])
}

// Pipeline runs fn, which queues commands, and sends them in one write: nothing if fn returns an error, which is then
// returned. It waits for all replies. The commands are executed in order, but other clients' commands may stand between
// them. They go to one server as a whole, also while maintenance moves the connection.
//
// The error is the transport's, or else the first that the server answered to a command; all replies can be read with
// Reply.Get then.
func (c *commands) Pipeline(ctx context.Context, fn func(*Pipe) error) error {
	p := &Pipe{call: c.newCall(), fault: errRunning}
	defer func() {
		p.call.Free()
		p.call = nil
	}()
	if err := fn(p); err != nil {
		p.fault = err
		return err
	}
	if p.err != nil {
		p.fault = p.err
		return p.err
	}
	if p.n == 0 {
		p.fault = nil
		return nil
	}
	p.call.Mode, p.call.Replies = conn.Raw, p.n
	if p.fault = c.run(ctx, &operation{call: p.call, name: "pipeline"}); p.fault != nil {
		return p.fault
	}
	p.fault = p.decode()
	if p.fault != nil {
		return p.fault
	}
	return p.firstError()
}

// decode cuts the replies. Their texts share one block.
func (p *Pipe) decode() error {
	w := resp3.Walk(p.call.Block())
	p.replies = make([]string, p.n)
	for i := range p.replies {
		var err error
		if p.replies[i], err = w.Skip(); err != nil {
			return fmt.Errorf("baton: pipeline: %w", err)
		}
	}
	return nil
}

func (p *Pipe) firstError() error {
	for i, reply := range p.replies {
		w := resp3.Walk(reply)
		if k := w.Kind(); k != resp3.SimpleError && k != resp3.BulkError {
			continue
		}
		_, err := decodeValue(reply)
		return fmt.Errorf("baton: command %d of %d in the pipeline, %s: %w", i+1, p.n, p.name(i), err)
	}
	return nil
}

// name reads the name of a command out of the encoded request, where alone it is kept.
func (p *Pipe) name(i int) string {
	w := resp3.Walk(string(p.call.Req))
	for range i {
		w.Skip()
	}
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

// enqueue adds r to the pipeline and returns the handle of its reply.
func enqueue[T any](p *Pipe, r request, decode func(string) (T, error)) Reply[T] {
	p.n++
	if err := r.end(); err != nil && p.err == nil {
		p.err = fmt.Errorf("baton: command %d of the pipeline, %s: %w", p.n, r.name, err)
	}
	return Reply[T]{p: p, i: p.n - 1, decode: decode}
}

// Do queues any command that Client.Do takes, except those that may block.
func (p *Pipe) Do(args ...any) Reply[resp3.Value] {
	r := raw(p.next(), args...)
	if r.err == nil {
		if f, _ := factOf(r.call.Req[r.start:]); f.use != shared {
			r.err = errors.New("is not possible in a pipeline")
		}
	}
	return enqueue(p, r, decodeValue)
}

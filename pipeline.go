package baton

import (
	"context"
	"errors"
	"fmt"

	"github.com/baton-go/baton/conn"
	"github.com/baton-go/baton/resp3"
)

// Pipe collects commands that are sent in one write. It is valid inside the function given to Pipeline, and is not for
// several goroutines at once.
type Pipe struct {
	call    *conn.Call
	n       int // commands
	class   Class
	err     error         // first command that could not be encoded
	replies []resp3.Value // set when the pipeline has ended
	fault   error         // why there are no replies
}

// Reply is the reply of one command of a pipeline. It is a small value; its memory is shared by all replies of the pipeline.
type Reply[T any] struct {
	p    *Pipe
	i    int
	null bool // a null is the zero T, not Nil
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
	v := r.p.replies[r.i]
	if r.null && v.IsNull() {
		return zero, nil
	}
	return As[T](v, v.Err())
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
	if p.fault = c.run(ctx, &operation{call: p.call, name: "pipeline", class: p.class}); p.fault != nil {
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
	block := p.call.Block()
	p.replies = make([]resp3.Value, p.n)
	for i := range p.replies {
		v, n, err := resp3.Decode(block)
		if err != nil {
			return fmt.Errorf("baton: pipeline: %w", err)
		}
		p.replies[i], block = v, block[n:]
	}
	return nil
}

func (p *Pipe) firstError() error {
	for i, v := range p.replies {
		if err := v.Err(); err != nil {
			return fmt.Errorf("baton: command %d of %d in the pipeline, %s: %w", i+1, p.n, p.name(i), err)
		}
	}
	return nil
}

// name reads the name of a command out of the encoded request, where alone it is kept.
func (p *Pipe) name(i int) string {
	rest := string(p.call.Req)
	for ; ; i-- {
		v, n, err := resp3.Decode(rest)
		if err != nil || i == 0 {
			name, _ := v.Index(0).Text()
			return name
		}
		rest = rest[n:]
	}
}

func add[T any](p *Pipe, class Class) Reply[T] {
	if p.call == nil {
		panic("baton: Pipe used after its pipeline has ended")
	}
	p.n++
	p.class = max(p.class, class)
	return Reply[T]{p: p, i: p.n - 1}
}

// Do queues any command that Client.Do takes, except those that may block.
func (p *Pipe) Do(args ...any) Reply[resp3.Value] {
	var name string
	if len(args) > 0 {
		name, _ = args[0].(string)
	}
	f := factOf(name, args)
	r := add[resp3.Value](p, f.class)
	req, err := resp3.AppendCommandArgs(p.call.Req, args...)
	switch {
	case name == "":
		err = errors.New("needs a command name as first argument")
	case f.use != shared:
		err = errors.New("is not possible in a pipeline")
	}
	if err != nil && p.err == nil {
		p.err = fmt.Errorf("baton: command %d of the pipeline, %s: %w", p.n, name, err)
	}
	p.call.Req = req
	return r
}

// Get queues GET.
func (p *Pipe) Get(key string) Reply[string] {
	r := add[string](p, Read)
	p.call.Req = resp3.AppendCommand(p.call.Req, "GET", key)
	return r
}

// Set queues SET. The reply is false if NX or XX forbade it.
func (p *Pipe) Set(key, value string, opts ...SetOption) Reply[bool] {
	r := add[bool](p, WriteLastWins)
	r.null = true
	if err := setHeader(p.call, key, opts); err != nil {
		p.err = errors.Join(p.err, err)
		return r
	}
	p.call.Req = resp3.AppendBulk(p.call.Req, value)
	p.class = max(p.class, appendSetOptions(p.call, opts))
	return r
}

// Incr queues INCR.
func (p *Pipe) Incr(key string) Reply[int64] {
	r := add[int64](p, WriteAccumulate)
	p.call.Req = resp3.AppendCommand(p.call.Req, "INCR", key)
	return r
}

// Del queues DEL.
func (p *Pipe) Del(keys ...string) Reply[int64] {
	r := add[int64](p, WriteOnce)
	p.call.Req = resp3.AppendArrayLen(p.call.Req, 1+len(keys))
	p.call.Req = resp3.AppendBulk(p.call.Req, "DEL")
	for _, k := range keys {
		p.call.Req = resp3.AppendBulk(p.call.Req, k)
	}
	return r
}

package conn

import (
	"context"
	"io"
	"net"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/baton-go/baton/handoff/handofftest"
	"github.com/baton-go/baton/resp3"
)

// ordered is a connection that moves from A, pinned there, with all that can happen to it.
type ordered struct {
	*testing.T
	name  string
	c     *Conn
	cfg   *Config
	srv   *handofftest.Server
	nodes []*handofftest.Node
	work  sync.WaitGroup

	mu   sync.Mutex
	pins []*Pin
}

const orderA, orderB, orderC, orderNowhere = "10.0.0.1:1", "10.0.0.2:1", "10.0.0.3:1", "10.0.0.4:1"

var orderedSteps = []struct {
	name string
	do   func(o *ordered)
}{
	{"unpin", func(o *ordered) {
		o.mu.Lock()
		defer o.mu.Unlock()
		for _, p := range o.pins {
			p.Unpin()
		}
	}},
	{"pin", func(o *ordered) {
		o.mu.Lock()
		defer o.mu.Unlock()
		o.pins = append(o.pins, o.c.Pin())
	}},
	{"stay", func(o *ordered) { o.c.Stay() }},
	{"move", func(o *ordered) { o.move(o.Context(), orderC) }},
	{"move nowhere", func(o *ordered) { o.move(o.Context(), orderNowhere) }},
	{"serving link dies", func(o *ordered) { o.c.cur.Load().fail(io.EOF) }},
	{"next link dies", func(o *ordered) { o.next().fail(io.EOF) }},
	{"targets die", func(o *ordered) {
		o.nodes[1].Kill()
		o.nodes[2].Kill()
	}},
	{"call", func(o *ordered) { o.call() }},
	{"targets answer", func(o *ordered) {
		for _, n := range o.nodes {
			n.Stall(false)
		}
	}},
	{"hold ends", func(o *ordered) { time.Sleep(9 * time.Second) }},
	{"retire", func(o *ordered) { o.c.Retire(time.Now().Add(time.Second)) }},
	{"close", func(o *ordered) { o.c.Close() }},
}

func (o *ordered) move(ctx context.Context, addr string) {
	_ = o.c.Move(ctx, Target{Addr: addr, Drain: time.Now().Add(10 * time.Second)})
}

// next is the link that waits, or one that is dead.
func (o *ordered) next() *link {
	o.c.mu.Lock()
	defer o.c.mu.Unlock()
	if m := o.c.move; m != nil && m.next != nil {
		return m.next
	}
	return &link{cause: io.EOF}
}

// check holds the connection to its invariants while nothing runs.
func (o *ordered) check(order string) {
	synctest.Wait()
	c := o.c
	c.mu.Lock()
	defer c.mu.Unlock()
	assert.Equal(o, c.state == Moving, c.move != nil, order)
	assert.Equal(o, c.state == Closed, c.cause != nil, order)
	assert.Empty(o, c.notify, order)
	for _, p := range c.pins {
		assert.Same(o, c.cur.Load(), p.link, order)
	}
	switch c.state {
	case Ready:
		assert.Empty(o, c.old, order)
		assert.NoError(o, c.cur.Load().err(), order)
	case Draining:
		assert.NotEmpty(o, c.old, order)
		assert.NoError(o, c.cur.Load().err(), order)
	case Closed:
		assert.True(o, closed(c.done), order)
	}
}

func closed(done <-chan struct{}) bool {
	select {
	case <-done:
		return true
	default:
		return false
	}
}

// Two steps meet a connection that is about to move, one after the other and both at once. The move ends, leaves no socket
// behind, and dials nothing after its end. OnState may call the connection meanwhile.
func TestMoveMeetsEverythingInEveryOrder(t *testing.T) {
	for name, begin := range map[string]func(o *ordered){
		"waits for a pin": func(o *ordered) {
			o.move(o.Context(), orderB)
			assert.NotNil(o, o.next().conn)
		},
		"dials": func(o *ordered) {
			o.nodes[1].Stall(true)
			o.work.Go(func() { o.move(o.Context(), orderB) })
			synctest.Wait()
			assert.Equal(o, Moving, o.c.State())
		},
		"waits, and its next link is dialled again": func(o *ordered) {
			o.move(o.Context(), orderB)
			o.nodes[1].Stall(true)
			o.next().fail(io.EOF)
			synctest.Wait()
		},
		"drains": func(o *ordered) {
			o.nodes[0].Stall(true)
			o.work.Go(func() { o.call() })
			synctest.Wait()
			o.pins[0].Unpin()
			o.move(o.Context(), orderB)
			assert.Equal(o, Draining, o.c.State())
		},
	} {
		for _, together := range []bool{false, true} {
			synctest.Test(t, func(t *testing.T) {
				network := handofftest.NewNetwork()
				o := &ordered{T: t, name: name, srv: handofftest.NewServer(handofftest.Options{Listen: network.Listen})}
				defer o.srv.Close()
				for _, addr := range []string{orderA, orderB, orderC} {
					n, err := o.srv.Listen(addr)
					require.NoError(t, err)
					o.nodes = append(o.nodes, n)
				}
				o.cfg = &Config{
					DialTimeout: 5 * time.Second,
					Dial: func(ctx context.Context, kind, addr string) (net.Conn, error) {
						if !together {
							assert.NotErrorIs(t, ctx.Err(), context.Canceled, "a dial after the end of the move")
						}
						return network.DialContext(ctx, kind, addr)
					},
					OnState: func(c *Conn, from, _ State) {
						if c.Info(); from != Dialing {
							c.Pin().Unpin()
						}
					},
				}
				for i := range orderedSteps {
					for j := range orderedSteps {
						o.run(begin, together, i, j)
					}
				}
			})
		}
	}
}

func (o *ordered) run(begin func(o *ordered), together bool, steps ...int) {
	order := o.name
	for _, s := range steps {
		order += ", " + orderedSteps[s].name
	}
	for _, n := range o.nodes {
		n.Stall(false)
		n.Kill()
		require.NoError(o, n.Reopen())
	}
	var err error
	o.c, err = Dial(o.Context(), o.cfg, orderA)
	require.NoError(o, err)
	defer o.c.Close()
	o.pins = []*Pin{o.c.Pin()}
	begin(o)
	for _, s := range steps {
		if together {
			o.work.Go(func() { orderedSteps[s].do(o) })
			continue
		}
		orderedSteps[s].do(o)
		o.check(order)
	}
	o.check(order)
	o.work.Go(func() { time.Sleep(20 * time.Second) })
	o.work.Wait()
	o.check(order)
	open := 0
	for _, n := range o.nodes {
		open += int(n.Stats().Open)
	}
	switch s := o.c.State(); s {
	case Ready:
		assert.Equal(o, 1, open, order)
	case Closed:
		assert.Zero(o, open, order)
	default:
		assert.Fail(o, "the move has not ended", "%v: %s", s, order)
	}
}

// call sends a command. It returns after 3 s at most, however the connection ends or moves.
func (o *ordered) call() {
	q := o.cfg.NewCall()
	defer q.Free()
	q.Timeout, q.Req = 3*time.Second, resp3.AppendCommand(q.Req, "PING")
	start := time.Now()
	_ = o.c.Do(o.Context(), q)
	assert.Less(o, time.Since(start), 3500*time.Millisecond, o.name)
}

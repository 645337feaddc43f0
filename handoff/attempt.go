package handoff

import (
	"context"
	"fmt"
	"time"

	"github.com/baton-go/baton/conn"
)

// attempt is one try to move one connection.
type attempt struct {
	c      member
	rev    int
	to     string
	goal   bool // to is one of the goals, not the configured address
	began  time.Time
	cancel context.CancelFunc
}

type result struct {
	*attempt
	peer string // where the connection is now
	took time.Duration
	err  error
}

// try runs one attempt. It must not touch the runner, which goes on meanwhile.
func (m *Engine) try(ctx context.Context, a *attempt, t conn.Target, out chan<- result) {
	defer m.jobs.Done()
	defer a.cancel()
	res := result{attempt: a}
	select {
	case m.slots <- struct{}{}:
		res.err = moveSafely(ctx, a.c, t)
		<-m.slots
	case <-ctx.Done():
		res.err = ctx.Err()
	}
	res.peer, res.took = a.c.peer(), time.Since(a.began)
	out <- res
}

// moveSafely turns a panic into an error: a job must not take the program or the other connections along.
func moveSafely(ctx context.Context, c member, t conn.Target) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("handoff %s: move panicked: %v", t.Addr, p)
		}
	}()
	return c.move(ctx, t)
}

package handofftest

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/baton-go/baton/resp3"
)

// load is callers that work steadily and check what they get: each turn increments a common counter, sets a key, and reads it back.
type load struct {
	do     func(ctx context.Context, args ...string) (string, error)
	prefix string // of keys

	stopOnce sync.Once
	stop     chan struct{}
	wg       sync.WaitGroup

	done, failed atomic.Int64 // commands
	acked, tried atomic.Int64 // increments
	crossed      atomic.Int64 // values of another key

	mu     sync.Mutex
	begun  time.Time
	faults []string // the first few failures
}

func (l *load) start(ctx context.Context, callers int, every time.Duration) {
	l.begun = time.Now()
	for i := range callers {
		l.wg.Go(func() { l.work(ctx, i, every) })
	}
}

// end returns when all callers have.
func (l *load) end() {
	l.stopOnce.Do(func() { close(l.stop) })
	l.wg.Wait()
}

func (l *load) work(ctx context.Context, caller int, every time.Duration) {
	t := time.NewTicker(every)
	defer t.Stop()
	for n := 0; ; n++ {
		select {
		case <-l.stop:
			return
		case <-t.C:
		}
		l.round(ctx, fmt.Sprintf("%skey-%d-%d", l.prefix, caller, n%5))
	}
}

func (l *load) round(ctx context.Context, key string) {
	l.tried.Add(1)
	if _, err := l.do(ctx, "INCR", l.prefix+"total"); l.count(err) {
		l.acked.Add(1)
	}
	want := "of " + key
	if _, err := l.do(ctx, "SET", key, want); !l.count(err) {
		return
	}
	if got, err := l.do(ctx, "GET", key); l.count(err) && got != want {
		l.crossed.Add(1)
	}
}

func (l *load) count(err error) bool {
	if err == nil {
		l.done.Add(1)
		return true
	}
	l.failed.Add(1)
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.faults) < 5 {
		l.faults = append(l.faults, fmt.Sprintf("%v after the load began: %v", time.Since(l.begun), err))
	}
	return false
}

// story tells the first failures.
func (l *load) story() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.faults
}

// verdict compares with what the database has. An increment that failed may have been carried out, one that succeeded must have been, once.
func (l *load) verdict(total func(key string) (string, error)) error {
	if l.tried.Load() == 0 {
		return nil
	}
	text, err := total(l.prefix + "total")
	if err != nil {
		return fmt.Errorf("ask for the total: %w", err)
	}
	n, _ := strconv.ParseInt(text, 10, 64)
	var errs []error
	if acked, tried := l.acked.Load(), l.tried.Load(); n < acked || n > tried {
		errs = append(errs, fmt.Errorf("the counter is %d after %d increments of which %d were confirmed", n, tried, acked))
	}
	if c := l.crossed.Load(); c > 0 {
		errs = append(errs, fmt.Errorf("%d replies belong to other commands", c))
	}
	return errors.Join(errs...)
}

// askRedis sends one command to a server and returns the reply as text.
func askRedis(addr string, args ...string) (string, error) {
	c, err := net.Dial("tcp", addr)
	if err != nil {
		return "", err
	}
	defer c.Close()
	if _, err := c.Write(resp3.AppendCommand(nil, args...)); err != nil {
		return "", err
	}
	v, err := resp3.NewReader(c, resp3.Limits{}).ReadValue()
	if err != nil {
		return "", err
	}
	return v.Text()
}

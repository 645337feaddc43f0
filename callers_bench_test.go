package baton_test

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/baton-go/baton"
)

// BenchmarkCallers is the cost of a GET that callers share a connection for, without a kernel or a server: the peer is memory, and
// answers at once. The time that remains is the client's own and the Go scheduler's. Run it with -cpu 1 to compare two versions.
func BenchmarkCallers(b *testing.B) {
	for _, n := range []int{1, 8, 64, 512, 4096} {
		b.Run(fmt.Sprintf("AppendGet/%d", n), func(b *testing.B) {
			rush(b, n, func(ctx context.Context, c *baton.Client, dst []byte) error {
				_, err := c.AppendGet(ctx, dst, "key:000000000001")
				return err
			})
		})
		b.Run(fmt.Sprintf("Get/%d", n), func(b *testing.B) {
			rush(b, n, func(ctx context.Context, c *baton.Client, _ []byte) error {
				_, err := c.Get(ctx, "key:000000000001")
				return err
			})
		})
	}
}

// BenchmarkPipelines is the cost of a pipeline of GETs into strings, on the same peer.
func BenchmarkPipelines(b *testing.B) {
	for _, n := range []int{1, 10, 100, 1000} {
		replies := make([]baton.Reply[string], n)
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			rush(b, 1, func(ctx context.Context, c *baton.Client, _ []byte) error {
				err := c.Pipeline(ctx, func(p *baton.Pipe) error {
					for i := range replies {
						replies[i] = p.Get("key:000000000001")
					}
					return nil
				})
				for _, r := range replies {
					if v, err := r.Get(); err != nil || len(v) != 64 {
						return fmt.Errorf("%q, %w", v, err)
					}
				}
				return err
			})
		})
	}
}

func rush(b *testing.B, callers int, call func(ctx context.Context, c *baton.Client, dst []byte) error) {
	c, err := baton.New(baton.Options{Addr: "memory:1", Dialer: func(context.Context, string, string) (net.Conn, error) {
		return newEcho(), nil
	}})
	if err != nil {
		b.Fatal(err)
	}
	defer c.Close()
	ctx := context.Background()
	if err := c.Ready(ctx); err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	b.ResetTimer()
	var work sync.WaitGroup
	for i := range callers {
		calls := b.N / callers
		if i < b.N%callers {
			calls++
		}
		work.Go(func() {
			dst := make([]byte, 0, 128)
			for range calls {
				if err := call(ctx, c, dst); err != nil {
					b.Error(err)
					return
				}
			}
		})
	}
	work.Wait()
}

// echo is a peer in memory that answers each GET with 64 bytes, and the set-up with what it needs. It answers on a goroutine
// of its own, so that callers get the time to queue that a server gives them.
type echo struct {
	mu     sync.Mutex
	more   sync.Cond
	asked  sync.Cond
	gets   int
	out    []byte
	at     int
	closed bool
}

var echoed = append(append([]byte("$64\r\n"), bytes.Repeat([]byte("v"), 64)...), "\r\n"...)

func newEcho() *echo {
	e := &echo{}
	e.more.L, e.asked.L = &e.mu, &e.mu
	go e.answer()
	return e
}

func (e *echo) answer() {
	e.mu.Lock()
	defer e.mu.Unlock()
	for !e.closed {
		if e.gets == 0 {
			e.asked.Wait()
			continue
		}
		e.mu.Unlock()
		runtime.Gosched() // whoever can run may ask, too
		e.mu.Lock()
		for ; e.gets > 0; e.gets-- {
			e.out = append(e.out, echoed...)
		}
		e.more.Signal()
	}
}

func (e *echo) Write(p []byte) (int, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if bytes.HasPrefix(p, []byte("*2\r\n$3\r\nGET")) {
		e.gets += len(p) / len("*2\r\n$3\r\nGET\r\n$16\r\nkey:000000000001\r\n")
		e.asked.Signal()
		return len(p), nil
	}
	for range bytes.Count(p, []byte("*")) {
		if bytes.Contains(p, []byte("HELLO")) && len(e.out) == e.at {
			e.out = append(e.out, "%1\r\n+proto\r\n:3\r\n"...)
			continue
		}
		e.out = append(e.out, "+OK\r\n"...)
	}
	e.more.Signal()
	return len(p), nil
}

func (e *echo) Read(p []byte) (int, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	for e.at == len(e.out) && !e.closed {
		e.more.Wait()
	}
	if e.closed {
		return 0, net.ErrClosed
	}
	n := copy(p, e.out[e.at:])
	if e.at += n; e.at == len(e.out) {
		e.out, e.at = e.out[:0], 0
	}
	return n, nil
}

func (e *echo) Close() error {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.closed = true
	e.more.Broadcast()
	e.asked.Broadcast()
	return nil
}

func (e *echo) LocalAddr() net.Addr              { return &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 2} }
func (e *echo) RemoteAddr() net.Addr             { return &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 1} }
func (e *echo) SetDeadline(time.Time) error      { return nil }
func (e *echo) SetReadDeadline(time.Time) error  { return nil }
func (e *echo) SetWriteDeadline(time.Time) error { return nil }

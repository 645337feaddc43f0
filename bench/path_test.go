package main

import (
	"bytes"
	"context"
	"net"
	"testing"
	"time"

	"github.com/baton-go/baton"
)

// memoryConn answers every command at once, without a kernel: what is left is the client's own work. A reader that finds
// nothing waits until it is closed.
type memoryConn struct {
	net.Conn // nil: no other method is called
	reply    []byte
	ready    chan struct{}
	closed   chan struct{}
	value    string
}

func newMemoryConn() *memoryConn {
	return &memoryConn{ready: make(chan struct{}, 1), closed: make(chan struct{}), value: bulk(smallValue)}
}

func (c *memoryConn) Write(p []byte) (int, error) {
	for rest := p; len(rest) > 0; {
		i := bytes.Index(rest[1:], []byte("\r\n*")) // the next command
		one := rest
		if i >= 0 {
			one = rest[:i+3]
		}
		rest = rest[len(one):]
		switch {
		case bytes.Contains(one, []byte("\r\nGET\r\n")):
			c.reply = append(c.reply, c.value...)
		case bytes.Contains(one, []byte("HELLO")):
			c.reply = append(c.reply, "%3\r\n+server\r\n+redis\r\n+version\r\n+7.0.15\r\n+proto\r\n:3\r\n"...)
		case bytes.Contains(one, []byte("MAINT")):
			c.reply = append(c.reply, "-ERR unknown subcommand\r\n"...)
		default:
			c.reply = append(c.reply, "+OK\r\n"...)
		}
	}
	select {
	case c.ready <- struct{}{}:
	default:
	}
	return len(p), nil
}

func (c *memoryConn) Read(p []byte) (int, error) {
	for len(c.reply) == 0 {
		select {
		case <-c.ready:
		case <-c.closed:
			return 0, net.ErrClosed
		}
	}
	n := copy(p, c.reply)
	c.reply = c.reply[:copy(c.reply, c.reply[n:])]
	select {
	case <-c.ready:
	default:
	}
	return n, nil
}

func (c *memoryConn) Close() error        { close(c.closed); return nil }
func (c *memoryConn) LocalAddr() net.Addr { return &net.TCPAddr{} }
func (c *memoryConn) RemoteAddr() net.Addr {
	return &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 6379}
}
func (c *memoryConn) SetDeadline(time.Time) error      { return nil }
func (c *memoryConn) SetReadDeadline(time.Time) error  { return nil }
func (c *memoryConn) SetWriteDeadline(time.Time) error { return nil }

// BenchmarkPath is the work of one lone GET inside a client: no system call, no second goroutine.
func BenchmarkPath(b *testing.B) {
	dial := func(context.Context, string, string) (net.Conn, error) { return newMemoryConn(), nil }
	b.Run("baton", func(b *testing.B) {
		c, err := baton.New(baton.Options{Dialer: dial})
		if err != nil {
			b.Fatal(err)
		}
		defer c.Close()
		benchGet(b, func(ctx context.Context) (int, error) { s, err := c.Get(ctx, smallKey); return len(s), err })
	})
	b.Run("baton-append", func(b *testing.B) {
		c, err := baton.New(baton.Options{Dialer: dial})
		if err != nil {
			b.Fatal(err)
		}
		defer c.Close()
		buf := make([]byte, 0, 128)
		benchGet(b, func(ctx context.Context) (int, error) { v, err := c.AppendGet(ctx, buf, smallKey); return len(v), err })
	})
	b.Run("shared-floor", func(b *testing.B) {
		nc := newMemoryConn()
		c := &sharedConn{nc: nc, sk: newSkipper(nc, floorBuffer)}
		wire := appendCommand(nil, "GET", smallKey)
		benchGet(b, func(context.Context) (int, error) { return c.do(wire, 1) })
	})
	b.Run("floor", func(b *testing.B) {
		nc := newMemoryConn()
		c := floorClient{conn: []floorConn{{nc: nc, sk: newSkipper(nc, floorBuffer)}}}
		w := &Worker{}
		benchGet(b, func(context.Context) (int, error) { return c.one(w, w.req.of("GET", smallKey)) })
	})
}

func benchGet(b *testing.B, get func(ctx context.Context) (int, error)) {
	ctx := context.Background()
	b.ReportAllocs()
	for b.Loop() {
		if n, err := get(ctx); err != nil || n != smallValue {
			b.Fatal(n, err)
		}
	}
}

package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"strings"
)

// floorBuffer is the read buffer of a floor connection.
const floorBuffer = 64 << 10

// floorDrivers is one raw socket per caller: encoded request, one write, reads until the reply is whole, values skipped.
func floorDrivers() []Driver {
	return []Driver{
		{Name: "floor", Role: Floor, Open: openFloor, Idle: idleFloor, Decode: floorDecoder, Program: "std"},
		{Name: "floor-strings", Role: Floor, Open: openFloorStrings},
	}
}

// openFloorStrings is the floor that makes one string of all bytes that answer a call.
func openFloorStrings(e Env) (*Session, error) {
	c := &floorClient{env: e, conn: make([]floorConn, e.Callers), strings: true}
	return &Session{
		Get: func(_ context.Context, w *Worker, key string) (int, error) {
			n, err := c.one(w, w.req.of("GET", key))
			return n, c.finish(w, err)
		},
		Pipe: func(ctx context.Context, w *Worker, keys []string) (int, error) {
			n, err := c.pipe(ctx, w, keys)
			return n, c.finish(w, err)
		},
		Close: c.close,
	}, nil
}

// textConn keeps what is read, in memory for as much as the last call had.
type textConn struct {
	net.Conn
	b    strings.Builder
	text string
}

// Read is that of the socket.
func (t *textConn) Read(p []byte) (int, error) {
	n, err := t.Conn.Read(p)
	t.b.Grow(max(n, len(t.text)-t.b.Len()))
	t.b.Write(p[:n])
	return n, err
}

// finish makes the string of a call.
func (c *floorClient) finish(w *Worker, err error) error {
	if t, ok := c.conn[w.ID].nc.(*textConn); ok {
		t.text = t.b.String()
		t.b.Reset()
	}
	return err
}

// floorClient holds the socket of each caller; a slot is touched by its own caller only.
type floorClient struct {
	env     Env
	conn    []floorConn
	strings bool // connections are textConns
}

type floorConn struct {
	nc net.Conn
	sk *skipper
}

func openFloor(e Env) (*Session, error) {
	c := &floorClient{env: e, conn: make([]floorConn, e.Callers)}
	return &Session{
		Get: func(_ context.Context, w *Worker, key string) (int, error) { return c.one(w, w.req.of("GET", key)) },
		Set: func(_ context.Context, w *Worker, key string, value []byte) (int, error) {
			if w.req.key != key {
				w.req.of("SET", key, string(value))
			}
			_, err := c.one(w, w.req.wire)
			return 0, err
		},
		Incr:    func(_ context.Context, w *Worker, key string) (int, error) { return c.one(w, w.req.of("INCR", key)) },
		GetInto: c.getInto,
		Pipe:    c.pipe,
		MGet: func(_ context.Context, w *Worker, keys []string) (int, error) {
			if w.req.key != keys[0] {
				w.req.of("MGET", keys[0], keys[1:]...)
			}
			return c.one(w, w.req.wire)
		},
		HGetAll: func(_ context.Context, w *Worker, key string) (int, error) {
			n, err := c.one(w, w.req.of("HGETALL", key))
			return n / 2, err // the floor does not say HELLO, so the map comes as a flat array
		},
		LRange: func(_ context.Context, w *Worker, key string) (int, error) {
			return c.one(w, w.req.of("LRANGE", key, "0", "-1"))
		},
		Large: c.large(),
		Close: c.close,
	}, nil
}

// of returns the worker's connection, dialling it at first use.
func (c *floorClient) of(w *Worker) (*floorConn, error) {
	fc := &c.conn[w.ID]
	if fc.nc != nil {
		return fc, nil
	}
	nc, err := c.env.dial(context.Background())
	if err != nil {
		return nil, err
	}
	if c.strings {
		nc = &textConn{Conn: nc}
	}
	fc.nc, fc.sk = nc, newSkipper(nc, floorBuffer)
	return fc, nil
}

// one writes a request and walks over its reply.
func (c *floorClient) one(w *Worker, wire []byte) (int, error) {
	fc, err := c.of(w)
	if err != nil {
		return 0, err
	}
	if _, err := fc.nc.Write(wire); err != nil {
		return 0, err
	}
	n, _, err := fc.sk.reply()
	return n, err
}

// pipe writes all requests at once and walks over as many replies.
func (c *floorClient) pipe(_ context.Context, w *Worker, keys []string) (int, error) {
	fc, err := c.of(w)
	if err != nil {
		return 0, err
	}
	if _, err := fc.nc.Write(w.req.pipe(keys)); err != nil {
		return 0, err
	}
	sum := 0
	for range keys {
		n, _, err := fc.sk.reply()
		if err != nil {
			return 0, err
		}
		sum += n
	}
	return sum, nil
}

// getInto reads header, payload and line end into the caller's buffer, so that nothing is copied.
func (c *floorClient) getInto(_ context.Context, w *Worker, key string) (int, error) {
	fc, err := c.of(w)
	if err != nil {
		return 0, err
	}
	if _, err := fc.nc.Write(w.req.of("GET", key)); err != nil {
		return 0, err
	}
	have, head := 0, -1
	for head < 0 {
		n, err := fc.nc.Read(w.Buf[have:])
		if err != nil {
			return 0, err
		}
		have += n
		head = bytes.IndexByte(w.Buf[:have], '\n')
	}
	if w.Buf[0] != '$' {
		return 0, fmt.Errorf("floor: GET gave %q", w.Buf[:head])
	}
	size := decimal(w.Buf[1 : head-1])
	if need := head + 1 + size + 2 - have; need > 0 {
		_, err = io.ReadFull(fc.nc, w.Buf[have:have+need])
	}
	return size, err
}

func (c *floorClient) close() {
	for i := range c.conn {
		if c.conn[i].nc != nil {
			c.conn[i].nc.Close()
		}
	}
}

// idleFloor opens n sockets, each with the 4 KiB buffer that a blocking client at least keeps.
func idleFloor(e Env, n int) (io.Closer, error) {
	held := make([]*skipper, n)
	var all closers
	for i := range n {
		nc, err := e.dial(context.Background())
		if err != nil {
			all.Close()
			return nil, err
		}
		held[i] = newSkipper(nc, 4<<10)
		all = append(all, nc)
	}
	return append(all, closerFunc(func() { clear(held) })), nil
}

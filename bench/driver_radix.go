package main

import (
	"context"
	"crypto/tls"
	"io"
	"strconv"

	"github.com/mediocregopher/radix/v4"
)

// radixDrivers is radix as it comes: a pool of four connections, each shared by its callers.
func radixDrivers() []Driver {
	return []Driver{
		{Name: "radix", Role: Peer, Open: openRadix, Idle: idleRadix, Decode: radixAny, Program: "radix"},
		{Name: "radix-typed", Role: Peer, Decode: radixTyped},
		{Name: "radix-raw", Role: Peer, Decode: radixRaw},
	}
}

func openRadix(e Env) (*Session, error) {
	c, err := (radix.PoolConfig{Dialer: radixDialer(e)}).New(context.Background(), e.Network, e.Addr)
	if err != nil {
		return nil, err
	}
	return &Session{
		Get: func(ctx context.Context, w *Worker, key string) (int, error) {
			return radixGet(ctx, c, &w.Buf, key) // reuses the buffer, which is what it does best
		},
		GetInto: func(ctx context.Context, w *Worker, key string) (int, error) { return radixGet(ctx, c, &w.Buf, key) },
		Set: func(ctx context.Context, _ *Worker, key string, value []byte) (int, error) {
			return 0, c.Do(ctx, radix.FlatCmd(nil, "SET", key, value))
		},
		Incr: func(ctx context.Context, _ *Worker, key string) (int, error) {
			var n int
			err := c.Do(ctx, radix.Cmd(&n, "INCR", key))
			return n, err
		},
		Pipe: func(ctx context.Context, _ *Worker, keys []string) (int, error) { return radixPipe(ctx, c, keys) },
		MGet: func(ctx context.Context, _ *Worker, keys []string) (int, error) {
			var v []string
			err := c.Do(ctx, radix.Cmd(&v, "MGET", keys...))
			return len(v), err
		},
		HGetAll: func(ctx context.Context, _ *Worker, key string) (int, error) {
			var m map[string]string
			err := c.Do(ctx, radix.Cmd(&m, "HGETALL", key))
			return len(m), err
		},
		LRange: func(ctx context.Context, _ *Worker, key string) (int, error) {
			var v []string
			err := c.Do(ctx, radix.Cmd(&v, "LRANGE", key, "0", strconv.Itoa(-1)))
			return len(v), err
		},
		Close: func() { c.Close() },
	}, nil
}

func radixDialer(e Env) radix.Dialer {
	if e.TLS == nil {
		return radix.Dialer{}
	}
	return radix.Dialer{NetDialer: &tls.Dialer{Config: e.TLS}}
}

func radixGet(ctx context.Context, c radix.Client, buf *[]byte, key string) (int, error) {
	*buf = (*buf)[:0]
	err := c.Do(ctx, radix.Cmd(buf, "GET", key))
	return len(*buf), err
}

func radixPipe(ctx context.Context, c radix.Client, keys []string) (int, error) {
	p := radix.NewPipeline()
	values := make([]string, len(keys))
	for i, k := range keys {
		p.Append(radix.Cmd(&values[i], "GET", k))
	}
	if err := c.Do(ctx, p); err != nil {
		return 0, err
	}
	sum := 0
	for _, v := range values {
		sum += len(v)
	}
	return sum, nil
}

func idleRadix(e Env, n int) (io.Closer, error) {
	var all closers
	for range n {
		c, err := radixDialer(e).Dial(context.Background(), e.Network, e.Addr)
		if err != nil {
			all.Close()
			return nil, err
		}
		all = append(all, c)
	}
	return all, nil
}

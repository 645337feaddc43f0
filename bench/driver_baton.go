package main

import (
	"context"
	"fmt"
	"io"
	"time"

	"github.com/baton-go/baton"
	"github.com/baton-go/baton/pool"
)

// batonDrivers is Baton as it comes, with strings, and with its calls that append to the caller's memory.
func batonDrivers() []Driver {
	return []Driver{
		{Name: "baton", Role: Ours, Open: openBaton, Idle: idleBaton, Move: moveBaton, Decode: batonValues, Program: "baton"},
		{Name: "baton-append", Role: Ours, Open: openBatonAppend},
		{Name: "baton-own", Role: Ours, Decode: batonOwn},
		{Name: "baton-frames", Role: Ours, Decode: batonFrames},
	}
}

func batonOptions(e Env) baton.Options {
	return baton.Options{Network: e.Network, Addr: e.Addr, TLS: e.TLS}
}

func openBaton(e Env) (*Session, error) {
	c, err := baton.New(batonOptions(e))
	if err != nil {
		return nil, err
	}
	return blockingBaton(&Session{
		Get: func(ctx context.Context, _ *Worker, key string) (int, error) {
			s, err := c.Get(ctx, key)
			return len(s), err
		},
		GetInto: func(ctx context.Context, w *Worker, key string) (int, error) {
			b, err := c.AppendGet(ctx, w.Buf[:0], key)
			return len(b), err
		},
		Set: func(ctx context.Context, _ *Worker, key string, value []byte) (int, error) {
			_, err := c.SetBytes(ctx, key, value)
			return 0, err
		},
		Incr: func(ctx context.Context, _ *Worker, key string) (int, error) {
			n, err := c.Incr(ctx, key)
			return int(n), err
		},
		Pipe: func(ctx context.Context, _ *Worker, keys []string) (int, error) { return batonPipe(ctx, c, keys) },
		MGet: func(ctx context.Context, _ *Worker, keys []string) (int, error) {
			v, err := c.MGet(ctx, keys...)
			return len(v), err
		},
		HGetAll: func(ctx context.Context, _ *Worker, key string) (int, error) {
			m, err := c.HGetAll(ctx, key)
			return len(m), err
		},
		LRange: func(ctx context.Context, _ *Worker, key string) (int, error) {
			v, err := c.LRange(ctx, key, 0, -1)
			return len(v), err
		},
		Large: batonLarge(c),
		Struct: func(ctx context.Context, _ *Worker, key string) (int, error) {
			p, err := baton.HGetAllAs[person](ctx, c, key)
			return p.sum(), err
		},
		Listen: batonListen(c),
		Close:  func() { c.Close() },
	}, c), nil
}

func batonPipe(ctx context.Context, c *baton.Client, keys []string) (int, error) {
	replies := make([]baton.Reply[string], len(keys))
	err := c.Pipeline(ctx, func(p *baton.Pipe) error {
		for i, k := range keys {
			replies[i] = p.Get(k)
		}
		return nil
	})
	if err != nil {
		return 0, err
	}
	sum := 0
	for _, r := range replies {
		s, err := r.Get()
		if err != nil {
			return 0, err
		}
		sum += len(s)
	}
	return sum, nil
}

// openBatonAppend reads small values into the caller's buffer.
func openBatonAppend(e Env) (*Session, error) {
	c, err := baton.New(batonOptions(e))
	if err != nil {
		return nil, err
	}
	return &Session{
		Get: func(ctx context.Context, w *Worker, key string) (int, error) {
			b, err := c.AppendGet(ctx, w.Buf[:0], key)
			return len(b), err
		},
		Close: func() { c.Close() },
	}, nil
}

// idleBaton lets one client keep n connections ready, and waits until it has them.
func idleBaton(e Env, n int) (io.Closer, error) {
	o := batonOptions(e)
	o.Pool = pool.Config{Size: n + 1, MinIdle: n - 1}
	c, err := baton.New(o)
	if err != nil {
		return nil, err
	}
	stop := closerFunc(func() { c.Close() })
	if err := c.Ready(context.Background()); err != nil {
		stop()
		return nil, err
	}
	for range 1000 {
		if c.Stats().Open >= n {
			return stop, nil
		}
		time.Sleep(5 * time.Millisecond)
	}
	stop()
	return nil, fmt.Errorf("baton: fewer than %d connections after 5s", n)
}

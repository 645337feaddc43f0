package main

import (
	"context"
	"crypto/tls"
	"io"
	"net"

	"github.com/redis/rueidis"
)

// rueidisDrivers is rueidis as it comes and with one connection, which is its best mode under load.
func rueidisDrivers() []Driver {
	return []Driver{
		{Name: "rueidis", Role: Peer, Open: openRueidis(0), Idle: idleRueidis, Move: moveRueidis, Program: "rueidis"},
		{Name: "rueidis-1", Role: Peer, Open: openRueidis(-1)},
		{Name: "rueidis-hooks", Role: Peer, Listen: openRueidisHooks},
	}
}

func newRueidis(e Env, multiplex int) (rueidis.Client, error) {
	return rueidis.NewClient(rueidis.ClientOption{
		InitAddress: []string{e.Addr}, ForceSingleClient: true, DisableCache: true, PipelineMultiplex: multiplex,
		DialCtxFn: func(ctx context.Context, _ string, _ *net.Dialer, _ *tls.Config) (net.Conn, error) {
			return e.dial(ctx)
		},
	})
}

func openRueidis(multiplex int) func(Env) (*Session, error) {
	return func(e Env) (*Session, error) {
		c, err := newRueidis(e, multiplex)
		if err != nil {
			return nil, err
		}
		return blockingRueidis(rueidisSession(c), c), nil
	}
}

func rueidisSession(c rueidis.Client) *Session {
	return &Session{
		Get: func(ctx context.Context, _ *Worker, key string) (int, error) {
			s, err := c.Do(ctx, c.B().Get().Key(key).Build()).ToString()
			return len(s), err
		},
		Set: func(ctx context.Context, _ *Worker, key string, value []byte) (int, error) {
			return 0, c.Do(ctx, c.B().Set().Key(key).Value(rueidis.BinaryString(value)).Build()).Error()
		},
		Incr: func(ctx context.Context, _ *Worker, key string) (int, error) {
			n, err := c.Do(ctx, c.B().Incr().Key(key).Build()).ToInt64()
			return int(n), err
		},
		Pipe: func(ctx context.Context, _ *Worker, keys []string) (int, error) { return rueidisPipe(ctx, c, keys) },
		MGet: func(ctx context.Context, _ *Worker, keys []string) (int, error) {
			v, err := c.Do(ctx, c.B().Mget().Key(keys...).Build()).AsStrSlice()
			return len(v), err
		},
		HGetAll: func(ctx context.Context, _ *Worker, key string) (int, error) {
			m, err := c.Do(ctx, c.B().Hgetall().Key(key).Build()).AsStrMap()
			return len(m), err
		},
		LRange: func(ctx context.Context, _ *Worker, key string) (int, error) {
			v, err := c.Do(ctx, c.B().Lrange().Key(key).Start(0).Stop(-1).Build()).AsStrSlice()
			return len(v), err
		},
		Large: rueidisLarge(c),
		Struct: func(ctx context.Context, _ *Worker, key string) (int, error) {
			m, err := c.Do(ctx, c.B().Hgetall().Key(key).Build()).AsStrMap()
			if err != nil {
				return 0, err
			}
			p, err := personOf(m)
			return p.sum(), err
		},
		Listen: rueidisListen(c),
		Close:  c.Close,
	}
}

func rueidisPipe(ctx context.Context, c rueidis.Client, keys []string) (int, error) {
	cmds := make(rueidis.Commands, 0, len(keys))
	for _, k := range keys {
		cmds = append(cmds, c.B().Get().Key(k).Build())
	}
	sum := 0
	for _, r := range c.DoMulti(ctx, cmds...) {
		s, err := r.ToString()
		if err != nil {
			return 0, err
		}
		sum += len(s)
	}
	return sum, nil
}

// idleRueidis opens n clients of one connection each: its shared connections cannot be more than eight.
func idleRueidis(e Env, n int) (io.Closer, error) {
	var all closers
	for range n {
		c, err := newRueidis(e, -1)
		if err != nil {
			all.Close()
			return nil, err
		}
		all = append(all, closerFunc(c.Close))
	}
	return all, nil
}

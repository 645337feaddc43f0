package main

import (
	"context"
	"io"

	"github.com/gomodule/redigo/redis"
)

// redigoPool is its number of connections; it has no default, so it gets that of go-redis on two cores.
const redigoPool = 20

// redigoDrivers is redigo behind its pool.
func redigoDrivers() []Driver {
	return []Driver{{Name: "redigo", Role: Peer, Open: openRedigo, Idle: idleRedigo, Program: "redigo"}}
}

func redigoDial(e Env) (redis.Conn, error) {
	return redis.Dial(e.Network, e.Addr, redis.DialUseTLS(e.TLS != nil), redis.DialTLSConfig(e.TLS))
}

// redigoDo runs one command on a pooled connection. Without anything to honour in the context it takes the path without one,
// which is the faster.
func redigoDo(ctx context.Context, p *redis.Pool, cmd string, args ...any) (any, error) {
	c, err := p.GetContext(ctx)
	if err != nil {
		return nil, err
	}
	defer c.Close()
	if ctx.Done() == nil {
		return c.Do(cmd, args...)
	}
	return redis.DoContext(c, ctx, cmd, args...)
}

func openRedigo(e Env) (*Session, error) {
	p := &redis.Pool{
		MaxIdle: max(redigoPool, e.Conns), MaxActive: max(redigoPool, e.Conns), Wait: true,
		Dial: func() (redis.Conn, error) { return redigoDial(e) },
	}
	return blockingRedigo(&Session{
		Get: func(ctx context.Context, _ *Worker, key string) (int, error) {
			s, err := redis.String(redigoDo(ctx, p, "GET", key))
			return len(s), err
		},
		Set: func(ctx context.Context, _ *Worker, key string, value []byte) (int, error) {
			_, err := redigoDo(ctx, p, "SET", key, value)
			return 0, err
		},
		Incr: func(ctx context.Context, _ *Worker, key string) (int, error) {
			return redis.Int(redigoDo(ctx, p, "INCR", key))
		},
		Pipe: func(ctx context.Context, _ *Worker, keys []string) (int, error) { return redigoPipe(ctx, p, keys) },
		MGet: func(ctx context.Context, _ *Worker, keys []string) (int, error) {
			args := make([]any, len(keys))
			for i, k := range keys {
				args[i] = k
			}
			v, err := redis.Strings(redigoDo(ctx, p, "MGET", args...))
			return len(v), err
		},
		HGetAll: func(ctx context.Context, _ *Worker, key string) (int, error) {
			m, err := redis.StringMap(redigoDo(ctx, p, "HGETALL", key))
			return len(m), err
		},
		LRange: func(ctx context.Context, _ *Worker, key string) (int, error) {
			v, err := redis.Strings(redigoDo(ctx, p, "LRANGE", key, 0, -1))
			return len(v), err
		},
		Struct: func(ctx context.Context, _ *Worker, key string) (int, error) {
			v, err := redis.Values(redigoDo(ctx, p, "HGETALL", key))
			if err != nil {
				return 0, err
			}
			var who person
			err = redis.ScanStruct(v, &who)
			return who.sum(), err
		},
		Close: func() { p.Close() },
	}, p), nil
}

func redigoPipe(ctx context.Context, p *redis.Pool, keys []string) (int, error) {
	c, err := p.GetContext(ctx)
	if err != nil {
		return 0, err
	}
	defer c.Close()
	for _, k := range keys {
		if err := c.Send("GET", k); err != nil {
			return 0, err
		}
	}
	if err := c.Flush(); err != nil {
		return 0, err
	}
	sum := 0
	for range keys {
		s, err := redis.String(c.Receive())
		if err != nil {
			return 0, err
		}
		sum += len(s)
	}
	return sum, nil
}

func idleRedigo(e Env, n int) (io.Closer, error) {
	var all closers
	for range n {
		c, err := redigoDial(e)
		if err != nil {
			all.Close()
			return nil, err
		}
		all = append(all, c)
	}
	return all, nil
}

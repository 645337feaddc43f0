package main

import (
	"context"
	"io"

	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/maintnotifications"
)

// goRedisDrivers is go-redis as it comes, with its blocking autopipeline, and with that in full duplex.
func goRedisDrivers() []Driver {
	return []Driver{
		{Name: "goredis", Role: Peer, Open: openGoRedis, Idle: idleGoRedis, Move: moveGoRedis(nil), Program: "goredis"},
		{Name: "goredis-ap", Role: Peer, Open: openGoRedisAuto(redis.DefaultBlockingAutoPipelineOptions()),
			Move: moveGoRedis(redis.DefaultBlockingAutoPipelineOptions())},
		{Name: "goredis-fd", Role: Peer, Open: openGoRedisAuto(&redis.AutoPipelineOptions{FullDuplex: true})},
	}
}

// goRedisOptions is the default configuration without the maintenance probe, which the server would refuse.
func goRedisOptions(e Env) *redis.Options {
	return &redis.Options{
		Network: e.Network, Addr: e.Addr, TLSConfig: e.TLS, PoolSize: e.Conns,
		MaintNotificationsConfig: &maintnotifications.Config{Mode: maintnotifications.ModeDisabled},
	}
}

func openGoRedis(e Env) (*Session, error) {
	c := redis.NewClient(goRedisOptions(e))
	s := blockingGoRedis(goRedisSession(c, func() { c.Close() }), c)
	s.Listen = goRedisListen(c)
	return s, nil
}

func openGoRedisAuto(o *redis.AutoPipelineOptions) func(Env) (*Session, error) {
	return func(e Env) (*Session, error) {
		c := redis.NewClient(goRedisOptions(e))
		ap, err := c.AutoPipelineWithOptions(o)
		if err != nil {
			c.Close()
			return nil, err
		}
		return goRedisSession(ap, func() { ap.Close(); c.Close() }), nil
	}
}

func goRedisSession(c redis.Cmdable, stop func()) *Session {
	return &Session{
		Get: func(ctx context.Context, _ *Worker, key string) (int, error) {
			s, err := c.Get(ctx, key).Result()
			return len(s), err
		},
		GetInto: func(ctx context.Context, w *Worker, key string) (int, error) {
			return c.GetToBuffer(ctx, key, w.Buf).Result()
		},
		Set: func(ctx context.Context, _ *Worker, key string, value []byte) (int, error) {
			return 0, c.Set(ctx, key, value, 0).Err()
		},
		Incr: func(ctx context.Context, _ *Worker, key string) (int, error) {
			n, err := c.Incr(ctx, key).Result()
			return int(n), err
		},
		Pipe: func(ctx context.Context, _ *Worker, keys []string) (int, error) { return goRedisPipe(ctx, c, keys) },
		MGet: func(ctx context.Context, _ *Worker, keys []string) (int, error) {
			v, err := c.MGet(ctx, keys...).Result()
			return len(v), err
		},
		HGetAll: func(ctx context.Context, _ *Worker, key string) (int, error) {
			m, err := c.HGetAll(ctx, key).Result()
			return len(m), err
		},
		LRange: func(ctx context.Context, _ *Worker, key string) (int, error) {
			v, err := c.LRange(ctx, key, 0, -1).Result()
			return len(v), err
		},
		Large: goRedisLarge(c),
		Struct: func(ctx context.Context, _ *Worker, key string) (int, error) {
			var p person
			err := c.HGetAll(ctx, key).Scan(&p)
			return p.sum(), err
		},
		Close: stop,
	}
}

func goRedisPipe(ctx context.Context, c redis.Cmdable, keys []string) (int, error) {
	p := c.Pipeline()
	for _, k := range keys {
		p.Get(ctx, k)
	}
	cmds, err := p.Exec(ctx)
	if err != nil {
		return 0, err
	}
	sum := 0
	for _, cmd := range cmds {
		sum += len(cmd.(*redis.StringCmd).Val())
	}
	return sum, nil
}

// idleGoRedis takes n connections from one pool at once and gives them all back.
func idleGoRedis(e Env, n int) (io.Closer, error) {
	o := goRedisOptions(e)
	o.PoolSize, o.MaxIdleConns = n, n
	c := redis.NewClient(o)
	ctx := context.Background()
	held := make([]*redis.Conn, n)
	for i := range held {
		held[i] = c.Conn()
		if err := held[i].Ping(ctx).Err(); err != nil {
			c.Close()
			return nil, err
		}
	}
	for _, h := range held {
		h.Close()
	}
	return c, nil
}

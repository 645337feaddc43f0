package main

import (
	"context"
	"crypto/tls"
	"net"

	"github.com/baton-go/baton"
	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/maintnotifications"
	"github.com/redis/rueidis"
)

// The functions below open clients for the scenario of moving addresses, with their defaults and the feature on where there is one.
// rueidis, which has none, shows the effect of the same windows on a client that does not listen.

func moveBaton(e movingEnv) (*mover, error) {
	c, err := baton.New(baton.Options{Addr: e.Addr, Resolver: e})
	if err != nil {
		return nil, err
	}
	return &mover{
		incr: c.Incr,
		listen: func(ctx context.Context, channel string, got func(string)) error {
			sub, err := c.Subscribe(ctx, channel)
			if err != nil {
				return err
			}
			defer sub.Close()
			for m, err := range sub.All(ctx) {
				if err != nil {
					return err
				}
				got(m.Payload)
			}
			return nil
		},
		pop: func(ctx context.Context, key string) (string, error) {
			_, text, err := c.BLPop(ctx, 0, key)
			return text, err
		},
		close: func() { c.Close() },
	}, nil
}

// silent is a logger for go-redis, which tells of every step otherwise.
type silent struct{}

// Printf says nothing.
func (silent) Printf(context.Context, string, ...any) {}

func moveGoRedis(auto *redis.AutoPipelineOptions) func(movingEnv) (*mover, error) {
	return func(e movingEnv) (*mover, error) {
		redis.SetLogger(silent{})
		c := redis.NewClient(&redis.Options{
			Addr: e.Addr, Dialer: e.dial, Protocol: 3,
			MaintNotificationsConfig: &maintnotifications.Config{
				Mode: maintnotifications.ModeEnabled, EndpointType: maintnotifications.EndpointTypeInternalIP,
			},
		})
		m := &mover{
			incr: func(ctx context.Context, key string) (int64, error) { return c.Incr(ctx, key).Result() },
			listen: func(ctx context.Context, channel string, got func(string)) error {
				sub := c.Subscribe(ctx, channel)
				for m := range sub.Channel() {
					got(m.Payload)
				}
				return sub.Close()
			},
			pop: func(ctx context.Context, key string) (string, error) {
				v, err := c.BLPop(ctx, 0, key).Result()
				if err != nil {
					return "", err
				}
				return v[1], nil
			},
			close: func() { c.Close() },
		}
		if auto == nil {
			return m, nil
		}
		ap, err := c.AutoPipelineWithOptions(auto)
		if err != nil {
			c.Close()
			return nil, err
		}
		m.incr = func(ctx context.Context, key string) (int64, error) { return ap.Incr(ctx, key).Result() }
		m.close = func() { ap.Close(); c.Close() }
		return m, nil
	}
}

func moveRueidis(e movingEnv) (*mover, error) {
	c, err := rueidis.NewClient(rueidis.ClientOption{
		InitAddress: []string{e.Addr}, ForceSingleClient: true, DisableCache: true,
		DialCtxFn: func(ctx context.Context, addr string, _ *net.Dialer, _ *tls.Config) (net.Conn, error) {
			return e.dial(ctx, "tcp", addr)
		},
	})
	if err != nil {
		return nil, err
	}
	return &mover{
		incr: func(ctx context.Context, key string) (int64, error) {
			return c.Do(ctx, c.B().Incr().Key(key).Build()).AsInt64()
		},
		listen: func(ctx context.Context, channel string, got func(string)) error {
			for ctx.Err() == nil { // it ends with the connection, and is for the user to repeat
				_ = c.Receive(ctx, c.B().Subscribe().Channel(channel).Build(), func(m rueidis.PubSubMessage) { got(m.Message) })
			}
			return ctx.Err()
		},
		pop: func(ctx context.Context, key string) (string, error) {
			v, err := c.Do(ctx, c.B().Blpop().Key(key).Timeout(0).Build()).AsStrSlice()
			if err != nil {
				return "", err
			}
			return v[1], nil
		},
		close: c.Close,
	}, nil
}

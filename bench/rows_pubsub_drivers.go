package main

import (
	"context"

	"github.com/baton-go/baton"
	"github.com/redis/go-redis/v9"
	"github.com/redis/rueidis"
)

// ended is an error of a subscription, unless it was to end.
func ended(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return nil
	}
	return err
}

func batonListen(c *baton.Client) func(context.Context, []string, func(), func(int)) error {
	return func(ctx context.Context, channels []string, ready func(), got func(int)) error {
		sub, err := c.Subscribe(ctx, channels...)
		if err != nil {
			return err
		}
		defer sub.Close()
		ready()
		for m, err := range sub.All(ctx) {
			if err != nil {
				return ended(ctx, err)
			}
			got(len(m.Payload))
		}
		return nil
	}
}

// goRedisListen receives on the goroutine that reads, which is faster than the channel that go-redis offers too.
func goRedisListen(c *redis.Client) func(context.Context, []string, func(), func(int)) error {
	return func(ctx context.Context, channels []string, ready func(), got func(int)) error {
		sub := c.Subscribe(ctx, channels...)
		defer sub.Close()
		defer context.AfterFunc(ctx, func() { sub.Close() })()
		for range channels {
			if _, err := sub.Receive(ctx); err != nil {
				return err
			}
		}
		ready()
		for {
			m, err := sub.ReceiveMessage(ctx)
			if err != nil {
				return ended(ctx, err)
			}
			got(len(m.Payload))
		}
	}
}

func rueidisListen(c rueidis.Client) func(context.Context, []string, func(), func(int)) error {
	return func(ctx context.Context, channels []string, ready func(), got func(int)) error {
		confirmed := 0
		hooked := rueidis.WithOnSubscriptionHook(ctx, func(s rueidis.PubSubSubscription) {
			if confirmed++; confirmed == len(channels) {
				ready()
			}
		})
		err := c.Receive(hooked, c.B().Subscribe().Channel(channels...).Build(), func(m rueidis.PubSubMessage) { got(len(m.Message)) })
		return ended(ctx, err)
	}
}

// openRueidisHooks receives on the goroutine that reads, by hooks of a connection of its own.
func openRueidisHooks(e Env) (*Session, error) {
	c, err := newRueidis(e, 0)
	if err != nil {
		return nil, err
	}
	s := rueidisSession(c)
	s.Listen = func(ctx context.Context, channels []string, ready func(), got func(int)) error {
		d, cancel := c.Dedicate()
		defer cancel()
		lost := d.SetPubSubHooks(rueidis.PubSubHooks{OnMessage: func(m rueidis.PubSubMessage) { got(len(m.Message)) }})
		if err := d.Do(ctx, d.B().Subscribe().Channel(channels...).Build()).Error(); err != nil {
			return err
		}
		ready()
		select {
		case err := <-lost:
			return err
		case <-ctx.Done():
			return nil
		}
	}
	return s, nil
}

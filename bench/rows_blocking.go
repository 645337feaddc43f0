package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/baton-go/baton"
	"github.com/gomodule/redigo/redis"
	goredis "github.com/redis/go-redis/v9"
	"github.com/redis/rueidis"
)

// popWait ends a BLPOP whose element does not come: the operation fails.
const popWait = 5 * time.Second

// blockingScenarios are commands that need a connection of their own: those that wait, and transactions with WATCH.
func blockingScenarios() []Scenario {
	var all []Scenario
	for _, n := range []int{1, 32} {
		all = append(all, Scenario{
			Name: fmt.Sprintf("blpop-%d", n), What: fmt.Sprintf("%d pairs of callers through one client: each LPUSHes what the other waits for with BLPOP, there and back", n),
			Callers: n, Conns: 3 * n, Want: 2, Quick: quickAll, Op: opPingPong,
		})
	}
	for _, n := range []int{8, 64} {
		all = append(all, Scenario{
			Name: fmt.Sprintf("watch-%d", n), What: fmt.Sprintf("WATCH, GET, then MULTI, SET, EXEC by %d callers, each on a key of its own", n),
			Callers: n, Want: smallValue, Quick: quickAll, Op: opWatch,
		})
	}
	return all
}

// opWatch reads a value and writes it back in a transaction.
func opWatch(s *Session) opFunc {
	if s.Watch == nil {
		return nil
	}
	keys := numberedKeys(manyElems)
	return func(ctx context.Context, w *Worker) (int, error) { return s.Watch(ctx, w, keys[w.ID]) }
}

// opPingPong sends a worker's element to its partner and waits for the partner's. A partner begins with the first operation of
// its worker and ends with the session.
func opPingPong(s *Session) opFunc {
	if s.Push == nil {
		return nil
	}
	var partners sync.Map
	name := fmt.Sprintf("bench:%x:", rand.Uint64()) // a driver may leave the last BLPOP of an earlier session on the server
	return func(ctx context.Context, w *Worker) (int, error) {
		p, known := partners.Load(w.ID)
		if !known {
			p = &partner{there: fmt.Sprint(name, "there", w.ID), back: fmt.Sprint(name, "back", w.ID)}
			partners.Store(w.ID, p)
			go p.(*partner).answer(s)
		}
		x := p.(*partner)
		if err := s.Push(ctx, w, x.there, "ping"); err != nil {
			return 0, err
		}
		v, err := s.BPop(ctx, w, x.back)
		if err == nil && v != "pong" {
			err = fmt.Errorf("popped %q", v)
		}
		return 2, err
	}
}

// partner has the lists of a pair.
type partner struct{ there, back string }

// answer answers each element with another until the session is closed.
func (p *partner) answer(s *Session) {
	ctx, w := context.Background(), new(Worker)
	for {
		if _, err := s.BPop(ctx, w, p.there); err != nil {
			return
		}
		if err := s.Push(ctx, w, p.back, "pong"); err != nil {
			return
		}
	}
}

// blockingBaton adds the operations to a session of Baton.
func blockingBaton(s *Session, c *baton.Client) *Session {
	s.Push = func(ctx context.Context, _ *Worker, key, value string) error {
		_, err := c.LPush(ctx, key, value)
		return err
	}
	s.BPop = func(ctx context.Context, _ *Worker, key string) (string, error) {
		_, v, err := c.BLPop(ctx, popWait, key)
		return v, err
	}
	s.Watch = func(ctx context.Context, _ *Worker, key string) (n int, err error) {
		err = c.Tx(ctx, func(tx *baton.Tx) error {
			old, err := tx.Get(ctx, key)
			if err != nil {
				return err
			}
			n = len(old)
			return tx.Exec(ctx, func(p *baton.Pipe) error { p.Set(key, old); return nil })
		}, key)
		return n, err
	}
	return s
}

// blockingGoRedis adds the operations to a session of go-redis.
func blockingGoRedis(s *Session, c *goredis.Client) *Session {
	s.Push = func(ctx context.Context, _ *Worker, key, value string) error { return c.LPush(ctx, key, value).Err() }
	s.BPop = func(ctx context.Context, _ *Worker, key string) (string, error) {
		kv, err := c.BLPop(ctx, popWait, key).Result()
		if err != nil {
			return "", err
		}
		return kv[1], nil
	}
	s.Watch = func(ctx context.Context, _ *Worker, key string) (n int, err error) {
		err = c.Watch(ctx, func(tx *goredis.Tx) error {
			old, err := tx.Get(ctx, key).Result()
			if err != nil {
				return err
			}
			n = len(old)
			_, err = tx.TxPipelined(ctx, func(p goredis.Pipeliner) error { p.Set(ctx, key, old, 0); return nil })
			return err
		}, key)
		return n, err
	}
	return s
}

// blockingRueidis adds the operations to a session of rueidis.
func blockingRueidis(s *Session, c rueidis.Client) *Session {
	s.Push = func(ctx context.Context, _ *Worker, key, value string) error {
		return c.Do(ctx, c.B().Lpush().Key(key).Element(value).Build()).Error()
	}
	s.BPop = func(ctx context.Context, _ *Worker, key string) (string, error) {
		kv, err := c.Do(ctx, c.B().Blpop().Key(key).Timeout(popWait.Seconds()).Build()).AsStrSlice()
		if err != nil {
			return "", err
		}
		return kv[1], nil
	}
	s.Watch = func(ctx context.Context, _ *Worker, key string) (n int, err error) {
		err = c.Dedicated(func(d rueidis.DedicatedClient) error {
			if err := d.Do(ctx, d.B().Watch().Key(key).Build()).Error(); err != nil {
				return err
			}
			old, err := d.Do(ctx, d.B().Get().Key(key).Build()).ToString()
			if err != nil {
				return err
			}
			n = len(old)
			all := d.DoMulti(ctx, d.B().Multi().Build(), d.B().Set().Key(key).Value(old).Build(), d.B().Exec().Build())
			return all[2].Error()
		})
		return n, err
	}
	return s
}

// blockingRedigo adds the operations to a session of redigo.
func blockingRedigo(s *Session, p *redis.Pool) *Session {
	s.Push = func(ctx context.Context, _ *Worker, key, value string) error {
		_, err := redigoDo(ctx, p, "LPUSH", key, value)
		return err
	}
	s.BPop = func(ctx context.Context, _ *Worker, key string) (string, error) {
		kv, err := redis.Strings(redigoDo(ctx, p, "BLPOP", key, popWait.Seconds()))
		if err != nil {
			return "", err
		}
		return kv[1], nil
	}
	s.Watch = func(ctx context.Context, _ *Worker, key string) (int, error) {
		c, err := p.GetContext(ctx)
		if err != nil {
			return 0, err
		}
		defer c.Close()
		if _, err = c.Do("WATCH", key); err != nil {
			return 0, err
		}
		old, err := redis.String(c.Do("GET", key))
		if err != nil {
			return 0, err
		}
		for _, send := range []func() error{func() error { return c.Send("MULTI") }, func() error { return c.Send("SET", key, old) }} {
			if err := send(); err != nil {
				return 0, err
			}
		}
		if _, err = redis.Values(c.Do("EXEC")); err != nil {
			return 0, err
		}
		return len(old), nil
	}
	return s
}

package main

import (
	"bytes"
	"context"
	"fmt"
	"strings"

	"github.com/redis/go-redis/v9"
	"github.com/redis/rueidis"

	"github.com/baton-go/baton"
)

// Large values that are written.
const (
	largeKey  = "bench:large"
	largePipe = 8 // SETs in a pipeline
	largeMSet = 4 // pairs
)

// LargeWrites are the operations with large values that a session offers. Each writes value, or parts of it.
type LargeWrites struct {
	SetText func(ctx context.Context, value string) error
	Pipe    func(ctx context.Context, value string, n int) error
	HSet    func(ctx context.Context, value string) error
	XAdd    func(ctx context.Context, value string) error
	MSet    func(ctx context.Context, pairs []string) error
}

func largeScenarios() []Scenario {
	var all []Scenario
	for _, size := range []struct {
		name  string
		bytes int
	}{{"64k", 64 << 10}, {"256k", 256 << 10}, {"1m", 1 << 20}} {
		value := strings.Repeat("w", size.bytes)
		add := func(name, what string, of func(l *LargeWrites) func(context.Context) error) {
			all = append(all, Scenario{Name: name + "-" + size.name, What: fmt.Sprintf("one caller, %s of %d KiB", what, size.bytes>>10), Op: opLarge(of)})
		}
		all = append(all, Scenario{Name: "set-" + size.name, What: fmt.Sprintf("one caller, SET of %d KiB from a byte slice", size.bytes>>10), Quick: quickAll, Op: func(s *Session) opFunc {
			if s.Set == nil {
				return nil
			}
			b := []byte(value)
			return func(ctx context.Context, w *Worker) (int, error) { return s.Set(ctx, w, largeKey, b) }
		}})
		add("settext", "SET from a string", func(l *LargeWrites) func(context.Context) error {
			return func(ctx context.Context) error { return l.SetText(ctx, value) }
		})
		if size.bytes > 64<<10 {
			continue
		}
		add("pipeset", fmt.Sprintf("pipelines of %d SETs", largePipe), func(l *LargeWrites) func(context.Context) error {
			return func(ctx context.Context) error { return l.Pipe(ctx, value, largePipe) }
		})
		add("hset", "HSET", func(l *LargeWrites) func(context.Context) error {
			return func(ctx context.Context) error { return l.HSet(ctx, value) }
		})
		add("xadd", "XADD", func(l *LargeWrites) func(context.Context) error {
			return func(ctx context.Context) error { return l.XAdd(ctx, value) }
		})
		add("mset", fmt.Sprintf("MSET of %d values", largeMSet), func(l *LargeWrites) func(context.Context) error {
			var pairs []string
			for i := range largeMSet {
				pairs = append(pairs, fmt.Sprint(largeKey, i), value)
			}
			return func(ctx context.Context) error { return l.MSet(ctx, pairs) }
		})
	}
	return all
}

// largeGoals say that no peer writes large values faster, or with shorter tails, and that a value is not copied into memory that is
// thrown away.
func largeGoals() []Goal {
	var all []Goal
	for _, s := range []string{"set-64k", "set-256k", "set-1m"} {
		all = append(all, Goal{What: "large values written", Scenario: s, Metric: "p50", How: lowest, Limit: 1},
			Goal{What: "large values written", Scenario: s, Metric: "p99", How: lowest, Limit: 1},
			Goal{What: "large values written, bytes allocated", Scenario: s, Metric: "bytes", Limit: 1 << 10})
	}
	return all
}

func opLarge(of func(*LargeWrites) func(context.Context) error) func(*Session) opFunc {
	return func(s *Session) opFunc {
		if s.Large == nil {
			return nil
		}
		do := of(s.Large)
		return func(ctx context.Context, _ *Worker) (int, error) { return 0, do(ctx) }
	}
}

func batonLarge(c *baton.Client) *LargeWrites {
	return &LargeWrites{
		SetText: func(ctx context.Context, value string) error {
			_, err := c.Set(ctx, largeKey, value)
			return err
		},
		Pipe: func(ctx context.Context, value string, n int) error {
			return c.Pipeline(ctx, func(p *baton.Pipe) error {
				for range n {
					p.Set(largeKey, value)
				}
				return nil
			})
		},
		HSet: func(ctx context.Context, value string) error {
			_, err := c.HSet(ctx, hashKey+":large", "field", value)
			return err
		},
		XAdd: func(ctx context.Context, value string) error {
			_, err := c.Do(ctx, "XADD", "bench:stream", "MAXLEN", "4", "*", "field", value)
			return err
		},
		MSet: func(ctx context.Context, pairs []string) error { return c.MSet(ctx, pairs...) },
	}
}

func goRedisLarge(c redis.Cmdable) *LargeWrites {
	return &LargeWrites{
		SetText: func(ctx context.Context, value string) error { return c.Set(ctx, largeKey, value, 0).Err() },
		Pipe: func(ctx context.Context, value string, n int) error {
			p := c.Pipeline()
			for range n {
				p.Set(ctx, largeKey, value, 0)
			}
			_, err := p.Exec(ctx)
			return err
		},
		HSet: func(ctx context.Context, value string) error {
			return c.HSet(ctx, hashKey+":large", "field", value).Err()
		},
		XAdd: func(ctx context.Context, value string) error {
			return c.XAdd(ctx, &redis.XAddArgs{Stream: "bench:stream", MaxLen: 4, Values: []string{"field", value}}).Err()
		},
		MSet: func(ctx context.Context, pairs []string) error { return c.MSet(ctx, pairs).Err() },
	}
}

func rueidisLarge(c rueidis.Client) *LargeWrites {
	set := func(value string) rueidis.Completed { return c.B().Set().Key(largeKey).Value(value).Build() }
	return &LargeWrites{
		SetText: func(ctx context.Context, value string) error { return c.Do(ctx, set(value)).Error() },
		Pipe: func(ctx context.Context, value string, n int) error {
			cmds := make(rueidis.Commands, 0, n)
			for range n {
				cmds = append(cmds, set(value))
			}
			for _, r := range c.DoMulti(ctx, cmds...) {
				if err := r.Error(); err != nil {
					return err
				}
			}
			return nil
		},
		HSet: func(ctx context.Context, value string) error {
			return c.Do(ctx, c.B().Hset().Key(hashKey+":large").FieldValue().FieldValue("field", value).Build()).Error()
		},
		XAdd: func(ctx context.Context, value string) error {
			return c.Do(ctx, c.B().Xadd().Key("bench:stream").Maxlen().Threshold("4").Id("*").FieldValue().FieldValue("field", value).Build()).Error()
		},
		MSet: func(ctx context.Context, pairs []string) error {
			b := c.B().Mset().KeyValue()
			for i := 0; i < len(pairs); i += 2 {
				b = b.KeyValue(pairs[i], pairs[i+1])
			}
			return c.Do(ctx, b.Build()).Error()
		},
	}
}

// large writes whole requests that were encoded before, n at once.
func (c *floorClient) large() *LargeWrites {
	encoded := map[string][]byte{}
	send := func(n int, args ...string) error {
		id := fmt.Sprint(args[0], n, len(args[len(args)-1]))
		if encoded[id] == nil {
			encoded[id] = bytes.Repeat(appendCommand(nil, args...), n)
		}
		fc, err := c.of(&Worker{})
		if err == nil {
			_, err = fc.nc.Write(encoded[id])
		}
		for ; n > 0 && err == nil; n-- {
			_, _, err = fc.sk.reply()
		}
		return err
	}
	return &LargeWrites{
		SetText: func(_ context.Context, value string) error { return send(1, "SET", largeKey, value) },
		HSet:    func(_ context.Context, value string) error { return send(1, "HSET", hashKey+":large", "field", value) },
		XAdd: func(_ context.Context, value string) error {
			return send(1, "XADD", "bench:stream", "MAXLEN", "4", "*", "field", value)
		},
		MSet: func(_ context.Context, pairs []string) error {
			return send(1, append([]string{"MSET"}, pairs...)...)
		},
		Pipe: func(_ context.Context, value string, n int) error { return send(n, "SET", largeKey, value) },
	}
}

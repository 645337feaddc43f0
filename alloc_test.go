//go:build !race

package baton_test

import (
	"context"
	"fmt"
	"math"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/baton-go/baton"
	"github.com/baton-go/baton/handoff/handofftest/resp3test"
	"github.com/baton-go/baton/internal/redistest"
	"github.com/baton-go/baton/pool"
	"github.com/baton-go/baton/resp3"
)

// The methods promised to allocate nothing, or no more than what they return. The race detector allocates itself.
func TestAllocationsPerCall(t *testing.T) {
	ctx := context.Background()
	c := open(t, baton.Options{Addr: redistest.Start(t), Pool: pool.Config{Lanes: 1}})
	_, err := c.Set(ctx, "key", "0123456789012345678901234567890123456789012345678901234567890123")
	require.NoError(t, err)
	require.NoError(t, c.Pipeline(ctx, func(p *baton.Pipe) error {
		for i := range 1000 {
			p.Do("RPUSH", "list", i)
		}
		return nil
	}))
	_, err = c.ZAdd(ctx, "zset", []baton.Z{{Member: "m", Score: 1.5}})
	require.NoError(t, err)
	require.NoError(t, c.Pipeline(ctx, func(p *baton.Pipe) error {
		for i := range 1000 {
			p.HSet("hash", fmt.Sprintf("field:%d", i), "value")
			p.ZAdd("big", []baton.Z{{Member: fmt.Sprint(i), Score: float64(i)}})
		}
		p.SAdd("set", hundredKeys...)
		return nil
	}))
	cancellable, cancel := context.WithCancel(ctx)
	defer cancel()
	expiring, stop := context.WithTimeout(ctx, time.Hour)
	defer stop()
	dst, value := make([]byte, 0, 128), []byte("value")
	for name, ctx := range map[string]context.Context{"background": ctx, "cancellable": cancellable, "expiring": expiring} {
		tests := map[string]struct {
			most float64
			call func() error
		}{
			"AppendGet":   {0, func() error { _, err := c.AppendGet(ctx, dst, "key"); return err }},
			"Get":         {1, func() error { _, err := c.Get(ctx, "key"); return err }},
			"Set":         {0, func() error { _, err := c.Set(ctx, "other", "value"); return err }},
			"SetBytes":    {0, func() error { _, err := c.SetBytes(ctx, "other", value); return err }},
			"Set with EX": {0, func() error { _, err := c.Set(ctx, "other", "value", baton.EX(time.Minute), baton.NX()); return err }},
			"Incr":        {0, func() error { _, err := c.Incr(ctx, "n"); return err }},
			"Del":         {0, func() error { _, err := c.Del(ctx, "none", "neither"); return err }},
			"Expire":      {0, func() error { _, err := c.Expire(ctx, "key", time.Hour, baton.ExpireGT); return err }},
			"TTL":         {0, func() error { _, err := c.TTL(ctx, "key"); return err }},
			"IncrByFloat": {0, func() error { _, err := c.IncrByFloat(ctx, "f", 0.5); return err }},
			"HGet":        {1, func() error { _, err := c.HGet(ctx, "hash", "field:1"); return err }},
			"HSet":        {0, func() error { _, err := c.HSet(ctx, "h", "a", "1", "b", "2"); return err }},
			"HIncrBy":     {0, func() error { _, err := c.HIncrBy(ctx, "h", "a", 1000); return err }},
			"LPush":       {0, func() error { _, err := c.LPush(ctx, "l", "a"); return err }},
			"LMove":       {1, func() error { _, err := c.LMove(ctx, "list", "list", baton.Left, baton.Right); return err }},
			"SIsMember":   {0, func() error { _, err := c.SIsMember(ctx, "set", "x"); return err }},
			"ZAdd": {0, func() error {
				_, err := c.ZAdd(ctx, "zset", []baton.Z{{Member: "m", Score: 1.5}}, baton.ZAddGT)
				return err
			}},
			"ZScore":         {0, func() error { _, err := c.ZScore(ctx, "zset", "m"); return err }},
			"ZIncrBy":        {0, func() error { _, err := c.ZIncrBy(ctx, "zset", 0.25, "m"); return err }},
			"ZCount":         {0, func() error { _, err := c.ZCount(ctx, "zset", "-inf", "+inf"); return err }},
			"XAdd":           {1, func() error { _, err := c.XAdd(ctx, "x", baton.AutoID, "f", "v"); return err }},
			"Publish":        {0, func() error { _, err := c.Publish(ctx, "channel", "message"); return err }},
			"LRange of 1000": {3, func() error { _, err := c.LRange(ctx, "list", 0, -1); return err }},
			"MGet of 100":    {3, func() error { _, err := c.MGet(ctx, hundredKeys...); return err }},
			"HGetAll, 1000":  {12, func() error { _, err := c.HGetAll(ctx, "hash"); return err }},
			"HKeys of 1000":  {3, func() error { _, err := c.HKeys(ctx, "hash"); return err }},
			"SMembers":       {3, func() error { _, err := c.SMembers(ctx, "set"); return err }},
			"ZRange of 1000": {3, func() error { _, err := c.ZRange(ctx, "big", baton.ByRank(0, -1)); return err }},
			"scores of 1000": {3, func() error { _, err := c.ZRangeWithScores(ctx, "big", baton.ByRank(0, -1)); return err }},
			"100 GETs":       {4, func() error { return hundred(ctx, c) }},
			"Do of LRANGE":   {7, func() error { _, err := baton.As[[]string](c.Do(ctx, "LRANGE", "list", 0, -1)); return err }},
			"Do of GET":      {2, func() error { _, err := c.Do(ctx, "GET", "key"); return err }},
		}
		for call, tt := range tests {
			t.Run(name+"/"+call, func(t *testing.T) {
				assert.LessOrEqual(t, fewest(tt.most, 500, func() { require.NoError(t, tt.call()) }), tt.most)
			})
		}
	}
	// The control: what does allocate is seen.
	assert.Positive(t, fewest(0, 100, func() { sink = make([]byte, 100) }))
}

// A large value takes the memory of its bytes and no more: the line end behind it goes elsewhere.
func TestLargeValueTakesNoMoreMemoryThanItsBytes(t *testing.T) {
	ctx := context.Background()
	c := open(t, baton.Options{Addr: redistest.Start(t), Pool: pool.Config{Lanes: 1}})
	for _, size := range []int{20_480, 65_536, 1_048_576} { // sizes for which the runtime has blocks without a remainder
		_, err := c.Set(ctx, "key", strings.Repeat("v", size))
		require.NoError(t, err)
		get := func() { _, err = c.Get(ctx, "key"); require.NoError(t, err) }
		get()
		least := math.Inf(1) // what else runs in this process counts too, and not each time
		for range 5 {
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			for range 50 {
				get()
			}
			runtime.ReadMemStats(&after)
			least = min(least, float64(after.TotalAlloc-before.TotalAlloc)/50)
		}
		assert.LessOrEqual(t, least, 1.01*float64(size)+128)
	}
}

// As allocates what it returns: nothing for each element but the elements themselves.
func TestAllocationsOfAs(t *testing.T) {
	ctx := t.Context()
	var texts, numbers, pairs, hash []resp3.Value
	for i := range 100 {
		texts = append(texts, resp3test.BulkString("text"))
		numbers = append(numbers, resp3test.Integer(int64(i)))
		pairs = append(pairs, resp3test.BulkString(fmt.Sprint("field:", i)), resp3test.BulkString("1.5"))
	}
	for i := range 10 {
		hash = append(hash, resp3test.BulkString(string(rune('a'+i))), resp3test.BulkString("1"))
	}
	all := &reply{resp3test.Map(hash...)}
	type ten struct {
		A string             `redis:"a"`
		B int                `redis:"b"`
		C int64              `redis:"c"`
		D string             `redis:"d"`
		E float64            `redis:"e"`
		F bool               `redis:"f"`
		G uint               `redis:"g"`
		H []byte             `redis:"h"`
		I *int               `redis:"i"`
		J baton.Opt[float64] `redis:"j"`
	}
	for name, tt := range map[string]struct {
		most float64
		call func() error
	}{
		"a text":           {0, asOf[string](resp3test.BulkString("text"))},
		"an integer":       {0, asOf[int64](resp3test.Integer(7))},
		"texts":            {2, asOf[[]string](resp3test.Array(texts...))},
		"integers":         {2, asOf[[]int64](resp3test.Array(numbers...))},
		"floats":           {2, asOf[[]float64](resp3test.Array(numbers...))},
		"texts by name":    {7, asOf[map[string]string](resp3test.Map(pairs...))},
		"floats by name":   {9, asOf[map[string]float64](resp3test.Map(pairs...))},
		"no texts by name": {2, asOf[map[string]string](resp3test.Map())},
		"a struct, 10 fields": {5, func() error {
			_, err := baton.HGetAllAs[ten](ctx, all, "key")
			return err
		}},
	} {
		assert.LessOrEqual(t, fewest(tt.most, 200, func() { require.NoError(t, tt.call()) }), tt.most, name)
	}
}

func asOf[T any](v resp3.Value) func() error {
	return func() error { _, err := baton.As[T](v, nil); return err }
}

// reply is a Doer with one reply to all.
type reply struct{ v resp3.Value }

func (r *reply) Do(context.Context, ...any) (resp3.Value, error) { return r.v, nil }

// fewest counts the allocations of a call, up to five times as long as they are more than most: on a machine that is slow, what else
// runs in this process (a keeper that wakes, a garbage collection that empties pools) counts too, and not each time.
func fewest(most float64, runs int, call func()) float64 {
	n := testing.AllocsPerRun(runs, call)
	for try := 1; n > most && try < 5; try++ {
		n = min(n, testing.AllocsPerRun(runs, call))
	}
	return n
}

var sink []byte

func hundred(ctx context.Context, c *baton.Client) error {
	var replies [100]baton.Reply[string]
	err := c.Pipeline(ctx, func(p *baton.Pipe) error {
		for i := range replies {
			replies[i] = p.Get("key")
		}
		return nil
	})
	for _, r := range replies {
		if err == nil {
			_, err = r.Get()
		}
	}
	return err
}

// A context made for one call costs what it costs, and the call no more: not even the channel that a context makes when it is
// asked for one. (A caller that waits while another reads has to ask.)
func TestCallWithAContextOfItsOwnAllocatesNothing(t *testing.T) {
	c := open(t, baton.Options{Addr: redistest.Start(t), Pool: pool.Config{Lanes: 1}})
	_, err := c.Set(context.Background(), "key", "value")
	require.NoError(t, err)
	dst := make([]byte, 0, 128)
	with := func(call func(ctx context.Context)) float64 {
		return fewest(0, 200, func() {
			ctx, cancel := context.WithTimeout(context.Background(), time.Hour)
			call(ctx)
			cancel()
		})
	}
	alone := with(func(context.Context) {})
	asked := with(func(ctx context.Context) { ctx.Done() })
	call := with(func(ctx context.Context) { _, err = c.AppendGet(ctx, dst, "key") })
	require.NoError(t, err)
	assert.Equal(t, alone, call)
	assert.Greater(t, asked, alone, "the control: asking for the channel is seen")
}

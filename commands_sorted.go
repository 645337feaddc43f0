package baton

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"time"

	"github.com/baton-go/baton/conn"
)

// ZAddOption modifies ZAdd. The empty one changes nothing.
type ZAddOption string

// The options of ZAdd.
const (
	ZAddNX ZAddOption = "NX" // add members only, change none
	ZAddXX ZAddOption = "XX" // change members only, add none
	ZAddGT ZAddOption = "GT" // change a score only to a greater one
	ZAddLT ZAddOption = "LT" // change a score only to a smaller one
	ZAddCH ZAddOption = "CH" // also count members that were changed
)

// ZSpan selects members of a sorted set in an order. ByRank, ByScore and ByLex make one; the zero ZSpan is invalid.
type ZSpan struct {
	by           string
	start, stop  string
	from, to     int64 // of a span by rank
	ranks        bool
	rev          bool
	limited      bool
	offset, size int64
}

// ByRank selects the members from rank start to stop, both included; negative ranks count from the end.
func ByRank(start, stop int64) ZSpan { return ZSpan{ranks: true, from: start, to: stop} }

// ByScore selects the members with scores from low to high, as Redis spells bounds: "1.5", "(1.5" without that score itself,
// "-inf", "+inf".
func ByScore(low, high string) ZSpan { return ZSpan{by: "BYSCORE", start: low, stop: high} }

// ByLex selects the members between two texts, all of the same score: "[a", "(a" without that text itself, "-", "+".
func ByLex(low, high string) ZSpan { return ZSpan{by: "BYLEX", start: low, stop: high} }

// Rev returns the span in reverse order: the greatest first. Ranks are counted from the greatest then.
func (s ZSpan) Rev() ZSpan {
	s.rev = !s.rev
	return s
}

// Limit returns the part of the span behind the first offset members, of at most size members; a negative size is no limit. It
// is for spans by score or text.
func (s ZSpan) Limit(offset, size int64) ZSpan {
	s.limited, s.offset, s.size = true, offset, size
	return s
}

func (r *request) zspan(s ZSpan) {
	switch {
	case s.ranks:
		r.int(s.from)
		r.int(s.to)
	case s.by == "":
		r.fail(errors.New("the span is empty, make one with ByRank, ByScore or ByLex"))
	case s.rev: // the server wants the greater bound first
		r.str(s.stop)
		r.str(s.start)
	default:
		r.str(s.start)
		r.str(s.stop)
	}
	r.opt(s.by)
	r.flag(s.rev, "REV")
	if s.limited {
		if s.ranks {
			r.fail(errors.New("Limit is for spans by score or text, not by rank"))
		}
		r.str("LIMIT")
		r.int(s.offset)
		r.int(s.size)
	}
}

// Aggregate says how the scores of a member that is in several sets are combined. The empty one is Sum.
type Aggregate string

// The ways to aggregate.
const (
	Sum Aggregate = "SUM"
	Min Aggregate = "MIN"
	Max Aggregate = "MAX"
)

// ZStoreOptions modify ZUnionStore and ZInterStore. The zero value changes nothing.
type ZStoreOptions struct {
	Weights   []float64 // factors for the scores, one for each key; nil: 1
	Aggregate Aggregate
}

func zAdd(q *conn.Call, key string, members []Z, opts []ZAddOption) request {
	r := command(q, "ZADD")
	r.str(key)
	for _, o := range opts {
		r.opt(string(o))
	}
	if len(members) == 0 {
		r.fail(errors.New("needs at least one member"))
	}
	for _, z := range members {
		r.float(z.Score)
		r.str(z.Member)
	}
	return r
}

func zIncrBy(q *conn.Call, key string, f float64, member string) request {
	r := byFloat(q, "ZINCRBY", key, f)
	r.str(member)
	return r
}

func zRange(q *conn.Call, key string, s ZSpan, scores bool) request {
	r := command(q, "ZRANGE")
	r.str(key)
	r.zspan(s)
	r.flag(scores, "WITHSCORES")
	return r
}

func zRangeStore(q *conn.Call, dst, src string, s ZSpan) request {
	r := command(q, "ZRANGESTORE")
	r.str(dst)
	r.str(src)
	r.zspan(s)
	return r
}

func zStore(q *conn.Call, name, dst string, keys []string, o ZStoreOptions) request {
	r := command(q, name)
	r.str(dst)
	r.counted("key", keys)
	if o.Weights != nil {
		if len(o.Weights) != len(keys) {
			r.fail(fmt.Errorf("%d weights for %d keys, must be as many", len(o.Weights), len(keys)))
		}
		r.str("WEIGHTS")
		for _, w := range o.Weights {
			r.float(w)
		}
	}
	if o.Aggregate != "" {
		r.str("AGGREGATE")
		r.str(string(o.Aggregate))
	}
	return r
}

// ZAdd adds members with their scores to the sorted set at key, or sets the scores of those that it has. It returns how many
// are new.
func (c *commands) ZAdd(ctx context.Context, key string, members []Z, opts ...ZAddOption) (int64, error) {
	return c.integer(ctx, zAdd(c.newCall(), key, members, opts))
}

// ZAdd queues ZADD, see Client.ZAdd.
func (p *Pipe) ZAdd(key string, members []Z, opts ...ZAddOption) Reply[int64] {
	return enqueue(p, zAdd(p.next(), key, members, opts), decodeInt)
}

// ZIncrBy adds f to the score of a member, 0 if there is none, and returns the sum.
func (c *commands) ZIncrBy(ctx context.Context, key string, f float64, member string) (float64, error) {
	return c.float(ctx, zIncrBy(c.newCall(), key, f, member))
}

// ZIncrBy queues ZINCRBY, see Client.ZIncrBy.
func (p *Pipe) ZIncrBy(key string, f float64, member string) Reply[float64] {
	return enqueue(p, zIncrBy(p.next(), key, f, member), decodeFloat)
}

// ZRem removes members from the sorted set at key and returns how many there were.
func (c *commands) ZRem(ctx context.Context, key string, members ...string) (int64, error) {
	return c.integer(ctx, listArgs(c.newCall(), "ZREM", "member", members, key))
}

// ZRem queues ZREM, see Client.ZRem.
func (p *Pipe) ZRem(key string, members ...string) Reply[int64] {
	return enqueue(p, listArgs(p.next(), "ZREM", "member", members, key), decodeInt)
}

// ZCard returns the number of members of the sorted set at key, 0 if there is none.
func (c *commands) ZCard(ctx context.Context, key string) (int64, error) {
	return c.integer(ctx, fixedArgs(c.newCall(), "ZCARD", key))
}

// ZCard queues ZCARD, see Client.ZCard.
func (p *Pipe) ZCard(key string) Reply[int64] {
	return enqueue(p, fixedArgs(p.next(), "ZCARD", key), decodeInt)
}

// ZScore returns the score of a member, or Nil if there is no such member.
func (c *commands) ZScore(ctx context.Context, key, member string) (float64, error) {
	return c.float(ctx, fixedArgs(c.newCall(), "ZSCORE", key, member))
}

// ZScore queues ZSCORE, see Client.ZScore.
func (p *Pipe) ZScore(key, member string) Reply[float64] {
	return enqueue(p, fixedArgs(p.next(), "ZSCORE", key, member), decodeFloat)
}

// ZMScore returns the scores of members in their order; OK is false for one that does not exist.
func (c *commands) ZMScore(ctx context.Context, key string, members ...string) ([]Opt[float64], error) {
	return fetch(ctx, c, listArgs(c.newCall(), "ZMSCORE", "member", members, key), counted(len(members), decodeOptFloats))
}

// ZMScore queues ZMSCORE, see Client.ZMScore.
func (p *Pipe) ZMScore(key string, members ...string) Reply[[]Opt[float64]] {
	return enqueue(p, listArgs(p.next(), "ZMSCORE", "member", members, key), counted(len(members), decodeOptFloats))
}

// ZRank returns the rank of a member, 0 for the smallest score, or Nil if there is no such member.
func (c *commands) ZRank(ctx context.Context, key, member string) (int64, error) {
	return c.integer(ctx, fixedArgs(c.newCall(), "ZRANK", key, member))
}

// ZRank queues ZRANK, see Client.ZRank.
func (p *Pipe) ZRank(key, member string) Reply[int64] {
	return enqueue(p, fixedArgs(p.next(), "ZRANK", key, member), decodeInt)
}

// ZRevRank returns the rank of a member, 0 for the greatest score, or Nil if there is no such member.
func (c *commands) ZRevRank(ctx context.Context, key, member string) (int64, error) {
	return c.integer(ctx, fixedArgs(c.newCall(), "ZREVRANK", key, member))
}

// ZRevRank queues ZREVRANK, see Client.ZRevRank.
func (p *Pipe) ZRevRank(key, member string) Reply[int64] {
	return enqueue(p, fixedArgs(p.next(), "ZREVRANK", key, member), decodeInt)
}

// ZRange returns the members of the sorted set at key that span selects, none if there is no such key. They share one block of
// memory, so that one that is kept keeps all.
func (c *commands) ZRange(ctx context.Context, key string, span ZSpan) ([]string, error) {
	return fetch(ctx, c, zRange(c.newCall(), key, span, false), decodeTexts)
}

// ZRange queues ZRANGE, see Client.ZRange.
func (p *Pipe) ZRange(key string, span ZSpan) Reply[[]string] {
	return enqueue(p, zRange(p.next(), key, span, false), decodeTexts)
}

// ZRangeWithScores is ZRange with the scores.
func (c *commands) ZRangeWithScores(ctx context.Context, key string, span ZSpan) ([]Z, error) {
	return fetch(ctx, c, zRange(c.newCall(), key, span, true), decodeZs)
}

// ZRangeWithScores queues ZRANGE with WITHSCORES, see Client.ZRangeWithScores.
func (p *Pipe) ZRangeWithScores(key string, span ZSpan) Reply[[]Z] {
	return enqueue(p, zRange(p.next(), key, span, true), decodeZs)
}

// ZCount counts the members with scores from low to high, spelled as in ByScore.
func (c *commands) ZCount(ctx context.Context, key, low, high string) (int64, error) {
	return c.integer(ctx, fixedArgs(c.newCall(), "ZCOUNT", key, low, high))
}

// ZCount queues ZCOUNT, see Client.ZCount.
func (p *Pipe) ZCount(key, low, high string) Reply[int64] {
	return enqueue(p, fixedArgs(p.next(), "ZCOUNT", key, low, high), decodeInt)
}

// ZPopMin removes and returns up to n members of the sorted set at key with the smallest scores, none if there is no such key.
func (c *commands) ZPopMin(ctx context.Context, key string, n int64) ([]Z, error) {
	return fetch(ctx, c, popN(c.newCall(), "ZPOPMIN", key, n), decodeZs)
}

// ZPopMin queues ZPOPMIN, see Client.ZPopMin.
func (p *Pipe) ZPopMin(key string, n int64) Reply[[]Z] {
	return enqueue(p, popN(p.next(), "ZPOPMIN", key, n), decodeZs)
}

// ZPopMax removes and returns up to n members of the sorted set at key with the greatest scores, none if there is no such key.
func (c *commands) ZPopMax(ctx context.Context, key string, n int64) ([]Z, error) {
	return fetch(ctx, c, popN(c.newCall(), "ZPOPMAX", key, n), decodeZs)
}

// ZPopMax queues ZPOPMAX, see Client.ZPopMax.
func (p *Pipe) ZPopMax(key string, n int64) Reply[[]Z] {
	return enqueue(p, popN(p.next(), "ZPOPMAX", key, n), decodeZs)
}

// ZRemRangeByRank removes the members from rank start to stop, both included, and returns how many there were.
func (c *commands) ZRemRangeByRank(ctx context.Context, key string, start, stop int64) (int64, error) {
	return c.integer(ctx, byInts(c.newCall(), "ZREMRANGEBYRANK", key, start, stop))
}

// ZRemRangeByRank queues ZREMRANGEBYRANK, see Client.ZRemRangeByRank.
func (p *Pipe) ZRemRangeByRank(key string, start, stop int64) Reply[int64] {
	return enqueue(p, byInts(p.next(), "ZREMRANGEBYRANK", key, start, stop), decodeInt)
}

// ZRemRangeByScore removes the members with scores from low to high, spelled as in ByScore, and returns how many there
// were.
func (c *commands) ZRemRangeByScore(ctx context.Context, key, low, high string) (int64, error) {
	return c.integer(ctx, fixedArgs(c.newCall(), "ZREMRANGEBYSCORE", key, low, high))
}

// ZRemRangeByScore queues ZREMRANGEBYSCORE, see Client.ZRemRangeByScore.
func (p *Pipe) ZRemRangeByScore(key, low, high string) Reply[int64] {
	return enqueue(p, fixedArgs(p.next(), "ZREMRANGEBYSCORE", key, low, high), decodeInt)
}

// ZRangeStore stores the members of src that span selects at dst, which it overwrites, and returns how many there are.
func (c *commands) ZRangeStore(ctx context.Context, dst, src string, span ZSpan) (int64, error) {
	return c.integer(ctx, zRangeStore(c.newCall(), dst, src, span))
}

// ZRangeStore queues ZRANGESTORE, see Client.ZRangeStore.
func (p *Pipe) ZRangeStore(dst, src string, span ZSpan) Reply[int64] {
	return enqueue(p, zRangeStore(p.next(), dst, src, span), decodeInt)
}

// ZUnionStore stores the members of any of the sorted sets at keys at dst, which it overwrites, and returns how many there are.
func (c *commands) ZUnionStore(ctx context.Context, dst string, keys []string, o ZStoreOptions) (int64, error) {
	return c.integer(ctx, zStore(c.newCall(), "ZUNIONSTORE", dst, keys, o))
}

// ZUnionStore queues ZUNIONSTORE, see Client.ZUnionStore.
func (p *Pipe) ZUnionStore(dst string, keys []string, o ZStoreOptions) Reply[int64] {
	return enqueue(p, zStore(p.next(), "ZUNIONSTORE", dst, keys, o), decodeInt)
}

// ZInterStore stores the members that all the sorted sets at keys have at dst, which it overwrites, and returns how many there
// are.
func (c *commands) ZInterStore(ctx context.Context, dst string, keys []string, o ZStoreOptions) (int64, error) {
	return c.integer(ctx, zStore(c.newCall(), "ZINTERSTORE", dst, keys, o))
}

// ZInterStore queues ZINTERSTORE, see Client.ZInterStore.
func (p *Pipe) ZInterStore(dst string, keys []string, o ZStoreOptions) Reply[int64] {
	return enqueue(p, zStore(p.next(), "ZINTERSTORE", dst, keys, o), decodeInt)
}

// ZScan yields the members of the sorted set at key with their scores, with the guarantees of Scan.
func (c *commands) ZScan(ctx context.Context, key string, o ScanOptions) iter.Seq2[Z, error] {
	return scan(ctx, c, "ZSCAN", key, o, nextZs)
}

// BZPopMin removes and returns the member with the lowest score of the first sorted set that has one. It waits as BLPop does.
func (c *commands) BZPopMin(ctx context.Context, wait time.Duration, keys ...string) (key, member string, score float64, err error) {
	return c.popScored(ctx, "BZPOPMIN", wait, keys)
}

// BZPopMax removes and returns the member with the highest score of the first sorted set that has one. It waits as BLPop does.
func (c *commands) BZPopMax(ctx context.Context, wait time.Duration, keys ...string) (key, member string, score float64, err error) {
	return c.popScored(ctx, "BZPOPMAX", wait, keys)
}

func (c *commands) popScored(ctx context.Context, name string, wait time.Duration, keys []string) (key, member string, score float64, err error) {
	key, member, err = c.popAny(ctx, name, wait, keys, &score)
	return key, member, score, err
}

package baton

// ZAdd queues ZADD, see Client.ZAdd.
func (p *Pipe) ZAdd(key string, members []Z, opts ...ZAddOption) Reply[int64] {
	return enqueue(p, zAdd(p.next(), key, members, opts), decodeInt)
}

// ZIncrBy queues ZINCRBY, see Client.ZIncrBy.
func (p *Pipe) ZIncrBy(key string, f float64, member string) Reply[float64] {
	return enqueue(p, zIncrBy(p.next(), key, f, member), decodeFloat)
}

// ZRem queues ZREM, see Client.ZRem.
func (p *Pipe) ZRem(key string, members ...string) Reply[int64] {
	return enqueue(p, list(p.next(), "ZREM", "member", members, key), decodeInt)
}

// ZCard queues ZCARD, see Client.ZCard.
func (p *Pipe) ZCard(key string) Reply[int64] {
	return enqueue(p, words(p.next(), "ZCARD", key), decodeInt)
}

// ZScore queues ZSCORE, see Client.ZScore.
func (p *Pipe) ZScore(key, member string) Reply[float64] {
	return enqueue(p, words(p.next(), "ZSCORE", key, member), decodeFloat)
}

// ZMScore queues ZMSCORE, see Client.ZMScore.
func (p *Pipe) ZMScore(key string, members ...string) Reply[[]Opt[float64]] {
	return enqueue(p, list(p.next(), "ZMSCORE", "member", members, key), counted(len(members), decodeOptFloats))
}

// ZRank queues ZRANK, see Client.ZRank.
func (p *Pipe) ZRank(key, member string) Reply[int64] {
	return enqueue(p, words(p.next(), "ZRANK", key, member), decodeInt)
}

// ZRevRank queues ZREVRANK, see Client.ZRevRank.
func (p *Pipe) ZRevRank(key, member string) Reply[int64] {
	return enqueue(p, words(p.next(), "ZREVRANK", key, member), decodeInt)
}

// ZRange queues ZRANGE, see Client.ZRange.
func (p *Pipe) ZRange(key string, span ZSpan) Reply[[]string] {
	return enqueue(p, zRange(p.next(), key, span, false), decodeTexts)
}

// ZRangeWithScores queues ZRANGE with WITHSCORES, see Client.ZRangeWithScores.
func (p *Pipe) ZRangeWithScores(key string, span ZSpan) Reply[[]Z] {
	return enqueue(p, zRange(p.next(), key, span, true), decodeZs)
}

// ZCount queues ZCOUNT, see Client.ZCount.
func (p *Pipe) ZCount(key, low, high string) Reply[int64] {
	return enqueue(p, words(p.next(), "ZCOUNT", key, low, high), decodeInt)
}

// ZPopMin queues ZPOPMIN, see Client.ZPopMin.
func (p *Pipe) ZPopMin(key string, n int64) Reply[[]Z] {
	return enqueue(p, popN(p.next(), "ZPOPMIN", key, n), decodeZs)
}

// ZPopMax queues ZPOPMAX, see Client.ZPopMax.
func (p *Pipe) ZPopMax(key string, n int64) Reply[[]Z] {
	return enqueue(p, popN(p.next(), "ZPOPMAX", key, n), decodeZs)
}

// ZRemRangeByRank queues ZREMRANGEBYRANK, see Client.ZRemRangeByRank.
func (p *Pipe) ZRemRangeByRank(key string, start, stop int64) Reply[int64] {
	return enqueue(p, byInts(p.next(), "ZREMRANGEBYRANK", key, start, stop), decodeInt)
}

// ZRemRangeByScore queues ZREMRANGEBYSCORE, see Client.ZRemRangeByScore.
func (p *Pipe) ZRemRangeByScore(key, low, high string) Reply[int64] {
	return enqueue(p, words(p.next(), "ZREMRANGEBYSCORE", key, low, high), decodeInt)
}

// ZRangeStore queues ZRANGESTORE, see Client.ZRangeStore.
func (p *Pipe) ZRangeStore(dst, src string, span ZSpan) Reply[int64] {
	return enqueue(p, zRangeStore(p.next(), dst, src, span), decodeInt)
}

// ZUnionStore queues ZUNIONSTORE, see Client.ZUnionStore.
func (p *Pipe) ZUnionStore(dst string, keys []string, o ZStoreOptions) Reply[int64] {
	return enqueue(p, zStore(p.next(), "ZUNIONSTORE", dst, keys, o), decodeInt)
}

// ZInterStore queues ZINTERSTORE, see Client.ZInterStore.
func (p *Pipe) ZInterStore(dst string, keys []string, o ZStoreOptions) Reply[int64] {
	return enqueue(p, zStore(p.next(), "ZINTERSTORE", dst, keys, o), decodeInt)
}

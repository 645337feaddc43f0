package baton

// LPush queues LPUSH, see Client.LPush.
func (p *Pipe) LPush(key string, values ...string) Reply[int64] {
	return enqueue(p, list(p.next(), "LPUSH", "value", values, key), decodeInt)
}

// RPush queues RPUSH, see Client.RPush.
func (p *Pipe) RPush(key string, values ...string) Reply[int64] {
	return enqueue(p, list(p.next(), "RPUSH", "value", values, key), decodeInt)
}

// LPop queues LPOP, see Client.LPop.
func (p *Pipe) LPop(key string) Reply[string] {
	return enqueue(p, words(p.next(), "LPOP", key), decodeText)
}

// LPopN queues LPOP, see Client.LPopN.
func (p *Pipe) LPopN(key string, n int64) Reply[[]string] {
	return enqueue(p, popN(p.next(), "LPOP", key, n), decodeTexts)
}

// RPop queues RPOP, see Client.RPop.
func (p *Pipe) RPop(key string) Reply[string] {
	return enqueue(p, words(p.next(), "RPOP", key), decodeText)
}

// RPopN queues RPOP, see Client.RPopN.
func (p *Pipe) RPopN(key string, n int64) Reply[[]string] {
	return enqueue(p, popN(p.next(), "RPOP", key, n), decodeTexts)
}

// LLen queues LLEN, see Client.LLen.
func (p *Pipe) LLen(key string) Reply[int64] {
	return enqueue(p, words(p.next(), "LLEN", key), decodeInt)
}

// LRange queues LRANGE, see Client.LRange.
func (p *Pipe) LRange(key string, start, stop int64) Reply[[]string] {
	return enqueue(p, byInts(p.next(), "LRANGE", key, start, stop), decodeTexts)
}

// LIndex queues LINDEX, see Client.LIndex.
func (p *Pipe) LIndex(key string, index int64) Reply[string] {
	return enqueue(p, byInt(p.next(), "LINDEX", key, index), decodeText)
}

// LSet queues LSET, see Client.LSet. The reply is OK.
func (p *Pipe) LSet(key string, index int64, value string) Reply[string] {
	return enqueue(p, lSet(p.next(), key, index, value), decodeStatus)
}

// LRem queues LREM, see Client.LRem.
func (p *Pipe) LRem(key string, count int64, value string) Reply[int64] {
	return enqueue(p, lRem(p.next(), key, count, value), decodeInt)
}

// LTrim queues LTRIM, see Client.LTrim. The reply is OK.
func (p *Pipe) LTrim(key string, start, stop int64) Reply[string] {
	return enqueue(p, byInts(p.next(), "LTRIM", key, start, stop), decodeStatus)
}

// LMove queues LMOVE, see Client.LMove.
func (p *Pipe) LMove(src, dst string, from, to End) Reply[string] {
	return enqueue(p, words(p.next(), "LMOVE", src, dst, string(from), string(to)), decodeText)
}

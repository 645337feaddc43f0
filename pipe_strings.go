package baton

import (
	"time"
)

// Get queues GET, see Client.Get.
func (p *Pipe) Get(key string) Reply[string] {
	return enqueue(p, get(p.next(), key), decodeText)
}

// Set queues SET, see Client.Set.
func (p *Pipe) Set(key, value string, opts ...SetOption) Reply[bool] {
	return enqueue(p, set(p.next(), key, value, opts), decodePresent)
}

// SetBytes queues SET, see Client.SetBytes.
func (p *Pipe) SetBytes(key string, value []byte, opts ...SetOption) Reply[bool] {
	return enqueue(p, setBytes(p.next(), key, value, opts), decodePresent)
}

// GetDel queues GETDEL, see Client.GetDel.
func (p *Pipe) GetDel(key string) Reply[string] {
	return enqueue(p, words(p.next(), "GETDEL", key), decodeText)
}

// GetEx queues GETEX, see Client.GetEx.
func (p *Pipe) GetEx(key string, ttl time.Duration) Reply[string] {
	return enqueue(p, getEx(p.next(), key, ttl), decodeText)
}

// GetExAt queues GETEX, see Client.GetExAt.
func (p *Pipe) GetExAt(key string, at time.Time) Reply[string] {
	return enqueue(p, getExAt(p.next(), key, at), decodeText)
}

// GetRange queues GETRANGE, see Client.GetRange.
func (p *Pipe) GetRange(key string, start, stop int64) Reply[string] {
	return enqueue(p, byInts(p.next(), "GETRANGE", key, start, stop), decodeText)
}

// SetRange queues SETRANGE, see Client.SetRange.
func (p *Pipe) SetRange(key string, offset int64, value string) Reply[int64] {
	return enqueue(p, setRange(p.next(), key, offset, value), decodeInt)
}

// Append queues APPEND, see Client.Append.
func (p *Pipe) Append(key, value string) Reply[int64] {
	return enqueue(p, words(p.next(), "APPEND", key, value), decodeInt)
}

// StrLen queues STRLEN, see Client.StrLen.
func (p *Pipe) StrLen(key string) Reply[int64] {
	return enqueue(p, words(p.next(), "STRLEN", key), decodeInt)
}

// MGet queues MGET, see Client.MGet.
func (p *Pipe) MGet(keys ...string) Reply[[]Opt[string]] {
	return enqueue(p, list(p.next(), "MGET", "key", keys), counted(len(keys), decodeOptTexts))
}

// MSet queues MSET, see Client.MSet. The reply is OK.
func (p *Pipe) MSet(keysValues ...string) Reply[string] {
	return enqueue(p, pairList(p.next(), "MSET", "key and value", keysValues), decodeStatus)
}

// MSetNX queues MSETNX, see Client.MSetNX.
func (p *Pipe) MSetNX(keysValues ...string) Reply[bool] {
	return enqueue(p, pairList(p.next(), "MSETNX", "key and value", keysValues), decodeTruth)
}

// Incr queues INCR, see Client.Incr.
func (p *Pipe) Incr(key string) Reply[int64] {
	return enqueue(p, words(p.next(), "INCR", key), decodeInt)
}

// IncrBy queues INCRBY, see Client.IncrBy.
func (p *Pipe) IncrBy(key string, n int64) Reply[int64] {
	return enqueue(p, byInt(p.next(), "INCRBY", key, n), decodeInt)
}

// IncrByFloat queues INCRBYFLOAT, see Client.IncrByFloat.
func (p *Pipe) IncrByFloat(key string, f float64) Reply[float64] {
	return enqueue(p, byFloat(p.next(), "INCRBYFLOAT", key, f), decodeFloat)
}

// Decr queues DECR, see Client.Decr.
func (p *Pipe) Decr(key string) Reply[int64] {
	return enqueue(p, words(p.next(), "DECR", key), decodeInt)
}

// DecrBy queues DECRBY, see Client.DecrBy.
func (p *Pipe) DecrBy(key string, n int64) Reply[int64] {
	return enqueue(p, byInt(p.next(), "DECRBY", key, n), decodeInt)
}

package baton

import (
	"time"
)

// Del queues DEL, see Client.Del.
func (p *Pipe) Del(keys ...string) Reply[int64] {
	return enqueue(p, list(p.next(), "DEL", "key", keys), decodeInt)
}

// Unlink queues UNLINK, see Client.Unlink.
func (p *Pipe) Unlink(keys ...string) Reply[int64] {
	return enqueue(p, list(p.next(), "UNLINK", "key", keys), decodeInt)
}

// Exists queues EXISTS, see Client.Exists.
func (p *Pipe) Exists(keys ...string) Reply[int64] {
	return enqueue(p, list(p.next(), "EXISTS", "key", keys), decodeInt)
}

// Expire queues EXPIRE or PEXPIRE, see Client.Expire.
func (p *Pipe) Expire(key string, ttl time.Duration, opts ...ExpireOption) Reply[bool] {
	return enqueue(p, expire(p.next(), key, ttl, opts), decodeTruth)
}

// PExpire queues PEXPIRE, see Client.PExpire.
func (p *Pipe) PExpire(key string, ttl time.Duration, opts ...ExpireOption) Reply[bool] {
	return enqueue(p, pexpire(p.next(), key, ttl, opts), decodeTruth)
}

// ExpireAt queues EXPIREAT or PEXPIREAT, see Client.ExpireAt.
func (p *Pipe) ExpireAt(key string, at time.Time, opts ...ExpireOption) Reply[bool] {
	return enqueue(p, expireAt(p.next(), key, at, opts), decodeTruth)
}

// TTL queues TTL, see Client.TTL.
func (p *Pipe) TTL(key string) Reply[time.Duration] {
	return enqueue(p, words(p.next(), "TTL", key), decodeTTL)
}

// PTTL queues PTTL, see Client.PTTL.
func (p *Pipe) PTTL(key string) Reply[time.Duration] {
	return enqueue(p, words(p.next(), "PTTL", key), decodePTTL)
}

// Persist queues PERSIST, see Client.Persist.
func (p *Pipe) Persist(key string) Reply[bool] {
	return enqueue(p, words(p.next(), "PERSIST", key), decodeTruth)
}

// Type queues TYPE, see Client.Type.
func (p *Pipe) Type(key string) Reply[string] {
	return enqueue(p, words(p.next(), "TYPE", key), decodeText)
}

// Rename queues RENAME, see Client.Rename. The reply is OK.
func (p *Pipe) Rename(key, to string) Reply[string] {
	return enqueue(p, words(p.next(), "RENAME", key, to), decodeStatus)
}

// Copy queues COPY, see Client.Copy.
func (p *Pipe) Copy(src, dst string, opts ...CopyOption) Reply[bool] {
	return enqueue(p, copyKey(p.next(), src, dst, opts), decodeTruth)
}

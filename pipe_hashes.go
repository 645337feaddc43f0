package baton

import (
	"time"
)

// HGet queues HGET, see Client.HGet.
func (p *Pipe) HGet(key, field string) Reply[string] {
	return enqueue(p, words(p.next(), "HGET", key, field), decodeText)
}

// HSet queues HSET, see Client.HSet.
func (p *Pipe) HSet(key string, fieldsValues ...string) Reply[int64] {
	return enqueue(p, pairList(p.next(), "HSET", "field and value", fieldsValues, key), decodeInt)
}

// HSetNX queues HSETNX, see Client.HSetNX.
func (p *Pipe) HSetNX(key, field, value string) Reply[bool] {
	return enqueue(p, words(p.next(), "HSETNX", key, field, value), decodeTruth)
}

// HMGet queues HMGET, see Client.HMGet.
func (p *Pipe) HMGet(key string, fields ...string) Reply[[]Opt[string]] {
	return enqueue(p, list(p.next(), "HMGET", "field", fields, key), counted(len(fields), decodeOptTexts))
}

// HGetAll queues HGETALL, see Client.HGetAll.
func (p *Pipe) HGetAll(key string) Reply[map[string]string] {
	return enqueue(p, words(p.next(), "HGETALL", key), decodeMap)
}

// HDel queues HDEL, see Client.HDel.
func (p *Pipe) HDel(key string, fields ...string) Reply[int64] {
	return enqueue(p, list(p.next(), "HDEL", "field", fields, key), decodeInt)
}

// HExists queues HEXISTS, see Client.HExists.
func (p *Pipe) HExists(key, field string) Reply[bool] {
	return enqueue(p, words(p.next(), "HEXISTS", key, field), decodeTruth)
}

// HLen queues HLEN, see Client.HLen.
func (p *Pipe) HLen(key string) Reply[int64] {
	return enqueue(p, words(p.next(), "HLEN", key), decodeInt)
}

// HKeys queues HKEYS, see Client.HKeys.
func (p *Pipe) HKeys(key string) Reply[[]string] {
	return enqueue(p, words(p.next(), "HKEYS", key), decodeTexts)
}

// HVals queues HVALS, see Client.HVals.
func (p *Pipe) HVals(key string) Reply[[]string] {
	return enqueue(p, words(p.next(), "HVALS", key), decodeTexts)
}

// HIncrBy queues HINCRBY, see Client.HIncrBy.
func (p *Pipe) HIncrBy(key, field string, n int64) Reply[int64] {
	return enqueue(p, hIncrBy(p.next(), key, field, n), decodeInt)
}

// HIncrByFloat queues HINCRBYFLOAT, see Client.HIncrByFloat.
func (p *Pipe) HIncrByFloat(key, field string, f float64) Reply[float64] {
	return enqueue(p, hIncrByFloat(p.next(), key, field, f), decodeFloat)
}

// HRandField queues HRANDFIELD, see Client.HRandField.
func (p *Pipe) HRandField(key string) Reply[string] {
	return enqueue(p, words(p.next(), "HRANDFIELD", key), decodeText)
}

// HRandFields queues HRANDFIELD with a count, see Client.HRandFields.
func (p *Pipe) HRandFields(key string, n int64) Reply[[]string] {
	return enqueue(p, hRandFields(p.next(), key, n, false), decodeTexts)
}

// HRandFieldsWithValues queues HRANDFIELD with WITHVALUES, see Client.HRandFieldsWithValues.
func (p *Pipe) HRandFieldsWithValues(key string, n int64) Reply[[]Field] {
	return enqueue(p, hRandFields(p.next(), key, n, true), decodeFields)
}

// HExpire queues HEXPIRE or HPEXPIRE, see Client.HExpire.
func (p *Pipe) HExpire(key string, ttl time.Duration, fields []string, opts ...ExpireOption) Reply[[]int64] {
	return enqueue(p, hExpire(p.next(), key, ttl, fields, opts), countedOrNone(len(fields), decodeInts))
}

// HTTL queues HTTL, see Client.HTTL.
func (p *Pipe) HTTL(key string, fields ...string) Reply[[]time.Duration] {
	return enqueue(p, hTTL(p.next(), key, fields), countedOrNone(len(fields), decodeFieldTTLs))
}

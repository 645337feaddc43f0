package baton

import (
	"context"
	"iter"
	"time"

	"github.com/baton-go/baton/conn"
)

func hIncrBy(q *conn.Call, key, field string, n int64) request {
	r := command(q, "HINCRBY")
	r.strs([]string{key, field})
	r.int(n)
	return r
}

func hIncrByFloat(q *conn.Call, key, field string, f float64) request {
	r := command(q, "HINCRBYFLOAT")
	r.strs([]string{key, field})
	r.float(f)
	return r
}

func hRandFields(q *conn.Call, key string, n int64, values bool) request {
	r := byInt(q, "HRANDFIELD", key, n)
	r.flag(values, "WITHVALUES")
	return r
}

func hExpire(q *conn.Call, key string, ttl time.Duration, fields []string, opts []ExpireOption) request {
	var r request
	if ttl%time.Second == 0 {
		r = byInt(q, "HEXPIRE", key, int64(ttl/time.Second))
	} else {
		r = command(q, "HPEXPIRE")
		r.str(key)
		r.millis(ttl, minDuration)
	}
	r = withConditions(r, opts)
	r.str("FIELDS")
	r.counted("field", fields)
	return r
}

func hTTL(q *conn.Call, key string, fields []string) request {
	r := command(q, "HTTL")
	r.str(key)
	r.str("FIELDS")
	r.counted("field", fields)
	return r
}

// HGet returns the value of a field of the hash at key, or Nil if there is none.
func (c *commands) HGet(ctx context.Context, key, field string) (string, error) {
	return c.text(ctx, fixedArgs(c.newCall(), "HGET", key, field))
}

// HGet queues HGET, see Client.HGet.
func (p *Pipe) HGet(key, field string) Reply[string] {
	return enqueue(p, fixedArgs(p.next(), "HGET", key, field), decodeText)
}

// HSet sets fields of the hash at key to values and returns how many of them are new. The arguments alternate: field, value.
func (c *commands) HSet(ctx context.Context, key string, fieldsValues ...string) (int64, error) {
	return c.integer(ctx, pairArgs(c.newCall(), "HSET", "field and value", fieldsValues, key))
}

// HSet queues HSET, see Client.HSet.
func (p *Pipe) HSet(key string, fieldsValues ...string) Reply[int64] {
	return enqueue(p, pairArgs(p.next(), "HSET", "field and value", fieldsValues, key), decodeInt)
}

// HSetNX sets a field of the hash at key if it does not exist, and reports whether it did.
func (c *commands) HSetNX(ctx context.Context, key, field, value string) (bool, error) {
	return c.truth(ctx, fixedArgs(c.newCall(), "HSETNX", key, field, value))
}

// HSetNX queues HSETNX, see Client.HSetNX.
func (p *Pipe) HSetNX(key, field, value string) Reply[bool] {
	return enqueue(p, fixedArgs(p.next(), "HSETNX", key, field, value), decodeTruth)
}

// HMGet returns the values of fields in their order; OK is false for a field that does not exist. The texts share one block of
// memory, so that one that is kept keeps all.
func (c *commands) HMGet(ctx context.Context, key string, fields ...string) ([]Opt[string], error) {
	return fetch(ctx, c, listArgs(c.newCall(), "HMGET", "field", fields, key), counted(len(fields), decodeOptTexts))
}

// HMGet queues HMGET, see Client.HMGet.
func (p *Pipe) HMGet(key string, fields ...string) Reply[[]Opt[string]] {
	return enqueue(p, listArgs(p.next(), "HMGET", "field", fields, key), counted(len(fields), decodeOptTexts))
}

// HGetAll returns the whole hash at key, empty if there is none. The texts share one block of memory, so that one that is kept
// keeps all.
func (c *commands) HGetAll(ctx context.Context, key string) (map[string]string, error) {
	return fetch(ctx, c, fixedArgs(c.newCall(), "HGETALL", key), decodeMap)
}

// HGetAll queues HGETALL, see Client.HGetAll.
func (p *Pipe) HGetAll(key string) Reply[map[string]string] {
	return enqueue(p, fixedArgs(p.next(), "HGETALL", key), decodeMap)
}

// HDel removes fields of the hash at key and returns how many there were.
func (c *commands) HDel(ctx context.Context, key string, fields ...string) (int64, error) {
	return c.integer(ctx, listArgs(c.newCall(), "HDEL", "field", fields, key))
}

// HDel queues HDEL, see Client.HDel.
func (p *Pipe) HDel(key string, fields ...string) Reply[int64] {
	return enqueue(p, listArgs(p.next(), "HDEL", "field", fields, key), decodeInt)
}

// HExists reports whether the hash at key has a field.
func (c *commands) HExists(ctx context.Context, key, field string) (bool, error) {
	return c.truth(ctx, fixedArgs(c.newCall(), "HEXISTS", key, field))
}

// HExists queues HEXISTS, see Client.HExists.
func (p *Pipe) HExists(key, field string) Reply[bool] {
	return enqueue(p, fixedArgs(p.next(), "HEXISTS", key, field), decodeTruth)
}

// HLen returns the number of fields of the hash at key, 0 if there is none.
func (c *commands) HLen(ctx context.Context, key string) (int64, error) {
	return c.integer(ctx, fixedArgs(c.newCall(), "HLEN", key))
}

// HLen queues HLEN, see Client.HLen.
func (p *Pipe) HLen(key string) Reply[int64] {
	return enqueue(p, fixedArgs(p.next(), "HLEN", key), decodeInt)
}

// HKeys returns the names of all fields of the hash at key, none if there is no such key. They share one block of memory.
func (c *commands) HKeys(ctx context.Context, key string) ([]string, error) {
	return fetch(ctx, c, fixedArgs(c.newCall(), "HKEYS", key), decodeTexts)
}

// HKeys queues HKEYS, see Client.HKeys.
func (p *Pipe) HKeys(key string) Reply[[]string] {
	return enqueue(p, fixedArgs(p.next(), "HKEYS", key), decodeTexts)
}

// HVals returns the values of all fields of the hash at key, none if there is no such key. They share one block of memory.
func (c *commands) HVals(ctx context.Context, key string) ([]string, error) {
	return fetch(ctx, c, fixedArgs(c.newCall(), "HVALS", key), decodeTexts)
}

// HVals queues HVALS, see Client.HVals.
func (p *Pipe) HVals(key string) Reply[[]string] {
	return enqueue(p, fixedArgs(p.next(), "HVALS", key), decodeTexts)
}

// HIncrBy adds n to the integer in a field of the hash at key, 0 if there is none, and returns the sum.
func (c *commands) HIncrBy(ctx context.Context, key, field string, n int64) (int64, error) {
	return c.integer(ctx, hIncrBy(c.newCall(), key, field, n))
}

// HIncrBy queues HINCRBY, see Client.HIncrBy.
func (p *Pipe) HIncrBy(key, field string, n int64) Reply[int64] {
	return enqueue(p, hIncrBy(p.next(), key, field, n), decodeInt)
}

// HIncrByFloat adds f to the number in a field of the hash at key, 0 if there is none, and returns the sum.
func (c *commands) HIncrByFloat(ctx context.Context, key, field string, f float64) (float64, error) {
	return c.float(ctx, hIncrByFloat(c.newCall(), key, field, f))
}

// HIncrByFloat queues HINCRBYFLOAT, see Client.HIncrByFloat.
func (p *Pipe) HIncrByFloat(key, field string, f float64) Reply[float64] {
	return enqueue(p, hIncrByFloat(p.next(), key, field, f), decodeFloat)
}

// HRandField returns the name of a random field of the hash at key, or Nil if there is no such key.
func (c *commands) HRandField(ctx context.Context, key string) (string, error) {
	return c.text(ctx, fixedArgs(c.newCall(), "HRANDFIELD", key))
}

// HRandField queues HRANDFIELD, see Client.HRandField.
func (p *Pipe) HRandField(key string) Reply[string] {
	return enqueue(p, fixedArgs(p.next(), "HRANDFIELD", key), decodeText)
}

// HRandFields returns the names of n random fields of the hash at key, all if there are fewer, none if there is no such
// key. If n is negative there are exactly -n, and a name may come several times.
func (c *commands) HRandFields(ctx context.Context, key string, n int64) ([]string, error) {
	return fetch(ctx, c, hRandFields(c.newCall(), key, n, false), decodeTexts)
}

// HRandFields queues HRANDFIELD with a count, see Client.HRandFields.
func (p *Pipe) HRandFields(key string, n int64) Reply[[]string] {
	return enqueue(p, hRandFields(p.next(), key, n, false), decodeTexts)
}

// HRandFieldsWithValues is HRandFields with the values.
func (c *commands) HRandFieldsWithValues(ctx context.Context, key string, n int64) ([]Field, error) {
	return fetch(ctx, c, hRandFields(c.newCall(), key, n, true), decodeFields)
}

// HRandFieldsWithValues queues HRANDFIELD with WITHVALUES, see Client.HRandFieldsWithValues.
func (p *Pipe) HRandFieldsWithValues(key string, n int64) Reply[[]Field] {
	return enqueue(p, hRandFields(p.next(), key, n, true), decodeFields)
}

// HExpire lets fields of the hash at key expire after ttl, which is sent as Expire sends it. For each field it returns 1 if
// the expiry is set, 2 if the field was removed since ttl is zero, 0 if an option does not allow it, and -2 if there is no
// such field or no such key. A negative ttl does not remove the fields: the server answers with "invalid expire time, must be
// >= 0". Since Redis 7.4.
func (c *commands) HExpire(ctx context.Context, key string, ttl time.Duration, fields []string, opts ...ExpireOption) ([]int64, error) {
	return fetch(ctx, c, hExpire(c.newCall(), key, ttl, fields, opts), countedOrNone(len(fields), decodeInts))
}

// HExpire queues HEXPIRE or HPEXPIRE, see Client.HExpire.
func (p *Pipe) HExpire(key string, ttl time.Duration, fields []string, opts ...ExpireOption) Reply[[]int64] {
	return enqueue(p, hExpire(p.next(), key, ttl, fields, opts), countedOrNone(len(fields), decodeInts))
}

// HTTL returns the time until each of fields expires, in whole seconds: NoExpiry if it does not expire, NoField if it does not
// exist. Since Redis 7.4.
func (c *commands) HTTL(ctx context.Context, key string, fields ...string) ([]time.Duration, error) {
	return fetch(ctx, c, hTTL(c.newCall(), key, fields), countedOrNone(len(fields), decodeFieldTTLs))
}

// HTTL queues HTTL, see Client.HTTL.
func (p *Pipe) HTTL(key string, fields ...string) Reply[[]time.Duration] {
	return enqueue(p, hTTL(p.next(), key, fields), countedOrNone(len(fields), decodeFieldTTLs))
}

// HScan yields the fields of the hash at key with their values, with the guarantees of Scan.
func (c *commands) HScan(ctx context.Context, key string, o ScanOptions) iter.Seq2[Field, error] {
	return scan(ctx, c, "HSCAN", key, o, nextFields)
}

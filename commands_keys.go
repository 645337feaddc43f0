package baton

import (
	"context"
	"fmt"
	"iter"
	"time"

	"github.com/baton-go/baton/conn"
	"github.com/baton-go/baton/resp3"
)

// ExpireOption is a condition of Expire, PExpire, ExpireAt and HExpire. The empty one is none.
type ExpireOption string

// The conditions.
const (
	ExpireNX ExpireOption = "NX" // only if it does not expire yet
	ExpireXX ExpireOption = "XX" // only if it expires already
	ExpireGT ExpireOption = "GT" // only if the new expiry is later than the present one
	ExpireLT ExpireOption = "LT" // only if the new expiry is earlier than the present one
)

// CopyOption modifies Copy. The zero value changes nothing.
type CopyOption struct {
	word string
	db   int64
}

// CopyReplace lets Copy overwrite the destination.
func CopyReplace() CopyOption { return CopyOption{word: "REPLACE"} }

// CopyDB copies into another database.
func CopyDB(db int) CopyOption { return CopyOption{word: "DB", db: int64(db)} }

// expire sends whole seconds in seconds and other durations in milliseconds.
func expire(q *conn.Call, key string, ttl time.Duration, opts []ExpireOption) request {
	if ttl%time.Second != 0 {
		return pexpire(q, key, ttl, opts)
	}
	r := command(q, "EXPIRE")
	r.str(key)
	r.int(int64(ttl / time.Second))
	return withConditions(r, opts)
}

func pexpire(q *conn.Call, key string, ttl time.Duration, opts []ExpireOption) request {
	r := command(q, "PEXPIRE")
	r.str(key)
	r.millis(ttl, minDuration)
	return withConditions(r, opts)
}

// minDuration is no limit: an expiry in the past removes the key.
const minDuration = time.Duration(-1 << 63)

func expireAt(q *conn.Call, key string, at time.Time, opts []ExpireOption) request {
	name, unit := "EXPIREAT", time.Second
	if at.Nanosecond() != 0 {
		name, unit = "PEXPIREAT", time.Millisecond
	}
	r := command(q, name)
	r.str(key)
	r.instant("", at, unit)
	return withConditions(r, opts)
}

func withConditions(r request, opts []ExpireOption) request {
	for _, o := range opts {
		r.opt(string(o))
	}
	return r
}

func copyKey(q *conn.Call, src, dst string, opts []CopyOption) request {
	r := command(q, "COPY")
	r.strs([]string{src, dst})
	for _, o := range opts {
		r.opt(o.word)
		if o.word == "DB" {
			r.int(o.db)
		}
	}
	return r
}

// Del removes keys and returns how many there were.
func (c *commands) Del(ctx context.Context, keys ...string) (int64, error) {
	return c.integer(ctx, listArgs(c.newCall(), "DEL", "key", keys))
}

// Del queues DEL, see Client.Del.
func (p *Pipe) Del(keys ...string) Reply[int64] {
	return enqueue(p, listArgs(p.next(), "DEL", "key", keys), decodeInt)
}

// Unlink is Del, but the server frees the memory later.
func (c *commands) Unlink(ctx context.Context, keys ...string) (int64, error) {
	return c.integer(ctx, listArgs(c.newCall(), "UNLINK", "key", keys))
}

// Unlink queues UNLINK, see Client.Unlink.
func (p *Pipe) Unlink(keys ...string) Reply[int64] {
	return enqueue(p, listArgs(p.next(), "UNLINK", "key", keys), decodeInt)
}

// Exists returns how many of keys exist. A key that is given twice counts twice.
func (c *commands) Exists(ctx context.Context, keys ...string) (int64, error) {
	return c.integer(ctx, listArgs(c.newCall(), "EXISTS", "key", keys))
}

// Exists queues EXISTS, see Client.Exists.
func (p *Pipe) Exists(keys ...string) Reply[int64] {
	return enqueue(p, listArgs(p.next(), "EXISTS", "key", keys), decodeInt)
}

// Expire lets key expire after ttl, which is sent in seconds if it is whole seconds, else in milliseconds. Fractions of a
// millisecond are cut off; a ttl between zero and one millisecond is an error. A ttl of zero or less removes the key. It reports
// false if there is no such key or an option does not allow it.
func (c *commands) Expire(ctx context.Context, key string, ttl time.Duration, opts ...ExpireOption) (bool, error) {
	return c.truth(ctx, expire(c.newCall(), key, ttl, opts))
}

// Expire queues EXPIRE or PEXPIRE, see Client.Expire.
func (p *Pipe) Expire(key string, ttl time.Duration, opts ...ExpireOption) Reply[bool] {
	return enqueue(p, expire(p.next(), key, ttl, opts), decodeTruth)
}

// PExpire is Expire that always sends milliseconds.
func (c *commands) PExpire(ctx context.Context, key string, ttl time.Duration, opts ...ExpireOption) (bool, error) {
	return c.truth(ctx, pexpire(c.newCall(), key, ttl, opts))
}

// PExpire queues PEXPIRE, see Client.PExpire.
func (p *Pipe) PExpire(key string, ttl time.Duration, opts ...ExpireOption) Reply[bool] {
	return enqueue(p, pexpire(p.next(), key, ttl, opts), decodeTruth)
}

// ExpireAt lets key expire at a time, which is sent in seconds if it is a whole second, else in milliseconds, rounded up: the
// key never expires before. It reports false if there is no such key or an option does not allow it.
func (c *commands) ExpireAt(ctx context.Context, key string, at time.Time, opts ...ExpireOption) (bool, error) {
	return c.truth(ctx, expireAt(c.newCall(), key, at, opts))
}

// ExpireAt queues EXPIREAT or PEXPIREAT, see Client.ExpireAt.
func (p *Pipe) ExpireAt(key string, at time.Time, opts ...ExpireOption) Reply[bool] {
	return enqueue(p, expireAt(p.next(), key, at, opts), decodeTruth)
}

// TTL returns the time until key expires, in whole seconds. It is NoExpiry if it does not expire, and the error is Nil if there
// is no such key.
func (c *commands) TTL(ctx context.Context, key string) (time.Duration, error) {
	return c.expiry(ctx, fixedArgs(c.newCall(), "TTL", key), time.Second)
}

// TTL queues TTL, see Client.TTL.
func (p *Pipe) TTL(key string) Reply[time.Duration] {
	return enqueue(p, fixedArgs(p.next(), "TTL", key), decodeTTL)
}

// PTTL is TTL in milliseconds.
func (c *commands) PTTL(ctx context.Context, key string) (time.Duration, error) {
	return c.expiry(ctx, fixedArgs(c.newCall(), "PTTL", key), time.Millisecond)
}

// PTTL queues PTTL, see Client.PTTL.
func (p *Pipe) PTTL(key string) Reply[time.Duration] {
	return enqueue(p, fixedArgs(p.next(), "PTTL", key), decodePTTL)
}

// Persist removes the expiry of key. It reports false if there is no such key or it does not expire.
func (c *commands) Persist(ctx context.Context, key string) (bool, error) {
	return c.truth(ctx, fixedArgs(c.newCall(), "PERSIST", key))
}

// Persist queues PERSIST, see Client.Persist.
func (p *Pipe) Persist(key string) Reply[bool] {
	return enqueue(p, fixedArgs(p.next(), "PERSIST", key), decodeTruth)
}

// Type returns the type of the value at key, such as "string" or "zset", and "none" if there is no such key.
func (c *commands) Type(ctx context.Context, key string) (string, error) {
	return c.text(ctx, fixedArgs(c.newCall(), "TYPE", key))
}

// Type queues TYPE, see Client.Type.
func (p *Pipe) Type(key string) Reply[string] {
	return enqueue(p, fixedArgs(p.next(), "TYPE", key), decodeText)
}

// Rename renames a key, and overwrites a key that has the new name. The server answers with an error if there is no such key.
func (c *commands) Rename(ctx context.Context, key, to string) error {
	return c.status(ctx, fixedArgs(c.newCall(), "RENAME", key, to))
}

// Rename queues RENAME, see Client.Rename. The reply is OK.
func (p *Pipe) Rename(key, to string) Reply[string] {
	return enqueue(p, fixedArgs(p.next(), "RENAME", key, to), decodeText)
}

// Copy copies the value at src to dst. It reports false if src does not exist, or if dst exists and CopyReplace is not given.
func (c *commands) Copy(ctx context.Context, src, dst string, opts ...CopyOption) (bool, error) {
	return c.truth(ctx, copyKey(c.newCall(), src, dst, opts))
}

// Copy queues COPY, see Client.Copy.
func (p *Pipe) Copy(src, dst string, opts ...CopyOption) Reply[bool] {
	return enqueue(p, copyKey(p.next(), src, dst, opts), decodeTruth)
}

// expiry returns the answer of TTL or PTTL.
func (c *commands) expiry(ctx context.Context, r request, unit time.Duration) (time.Duration, error) {
	n, err := c.integer(ctx, r)
	return ttl(n, unit, err)
}

// ScanOptions select what a scan returns. The zero value selects everything.
type ScanOptions struct {
	Match string // glob pattern of names; empty: all
	Count int64  // elements that the server looks at for each call; 0: its default of 10
	Type  string // Scan only: type of the keys, such as "string" or "zset"; empty: all
}

// Scan yields the keys of the database. A key that exists from the beginning to the end of the scan is yielded, maybe more
// than once. A key that others add or remove meanwhile may be yielded or not. The loop may be left at any time. An error is
// yielded once, with an empty key, and ends the scan.
func (c *commands) Scan(ctx context.Context, o ScanOptions) iter.Seq2[string, error] {
	return scan(ctx, c, "SCAN", "", o, nextTexts)
}

// scan is small, because it is inlined into each command that scans and then into each type that has the command.
func scan[T any](ctx context.Context, c *commands, name, key string, o ScanOptions, items func(*resp3.Cursor) ([]T, error)) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) { scanPages(ctx, c, name, key, &o, items, yield) }
}

// scanPages asks for page after page until the server says that it was the last. Each page has a call of its own, so that no
// call is open while the caller looks at it.
func scanPages[T any](ctx context.Context, c *commands, name, key string, o *ScanOptions,
	items func(*resp3.Cursor) ([]T, error), yield func(T, error) bool) {
	decode := func(reply string) (page[T], error) { return decodePage(reply, items) }
	for cursor := "0"; ; {
		p, err := fetch(ctx, c, scanPage(c.newCall(), name, key, cursor, o), decode)
		if err != nil {
			var zero T
			yield(zero, err)
			return
		}
		for _, v := range p.items {
			if !yield(v, nil) {
				return
			}
		}
		if cursor = p.next; cursor == "0" {
			return
		}
	}
}

func scanPage(q *conn.Call, name, key, cursor string, o *ScanOptions) request {
	r := command(q, name)
	if name != "SCAN" {
		r.str(key)
		if o.Type != "" {
			r.fail(fmt.Errorf("Type is %q, which is for Scan only", o.Type))
		}
	}
	r.str(cursor)
	if o.Match != "" {
		r.str("MATCH")
		r.str(o.Match)
	}
	r.limit("COUNT", o.Count)
	if o.Type != "" {
		r.str("TYPE")
		r.str(o.Type)
	}
	return r
}

// page is what the server answers to one step of a scan.
type page[T any] struct {
	next  string // "0" if it was the last
	items []T
}

func decodePage[T any](reply string, items func(*resp3.Cursor) ([]T, error)) (p page[T], err error) {
	w := resp3.Walk(reply)
	if err = tupleHeader(&w, 2); err != nil {
		return p, nullIsNil(err)
	}
	if p.next, err = w.Text(); err != nil {
		return p, nullIsNil(err)
	}
	p.items, err = items(&w)
	return p, err
}

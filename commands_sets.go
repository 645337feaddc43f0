package baton

import (
	"context"
	"iter"

	"github.com/baton-go/baton/conn"
)

func sInterCard(q *conn.Call, limit int64, keys []string) request {
	r := command(q, "SINTERCARD")
	r.counted("key", keys)
	r.limit("LIMIT", limit)
	return r
}

// SAdd adds members to the set at key and returns how many are new.
func (c *commands) SAdd(ctx context.Context, key string, members ...string) (int64, error) {
	return c.integer(ctx, listArgs(c.newCall(), "SADD", "member", members, key))
}

// SAdd queues SADD, see Client.SAdd.
func (p *Pipe) SAdd(key string, members ...string) Reply[int64] {
	return enqueue(p, listArgs(p.next(), "SADD", "member", members, key), decodeInt)
}

// SRem removes members from the set at key and returns how many there were.
func (c *commands) SRem(ctx context.Context, key string, members ...string) (int64, error) {
	return c.integer(ctx, listArgs(c.newCall(), "SREM", "member", members, key))
}

// SRem queues SREM, see Client.SRem.
func (p *Pipe) SRem(key string, members ...string) Reply[int64] {
	return enqueue(p, listArgs(p.next(), "SREM", "member", members, key), decodeInt)
}

// SCard returns the number of members of the set at key, 0 if there is none.
func (c *commands) SCard(ctx context.Context, key string) (int64, error) {
	return c.integer(ctx, fixedArgs(c.newCall(), "SCARD", key))
}

// SCard queues SCARD, see Client.SCard.
func (p *Pipe) SCard(key string) Reply[int64] {
	return enqueue(p, fixedArgs(p.next(), "SCARD", key), decodeInt)
}

// SIsMember reports whether the set at key has a member.
func (c *commands) SIsMember(ctx context.Context, key, member string) (bool, error) {
	return c.truth(ctx, fixedArgs(c.newCall(), "SISMEMBER", key, member))
}

// SIsMember queues SISMEMBER, see Client.SIsMember.
func (p *Pipe) SIsMember(key, member string) Reply[bool] {
	return enqueue(p, fixedArgs(p.next(), "SISMEMBER", key, member), decodeTruth)
}

// SMIsMember reports for each of members whether the set at key has it.
func (c *commands) SMIsMember(ctx context.Context, key string, members ...string) ([]bool, error) {
	return fetch(ctx, c, listArgs(c.newCall(), "SMISMEMBER", "member", members, key), counted(len(members), decodeTruths))
}

// SMIsMember queues SMISMEMBER, see Client.SMIsMember.
func (p *Pipe) SMIsMember(key string, members ...string) Reply[[]bool] {
	return enqueue(p, listArgs(p.next(), "SMISMEMBER", "member", members, key), counted(len(members), decodeTruths))
}

// SMembers returns the members of the set at key in no order, none if there is no such key. They share one block of memory,
// so that one that is kept keeps all.
func (c *commands) SMembers(ctx context.Context, key string) ([]string, error) {
	return fetch(ctx, c, fixedArgs(c.newCall(), "SMEMBERS", key), decodeTexts)
}

// SMembers queues SMEMBERS, see Client.SMembers.
func (p *Pipe) SMembers(key string) Reply[[]string] {
	return enqueue(p, fixedArgs(p.next(), "SMEMBERS", key), decodeTexts)
}

// SPop removes and returns a random member of the set at key, or Nil if there is none.
func (c *commands) SPop(ctx context.Context, key string) (string, error) {
	return c.text(ctx, fixedArgs(c.newCall(), "SPOP", key))
}

// SPop queues SPOP, see Client.SPop.
func (p *Pipe) SPop(key string) Reply[string] {
	return enqueue(p, fixedArgs(p.next(), "SPOP", key), decodeText)
}

// SPopN removes and returns up to n random members of the set at key, none if there is no such key.
func (c *commands) SPopN(ctx context.Context, key string, n int64) ([]string, error) {
	return fetch(ctx, c, popN(c.newCall(), "SPOP", key, n), decodeTexts)
}

// SPopN queues SPOP, see Client.SPopN.
func (p *Pipe) SPopN(key string, n int64) Reply[[]string] {
	return enqueue(p, popN(p.next(), "SPOP", key, n), decodeTexts)
}

// SRandMember returns a random member of the set at key, or Nil if there is none.
func (c *commands) SRandMember(ctx context.Context, key string) (string, error) {
	return c.text(ctx, fixedArgs(c.newCall(), "SRANDMEMBER", key))
}

// SRandMember queues SRANDMEMBER, see Client.SRandMember.
func (p *Pipe) SRandMember(key string) Reply[string] {
	return enqueue(p, fixedArgs(p.next(), "SRANDMEMBER", key), decodeText)
}

// SRandMemberN returns n random members of the set at key, all if there are fewer, none if there is no such key. If n is
// negative there are exactly -n, and a member may come several times.
func (c *commands) SRandMemberN(ctx context.Context, key string, n int64) ([]string, error) {
	return fetch(ctx, c, byInt(c.newCall(), "SRANDMEMBER", key, n), decodeTexts)
}

// SRandMemberN queues SRANDMEMBER, see Client.SRandMemberN.
func (p *Pipe) SRandMemberN(key string, n int64) Reply[[]string] {
	return enqueue(p, byInt(p.next(), "SRANDMEMBER", key, n), decodeTexts)
}

// SInter returns the members that all the sets at keys have, in no order. They share one block of memory.
func (c *commands) SInter(ctx context.Context, keys ...string) ([]string, error) {
	return fetch(ctx, c, listArgs(c.newCall(), "SINTER", "key", keys), decodeTexts)
}

// SInter queues SINTER, see Client.SInter.
func (p *Pipe) SInter(keys ...string) Reply[[]string] {
	return enqueue(p, listArgs(p.next(), "SINTER", "key", keys), decodeTexts)
}

// SUnion returns the members of any of the sets at keys, in no order. They share one block of memory.
func (c *commands) SUnion(ctx context.Context, keys ...string) ([]string, error) {
	return fetch(ctx, c, listArgs(c.newCall(), "SUNION", "key", keys), decodeTexts)
}

// SUnion queues SUNION, see Client.SUnion.
func (p *Pipe) SUnion(keys ...string) Reply[[]string] {
	return enqueue(p, listArgs(p.next(), "SUNION", "key", keys), decodeTexts)
}

// SDiff returns the members of the set at the first key that none of the others has, in no order. They share one block of
// memory.
func (c *commands) SDiff(ctx context.Context, keys ...string) ([]string, error) {
	return fetch(ctx, c, listArgs(c.newCall(), "SDIFF", "key", keys), decodeTexts)
}

// SDiff queues SDIFF, see Client.SDiff.
func (p *Pipe) SDiff(keys ...string) Reply[[]string] {
	return enqueue(p, listArgs(p.next(), "SDIFF", "key", keys), decodeTexts)
}

// SInterCard counts the members that all the sets at keys have, up to limit; 0 is no limit.
func (c *commands) SInterCard(ctx context.Context, limit int64, keys ...string) (int64, error) {
	return c.integer(ctx, sInterCard(c.newCall(), limit, keys))
}

// SInterCard queues SINTERCARD, see Client.SInterCard.
func (p *Pipe) SInterCard(limit int64, keys ...string) Reply[int64] {
	return enqueue(p, sInterCard(p.next(), limit, keys), decodeInt)
}

// SScan yields the members of the set at key, with the guarantees of Scan.
func (c *commands) SScan(ctx context.Context, key string, o ScanOptions) iter.Seq2[string, error] {
	return scan(ctx, c, "SSCAN", key, o, nextTexts)
}

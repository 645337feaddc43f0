package baton

// SAdd queues SADD, see Client.SAdd.
func (p *Pipe) SAdd(key string, members ...string) Reply[int64] {
	return enqueue(p, list(p.next(), "SADD", "member", members, key), decodeInt)
}

// SRem queues SREM, see Client.SRem.
func (p *Pipe) SRem(key string, members ...string) Reply[int64] {
	return enqueue(p, list(p.next(), "SREM", "member", members, key), decodeInt)
}

// SCard queues SCARD, see Client.SCard.
func (p *Pipe) SCard(key string) Reply[int64] {
	return enqueue(p, words(p.next(), "SCARD", key), decodeInt)
}

// SIsMember queues SISMEMBER, see Client.SIsMember.
func (p *Pipe) SIsMember(key, member string) Reply[bool] {
	return enqueue(p, words(p.next(), "SISMEMBER", key, member), decodeTruth)
}

// SMIsMember queues SMISMEMBER, see Client.SMIsMember.
func (p *Pipe) SMIsMember(key string, members ...string) Reply[[]bool] {
	return enqueue(p, list(p.next(), "SMISMEMBER", "member", members, key), counted(len(members), decodeTruths))
}

// SMembers queues SMEMBERS, see Client.SMembers.
func (p *Pipe) SMembers(key string) Reply[[]string] {
	return enqueue(p, words(p.next(), "SMEMBERS", key), decodeTexts)
}

// SPop queues SPOP, see Client.SPop.
func (p *Pipe) SPop(key string) Reply[string] {
	return enqueue(p, words(p.next(), "SPOP", key), decodeText)
}

// SPopN queues SPOP, see Client.SPopN.
func (p *Pipe) SPopN(key string, n int64) Reply[[]string] {
	return enqueue(p, popN(p.next(), "SPOP", key, n), decodeTexts)
}

// SRandMember queues SRANDMEMBER, see Client.SRandMember.
func (p *Pipe) SRandMember(key string) Reply[string] {
	return enqueue(p, words(p.next(), "SRANDMEMBER", key), decodeText)
}

// SRandMemberN queues SRANDMEMBER, see Client.SRandMemberN.
func (p *Pipe) SRandMemberN(key string, n int64) Reply[[]string] {
	return enqueue(p, byInt(p.next(), "SRANDMEMBER", key, n), decodeTexts)
}

// SInter queues SINTER, see Client.SInter.
func (p *Pipe) SInter(keys ...string) Reply[[]string] {
	return enqueue(p, list(p.next(), "SINTER", "key", keys), decodeTexts)
}

// SUnion queues SUNION, see Client.SUnion.
func (p *Pipe) SUnion(keys ...string) Reply[[]string] {
	return enqueue(p, list(p.next(), "SUNION", "key", keys), decodeTexts)
}

// SDiff queues SDIFF, see Client.SDiff.
func (p *Pipe) SDiff(keys ...string) Reply[[]string] {
	return enqueue(p, list(p.next(), "SDIFF", "key", keys), decodeTexts)
}

// SInterCard queues SINTERCARD, see Client.SInterCard.
func (p *Pipe) SInterCard(limit int64, keys ...string) Reply[int64] {
	return enqueue(p, sInterCard(p.next(), limit, keys), decodeInt)
}

package pubsub

import (
	"hash/maphash"
	"strings"
)

// While a subscription moves, two connections bring the same messages, and the second copies are to be left out. A
// message has no identity on the wire: all there is to tell two apart is their channel, their payload and their order.
//
// Call old what the old connection has delivered since the new one was sent its SUBSCRIBE, up to the PONG on the old one,
// and next what has come on the new one, up to the answer to a PING that was sent there after that PONG; each for one
// channel and in order. One server (or one fabric that keeps the order of a channel and of replies among messages) took
// the new subscription at instant c and the first PING at instant p. Then c < p, since the PING was sent after the
// confirmation had come, and what was published between the two is the end of old and the beginning of next: for one k,
// the last k of old are the first k of next, and these are the copies. Leaving out more than k loses messages, leaving out
// fewer delivers some twice. About k is known:
//
//   - The last k of old equal the first k of next. Usually that leaves few candidates; with numbered messages two, one of them 0.
//   - What had come on the new connection before the PING was sent was published before p: k is at least that.
//   - A payload that is in old once, and neither among the other messages of the channel that are remembered nor twice in
//     what follows, is the same message where it is in next. That fixes k. A heartbeat with equal payloads never is such a
//     message, and one that has only just begun is not taken for one: as many messages of the channel must be remembered
//     from before as the overlap holds, up to what is remembered at most.
//
// If nothing fixes k, the least candidate is taken. So nothing is lost: what cannot be decided is delivered twice.

// remembered is how many messages of a channel are remembered.
const remembered = 128

// mostStreams bounds the channels that are remembered: patterns may match any number. When there are more, all are
// forgotten, which makes deciding more careful.
const mostStreams = 4096

// stream is what comes in one order: a channel, and the pattern by which it was received.
type stream struct{ pattern, channel string }

func streamOf(m *Message) stream { return stream{m.Pattern, m.Channel} }

// past remembers what was delivered, as hashes of payloads. It is guarded by Subscription.mu.
type past struct {
	seed  maphash.Seed
	last  map[stream]*trail
	since map[stream][]uint64 // what was delivered since mark, not in last yet; nil if no move is under way
}

// trail is the last messages of a channel.
type trail struct {
	hashes []uint64 // a ring once there are as many as are remembered
	at     int      // the oldest
}

func (t *trail) ordered() []uint64 {
	if t == nil {
		return nil
	}
	return append(append(make([]uint64, 0, len(t.hashes)), t.hashes[t.at:]...), t.hashes[:t.at]...)
}

func newPast() past { return past{seed: maphash.MakeSeed(), last: map[stream]*trail{}} }

func (p *past) hash(m *Message) uint64 { return maphash.String(p.seed, m.Payload) }

// add remembers a message that is delivered now.
func (p *past) add(m *Message) {
	if p.since == nil {
		p.keep(streamOf(m), p.hash(m))
		return
	}
	k := streamOf(m)
	if _, known := p.since[k]; !known {
		k = k.clone()
	}
	p.since[k] = append(p.since[k], p.hash(m))
}

func (p *past) keep(k stream, h uint64) {
	t := p.last[k]
	if t == nil {
		if len(p.last) >= mostStreams {
			clear(p.last)
		}
		t = &trail{}
		p.last[k.clone()] = t
	}
	if len(t.hashes) < remembered {
		t.hashes = append(t.hashes, h)
		return
	}
	t.hashes[t.at] = h
	t.at = (t.at + 1) % remembered
}

// clone makes a key of its own: the strings of a message keep the memory of its whole frame.
func (k stream) clone() stream { return stream{strings.Clone(k.pattern), strings.Clone(k.channel)} }

// mark begins to keep what is delivered apart from what was before.
func (p *past) mark() { p.since = map[stream][]uint64{} }

// unmark ends that.
func (p *past) unmark() {
	since := p.since
	p.since = nil
	for k, hs := range since {
		for _, h := range hs {
			p.keep(k, h)
		}
	}
}

// copies says of each channel how many of the first messages in next are copies of what was delivered since mark, and
// counts those for which that could not be decided. The first sure ones of next came before the PING was sent; sure is 0
// if the old connection did not answer it.
func (p *past) copies(next []Message, sure int) (skip map[stream]int, uncertain int) {
	came, early := map[stream][]uint64{}, map[stream]int{}
	for i := range next {
		k := streamOf(&next[i])
		came[k] = append(came[k], p.hash(&next[i]))
		if i < sure {
			early[k]++
		}
	}
	skip = map[stream]int{}
	for k, hs := range came {
		n, unsure := overlap(p.last[k].ordered(), p.since[k], hs, early[k])
		skip[k] = n
		uncertain += unsure
	}
	return skip, uncertain
}

// overlap returns how many of the first of next are the last of old, and how many more may be copies. before is what is
// remembered from before old; sure is the least number that can be.
func overlap(before, old, next []uint64, sure int) (k, uncertain int) {
	all := candidates(append(before[:len(before):len(before)], old...), next)
	last := len(all) - 1
	can := all
	for can[len(can)-1] > len(old) { // copies of what came before SUBSCRIBE was sent: only where messages take different ways
		can = can[:len(can)-1]
	}
	least := 0
	for least < len(can) && can[least] < sure {
		least++
	}
	if least == len(can) { // not one order after all: nothing is sure
		least = 0
	}
	if k, fixed := anchor(before, old, next, can[least:]); fixed {
		return k, 0
	}
	return can[least], all[last] - can[least]
}

// anchor looks for a message of next that is certainly the same as one of old.
func anchor(before, old, next []uint64, can []int) (k int, fixed bool) {
	place := make(map[uint64]int, len(old)+len(before)) // -1: not a message that can be told from others
	for _, h := range before {
		place[h] = -1
	}
	for i, h := range old {
		if _, again := place[h]; again {
			place[h] = -1
		} else {
			place[h] = i
		}
	}
	allowed := make(map[int]bool, len(can))
	for _, k := range can {
		allowed[k] = true
	}
	for i, h := range next {
		at, known := place[h]
		if !known || at < 0 {
			continue
		}
		k := len(old) - at + i
		if allowed[k] && len(before)+len(old)-k >= min(k, remembered) {
			return k, true
		}
	}
	return 0, false
}

// candidates returns every k for which the last k of old are the first k of next, in ascending order; 0 always is one. They are
// the borders of next and old written one behind the other, found as Knuth, Morris and Pratt do: in one pass.
func candidates(old, next []uint64) []int {
	both := make([]uint64, 0, len(old)+len(next))
	both = append(append(both, next...), old...)
	border := make([]int, len(both)+1) // of the first i
	border[0] = -1
	fit := func(n int) bool { return n <= len(next) && n <= len(old) }
	for i := range both {
		b := border[i]
		for b >= 0 && both[b] != both[i] {
			b = border[b]
		}
		border[i+1] = b + 1
	}
	out := []int{0}
	for b := border[len(both)]; b > 0; b = border[b] {
		if fit(b) {
			out = append(out, b)
		}
	}
	for i, j := 1, len(out)-1; i < j; i, j = i+1, j-1 {
		out[i], out[j] = out[j], out[i]
	}
	return out
}

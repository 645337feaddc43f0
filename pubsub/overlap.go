package pubsub

import (
	"hash/maphash"
	"slices"
	"strings"
)

// While a subscription moves, two connections bring the same messages, and the second copies are to be left out. A
// message has no identity on the wire: two of them can be told apart by their channel, their payload and their order, and
// by nothing else.
//
// For one channel and in order, old is the messages that the old connection has delivered since the new one was sent its
// SUBSCRIBE, up to the PONG on the old one. next is the messages that have come on the new one, up to the answer to a
// PING that was sent there after that PONG. One server (or one fabric that keeps the order of a channel and of replies
// among messages) took the new subscription at instant c and the first PING at instant p. Then c < p, since the PING was
// sent after the confirmation had come. The messages published between the two are the end of old and the beginning of
// next: for one k, the last k of old are the first k of next, and these are the copies. Leaving out more than k loses
// messages, leaving out fewer delivers some twice. About k is known:
//
//   - The last k of old equal the first k of next. Usually that leaves few candidates; with numbered messages two, one of
//     them 0.
//   - The messages that had come on the new connection before the PING was sent were published before p: k is at least their
//     number.
//   - A payload that is in old once, and neither among the other messages of the channel that are remembered nor twice in
//     what follows, is the same message where it is in next. That fixes k. A heartbeat with equal payloads never is such a
//     message, and one that has only just begun is not taken for one: as many messages of the channel must be remembered
//     from before as the overlap holds, up to the largest number that is remembered.
//
// If nothing fixes k, the smallest candidate is taken. So nothing is lost: an undecided message is delivered twice.

// maxRemembered is how many messages of a channel are remembered.
const maxRemembered = 128

// maxChannels bounds the channels that are remembered: patterns may match any number. When there are more, all are
// forgotten, and the next decisions are more careful.
const maxChannels = 4096

// channelKey names messages that come in one order: a channel, and the pattern by which they were received.
type channelKey struct{ pattern, channel string }

func keyOf(m *Message) channelKey { return channelKey{m.Pattern, m.Channel} }

// history remembers delivered messages, as hashes of their payloads. Subscription.mu guards it.
type history struct {
	seed     maphash.Seed
	channels map[channelKey]*channelHistory
	moving   bool // nothing is forgotten
}

// channelHistory is the last messages of a channel, in order.
type channelHistory struct {
	hashes []uint64 // in order during a move; else a ring, once there are maxRemembered
	oldest int      // where the ring begins
	before int      // how many were delivered before the move began
}

func newHistory() history {
	return history{seed: maphash.MakeSeed(), channels: map[channelKey]*channelHistory{}}
}

func (h *history) hash(m *Message) uint64 { return maphash.String(h.seed, m.Payload) }

// add remembers a message that is delivered now.
func (h *history) add(m *Message) {
	k := keyOf(m)
	c := h.channels[k]
	if c == nil {
		if len(h.channels) >= maxChannels && !h.moving {
			clear(h.channels)
		}
		c = &channelHistory{}
		// The strings of a message keep the memory of its whole frame.
		h.channels[channelKey{strings.Clone(k.pattern), strings.Clone(k.channel)}] = c
	}
	if len(c.hashes) < maxRemembered || h.moving {
		c.hashes = append(c.hashes, h.hash(m))
		return
	}
	c.hashes[c.oldest] = h.hash(m)
	c.oldest = (c.oldest + 1) % maxRemembered
}

func (h *history) beginMove() {
	h.moving = true
	for _, c := range h.channels {
		c.hashes = slices.Concat(c.hashes[c.oldest:], c.hashes[:c.oldest])
		c.oldest, c.before = 0, len(c.hashes)
	}
}

func (h *history) endMove() {
	h.moving = false
	if len(h.channels) > maxChannels {
		clear(h.channels)
	}
	for _, c := range h.channels {
		if n := len(c.hashes); n > maxRemembered {
			c.hashes = slices.Clone(c.hashes[n-maxRemembered:])
		}
	}
}

// copies returns how many of the first messages of each channel in next are copies, and how many others may be some. The
// first sure ones of next came before the PING was sent; sure is 0 if the old connection did not answer it.
func (h *history) copies(next []Message, sure int) (copies map[channelKey]int, uncertain int) {
	hashes, sureOf := map[channelKey][]uint64{}, map[channelKey]int{}
	for i := range next {
		k := keyOf(&next[i])
		hashes[k] = append(hashes[k], h.hash(&next[i]))
		if i < sure {
			sureOf[k]++
		}
	}
	copies = map[channelKey]int{}
	for k, came := range hashes {
		if c := h.channels[k]; c != nil {
			n, undecided := overlap(c.hashes[:c.before], c.hashes[c.before:], came, sureOf[k])
			copies[k] = n
			uncertain += undecided
		}
	}
	return copies, uncertain
}

// overlap returns how many of the first of next are the last of old, and how many more may be copies. before is what is
// remembered from before old; k is at least sure.
func overlap(before, old, next []uint64, sure int) (k, uncertain int) {
	all := candidates(slices.Concat(before, old), next)
	largest := all[len(all)-1]
	// Copies of messages from before SUBSCRIBE was sent exist only if messages take different ways.
	possible := slices.DeleteFunc(slices.Clone(all), func(k int) bool { return k > len(old) })
	i := slices.IndexFunc(possible, func(k int) bool { return k >= sure })
	if i < 0 { // not one order after all: nothing is sure
		i = 0
	}
	possible = possible[i:]
	if k, fixed := anchor(before, old, next, possible); fixed {
		return k, 0
	}
	return possible[0], largest - possible[0]
}

// anchor looks for a message of next that is certainly the same as one of old, and returns the k that it fixes.
func anchor(before, old, next []uint64, possible []int) (k int, fixed bool) {
	place := make(map[uint64]int, len(old)+len(before)) // in old; -1: not a message that can be told from others
	for _, hash := range before {
		place[hash] = -1
	}
	for i, hash := range old {
		if _, again := place[hash]; again {
			i = -1
		}
		place[hash] = i
	}
	for i, hash := range next {
		at, known := place[hash]
		if !known || at < 0 {
			continue
		}
		k := len(old) - at + i
		_, allowed := slices.BinarySearch(possible, k)
		if allowed && len(before)+len(old)-k >= min(k, maxRemembered) {
			return k, true
		}
	}
	return 0, false
}

// candidates returns every k for which the last k of old are the first k of next, from 0 on. They are the borders of next
// and old written one behind the other, which the method of Knuth, Morris and Pratt finds in one pass.
func candidates(old, next []uint64) []int {
	both := slices.Concat(next, old)
	border := make([]int, len(both)+1) // of the first i
	border[0] = -1
	for i := range both {
		b := border[i]
		for b >= 0 && both[b] != both[i] {
			b = border[b]
		}
		border[i+1] = b + 1
	}
	ks := []int{0}
	for b := border[len(both)]; b > 0; b = border[b] {
		if b <= min(len(next), len(old)) {
			ks = append(ks, b)
		}
	}
	slices.Reverse(ks[1:])
	return ks
}

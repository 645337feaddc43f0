package pubsub

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// seq turns a text into hashes, one for each letter.
func seq(s string) []uint64 {
	var h []uint64
	for _, r := range s {
		h = append(h, uint64(r))
	}
	return h
}

func TestOverlapLeavesOutCopiesOnly(t *testing.T) {
	for _, c := range []struct {
		name              string
		before, old, next string
		sure              int
		k, uncertain      int
	}{
		{"nothing on the new one", "abcd", "efg", "", 0, 0, 0},
		{"nothing in common", "abcd", "efg", "hij", 0, 0, 0},
		{"numbered messages", "abcd", "efg", "fghi", 0, 2, 0},
		{"all of old", "abcd", "efg", "efghi", 2, 3, 0},
		{"a message that is new and sure", "abcd", "efg", "ghi", 1, 1, 0},
		{"no history: not decided", "", "a", "ab", 0, 0, 1},
		{"no history, but sure", "", "a", "ab", 1, 1, 0},
		{"heartbeats: the least", "xxxx", "xx", "xxx", 0, 0, 3},
		{"heartbeats, one sure", "xxxx", "xx", "xxx", 1, 1, 2},
		{"heartbeats that have just begun", "", "xx", "xxx", 0, 0, 2},
		{"copies from before: counted, not left out", "abcd", "ef", "cdefg", 0, 0, 4},
		{"heartbeats among others", "axbxcx", "dxe", "xefx", 1, 2, 0},
		{"heartbeat that was before", "abcx", "defx", "xg", 0, 0, 1},
		{"heartbeat that may have just begun", "", "x", "x", 0, 0, 1},
		{"old ended early: nothing is sure", "abcd", "efg", "ghi", 2, 1, 0},
		{"no common order", "abcd", "efg", "gfe", 3, 1, 0},
		{"different payloads, another fabric", "abcd", "efg", "xyz", 3, 0, 0},
		{"the repetition is longer than what is known", "", "abcd", "abcd", 0, 0, 4},
		{"the repetition is shorter than what is known", "efgh", "abcd", "abcd", 0, 4, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			k, uncertain := overlap(seq(c.before), seq(c.old), seq(c.next), c.sure)
			assert.Equal(t, c.k, k, "left out")
			assert.Equal(t, c.uncertain, uncertain, "undecided")
		})
	}
}

// TestOverlapLosesNothing plays the whole situation at random: one order of messages, cut at c and p as a move cuts it.
func TestOverlapLosesNothing(t *testing.T) {
	exact := 0
	const rounds = 20_000
	for seed := range uint64(rounds) {
		r := rand.New(rand.NewPCG(seed, 1))
		letters := []int{1, 2, 5, 1 << 30}[r.IntN(4)] // heartbeats to numbered messages
		stream := make([]uint64, 20+r.IntN(400))
		for i := range stream {
			stream[i] = uint64(r.IntN(letters))
			if letters == 2 && r.IntN(3) > 0 {
				stream[i] = uint64(1000 + i) // heartbeats among numbered messages
			}
		}
		cuts := []int{r.IntN(len(stream)), r.IntN(len(stream)), r.IntN(len(stream)), r.IntN(len(stream))}
		slices.Sort(cuts)
		s, c, p, end := cuts[0], cuts[1], cuts[2], cuts[3] // SUBSCRIBE sent; in force; PING; its answer on the new connection
		before := stream[max(0, s-maxRemembered):s]
		copies := p - c
		k, uncertain := overlap(before, stream[s:p], stream[c:end], r.IntN(copies+1))
		require.LessOrEqual(t, k, copies, "seed %d: %d messages lost", seed, k-copies)
		require.GreaterOrEqual(t, k+uncertain, copies, "seed %d: copies that are not counted", seed)
		if k == copies {
			exact++
		} else {
			require.False(t, letters == 1<<30 && s >= maxRemembered, "seed %d: numbered messages are always decided", seed)
		}
	}
	assert.Greater(t, exact, rounds/2, "most is decided: the test plays more than the trivial")
	t.Logf("%d of %d exact", exact, rounds)
}

func TestCandidatesAreAllBorders(t *testing.T) {
	for seed := range uint64(2000) {
		r := rand.New(rand.NewPCG(seed, 2))
		old, next := make([]uint64, r.IntN(12)), make([]uint64, r.IntN(12))
		for i := range old {
			old[i] = uint64(r.IntN(2))
		}
		for i := range next {
			next[i] = uint64(r.IntN(2))
		}
		var want []int
		for k := 0; k <= min(len(old), len(next)); k++ {
			if slices.Equal(old[len(old)-k:], next[:k]) {
				want = append(want, k)
			}
		}
		require.Equal(t, want, candidates(old, next), "old %v, next %v", old, next)
	}
}

func TestPastIsBounded(t *testing.T) {
	p := newHistory()
	for i := range 3 * maxChannels {
		p.add(&Message{Channel: fmt.Sprint(i), Payload: "x"})
	}
	assert.LessOrEqual(t, len(p.channels), maxChannels)
	for i := range 1000 {
		p.add(&Message{Channel: "c", Payload: fmt.Sprint(i)})
	}
	assert.Len(t, p.channels[channelKey{"", "c"}].hashes, maxRemembered)
	assert.Contains(t, p.channels[channelKey{"", "c"}].hashes, p.hash(&Message{Payload: "999"}))
	assert.NotContains(t, p.channels[channelKey{"", "c"}].hashes, p.hash(&Message{Payload: "1"}))
}

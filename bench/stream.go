package main

import (
	"strconv"
	"strings"
)

// Stream is encoded replies to be decoded in memory.
type Stream struct {
	Name, What string
	Bytes      []byte
	Want       Tally
	Old        bool // holds kinds of RESP2 only
}

// sample is one encoded reply and what it holds, counted by hand.
type sample struct {
	wire         string
	values, text int
}

// streamSize is the least size of a stream: more than the second level of cache holds, so that no decoder gains by the input.
const streamSize = 1 << 20

// allStreams are the makers of all streams, about 1 MiB each.
func allStreams() []func() Stream {
	return []func() Stream{mixedStream, mixedOldStream, bulkStream, arrayStream}
}

// mixedStream repeats a mix of RESP3 replies as a client sees them: short and longer strings, integers, nulls, doubles,
// booleans, arrays, maps, nested values.
func mixedStream() Stream {
	return repeated("mixed", "a mixed RESP3 stream", []sample{
		{"+OK\r\n", 1, 2}, {":1234567\r\n", 1, 0}, {"$5\r\nhello\r\n", 1, 5}, {bulk(64), 1, 64}, {bulk(300), 1, 300},
		{"_\r\n", 1, 0}, {",3.25\r\n", 1, 0}, {"#t\r\n", 1, 0},
		{"*3\r\n$3\r\nabc\r\n:42\r\n_\r\n", 4, 3},
		{"%3\r\n+name\r\n$5\r\nbaton\r\n+size\r\n:17\r\n+tags\r\n*2\r\n$1\r\na\r\n$1\r\nb\r\n", 9, 19},
		{"*5\r\n" + strings.Repeat(bulk(16), 5), 6, 80}, {":1\r\n", 1, 0}, {bulk(20), 1, 20},
	})
}

// mixedOldStream is the replies of mixedStream as RESP2 spells them: the null is a null bulk string, the double a bulk string,
// the boolean an integer and the map an array.
func mixedOldStream() Stream {
	s := repeated("mixed-resp2", "the same replies in RESP2", []sample{
		{"+OK\r\n", 1, 2}, {":1234567\r\n", 1, 0}, {"$5\r\nhello\r\n", 1, 5}, {bulk(64), 1, 64}, {bulk(300), 1, 300},
		{"$-1\r\n", 1, 0}, {"$4\r\n3.25\r\n", 1, 4}, {":1\r\n", 1, 0},
		{"*3\r\n$3\r\nabc\r\n:42\r\n$-1\r\n", 4, 3},
		{"*6\r\n+name\r\n$5\r\nbaton\r\n+size\r\n:17\r\n+tags\r\n*2\r\n$1\r\na\r\n$1\r\nb\r\n", 9, 19},
		{"*5\r\n" + strings.Repeat(bulk(16), 5), 6, 80}, {":1\r\n", 1, 0}, {bulk(20), 1, 20},
	})
	s.Old = true
	return s
}

// bulkStream repeats bulk strings of 64 bytes.
func bulkStream() Stream {
	s := repeated("bulk64", "bulk strings of 64 bytes", []sample{{bulk(smallValue), 1, smallValue}})
	s.Old = true
	return s
}

// arrayStream repeats an array of 1000 short bulk strings.
func arrayStream() Stream {
	wire := "*" + strconv.Itoa(manyElems) + "\r\n" + strings.Repeat(bulk(listElem), manyElems)
	s := repeated("array1000", "arrays of 1000 bulk strings of 24 bytes", []sample{{wire, 1 + manyElems, manyElems * listElem}})
	s.Old = true
	return s
}

// repeated makes about 1 MiB of the replies.
func repeated(name, what string, one []sample) Stream {
	var block strings.Builder
	var want Tally
	for _, x := range one {
		block.WriteString(x.wire)
		want = want.plus(Tally{1, x.values, x.text})
	}
	times := streamSize/block.Len() + 1
	return Stream{
		Name: name, What: what, Bytes: []byte(strings.Repeat(block.String(), times)),
		Want: Tally{want.Replies * times, want.Values * times, want.Text * times},
	}
}

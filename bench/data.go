package main

import (
	"fmt"
	"strconv"
	"strings"
)

// Sizes of the values that scenarios read.
const (
	smallValue = 64
	midValue   = 64 << 10
	bigValue   = 1 << 20
	manyElems  = 1000
	mgetKeys   = 100
	listElem   = 24
)

// Keys of the values that scenarios read.
const (
	smallKey = "bench:small"
	midKey   = "bench:64k"
	bigKey   = "bench:1m"
	hashKey  = "bench:hash"
	listKey  = "bench:list"
	writeKey = "bench:written"
	countKey = "bench:counter"
)

// dataset is the list of commands that fill the server.
func dataset() [][]string {
	cmds := [][]string{
		{"SET", smallKey, strings.Repeat("s", smallValue)},
		{"SET", midKey, strings.Repeat("m", midValue)},
		{"SET", bigKey, strings.Repeat("b", bigValue)},
		{"DEL", hashKey, listKey},
	}
	for _, k := range numberedKeys(manyElems) {
		cmds = append(cmds, []string{"SET", k, strings.Repeat("v", smallValue)})
	}
	hash, list := []string{"HSET", hashKey}, []string{"RPUSH", listKey}
	for i := range manyElems {
		hash = append(hash, fmt.Sprintf("field:%04d", i), strings.Repeat("h", listElem))
		list = append(list, strings.Repeat("l", listElem))
	}
	return append(cmds, hash, list)
}

// numberedKeys are the keys that pipelines and MGET read.
func numberedKeys(n int) []string {
	keys := make([]string, n)
	for i := range keys {
		keys[i] = "bench:k" + strconv.Itoa(1000+i)
	}
	return keys
}

// Stream is encoded replies to be decoded in memory.
type Stream struct {
	Bytes   []byte
	Replies int
}

// mixedStream repeats a mix of RESP3 replies as a client sees them: short and longer strings, integers, nulls, doubles,
// booleans, arrays, maps, nested values.
func mixedStream() Stream {
	one := []string{
		"+OK\r\n", ":1234567\r\n", "$5\r\nhello\r\n", bulk(64), bulk(300), "_\r\n", ",3.25\r\n", "#t\r\n",
		"*3\r\n$3\r\nabc\r\n:42\r\n_\r\n",
		"%3\r\n+name\r\n$5\r\nbaton\r\n+size\r\n:17\r\n+tags\r\n*2\r\n$1\r\na\r\n$1\r\nb\r\n",
		"*5\r\n" + strings.Repeat(bulk(16), 5), ":1\r\n", bulk(20),
	}
	return repeated(one)
}

// bulkStream repeats bulk strings of 64 bytes.
func bulkStream() Stream { return repeated([]string{bulk(smallValue)}) }

func bulk(n int) string { return "$" + strconv.Itoa(n) + "\r\n" + strings.Repeat("x", n) + "\r\n" }

// repeated makes about 1 MiB of the replies.
func repeated(one []string) Stream {
	block := strings.Join(one, "")
	times := (1 << 20) / len(block)
	return Stream{Bytes: []byte(strings.Repeat(block, times)), Replies: times * len(one)}
}

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
		{"DEL", hashKey, listKey, personKey},
		personHash(),
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

func bulk(n int) string { return "$" + strconv.Itoa(n) + "\r\n" + strings.Repeat("x", n) + "\r\n" }

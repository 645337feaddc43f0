package main

import (
	"bytes"
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"strconv"
	"time"
)

// counters is how many keys the workers increment together.
const counters = 8

// keysLive is after how long the keys vanish by themselves, should nobody be left to delete them.
const keysLive = time.Hour

// keyring names the keys of a run: counters that all workers increment, and one value for each worker, which that worker
// alone writes and others read.
type keyring struct {
	counters []string
	values   []string
	marks    [][]byte // "key=", with which the value of that key begins
}

func newKeyring(workers int) *keyring {
	var id [6]byte
	rand.Read(id[:]) // never fails
	prefix := "baton-rehearse:" + hex.EncodeToString(id[:]) + ":"
	k := &keyring{}
	for i := range counters {
		k.counters = append(k.counters, fmt.Sprintf("%scounter:%d", prefix, i))
	}
	for i := range workers {
		key := fmt.Sprintf("%svalue:%d", prefix, i)
		k.values = append(k.values, key)
		k.marks = append(k.marks, []byte(key+"="))
	}
	return k
}

// appendValue appends the n-th value of worker i.
func (k *keyring) appendValue(dst []byte, i int, n int64) []byte {
	return strconv.AppendInt(append(dst, k.marks[i]...), n, 10)
}

// version reads n out of a value of worker i. ok is false for anything else: the reply belongs to another command.
func (k *keyring) version(i int, value []byte) (n int64, ok bool) {
	digits, ok := bytes.CutPrefix(value, k.marks[i])
	if !ok {
		return 0, false
	}
	n, err := strconv.ParseInt(string(digits), 10, 64)
	return n, err == nil
}

// prepare writes the first value of every key.
func (k *keyring) prepare(c *raw) error {
	set := func(key, value string) error {
		_, err := c.do("SET", key, value, "EX", strconv.Itoa(int(keysLive/time.Second)))
		if err != nil {
			return fmt.Errorf("prepare %s on %s: %w", key, c.addr, err)
		}
		return nil
	}
	for _, key := range k.counters {
		if err := set(key, "0"); err != nil {
			return err
		}
	}
	for i, key := range k.values {
		if err := set(key, string(k.appendValue(nil, i, 0))); err != nil {
			return err
		}
	}
	return nil
}

// remove deletes all keys.
func (k *keyring) remove(c *raw) error {
	args := append(append([]string{"DEL"}, k.counters...), k.values...)
	if _, err := c.do(args...); err != nil {
		return fmt.Errorf("delete the keys on %s: %w", c.addr, err)
	}
	return nil
}

// totals reads what the server holds: the counters, and the version of each value.
func (k *keyring) totals(c *raw) (counts, versions []int64, err error) {
	fail := func(key string, err error) error { return fmt.Errorf("read %s on %s: %w", key, c.addr, err) }
	for _, key := range k.counters {
		v, err := c.do("GET", key)
		if err != nil {
			return nil, nil, fail(key, err)
		}
		n, err := v.Int()
		if err != nil {
			return nil, nil, fail(key, err)
		}
		counts = append(counts, n)
	}
	for i, key := range k.values {
		v, err := c.do("GET", key)
		if err != nil {
			return nil, nil, fail(key, err)
		}
		text, _ := v.Bytes()
		n, ok := k.version(i, text)
		if !ok {
			return nil, nil, fail(key, fmt.Errorf("value is %q, must begin with %q", text, k.marks[i]))
		}
		versions = append(versions, n)
	}
	return counts, versions, nil
}

// count is what is known of the increments of one counter.
type count struct {
	acked    int64 // answered
	possible int64 // failed, and may have been executed
	sum      int64 // of all answers
	last     int64 // answer; those that one worker gets grow
}

// replied takes the reply of an increment. false: it cannot be the reply of that one.
func (c *count) replied(n int64) bool {
	ok := n > c.last
	c.acked++
	c.sum += n
	c.last = n
	return ok
}

func (c *count) merge(o count) {
	c.acked += o.acked
	c.possible += o.possible
	c.sum += o.sum
}

// check compares with the server's total. crossed: the number of answers is right and they are not those of this counter,
// which are 1 to total, each once.
func (c *count) check(total int64) (lost, doubled, crossed int64) {
	lost = max(0, c.acked-total)
	doubled = max(0, total-c.acked-c.possible)
	if c.acked == total && c.sum != total*(total+1)/2 {
		crossed = 1
	}
	return lost, doubled, crossed
}

// written is what a worker knows of the value that it alone writes.
type written struct {
	acked int64 // newest version that was answered with OK
	tried int64 // newest version that was sent
}

// holds reports whether the server may hold version n now.
func (w written) holds(n int64) bool { return n >= w.acked && n <= w.tried }

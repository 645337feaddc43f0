package baton_test

import (
	"math"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/baton-go/baton"
)

func some(s string) baton.Opt[string] { return baton.Opt[string]{V: s, OK: true} }

func none() baton.Opt[string] { return baton.Opt[string]{} }

func someFloat(f float64) baton.Opt[float64] { return baton.Opt[float64]{V: f, OK: true} }

// inAnyOrder accepts the same elements in another order.
func inAnyOrder(want ...string) func(*testing.T, any) {
	return func(t *testing.T, got any) { assert.ElementsMatch(t, want, got) }
}

var long = strings.Repeat("0123456789", 5000) // too long to be buffered

var stringRows = []row{
	{"RPush", args("list", "x"), int64(1)},
	{"Get", args("none"), baton.Nil},
	{"Get", args("list"), wrongType},
	{"Set", args("k", "v"), true},
	{"Get", args("k"), "v"},
	{"Set", args("k", "w", baton.NX()), false},
	{"Set", args("none", "w", baton.XX()), false},
	{"Set", args("k", "w", baton.XX(), baton.EX(time.Minute)), true},
	{"Set", args("k", "w2", baton.KeepTTL(), baton.SetOption{}), true},
	{"TTL", args("k"), between(58*time.Second, time.Minute)},
	{"Set", args("k", "w", baton.EX(1500*time.Millisecond+time.Minute)), true},
	{"PTTL", args("k"), between(time.Minute, 61500*time.Millisecond)},
	{"Set", args("k", "w", baton.EX(time.Microsecond)), failure("SET: PX of 1µs: must be at least 1 ms")},
	{"Set", args("k", "w", baton.EX(-time.Second)), failure("SET: EX of -1s: must be at least 1 ms")},
	{"Set", args("k", "w", baton.EX(200*time.Second/3)), true},
	{"PTTL", args("k"), between(66*time.Second, 66666*time.Millisecond)},
	{"Set", args("k", "w", baton.EX(time.Minute+1)), true},
	{"PTTL", args("k"), between(59*time.Second, time.Minute)},
	{"Set", args("k", "w", baton.EXAT(time.Unix(4102444800, 0))), true},
	{"TTL", args("k"), between(time.Hour, 200*365*24*time.Hour)},
	{"Set", args("k", "w", baton.EXAT(time.Now().Add(time.Hour))), true},
	{"PTTL", args("k"), between(time.Minute, time.Hour)},
	{"Set", args("k", "w", baton.PXAT(time.Now().Add(time.Hour).Truncate(time.Second)), baton.XX()), true},
	{"PTTL", args("k"), between(time.Minute, time.Hour)},
	{"Set", args("k", "w", baton.EXAT(time.Time{})), failure("SET: EXAT of 0001-01-01T00:00:00Z: must be after 1970")},
	{"Set", args("k", "w", baton.PXAT(time.Unix(-1, 5))), failure("must be after 1970")},
	{"Set", args("k", "w", baton.PXAT(time.Unix(1<<60, 0))), failure("PXAT: the time is 1152921504606846976 seconds from 1970, must be less than 9223372036854775")},
	{"GetExAt", args("k", time.Now().Add(time.Hour)), "w"},
	{"PTTL", args("k"), between(time.Minute, time.Hour)},
	{"GetExAt", args("none", time.Unix(4102444800, 0)), baton.Nil},
	{"GetEx", args("k", 200*time.Second/3), "w"},
	{"PTTL", args("k"), between(66*time.Second, 66666*time.Millisecond)},
	{"SetBytes", args("b", []byte("\x00\r\n")), true},
	{"Get", args("b"), "\x00\r\n"},
	{"SetBytes", args("b", []byte("x"), baton.NX()), false},
	{"GetDel", args("b"), "\x00\r\n"},
	{"GetDel", args("b"), baton.Nil},
	{"GetDel", args("list"), wrongType},
	{"GetEx", args("none", time.Minute), baton.Nil},
	{"GetEx", args("k", baton.NoExpiry), "w"},
	{"TTL", args("k"), baton.NoExpiry},
	{"GetEx", args("k", 1500*time.Millisecond+time.Hour), "w"},
	{"PTTL", args("k"), between(time.Hour, time.Hour+1500*time.Millisecond)},
	{"GetEx", args("k", 0), failure("GETEX: EX of 0s: must be at least 1 ms")},
	{"Set", args("s", "Hello World"), true},
	{"GetRange", args("s", -5, -1), "World"},
	{"GetRange", args("none", 0, -1), ""},
	{"SetRange", args("s", 6, "Redis"), int64(11)},
	{"SetRange", args("new", 2, "x"), int64(3)},
	{"Get", args("new"), "\x00\x00x"},
	{"SetRange", args("s", -1, "x"), failure("out of range")},
	{"Append", args("s", "!"), int64(12)},
	{"Get", args("s"), "Hello Redis!"},
	{"Append", args("list", "!"), wrongType},
	{"StrLen", args("s"), int64(12)},
	{"StrLen", args("none"), int64(0)},
	{"MGet", args(), failure("MGET: needs at least one key")},
	{"MGet", args("s", "none", "list", "new"), []baton.Opt[string]{some("Hello Redis!"), none(), none(), some("\x00\x00x")}},
	{"MSet", args(), failure("MSET: needs at least one key and value")},
	{"MSet", args("a"), failure("MSET: got 1 texts, needs pairs of key and value")},
	{"MSet", args("a", "1", "b", long), nil},
	{"MGet", args("b", "a"), []baton.Opt[string]{some(long), some("1")}},
	{"Get", args("b"), long},
	{"MSetNX", args("c", "3", "a", "2"), false},
	{"MSetNX", args("c", "3", "d", ""), true},
	{"MGet", args("a", "c", "d"), []baton.Opt[string]{some("1"), some("3"), some("")}},
	{"Incr", args("n"), int64(1)},
	{"IncrBy", args("n", 41), int64(42)},
	{"Decr", args("n"), int64(41)},
	{"DecrBy", args("n", 51), int64(-10)},
	{"DecrBy", args("n", math.MinInt64), failure("overflow")},
	{"IncrBy", args("n", math.MinInt64), failure("overflow")},
	{"IncrByFloat", args("n", 0.5), -9.5},
	{"IncrByFloat", args("n", math.NaN()), failure("INCRBYFLOAT: a number is NaN")},
	{"IncrByFloat", args("float", 3e20), 3e20},
	{"Incr", args("s"), failure("not an integer")},
	{"IncrByFloat", args("list", 1), wrongType},
}

var hashRows = []row{
	{"Set", args("s", "x"), true},
	{"HSet", args("h"), failure("HSET: needs at least one field and value")},
	{"HSet", args("h", "a", "1", "b"), failure("HSET: got 3 texts, needs pairs of field and value")},
	{"HSet", args("h", "a", "1", "b", "2"), int64(2)},
	{"HSet", args("h", "a", "10", "c", ""), int64(1)},
	{"HSet", args("s", "a", "1"), wrongType},
	{"HSetNX", args("h", "a", "x"), false},
	{"HSetNX", args("h", "d", "4"), true},
	{"HGet", args("h", "a"), "10"},
	{"HGet", args("h", "none"), baton.Nil},
	{"HGet", args("none", "a"), baton.Nil},
	{"HGet", args("s", "a"), wrongType},
	{"HMGet", args("h"), failure("HMGET: needs at least one field")},
	{"HMGet", args("h", "a", "none", "c"), []baton.Opt[string]{some("10"), none(), some("")}},
	{"HMGet", args("none", "a"), []baton.Opt[string]{none()}},
	{"HMGet", args("s", "a"), wrongType},
	{"HGetAll", args("h"), map[string]string{"a": "10", "b": "2", "c": "", "d": "4"}},
	{"HGetAll", args("none"), map[string]string{}},
	{"HGetAll", args("s"), wrongType},
	{"HDel", args("h"), failure("HDEL: needs at least one field")},
	{"HDel", args("h", "d", "none"), int64(1)},
	{"HExists", args("h", "a"), true},
	{"HExists", args("h", "d"), false},
	{"HLen", args("h"), int64(3)},
	{"HLen", args("none"), int64(0)},
	{"HKeys", args("h"), inAnyOrder("a", "b", "c")},
	{"HKeys", args("none"), []string{}},
	{"HVals", args("h"), inAnyOrder("10", "2", "")},
	{"HVals", args("s"), wrongType},
	{"HIncrBy", args("h", "a", -3), int64(7)},
	{"HIncrBy", args("h", "c", 1), failure("not an integer")},
	{"HIncrByFloat", args("h", "a", 0.25), 7.25},
	{"HIncrByFloat", args("h", "a", math.Inf(1)), failure("NaN or Infinity")},
	{"HSet", args("one", "f", "v"), int64(1)},
	{"HRandField", args("one"), "f"},
	{"HRandField", args("none"), baton.Nil},
	{"HRandFields", args("one", 5), []string{"f"}},
	{"HRandFields", args("one", -3), []string{"f", "f", "f"}},
	{"HRandFields", args("none", 5), []string{}},
	{"HRandFieldsWithValues", args("one", -2), []baton.Field{{Name: "f", Value: "v"}, {Name: "f", Value: "v"}}},
	{"HRandFieldsWithValues", args("none", 2), []baton.Field{}},
	{"HRandFieldsWithValues", args("s", 2), wrongType},
}

package baton_test

import (
	"context"
	"fmt"
	"iter"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/baton-go/baton"
	"github.com/baton-go/baton/handoff/handofftest"
	"github.com/baton-go/baton/internal/redistest"
	"github.com/baton-go/baton/resp3"
)

// collect ends with the error, which has to be the last that is yielded.
func collect[T any](t *testing.T, seq iter.Seq2[T, error]) (all []T, fault error) {
	t.Helper()
	for v, err := range seq {
		require.NoError(t, fault, "yields behind an error")
		if fault = err; err == nil {
			all = append(all, v)
		}
	}
	return all, fault
}

func distinct[T comparable](list []T) int {
	seen := map[T]bool{}
	for _, v := range list {
		seen[v] = true
	}
	return len(seen)
}

func TestScansYieldEverything(t *testing.T) {
	addr, ctx := redistest.Start(t), t.Context()
	const n = 1000
	for _, protocol := range []int{2, 3} {
		c := open(t, baton.Options{Addr: addr, Protocol: protocol})
		require.NoError(t, c.FlushDB(ctx))
		require.NoError(t, c.Pipeline(ctx, func(p *baton.Pipe) error {
			for i := range n {
				s := fmt.Sprint(i)
				p.Set("key:"+s, s)
				p.HSet("hash", "f"+s, "v"+s)
				p.SAdd("set", "m"+s)
				p.ZAdd("zset", []baton.Z{z("m"+s, float64(i)+0.5)})
			}
			return nil
		}))
		keys, err := collect(t, c.Scan(ctx, baton.ScanOptions{Match: "key:*", Count: 100}))
		require.NoError(t, err)
		assert.Equal(t, n, distinct(keys))
		keys, err = collect(t, c.Scan(ctx, baton.ScanOptions{Type: "zset"}))
		require.NoError(t, err)
		assert.Equal(t, []string{"zset"}, keys)
		fields, err := collect(t, c.HScan(ctx, "hash", baton.ScanOptions{}))
		require.NoError(t, err)
		assert.Equal(t, n, distinct(fields))
		assert.Equal(t, fields[0].Name[1:], fields[0].Value[1:])
		members, err := collect(t, c.SScan(ctx, "set", baton.ScanOptions{Match: "m99?"}))
		require.NoError(t, err)
		assert.Equal(t, 10, distinct(members))
		scored, err := collect(t, c.ZScan(ctx, "zset", baton.ScanOptions{Count: 7}))
		require.NoError(t, err)
		assert.Equal(t, n, distinct(scored))
		assert.Equal(t, fmt.Sprintf("m%v", scored[0].Score-0.5), scored[0].Member)

		none, err := collect(t, c.HScan(ctx, "none", baton.ScanOptions{}))
		assert.NoError(t, err)
		assert.Empty(t, none)
		_, err = collect(t, c.SScan(ctx, "hash", baton.ScanOptions{}))
		assert.ErrorContains(t, err, "WRONGTYPE")
		_, err = collect(t, c.SScan(ctx, "set", baton.ScanOptions{Type: "set"}))
		assert.ErrorContains(t, err, `SSCAN: Type is "set", which is for Scan only`)
		_, err = collect(t, c.Scan(ctx, baton.ScanOptions{Count: -1}))
		assert.ErrorContains(t, err, "SCAN: COUNT is -1, must not be negative")
	}
}

func TestScanEndsWhenItIsLeftOrFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		pages := []string{"*2\r\n$1\r\n7\r\n*2\r\n$1\r\na\r\n$1\r\nb\r\n", "*2\r\n$1\r\n8\r\n*0\r\n", "-ERR broken\r\n"}
		var asked []string
		p := newPair(t, handofftest.Options{Intercept: func(_ handofftest.ConnInfo, args [][]byte) ([]byte, bool) {
			if string(args[0]) != "SCAN" {
				return nil, false
			}
			asked = append(asked, string(args[1]))
			return []byte(pages[len(asked)-1]), true
		}})
		c := p.client(baton.Options{})
		defer c.Close()
		scan := c.Scan(t.Context(), baton.ScanOptions{})
		for k, err := range scan {
			require.NoError(t, err)
			assert.Equal(t, "a", k)
			break
		}
		assert.Equal(t, []string{"0"}, asked, "nothing is asked ahead")
		asked = nil
		keys, err := collect(t, scan) // from the beginning again
		assert.ErrorContains(t, err, "ERR broken")
		assert.Equal(t, []string{"a", "b"}, keys)
		assert.Equal(t, []string{"0", "7", "8"}, asked, "an empty page is not the end")
		asked = nil
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		_, err = collect(t, c.Scan(ctx, baton.ScanOptions{}))
		assert.ErrorIs(t, err, context.Canceled)
	})
}

// recorder is a Doer that notes the commands.
type recorder struct {
	baton.Doer
	names []string
}

func (r *recorder) Do(ctx context.Context, args ...any) (resp3.Value, error) {
	r.names = append(r.names, args[0].(string))
	return r.Doer.Do(ctx, args...)
}

func TestScriptIsSentOnlyWhenTheServerDoesNotHaveIt(t *testing.T) {
	c, ctx := open(t, baton.Options{Addr: redistest.Start(t)}), t.Context()
	d := &recorder{Doer: c}
	s := baton.NewScript("redis.call('SET', KEYS[1], ARGV[1]) return redis.call('GET', KEYS[1])")
	for i := range 2 {
		got, err := baton.As[int](s.Run(ctx, d, []string{"k"}, i))
		require.NoError(t, err)
		assert.Equal(t, i, got)
	}
	assert.Equal(t, []string{"EVALSHA", "EVAL", "EVALSHA"}, d.names)
	sha, err := c.ScriptLoad(ctx, "return 1")
	require.NoError(t, err)
	assert.Equal(t, sha, baton.NewScript("return 1").SHA())

	d.names = nil
	_, err = s.ReadOnly().Run(ctx, d, []string{"k"}, 1)
	assert.ErrorContains(t, err, "Write commands are not allowed")
	reads := baton.NewScript("return redis.call('GET', KEYS[1])").ReadOnly()
	got, err := baton.As[string](reads.Run(ctx, d, []string{"k"}))
	require.NoError(t, err)
	assert.Equal(t, "1", got)
	assert.Equal(t, []string{"EVALSHA_RO", "EVALSHA_RO", "EVAL_RO"}, d.names)

	d.names = nil
	_, err = baton.NewScript("return redis.error_reply('MINE no')").Run(ctx, d, nil)
	assert.ErrorContains(t, err, "MINE no")
	_, err = baton.NewScript("return redis.error_reply('MINE no')").Run(ctx, d, nil)
	assert.ErrorContains(t, err, "MINE no")
	assert.Equal(t, []string{"EVALSHA", "EVAL", "EVALSHA"}, d.names, "another error is the script's own")
	_, err = s.Run(ctx, d, []string{"k"}, struct{}{})
	assert.ErrorContains(t, err, "struct {}")
}

// Replies in forms that this server does not choose, but another may: as typed values and in pipelines.
func TestRepliesOfOtherForms(t *testing.T) {
	tests := []struct {
		row
		reply string
	}{
		{row{"SIsMember", args("k", "m"), true}, "#t\r\n"},
		{row{"Expire", args("k", 0), false}, "#f\r\n"},
		{row{"Incr", args("k"), failure("bulk string is not an int64")}, "$1\r\n5\r\n"},
		{row{"Incr", args("k"), failure("boolean is not an int64")}, "#t\r\n"},
		{row{"Get", args("k"), failure("integer is not text")}, ":5\r\n"},
		{row{"IncrByFloat", args("k", 1.5), failure("simple string is not a float64")}, "+1.5\r\n"},
		{row{"ZRank", args("k", "m"), baton.Nil}, "$-1\r\n"},
		{row{"HKeys", args("h"), failure("map is not a list")}, "%1\r\n+a\r\n+b\r\n"},
		{row{"HGetAll", args("h"), failure("set is not pairs")}, "~2\r\n+a\r\n+b\r\n"},
		{row{"MGet", args("a", "b", "c"), failure("reply has 2 values where 3 belong")}, "*2\r\n+a\r\n+b\r\n"},
		{row{"MGet", args("a"), failure("reply has 0 values where 1 belong")}, "_\r\n"},
		{row{"HMGet", args("h", "a"), failure("reply has 2 values where 1 belong")}, "*2\r\n+a\r\n+b\r\n"},
		{row{"SMIsMember", args("k", "a"), failure("reply has 2 values where 1 belong")}, "*2\r\n:0\r\n:1\r\n"},
		{row{"SMIsMember", args("k", "a"), failure("bulk string is not an int64")}, "*1\r\n$1\r\n1\r\n"},
		{row{"ZMScore", args("z", "a"), failure("reply has 0 values where 1 belong")}, "*0\r\n"},
		{row{"ZMScore", args("z", "a"), failure("reply has 3 values where 1 belong")}, "*3\r\n,1\r\n_\r\n,2\r\n"},
		{row{"HTTL", args("h", "a", "b"), []time.Duration{}}, "_\r\n"},
		{row{"HTTL", args("h", "a", "b"), failure("reply has 1 values where 2 belong")}, "*1\r\n:5\r\n"},
		{row{"ZScore", args("k", "m"), 3.0}, ":3\r\n"},
		{row{"Get", args("k"), "text"}, "=8\r\ntxt:text\r\n"},
		{row{"Get", args("k"), "ab"}, "|1\r\n+ttl\r\n:5\r\n$?\r\n;1\r\na\r\n;1\r\nb\r\n;0\r\n"},
		{row{"Get", args("k"), failure("array is not text")}, "*0\r\n"},
		{row{"SMembers", args("k"), []string{"a", "b"}}, "*2\r\n+a\r\n$1\r\nb\r\n"},
		{row{"SMembers", args("k"), []string{"a", "1"}}, "~?\r\n$1\r\na\r\n:1\r\n.\r\n"},
		{row{"SMembers", args("k"), []string{}}, "*-1\r\n"},
		{row{"SMembers", args("k"), []string{}}, "_\r\n"},
		{row{"SMembers", args("k"), failure("integer is not an aggregate")}, ":1\r\n"},
		{row{"SMembers", args("k"), baton.Nil}, "*2\r\n$1\r\na\r\n_\r\n"},
		{row{"SMembers", args("k"), failure("ERR inside")}, "*2\r\n$1\r\na\r\n-ERR inside\r\n"},
		{row{"SMIsMember", args("k", "a", "b"), []bool{true, false}}, "*2\r\n#t\r\n#f\r\n"},
		{row{"MGet", args("a", "b", "c"), []baton.Opt[string]{some("x"), none(), some("y")}}, "*3\r\n$1\r\nx\r\n$-1\r\n|1\r\n+a\r\n+b\r\n+y\r\n"},
		{row{"MGet", args("a"), failure("ERR inside")}, "*1\r\n-ERR inside\r\n"},
		{row{"HGetAll", args("h"), map[string]string{"a": "1", "b": "2"}}, "|1\r\n+a\r\n+b\r\n%?\r\n+a\r\n:1\r\n+b\r\n$1\r\n2\r\n.\r\n"},
		{row{"HGetAll", args("h"), failure("reply of 3 values, want pairs")}, "*3\r\n+a\r\n+b\r\n+c\r\n"},
		{row{"HGetAll", args("h"), failure("want a map")}, "*1\r\n*2\r\n+a\r\n+b\r\n"},
		{row{"HGetAll", args("h"), failure("map is not text")}, "%1\r\n+a\r\n%0\r\n"},
		{row{"ZRangeWithScores", args("z", baton.ByRank(0, 1)), zs(z("a", 1), z("b", 2.5))}, "*2\r\n*2\r\n+a\r\n,1\r\n*2\r\n+b\r\n$3\r\n2.5\r\n"},
		{row{"ZRangeWithScores", args("z", baton.ByRank(0, 1)), zs(z("a", 1), z("b", 2.5))}, "*4\r\n+a\r\n,1\r\n+b\r\n$3\r\n2.5\r\n"},
		{row{"ZRangeWithScores", args("z", baton.ByRank(0, 1)), failure("reply has 3 values where 2 belong")}, "*1\r\n*3\r\n+a\r\n,1\r\n+b\r\n"},
		{row{"ZRangeWithScores", args("z", baton.ByRank(0, 1)), failure("not a float64")}, "*2\r\n+a\r\n+b\r\n"},
		{row{"ZMScore", args("z", "a", "b"), []baton.Opt[float64]{someFloat(1.5), {}}}, "*2\r\n$3\r\n1.5\r\n$-1\r\n"},
		{row{"XRange", args("x", "-", "+", 0), []baton.XMessage{message("1-1", "f", "v"), {ID: "1-2"}}}, "*3\r\n*2\r\n+1-1\r\n%1\r\n+f\r\n+v\r\n*-1\r\n*2\r\n+1-2\r\n*-1\r\n"},
		{row{"XRange", args("x", "-", "+", 0), failure("reply has 1 values where 2 belong")}, "*1\r\n*1\r\n+1-1\r\n"},
		{row{"XAutoClaim", args("x", "g", "c", 0, "0", 0), baton.XAutoClaimed{Next: "0-0", Messages: []baton.XMessage{}}}, "*2\r\n+0-0\r\n*0\r\n"},
		{row{"Time", args(), failure("reply has 1 values where 2 belong")}, "*1\r\n+1\r\n"},
		{row{"TTL", args("k"), failure("string is not an int64")}, "+x\r\n"},
	}
	synctest.Test(t, func(t *testing.T) {
		var reply string
		p := newPair(t, handofftest.Options{Intercept: func(_ handofftest.ConnInfo, args [][]byte) ([]byte, bool) {
			setUp := []string{"HELLO", "CLIENT", "PING"}
			return []byte(reply), !slices.Contains(setUp, strings.ToUpper(string(args[0])))
		}})
		c := p.client(baton.Options{})
		defer c.Close()
		for _, tt := range tests {
			for how, call := range ways {
				reply = tt.reply
				got, err := call(t.Context(), c, tt.row)
				check(t, fmt.Sprintf("%s %s of %q", how, tt.call, tt.reply), tt.want, got, err)
			}
		}
	})
}

package baton_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/baton-go/baton"
	"github.com/baton-go/baton/conn"
	"github.com/baton-go/baton/internal/redistest"
	"github.com/baton-go/baton/resp3"
)

// Every way in which a large argument can go to the server: it arrives as it was, and the next command too.
func TestLargeArgumentsOfAllCommandsArrive(t *testing.T) {
	ctx := t.Context()
	c := open(t, baton.Options{Addr: redistest.Start(t)})
	for _, n := range []int{conn.RefAbove - 1, conn.RefAbove, 64 << 10, 300_000} {
		long := func(s string) string { return strings.Repeat(s, n) }
		own := []byte(long("b"))
		keys := map[string]func() error{
			"set":   func() error { _, err := c.Set(ctx, "set", long("v"), baton.KeepTTL()); return err },
			"bytes": func() error { _, err := c.SetBytes(ctx, "bytes", own, baton.XX()); return err },
			"do":    func() error { _, err := c.Do(ctx, "SET", "do", own, "KEEPTTL"); return err },
			"do 2":  func() error { _, err := c.Do(ctx, "SET", "do 2", long("v")); return err },
			"mset":  func() error { return c.MSet(ctx, "small", "s", "mset", long("v"), "last", "l") },
			"pipe": func() error {
				return c.Pipeline(ctx, func(p *baton.Pipe) error {
					for i := range 4 {
						p.Set("pipe", long(fmt.Sprint(i%10)))
						p.SetBytes("pipe", own)
						p.Do("SET", "pipe", long("v"))
					}
					for i := range own { // the pipeline has copied it
						own[i] = '!'
					}
					return nil
				})
			},
			"tx": func() error {
				return c.Tx(ctx, func(tx *baton.Tx) error {
					return tx.Exec(ctx, func(p *baton.Pipe) error {
						p.SetBytes("tx", own)
						p.Set("tx", long("v"))
						return nil
					})
				}, "tx")
			},
		}
		require.NoError(t, c.MSet(ctx, "bytes", "", "do", ""))
		for key, write := range keys {
			for i := range own {
				own[i] = 'v'
			}
			require.NoError(t, write(), key)
			got, err := c.Get(ctx, key)
			require.NoError(t, err, key)
			assert.True(t, got == long("v"), "%s of %d bytes", key, n)
		}

		_, err := c.HSet(ctx, "hash", "a", long("a"), "b", "b", "c", long("c"))
		require.NoError(t, err)
		h, err := c.HGetAll(ctx, "hash")
		require.NoError(t, err)
		assert.True(t, h["a"] == long("a") && h["b"] == "b" && h["c"] == long("c"))

		var members []baton.Z
		for i := range 20 { // more than nine arguments: their number takes more room than was left for it
			members = append(members, baton.Z{Member: long(string(rune('a' + i))), Score: float64(i)})
		}
		_, err = c.ZAdd(ctx, "zset", members)
		require.NoError(t, err)
		for _, m := range members {
			score, err := c.ZScore(ctx, "zset", m.Member)
			require.NoError(t, err)
			assert.Equal(t, m.Score, score)
		}
		_, err = c.Del(ctx, "zset", "hash")
		require.NoError(t, err)

		_, err = c.LPush(ctx, long("k"), "element") // a key that is large, of a command that blocks
		require.NoError(t, err)
		v, err := baton.As[[]string](c.Do(ctx, "BLPOP", "none", long("k"), 5))
		require.NoError(t, err)
		assert.True(t, v[0] == long("k") && v[1] == "element")

		echo, err := baton.NewScript("return ARGV[1] .. ARGV[12]").Run(ctx, c, nil, args(long("x"), 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, long("y"))...)
		require.NoError(t, err)
		s, err := echo.Text()
		require.NoError(t, err)
		assert.True(t, s == long("x")+long("y"))
	}
}

func TestArgumentsThatCannotBeEncodedAreNamedBesideLargeOnes(t *testing.T) {
	c := open(t, baton.Options{Addr: "127.0.0.1:1"})
	_, err := c.Do(t.Context(), "SET", strings.Repeat("k", 100_000), struct{}{})
	var bad *resp3.ArgError
	require.ErrorAs(t, err, &bad)
	assert.Equal(t, 2, bad.Index)
}

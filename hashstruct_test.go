package baton_test

import (
	"math"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/baton-go/baton"
	"github.com/baton-go/baton/internal/redistest"
)

type user struct {
	Name    string    `redis:"name"`
	Blob    []byte    `redis:"blob"`
	Active  bool      `redis:"active"`
	Age     int8      `redis:"age"`
	Visits  uint64    `redis:"visits"`
	Score   float64   `redis:"score"`
	Ratio   float32   `redis:"ratio"`
	Since   time.Time `redis:"since"`
	Ignored string
	private int
}

func TestHashToStructAndBack(t *testing.T) {
	addr, ctx := redistest.Start(t), t.Context()
	for _, protocol := range []int{2, 3} {
		c := open(t, baton.Options{Addr: addr, Protocol: protocol})
		require.NoError(t, c.FlushDB(ctx))
		u := user{"Ann", []byte("\x00\r\n"), true, -7, math.MaxUint64, 0.1, 0.1, time.Date(2024, 5, 6, 7, 8, 9, 10, time.UTC), "x", 1}
		n, err := baton.HSetStruct(ctx, c, "u", &u)
		require.NoError(t, err)
		assert.EqualValues(t, 8, n)
		ratio, err := c.HGet(ctx, "u", "ratio")
		require.NoError(t, err)
		assert.Equal(t, "0.1", ratio)
		_, err = c.HSet(ctx, "u", "another", "1")
		require.NoError(t, err)
		got, err := baton.HGetAllAs[user](ctx, c, "u")
		require.NoError(t, err)
		u.Ignored, u.private = "", 0
		assert.Equal(t, u, got)

		_, err = c.HDel(ctx, "u", "name", "since")
		require.NoError(t, err)
		got, err = baton.HGetAllAs[user](ctx, c, "u")
		require.NoError(t, err)
		assert.Zero(t, got.Name)
		assert.Zero(t, got.Since)
		_, err = baton.HGetAllAs[user](ctx, c, "none")
		assert.ErrorIs(t, err, baton.Nil)
		_, err = c.Set(ctx, "s", "x")
		require.NoError(t, err)
		_, err = baton.HGetAllAs[user](ctx, c, "s")
		assert.ErrorContains(t, err, "WRONGTYPE")
	}
}

func TestHashThatDoesNotFitIsAnError(t *testing.T) {
	c, ctx := open(t, baton.Options{Addr: redistest.Start(t)}), t.Context()
	for field, value := range map[string]string{"age": "128", "visits": "-1", "active": "maybe", "score": "x", "since": "yesterday", "ratio": "1e99"} {
		require.NoError(t, c.FlushDB(ctx))
		_, err := c.HSet(ctx, "u", field, value)
		require.NoError(t, err)
		got, err := baton.HGetAllAs[user](ctx, c, "u")
		assert.ErrorContains(t, err, `field "`+field+`" of the hash does not fit`)
		assert.Zero(t, got)
	}
	fails := func(want string, err error) { t.Helper(); assert.ErrorContains(t, err, want) }
	_, err := baton.HGetAllAs[int](ctx, c, "u")
	fails("a hash needs a struct, got int", err)
	_, err = baton.HGetAllAs[struct{ A string }](ctx, c, "u")
	fails("has no field with a tag", err)
	_, err = baton.HGetAllAs[struct {
		a string `redis:"a"`
	}](ctx, c, "u")
	fails("is not exported", err)
	_, err = baton.HGetAllAs[struct {
		A string `redis:"a"`
		B string `redis:"a"`
	}](ctx, c, "u")
	fails(`field B of struct { A string "redis:\"a\""; B string "redis:\"a\"" } has the tag "a", which another field has too`, err)
	_, err = baton.HGetAllAs[struct {
		A []string `redis:"a"`
	}](ctx, c, "u")
	fails("is a []string, which a hash cannot hold", err)
	_, err = baton.HGetAllAs[struct {
		A string `redis:"a,string"`
	}](ctx, c, "u")
	fails(`has the tag "a,string", must be a name, or a name and omitempty`, err)
	_, err = baton.HGetAllAs[struct {
		A string `redis:",omitempty"`
	}](ctx, c, "u")
	fails("must be a name", err)
	_, err = baton.HSetStruct[user](ctx, c, "u", nil)
	fails("a hash needs a struct, got nil", err)
}

func TestZeroFieldsOfAStructMayBeLeftOut(t *testing.T) {
	type sparse struct {
		Name  string    `redis:"name,omitempty"`
		Since time.Time `redis:"since,omitempty"`
		Kept  int       `redis:"kept"`
		Not   chan int  `redis:"-"`
	}
	servers(t, func(t *testing.T, addr string) {
		c, ctx := open(t, baton.Options{Addr: addr}), t.Context()
		n, err := baton.HSetStruct(ctx, c, "u", &sparse{Name: "Ann"})
		require.NoError(t, err)
		assert.EqualValues(t, 2, n)
		hash, err := c.HGetAll(ctx, "u")
		require.NoError(t, err)
		assert.Equal(t, map[string]string{"name": "Ann", "kept": "0"}, hash)
		got, err := baton.HGetAllAs[sparse](ctx, c, "u")
		require.NoError(t, err)
		assert.Equal(t, sparse{Name: "Ann"}, got)

		n, err = baton.HSetStruct(ctx, c, "none", &struct {
			Name string `redis:"name,omitempty"`
		}{})
		require.NoError(t, err)
		assert.Zero(t, n, "nothing is sent if nothing is left")
	})
}

type inner struct {
	Name string `redis:"name"`
}

type Outer struct {
	Age int `redis:"age"`
}

func TestEmbeddedStructsBelongToTheHash(t *testing.T) {
	type both struct {
		inner
		Outer
		*user
		Named inner
		Since time.Time `redis:"since"`
	}
	servers(t, func(t *testing.T, addr string) {
		c, ctx := open(t, baton.Options{Addr: addr}), t.Context()
		in := both{inner: inner{"Ann"}, Outer: Outer{7}, user: &user{Age: 1}, Named: inner{"x"}, Since: time.Unix(1, 0).UTC()}
		n, err := baton.HSetStruct(ctx, c, "u", &in)
		require.NoError(t, err)
		assert.EqualValues(t, 3, n)
		got, err := baton.HGetAllAs[both](ctx, c, "u")
		require.NoError(t, err)
		in.user, in.Named = nil, inner{}
		assert.Equal(t, in, got)
		_, err = baton.HGetAllAs[struct {
			inner
			Name string `redis:"name"`
		}](ctx, c, "u")
		assert.ErrorContains(t, err, `has the tag "name", which another field has too`)
	})
}

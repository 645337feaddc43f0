package baton_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"math"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/baton-go/baton"
	"github.com/baton-go/baton/handoff/handofftest/resp3test"
	"github.com/baton-go/baton/internal/redistest"
	"github.com/baton-go/baton/resp3"
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

// answer is a Doer with one reply to all.
type answer struct{ v resp3.Value }

func (a answer) Do(context.Context, ...any) (resp3.Value, error) { return a.v, nil }

func TestStructOfRepliesOfOtherKinds(t *testing.T) {
	name, age, text := resp3test.BulkString("name"), resp3test.BulkString("age"), resp3test.BulkString
	read := func(v resp3.Value) (user, error) { return baton.HGetAllAs[user](t.Context(), answer{v}, "u") }
	for what, v := range map[string]resp3.Value{
		"a map":                 resp3test.Map(name, text("Ann"), age, text("7")),
		"another order":         resp3test.Map(age, text("7"), text("other"), text("x"), name, text("Ann")),
		"an array":              resp3test.Array(name, text("Ann"), age, text("7")),
		"an array of pairs":     resp3test.Array(resp3test.Array(name, text("Ann")), resp3test.Array(age, text("7"))),
		"other kinds":           resp3test.Map(resp3test.SimpleString("name"), resp3test.VerbatimString("txt", "Ann"), age, resp3test.Integer(7)),
		"other names and nulls": resp3test.Map(name, text("Ann"), age, text("7"), text("blob"), resp3test.Null(), text("x"), resp3test.Null()),
	} {
		got, err := read(v)
		assert.NoError(t, err, what)
		assert.Equal(t, user{Name: "Ann", Age: 7, Blob: got.Blob}, got, what)
		assert.Empty(t, got.Blob, what)
	}
	for what, v := range map[string]resp3.Value{
		"a name twice":   resp3test.Map(name, text("Ann"), age, text("7"), name, text("Bob")),
		"no name":        resp3test.Map(resp3test.Null(), text("Ann")),
		"a list":         resp3test.Map(name, resp3test.Array()),
		"a set":          resp3test.Set(name, text("Ann")),
		"a text":         name,
		"an odd number":  resp3test.Array(name, text("Ann"), age),
		"nothing to fit": resp3test.Map(age, resp3test.Null()),
	} {
		got, err := read(v)
		assert.ErrorAs(t, err, new(*resp3.TypeError), what)
		assert.Zero(t, got, what)
	}
	for _, v := range []resp3.Value{resp3test.Map(), resp3test.Array(), resp3test.Null(), resp3test.NullArray()} {
		_, err := read(v)
		assert.ErrorIs(t, err, baton.Nil)
	}
}

type inner struct {
	Name string `redis:"name"`
}

type Outer struct {
	Age int `redis:"age"`
}

type Extra struct {
	Level int  `redis:"level"`
	Note  *int `redis:"note"`
}

func TestEmbeddedStructsBelongToTheHash(t *testing.T) {
	type both struct {
		inner
		Outer
		*Extra
		fmt.Stringer
		Named inner
		Since time.Time `redis:"since"`
	}
	servers(t, func(t *testing.T, addr string) {
		c, ctx := open(t, baton.Options{Addr: addr}), t.Context()
		in := both{inner: inner{"Ann"}, Outer: Outer{7}, Named: inner{"x"}, Since: time.Unix(1, 0).UTC()}
		n, err := baton.HSetStruct(ctx, c, "u", &in)
		require.NoError(t, err)
		assert.EqualValues(t, 3, n, "nothing is behind the nil pointer")
		got, err := baton.HGetAllAs[both](ctx, c, "u")
		require.NoError(t, err)
		in.Named = inner{}
		assert.Equal(t, in, got, "nothing for the nil pointer")
		in.Extra = &Extra{Level: 5}
		n, err = baton.HSetStruct(ctx, c, "u", &in)
		require.NoError(t, err)
		assert.EqualValues(t, 1, n)
		got, err = baton.HGetAllAs[both](ctx, c, "u")
		require.NoError(t, err)
		assert.Equal(t, in, got)
	})
}

type recursive struct {
	//lint:ignore U1000 reflection sees it
	*recursive
	Name string `redis:"name"`
}

type unreachable struct {
	*inner
	Age int `redis:"age"`
}

type untagged struct{ X, Y int }

// Nothing with a tag is skipped in silence.
func TestStructsThatAHashCannotHoldAreRefused(t *testing.T) {
	c, ctx := open(t, baton.Options{Addr: "127.0.0.1:1"}), t.Context()
	refuse[recursive](t, c, "field recursive of baton_test.recursive embeds what it is part of")
	refuse[unreachable](t, c, "field inner of baton_test.unreachable is an embedded pointer to a struct that is not exported")
	refuse[struct {
		inner
		Name string `redis:"name"`
	}](t, c, `has the tag "name", which another field has too`)
	refuse[struct {
		*Extra
		Level int `redis:"level"`
	}](t, c, `field Level of`)
	refuse[struct {
		fmt.Stringer `redis:"s"`
	}](t, c, "field Stringer of struct { fmt.Stringer \"redis:\\\"s\\\"\" } is a fmt.Stringer, which a hash cannot hold")
	refuse[struct {
		Outer `redis:"outer"`
	}](t, c, "is a baton_test.Outer, which a hash cannot hold")
	refuse[struct {
		A any `redis:"a"`
	}](t, c, "field A of")
	refuse[struct {
		A *[]string `redis:"a"`
	}](t, c, "is a *[]string, which a hash cannot hold")
	refuse[struct {
		A map[string]string `redis:"a"`
	}](t, c, "which a hash cannot hold")
	refuse[struct {
		A baton.Opt[chan int] `redis:"a"`
	}](t, c, "which a hash cannot hold")
	refuse[struct {
		A string `redis:""`
	}](t, c, `has the tag "", must be a name`)
	refuse[*user](t, c, "a hash needs a struct, got *baton_test.user")
	_, err := baton.HSetStruct[struct {
		*untagged
		B broken `redis:"b"`
	}](ctx, c, "k", new(struct {
		*untagged
		B broken `redis:"b"`
	}))
	assert.EqualError(t, err, `baton: field "b" of the hash: test: broken`)
}

type broken struct{}

func (broken) MarshalText() ([]byte, error) { return nil, errors.New("test: broken") }

func refuse[T any](t *testing.T, c *baton.Client, want string) {
	t.Helper()
	_, err := baton.HGetAllAs[T](t.Context(), c, "k")
	assert.ErrorContains(t, err, want)
	_, err = baton.HSetStruct(t.Context(), c, "k", new(T))
	assert.ErrorContains(t, err, want)
	assert.ErrorContains(t, c.Pipeline(t.Context(), func(p *baton.Pipe) error { baton.PipeHSetStruct(p, "k", new(T)); return nil }), want)
	assert.ErrorContains(t, c.Pipeline(t.Context(), func(p *baton.Pipe) error { baton.PipeHGetAllAs[T](p, "k"); return nil }), want)
}

type optional struct {
	Name  *string             `redis:"name"`
	Age   baton.Opt[int]      `redis:"age"`
	Since *time.Time          `redis:"since,omitempty"`
	Email sql.NullString      `redis:"email"`
	Seen  sql.Null[time.Time] `redis:"seen"`
	Wait  time.Duration       `redis:"wait"`
	On    bool                `redis:"on"`
}

func TestFieldsThatMayLackAValue(t *testing.T) {
	servers(t, func(t *testing.T, addr string) {
		c, ctx := open(t, baton.Options{Addr: addr}), t.Context()
		n, err := baton.HSetStruct(ctx, c, "u", &optional{Wait: time.Second})
		require.NoError(t, err)
		assert.EqualValues(t, 2, n, "only what has a value")
		got, err := baton.HGetAllAs[optional](ctx, c, "u")
		require.NoError(t, err)
		assert.Equal(t, optional{Wait: time.Second}, got)
		name, when := "", time.Unix(1, 0).UTC()
		full := optional{&name, baton.Opt[int]{V: 7, OK: true}, &when, sql.NullString{String: "a@b", Valid: true}, sql.Null[time.Time]{V: when, Valid: true}, 10 * time.Second / 3, true}
		require.NoError(t, c.Tx(ctx, func(tx *baton.Tx) error {
			return tx.Exec(ctx, func(p *baton.Pipe) error { baton.PipeHSetStruct(p, "u", &full); return nil })
		}))
		got, err = baton.HGetAllAs[optional](ctx, c, "u")
		require.NoError(t, err)
		assert.Equal(t, full, got, "nothing is cut off")
		wait, err := c.HGet(ctx, "u", "wait")
		require.NoError(t, err)
		assert.Equal(t, "3333.333333", wait, "milliseconds")
		for text, want := range map[string]bool{"true": true, "false": false, "1": true, "0": false, "T": true, "FALSE": false} {
			_, err = c.HSet(ctx, "u", "on", text)
			require.NoError(t, err)
			got, err := baton.HGetAllAs[optional](ctx, c, "u")
			require.NoError(t, err)
			assert.Equal(t, want, got.On, text)
		}
		for field, text := range map[string]string{"on": "yes", "age": "1.5", "since": "x", "seen": "x", "wait": "3s"} {
			before, err := c.HGet(ctx, "u", field)
			require.NoError(t, err)
			_, err = c.HSet(ctx, "u", field, text)
			require.NoError(t, err)
			_, err = baton.HGetAllAs[optional](ctx, c, "u")
			assert.ErrorContains(t, err, `field "`+field+`" of the hash does not fit`)
			_, err = c.HSet(ctx, "u", field, before)
			require.NoError(t, err)
		}
	})
}

func TestNothingIsQueuedForAStructOfNothing(t *testing.T) {
	c, ctx := open(t, baton.Options{Addr: redistest.Start(t)}), t.Context()
	type empty struct {
		A *int `redis:"a"`
	}
	var set baton.Reply[int64]
	require.NoError(t, c.Pipeline(ctx, func(p *baton.Pipe) error { set = baton.PipeHSetStruct(p, "k", &empty{}); return nil }))
	for range 2 {
		n, err := set.Get()
		require.NoError(t, err)
		assert.Zero(t, n)
		require.NoError(t, c.Pipeline(ctx, func(p *baton.Pipe) error {
			p.Set("other", "x")
			set = baton.PipeHSetStruct(p, "k", &empty{})
			return nil
		}))
	}
}

package baton_test

import (
	"errors"
	"math/big"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/baton-go/baton"
	"github.com/baton-go/baton/handoff/handofftest/resp3test"
	"github.com/baton-go/baton/resp3"
)

func as[T any](v resp3.Value) (any, error) { return baton.As[T](v, nil) }

func TestAs(t *testing.T) {
	huge, _ := new(big.Int).SetString("3492890328409238509324850943850943825024385", 10)
	tests := []struct {
		name string
		as   func(resp3.Value) (any, error)
		v    resp3.Value
		want any
	}{
		{"string", as[string], resp3test.BulkString("x"), "x"},
		{"string of a number", as[string], resp3test.Integer(7), "7"},
		{"bytes", as[[]byte], resp3test.BulkString("x"), []byte("x")},
		{"int64", as[int64], resp3test.Integer(-7), int64(-7)},
		{"int64 of a text", as[int64], resp3test.BulkString("12"), int64(12)},
		{"int", as[int], resp3test.Integer(7), 7},
		{"uint64", as[uint64], resp3test.BulkString("18446744073709551615"), uint64(1<<64 - 1)},
		{"float", as[float64], resp3test.Double(1.5), 1.5},
		{"float of a text", as[float64], resp3test.BulkString("2.5"), 2.5},
		{"bool", as[bool], resp3test.Boolean(true), true},
		{"bool of a number", as[bool], resp3test.Integer(0), false},
		{"bool of OK", as[bool], resp3test.SimpleString("OK"), true},
		{"big", as[*big.Int], resp3test.BigNumber(huge), huge},
		{"value", as[resp3.Value], resp3test.Null(), resp3test.Null()},
		{"strings", as[[]string], resp3test.Array(resp3test.BulkString("a"), resp3test.BulkString("b")), []string{"a", "b"}},
		{"strings of a set", as[[]string], resp3test.Set(resp3test.BulkString("a")), []string{"a"}},
		{"no strings", as[[]string], resp3test.Array(), []string{}},
		{"ints", as[[]int64], resp3test.Array(resp3test.Integer(1), resp3test.BulkString("2")), []int64{1, 2}},
		{"floats", as[[]float64], resp3test.Array(resp3test.Double(0.5)), []float64{0.5}},
		{"values", as[[]resp3.Value], resp3test.Array(resp3test.Null(), resp3test.Integer(1)), []resp3.Value{resp3test.Null(), resp3test.Integer(1)}},
		{"map", as[map[string]string], resp3test.Map(resp3test.BulkString("k"), resp3test.BulkString("v")), map[string]string{"k": "v"}},
		{"map of a flat array", as[map[string]string], resp3test.Array(resp3test.BulkString("k"), resp3test.BulkString("v")), map[string]string{"k": "v"}},
		{"map of values", as[map[string]resp3.Value], resp3test.Map(resp3test.BulkString("k"), resp3test.Null()), map[string]resp3.Value{"k": resp3test.Null()}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := tt.as(tt.v)
			require.NoError(t, err)
			assert.Equal(t, tt.want, got)
		})
	}
}

func TestAsRefuses(t *testing.T) {
	tests := map[string]struct {
		as   func(resp3.Value) (any, error)
		v    resp3.Value
		want string
	}{
		"text as a number":        {as[int64], resp3test.BulkString("seven"), ""},
		"array as a string":       {as[string], resp3test.Array(resp3test.BulkString("a")), ""},
		"string as strings":       {as[[]string], resp3test.BulkString("a"), "bulk string is not an array"},
		"negative as unsigned":    {as[uint64], resp3test.Integer(-1), "integer is not a uint64"},
		"error as anything":       {as[string], resp3test.SimpleError("WRONGTYPE no"), "WRONGTYPE"},
		"error among strings":     {as[[]string], resp3test.Array(resp3test.SimpleError("ERR no")), "ERR no"},
		"a type it does not know": {as[struct{}], resp3test.BulkString("a"), "cannot make a struct {}"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			_, err := tt.as(tt.v)
			require.ErrorContains(t, err, tt.want)
		})
	}
	for _, f := range []func(resp3.Value) (any, error){as[string], as[int64], as[bool], as[[]string], as[map[string]string]} {
		_, err := f(resp3test.NullBulkString())
		assert.ErrorIs(t, err, baton.Nil)
	}
	_, err := as[[]int64](resp3test.Array(resp3test.NullBulkString()))
	assert.EqualError(t, err, "baton: element 0 of the reply, counted from 0: resp3: null is not a value", "not Nil: there is a reply")
	given := errors.New("given")
	_, err = baton.As[string](resp3test.BulkString("x"), given)
	assert.Equal(t, given, err)
}

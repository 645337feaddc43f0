package baton

import (
	"fmt"
	"math/big"
	"reflect"
	"strconv"

	"github.com/baton-go/baton/resp3"
)

// As turns a reply into a T. It is made to be wrapped around Do:
//
//	n, err := baton.As[int64](c.Do(ctx, "LLEN", "queue"))
//
// T may be a string, []byte, bool, integer, float, *big.Int, time.Duration (the reply is milliseconds), a type made of one of
// these, or one with UnmarshalText or else UnmarshalBinary, as time.Time; a slice of these; a map, whose keys are such too; an
// Opt of or a pointer to any of them; resp3.Value; or any, which becomes a string, int64, float64, bool, *big.Int, []any or
// map[string]any, whatever the server sent, which may differ between RESP2 and RESP3. All others do not:
//
//   - A whole double is an integer, a boolean is 1 or 0, also as text. A bool is 1 or 0, the status OK, or what
//     strconv.ParseBool knows.
//   - A map is made of pairs: a map, an array of arrays of two, or keys and values in turns.
//   - A slice of strings, numbers or bools made of pairs has keys and values in turns.
//
// An error goes through unchanged. A null is Nil, but a pointer is nil then and an Opt not OK, without an error. A null among
// the elements of a list or the values of a map is "" for a string and nil for a []byte; []Opt[string], []*string and
// []resp3.Value tell it from an empty text. Nothing else is left out or cut off: an odd number of keys and values, a key that
// comes twice, a number that T cannot hold, and a null among numbers, bools, lists or keys is a *resp3.TypeError, as is a reply
// of another kind.
func As[T any](v resp3.Value, err error) (T, error) {
	var out T
	if err != nil {
		return out, err
	}
	switch p := any(&out).(type) { // here, where out does not escape: elements of large replies come through here one by one
	case *resp3.Value:
		*p = v
	case *string:
		if v.IsNull() {
			return out, Nil
		}
		*p, err = v.Text()
	case *int64:
		if v.IsNull() {
			return out, Nil
		}
		*p, err = v.Int()
	default:
		return asOther[T](v)
	}
	return out, err
}

func asOther[T any](v resp3.Value) (T, error) {
	var out, zero T
	if v.IsNull() {
		if takesNull(reflect.TypeFor[T]()) {
			return zero, nil
		}
		return zero, Nil
	}
	if err := convert(v, any(&out)); err != nil {
		return zero, err
	}
	return out, nil
}

// convert stores v in what dst points to. What is not common goes by reflection.
func convert(v resp3.Value, dst any) (err error) {
	switch p := dst.(type) {
	case *[]byte:
		*p, err = v.Bytes()
	case *bool:
		*p, err = truth(v)
	case *uint64:
		*p, err = unsigned(v)
	case *float64:
		*p, err = v.Float()
	case **big.Int:
		*p, err = v.Big()
	case *[]string:
		*p, err = many[string](flat(v))
	case *[]int64:
		*p, err = many[int64](flat(v))
	case *[]float64:
		*p, err = many[float64](flat(v))
	case *[]resp3.Value:
		*p, err = many[resp3.Value](v)
	case *map[string]string:
		*p, err = pairs[string](v)
	case *map[string]resp3.Value:
		*p, err = pairs[resp3.Value](v)
	default:
		return fill(reflect.ValueOf(dst).Elem(), v)
	}
	return err
}

func many[T any](v resp3.Value) ([]T, error) {
	if err := aggregate(v); err != nil {
		return nil, err
	}
	out := make([]T, 0, v.Len())
	for e := range v.All() {
		t, err := within[T](e)
		if err != nil {
			return nil, inside("element", len(out), err)
		}
		out = append(out, t)
	}
	return out, nil
}

func pairs[T any](v resp3.Value) (map[string]T, error) {
	n, err := v.PairCount()
	if err != nil {
		return nil, err
	}
	out := make(map[string]T, n)
	for k, e := range v.Pairs() {
		at := len(out)
		key, err := As[string](k, nil)
		if err != nil {
			return nil, inside("key", at, err)
		}
		if out[key], err = within[T](e); err != nil {
			return nil, inside("value", at, err)
		}
		if len(out) == at {
			return nil, keyTwice(v)
		}
	}
	return out, nil
}

// within is As for an element of a list or a value of a map, where a null is the empty string.
func within[T any](v resp3.Value) (T, error) {
	t, err := As[T](v, nil)
	if _, text := any(t).(string); text && err == Nil {
		err = nil
	}
	return t, err
}

// keyTwice: a map would keep only one of two values.
func keyTwice(v resp3.Value) error {
	return &resp3.TypeError{Want: "a map of keys that come once each", Kind: v.Kind()}
}

// inside says where in a reply something did not fit. A null there is not Nil, which would be the whole reply's.
func inside(what string, i int, err error) error {
	if err == Nil {
		err = &resp3.TypeError{Want: "a value", Kind: resp3.Null}
	}
	return fmt.Errorf("baton: %s %d of the reply, counted from 0: %w", what, i, err)
}

// aggregate returns an error unless v has elements, maybe none.
func aggregate(v resp3.Value) error {
	switch v.Kind() {
	case resp3.Array, resp3.Map, resp3.Set, resp3.Push:
		return nil
	}
	if err := v.Err(); err != nil {
		return err
	}
	return &resp3.TypeError{Want: "an array, a set or a map", Kind: v.Kind()}
}

// flat spells an array of pairs of plain values as RESP2 does, for instance members and scores: in turns.
func flat(v resp3.Value) resp3.Value {
	if v.Kind() != resp3.Array || v.Index(0).Kind() != resp3.Array {
		return v
	}
	if n, err := v.PairCount(); err != nil || n != v.Len() {
		return v
	}
	all := make([]resp3.Value, 0, 2*v.Len())
	for k, e := range v.Pairs() {
		if aggregate(k) == nil || aggregate(e) == nil {
			return v
		}
		all = append(all, k, e)
	}
	return resp3.ArrayValue(all...)
}

// truth reads a boolean, the numbers 0 and 1, a text that means one, or the status OK.
func truth(v resp3.Value) (bool, error) {
	b, err := v.Bool()
	if err == nil {
		return b, nil
	}
	switch v.Kind() {
	case resp3.SimpleString, resp3.BulkString, resp3.VerbatimString:
		s, _ := v.Text()
		if v.Kind() == resp3.SimpleString && s == "OK" {
			return true, nil
		}
		if b, failed := strconv.ParseBool(s); failed == nil {
			return b, nil
		}
	}
	return false, err
}

func unsigned(v resp3.Value) (uint64, error) {
	if n, err := v.Int(); err == nil && n >= 0 {
		return uint64(n), nil
	}
	b, err := v.Big()
	if err != nil {
		return 0, err
	}
	if !b.IsUint64() {
		return 0, &resp3.TypeError{Want: "a uint64", Kind: v.Kind()}
	}
	return b.Uint64(), nil
}

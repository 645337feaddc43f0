package baton

import (
	"context"
	"fmt"
	"math/big"

	"github.com/baton-go/baton/conn"
	"github.com/baton-go/baton/resp3"
)

// Do sends any command and returns its reply, which owns its memory. An error that the server answers is returned as
// *resp3.Error, a null as a Value for which IsNull holds. Arguments are strings, byte slices, integers, floats, bools,
// time.Duration and what implements encoding.BinaryMarshaler or TextMarshaler; another type is an error before anything is sent.
//
// A command that may block on the server runs on a connection of its own, see BLPop. Commands that change the state of their
// connection (MULTI, WATCH, SELECT, ...) need one that is held, see Client.Conn, and are refused elsewhere. SUBSCRIBE and the
// like, MONITOR, SYNC and CLIENT REPLY are refused everywhere, since they have no reply or many, and RESET and QUIT,
// which Release and Discard are for.
func (c *commands) Do(ctx context.Context, args ...any) (resp3.Value, error) {
	r := raw(c.newCall(), args...)
	defer r.call.Free()
	if r.err != nil {
		return resp3.Value{}, r.problem()
	}
	f, _ := factOf(r.call.Req)
	switch {
	case f.use == refused:
		return resp3.Value{}, fmt.Errorf("baton: %s breaks the order of commands and replies, or ends the connection: Client.Subscribe is for messages", r.name)
	case f.use == heldOnly && c.held == nil:
		return resp3.Value{}, fmt.Errorf("baton: %s changes the state of its connection and connections are shared: use Client.Conn or Client.Tx", r.name)
	}
	if f.use == blocks && c.held == nil && isWait(r.name) {
		return resp3.Value{}, aboutOwnWrites(r.name)
	}
	r.call.Mode = conn.Value
	op := &operation{call: r.call, name: r.name, session: f.use == heldOnly}
	if f.use == blocks {
		w := waitingOf(wordsOf(r.call.Req))
		op.wait, op.alone = w, w
	}
	if err := c.run(ctx, op); err != nil {
		return resp3.Value{}, err
	}
	return r.call.Val, nil
}

// wordsOf takes an encoded command apart.
func wordsOf(req []byte) []string {
	v, _, _ := resp3.Decode(string(req))
	words := make([]string, 0, v.Len())
	for e := range v.All() {
		w, _ := e.Text()
		words = append(words, w)
	}
	return words
}

// As turns a reply into a T: string, []byte, bool, int, int64, uint64, float64, *big.Int, resp3.Value, []string, []int64,
// []float64, []resp3.Value, map[string]string, or map[string]resp3.Value. It is made to be wrapped around Do:
//
//	n, err := baton.As[int64](c.Do(ctx, "LLEN", "queue"))
//
// An error goes through unchanged. A null is Nil; null elements of a slice or map are Nil too, except in the forms with
// resp3.Value. A reply of another kind is a *resp3.TypeError.
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
	var out T
	if v.IsNull() {
		return out, Nil
	}
	err := convert(v, any(&out))
	return out, err
}

// convert stores v in what dst points to.
func convert(v resp3.Value, dst any) (err error) {
	switch p := dst.(type) {
	case *[]byte:
		*p, err = v.Bytes()
	case *bool:
		*p, err = truth(v)
	case *int:
		var n int64
		n, err = v.Int()
		if *p = int(n); int64(*p) != n {
			return fmt.Errorf("baton: %d does not fit into an int", n)
		}
	case *uint64:
		*p, err = unsigned(v)
	case *float64:
		*p, err = v.Float()
	case **big.Int:
		*p, err = v.Big()
	default:
		return convertMany(v, dst)
	}
	return err
}

func convertMany(v resp3.Value, dst any) (err error) {
	switch p := dst.(type) {
	case *[]string:
		*p, err = many[string](v)
	case *[]int64:
		*p, err = many[int64](v)
	case *[]float64:
		*p, err = many[float64](v)
	case *[]resp3.Value:
		*p, err = many[resp3.Value](v)
	case *map[string]string:
		*p, err = pairs[string](v)
	case *map[string]resp3.Value:
		*p, err = pairs[resp3.Value](v)
	default:
		return fmt.Errorf("baton: As cannot make a %T", dst)
	}
	return err
}

func many[T any](v resp3.Value) ([]T, error) {
	if err := aggregate(v); err != nil {
		return nil, err
	}
	out := make([]T, 0, v.Len())
	for e := range v.All() {
		t, err := As[T](e, nil)
		if err != nil {
			return nil, err
		}
		out = append(out, t)
	}
	return out, nil
}

func pairs[T any](v resp3.Value) (map[string]T, error) {
	if err := aggregate(v); err != nil {
		return nil, err
	}
	out := make(map[string]T, v.Len())
	for k, e := range v.Pairs() {
		key, err := k.Text()
		if err != nil {
			return nil, err
		}
		if out[key], err = As[T](e, nil); err != nil {
			return nil, err
		}
	}
	return out, nil
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
	return fmt.Errorf("baton: reply is a %v, want an array, a set or a map", v.Kind())
}

// truth reads a boolean, a number, or the status OK.
func truth(v resp3.Value) (bool, error) {
	if v.Kind() == resp3.SimpleString {
		if s, _ := v.Text(); s == "OK" {
			return true, nil
		}
	}
	return v.Bool()
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
		return 0, fmt.Errorf("baton: %s does not fit into a uint64", b)
	}
	return b.Uint64(), nil
}

package baton

import (
	"encoding"
	"fmt"
	"math/big"
	"reflect"
	"strconv"
	"strings"
	"time"

	"github.com/baton-go/baton/resp3"
)

// This file is how a reply becomes a Go value of any type, for As and for the fields of a struct. It is the reverse of
// resp3.AppendCommandArgs.

// is reports whether t is T. A variable for the type of T would keep it in every program.
func is[T any](t reflect.Type) bool { return t == reflect.TypeFor[T]() }

func (Opt[T]) mayLack() {}

// sqlScanner is database/sql's, which is not imported for it.
type sqlScanner interface{ Scan(src any) error }

// isOptional reports whether t is an Opt or shaped as sql.Null and its like: a value, and a bool that says whether it counts.
func isOptional(t reflect.Type) bool {
	if t.Kind() != reflect.Struct || t.NumField() != 2 || t.Field(1).Type.Kind() != reflect.Bool || !t.Field(0).IsExported() {
		return false
	}
	return t.Implements(reflect.TypeFor[interface{ mayLack() }]()) ||
		t.Field(1).Name == "Valid" && reflect.PointerTo(t).Implements(reflect.TypeFor[sqlScanner]())
}

// takesNull reports whether a T can say that there is no value. A *big.Int is a number, not a pointer to one.
func takesNull(t reflect.Type) bool {
	return t.Kind() == reflect.Pointer && !is[big.Int](t.Elem()) || isOptional(t)
}

// fill stores v in dst.
func fill(dst reflect.Value, v resp3.Value) error {
	t := dst.Type()
	switch {
	case is[resp3.Value](t):
		dst.Set(reflect.ValueOf(v))
		return nil
	case v.Err() != nil:
		return v.Err()
	case v.IsNull() && (t.Kind() == reflect.Pointer || isOptional(t) || is[any](t)):
		dst.SetZero()
		return nil
	case v.IsNull():
		return &resp3.TypeError{Want: aOf(t), Kind: resp3.Null}
	case t.Kind() == reflect.Pointer:
		p := reflect.New(t.Elem())
		dst.Set(p)
		return fill(p.Elem(), v)
	case isOptional(t):
		dst.Field(1).SetBool(true)
		return fill(dst.Field(0), v)
	case is[any](t):
		a, err := natural(v)
		if err == nil {
			dst.Set(reflect.ValueOf(a))
		}
		return err
	case is[time.Duration](t):
		return fillDuration(dst, v)
	}
	if unmarshal := unmarshaler(dst); unmarshal != nil {
		return fillText(t, v, unmarshal)
	}
	return fillKind(dst, v)
}

func aOf(t reflect.Type) string { return "a value for a " + t.String() }

// unmarshaler returns the function of dst that reads a text: text comes before binary, as when it is written.
func unmarshaler(dst reflect.Value) func(string) error {
	switch u := dst.Addr().Interface().(type) {
	case encoding.TextUnmarshaler:
		return func(s string) error { return u.UnmarshalText([]byte(s)) }
	case encoding.BinaryUnmarshaler:
		return func(s string) error { return u.UnmarshalBinary([]byte(s)) }
	case sqlScanner:
		return func(s string) error { return u.Scan(s) }
	}
	return nil
}

func fillText(t reflect.Type, v resp3.Value, unmarshal func(string) error) error {
	s, err := v.Text()
	if err != nil {
		return err
	}
	if err := unmarshal(s); err != nil {
		return fmt.Errorf("%w: %w", &resp3.TypeError{Want: aOf(t), Kind: v.Kind()}, err)
	}
	return nil
}

// fillKind goes by what the type of dst is made of.
func fillKind(dst reflect.Value, v resp3.Value) error {
	fits, err := true, error(nil)
	switch k := dst.Kind(); {
	case k == reflect.String:
		var s string
		s, err = v.Text()
		dst.SetString(s)
	case k == reflect.Bool:
		var b bool
		b, err = truth(v)
		dst.SetBool(b)
	case dst.CanInt():
		var n int64
		n, err = v.Int()
		fits = !dst.OverflowInt(n)
		dst.SetInt(n)
	case k != reflect.Uintptr && dst.CanUint():
		var n uint64
		n, err = unsigned(v)
		fits = !dst.OverflowUint(n)
		dst.SetUint(n)
	case dst.CanFloat():
		return fillFloat(dst, v)
	case k == reflect.Slice && dst.Type().Elem().Kind() == reflect.Uint8:
		var b []byte
		b, err = v.Bytes()
		dst.SetBytes(b)
	case k == reflect.Slice:
		return fillSlice(dst, v)
	case k == reflect.Map:
		return fillMap(dst, v)
	default:
		return fmt.Errorf("baton: As cannot make a %v", dst.Type())
	}
	if err == nil && !fits {
		err = &resp3.TypeError{Want: aOf(dst.Type()), Kind: v.Kind()}
	}
	return err
}

// fillFloat reads also what Go writes: NaN and +Inf. A float32 is read as one, since rounding twice may give its neighbour.
func fillFloat(dst reflect.Value, v resp3.Value) error {
	s, err := v.Text()
	if err != nil {
		return err
	}
	f, err := strconv.ParseFloat(strings.TrimPrefix(s, "-"), dst.Type().Bits())
	if err != nil || strings.ContainsAny(s, "xX_") || strings.HasPrefix(s, "--") || strings.HasPrefix(s, "-+") {
		return &resp3.TypeError{Want: aOf(dst.Type()), Kind: v.Kind()}
	}
	if s[0] == '-' {
		f = -f
	}
	dst.SetFloat(f)
	return nil
}

func fillSlice(dst reflect.Value, v resp3.Value) error {
	if isPlain(dst.Type().Elem()) {
		v = flat(v)
	}
	if err := aggregate(v); err != nil {
		return err
	}
	out := reflect.MakeSlice(dst.Type(), 0, v.Len())
	for e := range v.All() {
		one := reflect.New(dst.Type().Elem()).Elem()
		if err := fillWithin(one, e); err != nil {
			return inside("element", out.Len(), err)
		}
		out = reflect.Append(out, one)
	}
	dst.Set(out)
	return nil
}

// fillWithin is fill for an element of a list or a value of a map, where a null is an empty text.
func fillWithin(dst reflect.Value, v resp3.Value) error {
	t := dst.Type()
	text := t.Kind() == reflect.String || t.Kind() == reflect.Slice && t.Elem().Kind() == reflect.Uint8
	if text && v.IsNull() && unmarshaler(dst) == nil {
		return nil
	}
	return fill(dst, v)
}

// isPlain reports whether a T holds one value, not several.
func isPlain(t reflect.Type) bool {
	switch {
	case t.Kind() == reflect.Pointer:
		return isPlain(t.Elem())
	case isOptional(t):
		return isPlain(t.Field(0).Type)
	}
	many := t.Kind() == reflect.Slice && t.Elem().Kind() != reflect.Uint8 || t.Kind() == reflect.Map
	return !many && !is[any](t) && !is[resp3.Value](t)
}

func fillMap(dst reflect.Value, v resp3.Value) error {
	n, err := v.PairCount()
	if err != nil {
		return err
	}
	t := dst.Type()
	out := reflect.MakeMapWithSize(t, n)
	for k, e := range v.Pairs() {
		key, val := reflect.New(t.Key()).Elem(), reflect.New(t.Elem()).Elem()
		if err := fill(key, k); err != nil {
			return inside("key", out.Len(), err)
		}
		if !key.Comparable() {
			return inside("key", out.Len(), &resp3.TypeError{Want: "a key", Kind: k.Kind()})
		}
		if err := fillWithin(val, e); err != nil {
			return inside("value", out.Len(), err)
		}
		if out.MapIndex(key).IsValid() {
			return keyTwice(v)
		}
		out.SetMapIndex(key, val)
	}
	dst.Set(out)
	return nil
}

// natural is the Go value for what the server sent.
func natural(v resp3.Value) (any, error) {
	switch v.Kind() {
	case resp3.Integer:
		return v.Int()
	case resp3.Double:
		return v.Float()
	case resp3.Boolean:
		return v.Bool()
	case resp3.BigNumber:
		return v.Big()
	case resp3.Array, resp3.Set, resp3.Push:
		return asOther[[]any](v)
	case resp3.Map:
		return asOther[map[string]any](v)
	}
	return v.Text()
}

// A time.Duration is written in milliseconds, with up to six digits behind the point if there is more to it.

func durationText(d time.Duration) string {
	sign, ns := "", uint64(d)
	if d < 0 {
		sign, ns = "-", -ns
	}
	s := sign + strconv.FormatUint(ns/1e6, 10)
	if ns%1e6 != 0 {
		s += "." + strings.TrimRight(strconv.FormatUint(1e6+ns%1e6, 10)[1:], "0")
	}
	return s
}

func fillDuration(dst reflect.Value, v resp3.Value) error {
	s, err := v.Text()
	if err != nil {
		return err
	}
	whole, part, _ := strings.Cut(s, ".")
	n, err := strconv.ParseInt(whole+(part + "000000")[:max(6, len(part))], 10, 64)
	if err != nil || len(part) > 6 || strings.Trim(whole, "+-") == "" || strings.ContainsAny(part, "+-") {
		return &resp3.TypeError{Want: aOf(dst.Type()), Kind: v.Kind()}
	}
	dst.SetInt(n)
	return nil
}

package baton

import (
	"encoding"
	"fmt"
	"math"
	"math/big"
	"reflect"
	"strconv"
	"strings"
	"time"

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
//   - A map is made of pairs: a map, an array of arrays of two, or alternating keys and values.
//   - A slice of strings, numbers or bools made of pairs has alternating keys and values.
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
	switch p := any(&out).(type) { // without reflection, so that out does not escape
	case *resp3.Value:
		*p = v
	case *string:
		*p, err = v.Text()
	case *int64:
		*p, err = v.Int()
	case **big.Int:
		*p, err = v.Big()
	default:
		return asOther[T](v)
	}
	return out, nullIsNil(err)
}

func asOther[T any](v resp3.Value) (T, error) {
	var out, zero T
	if t := reflect.TypeFor[T](); v.IsNull() {
		if t.Kind() == reflect.Pointer || isOptional(t) {
			return zero, nil
		}
		return zero, Nil
	}
	if err := fill(reflect.ValueOf(&out).Elem(), v); err != nil {
		return zero, err
	}
	return out, nil
}

// fill stores v in dst, which is zero. It is the reverse of resp3.AppendCommandArgs.
func fill(dst reflect.Value, v resp3.Value) (err error) {
	ptr := dst.Addr().Interface()
	if p, ok := ptr.(*resp3.Value); ok {
		*p = v
		return nil
	}
	switch t := dst.Type(); {
	case v.Err() != nil:
		return v.Err()
	case v.IsNull():
		return fillNull(dst)
	case t.Kind() == reflect.Pointer:
		dst.Set(reflect.New(t.Elem()))
		return fill(dst.Elem(), v)
	case isOptional(t):
		dst.Field(1).SetBool(true)
		return fill(dst.Field(0), v)
	}
	switch p := ptr.(type) {
	case *any:
		*p, err = natural(v)
		return err
	case *time.Duration:
		return fillDuration(dst, v)
	}
	unmarshal := unmarshaler(ptr)
	if unmarshal == nil {
		return fillKind(dst, v)
	}
	s, err := v.Text()
	if err != nil {
		return err
	}
	if err := unmarshal([]byte(s)); err != nil {
		return fmt.Errorf("%w: %w", unfit(dst, v), err)
	}
	return nil
}

// fillNull accepts a null inside a reply if dst can say that there is no value, or is text, which stays empty.
func fillNull(dst reflect.Value) error {
	t := dst.Type()
	text := t.Kind() == reflect.String || t.Kind() == reflect.Slice && t.Elem().Kind() == reflect.Uint8
	if t.Kind() == reflect.Pointer || isOptional(t) || is[any](t) || text && unmarshaler(dst.Addr().Interface()) == nil {
		return nil
	}
	return &resp3.TypeError{Want: "a value", Kind: resp3.Null}
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
		err = unfit(dst, v)
	}
	return err
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

// fillFloat reads also the forms that only Go writes, as +Inf. A float32 is read as one, since rounding twice may give its neighbour.
func fillFloat(dst reflect.Value, v resp3.Value) error {
	f, err := v.Float()
	if bits := dst.Type().Bits(); err != nil || bits == 32 && !math.IsNaN(f) {
		s, _ := v.Text()
		f, err = strconv.ParseFloat(s, bits)
		if err != nil || strings.ContainsAny(s, "xX_") {
			return &resp3.TypeError{Want: "a " + dst.Type().String(), Kind: v.Kind()}
		}
	}
	dst.SetFloat(f)
	return nil
}

func fillSlice(dst reflect.Value, v resp3.Value) error {
	if isPlain(dst.Type().Elem()) {
		v = flat(v)
	}
	if !isAggregate(v) {
		return &resp3.TypeError{Want: "an array, a set or a map", Kind: v.Kind()}
	}
	n := v.Len()
	if v.Kind() == resp3.Map {
		n *= 2
	}
	dst.Grow(max(n, 1)) // an empty list is not nil
	dst.SetLen(n)
	texts, _ := dst.Addr().Interface().(*[]string)
	i := 0
	for e := range v.All() {
		if texts != nil && isText(e) { // most lists, without reflection
			(*texts)[i], _ = e.Text()
		} else if err := fill(dst.Index(i), e); err != nil {
			return inside("element", i, err)
		}
		i++
	}
	return nil
}

func fillMap(dst reflect.Value, v resp3.Value) error {
	n, err := v.PairCount()
	if err != nil {
		return err
	}
	t := dst.Type()
	dst.Set(reflect.MakeMapWithSize(t, n))
	texts, _ := dst.Addr().Interface().(*map[string]string)
	var key, val reflect.Value
	at := 0
	for k, e := range v.Pairs() {
		if texts != nil && isText(k) && isText(e) { // most maps, without reflection
			name, _ := k.Text()
			(*texts)[name], _ = e.Text()
		} else {
			if !key.IsValid() {
				key, val = reflect.New(t.Key()).Elem(), reflect.New(t.Elem()).Elem()
			}
			key.SetZero()
			val.SetZero()
			if err := fillKey(key, k); err != nil {
				return inside("key", at, err)
			}
			if err := fill(val, e); err != nil {
				return inside("value", at, err)
			}
			dst.SetMapIndex(key, val)
		}
		if at++; dst.Len() < at { // only one of two values would be left
			return keyTwice(v.Kind())
		}
	}
	return nil
}

func fillKey(dst reflect.Value, v resp3.Value) error {
	if err := fill(dst, v); err != nil {
		return err
	}
	text := dst.Kind() == reflect.String
	switch {
	case text && v.IsNull():
		return &resp3.TypeError{Want: "a value", Kind: resp3.Null}
	case !text && !dst.Comparable():
		return &resp3.TypeError{Want: "a key", Kind: v.Kind()}
	}
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

// fillDuration reads milliseconds with up to six digits behind the point, as durationText writes them.
func fillDuration(dst reflect.Value, v resp3.Value) error {
	s, err := v.Text()
	if err != nil {
		return err
	}
	whole, part, _ := strings.Cut(s, ".")
	n, err := strconv.ParseInt(whole+(part + "000000")[:max(6, len(part))], 10, 64)
	if err != nil || len(part) > 6 || strings.Trim(whole, "+-") == "" || strings.ContainsAny(part, "+-") {
		return unfit(dst, v)
	}
	dst.SetInt(n)
	return nil
}

// unmarshaler returns the method of *ptr that reads a text: text comes before binary, as when it is written.
func unmarshaler(ptr any) func([]byte) error {
	switch u := ptr.(type) {
	case encoding.TextUnmarshaler:
		return u.UnmarshalText
	case encoding.BinaryUnmarshaler:
		return u.UnmarshalBinary
	case sqlScanner:
		return func(b []byte) error { return u.Scan(string(b)) }
	}
	return nil
}

// sqlScanner is database/sql's, which is not imported for it.
type sqlScanner interface{ Scan(src any) error }

func (Opt[T]) mayLack() {}

// isOptional reports whether t is an Opt or shaped as sql.Null and its like: a value, and a bool that says whether it counts.
func isOptional(t reflect.Type) bool {
	if t.Kind() != reflect.Struct || t.NumField() != 2 || t.Field(1).Type.Kind() != reflect.Bool || !t.Field(0).IsExported() {
		return false
	}
	return t.Implements(reflect.TypeFor[interface{ mayLack() }]()) ||
		t.Field(1).Name == "Valid" && reflect.PointerTo(t).Implements(reflect.TypeFor[sqlScanner]())
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

// is reports whether t is T. A variable for the type of T would keep it in every program.
func is[T any](t reflect.Type) bool { return t == reflect.TypeFor[T]() }

// isAggregate reports whether v has elements, possibly none.
func isAggregate(v resp3.Value) bool {
	k := v.Kind()
	return k == resp3.Array || k == resp3.Map || k == resp3.Set || k == resp3.Push
}

func isText(v resp3.Value) bool { return v.Kind() == resp3.BulkString && !v.IsNull() }

// flat spells an array of pairs of plain values as RESP2 does: members and scores alternate.
func flat(v resp3.Value) resp3.Value {
	if v.Kind() != resp3.Array || v.Index(0).Kind() != resp3.Array {
		return v
	}
	if n, err := v.PairCount(); err != nil || n != v.Len() {
		return v
	}
	all := make([]resp3.Value, 0, 2*v.Len())
	for k, e := range v.Pairs() {
		if isAggregate(k) || isAggregate(e) {
			return v
		}
		all = append(all, k, e)
	}
	return resp3.ArrayValue(all...)
}

func unfit(dst reflect.Value, v resp3.Value) error {
	return &resp3.TypeError{Want: "a value for a " + dst.Type().String(), Kind: v.Kind()}
}

// inside says where in a reply something did not fit.
func inside(part string, i int, err error) error {
	return fmt.Errorf("baton: %s %d of the reply, counted from 0: %w", part, i, err)
}

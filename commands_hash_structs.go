package baton

import (
	"context"
	"encoding"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/baton-go/baton/internal/errs"
	"github.com/baton-go/baton/resp3"
)

// HGetAllAs reads the hash at key into a struct: each field of the hash goes to the exported field with the tag
// `redis:"name"`, those of embedded structs included. Fields of the struct without a tag or with the tag "-", and fields
// of the hash that no tag names, are ignored; a tagged field that the hash lacks keeps its zero value.
//
// A field may have any type that As reads from a text: a string, a []byte, a bool, an integer, a float, a time.Duration in
// milliseconds, a type made of one of these, one with UnmarshalText or else UnmarshalBinary; and a pointer to one, an Opt of
// one, or a sql.Null of one. A pointer to an embedded struct is allocated if the hash has a field for it.
//
// It returns Nil if there is no such key, and an error if a value does not fit its field, or if T is no such struct.
func HGetAllAs[T any](ctx context.Context, d Doer, key string) (T, error) {
	fields, err := tagged(reflect.TypeFor[T]())
	if err != nil {
		var zero T
		return zero, err
	}
	hash, err := d.Do(ctx, "HGETALL", key)
	return hashInto[T](fields, hash, err)
}

// PipeHGetAllAs queues HGETALL, see HGetAllAs.
func PipeHGetAllAs[T any](p *Pipe, key string) Reply[T] {
	fields, err := tagged(reflect.TypeFor[T]())
	r := fixedArgs(p.next(), "HGETALL", key)
	r.fail(err)
	return enqueue(p, r, func(reply string) (T, error) {
		hash, err := decodeValue(reply)
		return hashInto[T](fields, hash, err)
	})
}

func hashInto[T any](fields []hashField, hash resp3.Value, err error) (T, error) {
	var out, zero T
	if err == nil {
		err = fillStruct(reflect.ValueOf(&out).Elem(), fields, hash)
	}
	if err != nil {
		return zero, nullIsNil(err)
	}
	return out, nil
}

// fillStruct stores the pairs of hash in the fields of dst. They mostly have the same order, so each name is sought behind the one
// before.
func fillStruct(dst reflect.Value, fields []hashField, hash resp3.Value) error {
	n, err := hash.PairCount()
	switch {
	case err != nil:
		return err
	case hash.Kind() == resp3.Set:
		return &resp3.TypeError{Want: "pairs", Kind: resp3.Set}
	case n == 0:
		return Nil
	}
	next, at, filled := 0, 0, make([]bool, len(fields))
	for k, v := range hash.Pairs() {
		name, err := hashText("key", at, k)
		if err != nil {
			return err
		}
		text, err := hashText("value", at, v)
		if err != nil {
			return err
		}
		at++
		i := indexField(fields, name, next)
		if i < 0 {
			continue
		}
		if filled[i] {
			return keyTwice(hash.Kind())
		}
		filled[i], next = true, i+1
		field, _ := fields[i].in(dst, true)
		if err := fill(field, resp3.BulkStringValue(text)); err != nil {
			return fmt.Errorf("baton: field %q of the hash does not fit a %v: %w", name, field.Type(), err)
		}
	}
	return nil
}

// indexField returns the index of the field of that name, -1 if there is none. It begins at next.
func indexField(fields []hashField, name string, next int) int {
	named := func(f hashField) bool { return f.name == name }
	if i := slices.IndexFunc(fields[next:], named); i >= 0 {
		return next + i
	}
	return slices.IndexFunc(fields[:next], named)
}

// hashText reads a key or a value of a hash. A null is no key, and a value without content.
func hashText(part string, i int, v resp3.Value) (string, error) {
	s, err := v.Text()
	if err == resp3.ErrNull && part == "value" {
		return "", nil
	}
	if err == resp3.ErrNull {
		err = &resp3.TypeError{Want: "a value", Kind: resp3.Null}
	}
	if err != nil {
		err = inside(part, i, err)
	}
	return s, err
}

// HSetStruct sets the fields of the hash at key that the tags of a struct name, see HGetAllAs, to the values there, zero or
// not. It leaves out a zero value with the tag `redis:"name,omitempty"`, a nil pointer, fields behind a nil pointer to an
// embedded struct, and an Opt or sql.Null without a value: the hash keeps those fields. It returns how many fields are new, and
// 0 without sending anything if all are left out.
//
// Values are written as Do writes an argument, but a time.Duration keeps fractions of a millisecond, behind a point. For
// pipelines and transactions see PipeHSetStruct.
func HSetStruct[T any](ctx context.Context, d Doer, key string, v *T) (int64, error) {
	args, err := hashArgs(key, reflect.ValueOf(v).Elem())
	if err != nil || len(args) == 1 {
		return 0, err
	}
	all := make([]any, 0, 1+len(args))
	all = append(all, "HSET")
	for _, a := range args {
		all = append(all, a)
	}
	return As[int64](d.Do(ctx, all...))
}

// PipeHSetStruct queues HSET, see HSetStruct. If all fields are left out nothing is queued, and the reply is 0.
func PipeHSetStruct[T any](p *Pipe, key string, v *T) Reply[int64] {
	args, err := hashArgs(key, reflect.ValueOf(v).Elem())
	if err == nil && len(args) == 1 {
		return Reply[int64]{p: p, decode: func(string) (int64, error) { return 0, nil }}
	}
	r := fixedArgs(p.next(), "HSET", args...)
	r.fail(err)
	return enqueue(p, r, decodeInt)
}

// hashArgs returns the arguments of HSET: the key, fields and values.
func hashArgs(key string, v reflect.Value) ([]string, error) {
	if !v.IsValid() {
		return nil, errors.New("baton: a hash needs a struct, got nil")
	}
	fields, err := tagged(v.Type())
	if err != nil {
		return nil, err
	}
	args := append(make([]string, 0, 1+2*len(fields)), key)
	for _, f := range fields {
		src, ok := f.in(v, false)
		if !ok || f.omit && src.IsZero() {
			continue
		}
		s, ok, err := textOf(src)
		if err != nil {
			return nil, fmt.Errorf("baton: field %q of the hash: %w", f.name, err)
		}
		if ok {
			args = append(args, f.name, s)
		}
	}
	return args, nil
}

// textOf returns the text that is written for v, false if v says that there is no value.
func textOf(v reflect.Value) (s string, ok bool, err error) {
	switch {
	case v.Kind() == reflect.Pointer && v.IsNil():
		return "", false, nil
	case v.Kind() == reflect.Pointer:
		return textOf(v.Elem())
	case isOptional(v.Type()) && !v.Field(1).Bool():
		return "", false, nil
	case isOptional(v.Type()):
		return textOf(v.Field(0))
	case is[time.Duration](v.Type()):
		return durationText(time.Duration(v.Int())), true, nil
	}
	s, err = resp3.ArgText(v.Interface())
	if ae, ok := errs.As[*resp3.ArgError](err); ok {
		if err = ae.Err; err == nil {
			err = fmt.Errorf("a %v has neither MarshalText nor MarshalBinary", v.Type())
		}
	}
	return s, true, err
}

// durationText gives milliseconds, with up to six digits behind the point if there is more to it.
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

// hashField is a field of a struct, and the field of a hash with its name.
type hashField struct {
	name string
	at   []int // its index in each struct that embeds the next, as for reflect.Value.FieldByIndex
	omit bool  // HSetStruct leaves it out if it is zero
}

// in returns the field of the struct v, false if it is behind a nil pointer. With alloc such pointers are replaced.
func (f hashField) in(v reflect.Value, alloc bool) (reflect.Value, bool) {
	for _, i := range f.at {
		if v.Kind() == reflect.Pointer {
			switch {
			case !v.IsNil():
			case !alloc:
				return v, false
			default:
				v.Set(reflect.New(v.Type().Elem()))
			}
			v = v.Elem()
		}
		v = v.Field(i)
	}
	return v, true
}

// tagged returns the fields of a struct with a tag, those of embedded structs included.
func tagged(t reflect.Type) ([]hashField, error) {
	if known, ok := taggedTypes.Load(t); ok {
		return known.([]hashField), nil
	}
	if t.Kind() != reflect.Struct {
		return nil, fmt.Errorf("baton: a hash needs a struct, got %v", t)
	}
	fields, err := collect(nil, t, nil, nil)
	if err == nil && len(fields) == 0 {
		err = fmt.Errorf("baton: %v has no field with a tag `redis:\"name\"`", t)
	}
	if err == nil {
		taggedTypes.Store(t, fields)
	}
	return fields, err
}

// taggedTypes are the fields of the structs that tagged has seen, by their reflect.Type.
var taggedTypes sync.Map

// collect adds the tagged fields of the struct t, which is at this index within the structs outer.
func collect(fields []hashField, t reflect.Type, at []int, outer []reflect.Type) (_ []hashField, err error) {
	outer = append(slices.Clip(outer), t)
	for i := range t.NumField() {
		sf := t.Field(i)
		wrong := func(format string, a ...any) error {
			return fmt.Errorf("baton: field %s of %v %w", sf.Name, t, fmt.Errorf(format, a...))
		}
		tag, has := sf.Tag.Lookup("redis")
		name, option, _ := strings.Cut(tag, ",")
		here := append(slices.Clip(at), i)
		in := sf.Type
		if in.Kind() == reflect.Pointer {
			in = in.Elem()
		}
		switch {
		case tag == "" && sf.Anonymous && in.Kind() == reflect.Struct:
			if slices.Contains(outer, in) {
				return nil, wrong("embeds what it is part of, which a hash cannot hold")
			}
			before := len(fields)
			if fields, err = collect(fields, in, here, outer); err != nil {
				return nil, err
			}
			if len(fields) > before && in != sf.Type && !sf.IsExported() {
				return nil, wrong("is an embedded pointer to a struct that is not exported, which nobody else can allocate: embed the struct itself")
			}
			continue
		case tag == "" && !has, tag == "-":
			continue
		case name == "" || option != "" && option != "omitempty":
			return nil, wrong("has the tag %q, must be a name, or a name and omitempty", tag)
		case !sf.IsExported():
			return nil, wrong("has the tag %q and is not exported", name)
		case slices.ContainsFunc(fields, func(f hashField) bool { return f.name == name }):
			return nil, wrong("has the tag %q, which another field has too", name)
		case !storable(sf.Type):
			return nil, wrong("is a %v, which a hash cannot hold", sf.Type)
		}
		fields = append(fields, hashField{name, here, option != ""})
	}
	return fields, nil
}

// storable reports whether a text can become a t or the other way round.
func storable(t reflect.Type) bool {
	p := reflect.PointerTo(t)
	switch {
	case t.Kind() == reflect.Pointer:
		return storable(t.Elem())
	case isOptional(t):
		return storable(t.Field(0).Type)
	case p.Implements(reflect.TypeFor[encoding.TextUnmarshaler]()), p.Implements(reflect.TypeFor[encoding.BinaryUnmarshaler]()),
		p.Implements(reflect.TypeFor[encoding.TextMarshaler]()), p.Implements(reflect.TypeFor[encoding.BinaryMarshaler]()):
		return t.Kind() != reflect.Interface
	case t.Kind() == reflect.Slice:
		return t.Elem().Kind() == reflect.Uint8
	}
	return t.Kind() == reflect.String || t.Kind() >= reflect.Bool && t.Kind() <= reflect.Float64 && t.Kind() != reflect.Uintptr
}

package baton

import (
	"context"
	"encoding"
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"github.com/baton-go/baton/resp3"
)

// HGetAllAs reads the hash at key into a struct: each field of the hash goes to the exported field with the tag
// `redis:"name"`, those of structs embedded by value included. Fields of the struct without a tag or with the tag "-", and fields
// of the hash that no tag names, are left alone; a tagged field that the hash lacks keeps its zero value. A field may be a string, a []byte, a bool, an integer, a
// float, or implement encoding.TextUnmarshaler. It returns Nil if there is no such key, and an error if a value does not fit
// its field, or if T is no such struct.
func HGetAllAs[T any](ctx context.Context, d Doer, key string) (T, error) {
	var out, zero T
	fields, err := tagged(reflect.ValueOf(&out).Elem())
	if err != nil {
		return zero, err
	}
	hash, err := As[map[string]string](d.Do(ctx, "HGETALL", key))
	if err != nil {
		return zero, err
	}
	if len(hash) == 0 {
		return zero, Nil
	}
	for _, f := range fields {
		if s, ok := hash[f.name]; ok {
			if err := f.parse(s); err != nil {
				return zero, err
			}
		}
	}
	return out, nil
}

// HSetStruct sets the fields of the hash at key that the tags of a struct name, see HGetAllAs, to the values there, zero or
// not; a zero one with the tag `redis:"name,omitempty"` is left out. It returns how many of them are new. A field may also
// implement encoding.TextMarshaler.
func HSetStruct[T any](ctx context.Context, d Doer, key string, v *T) (int64, error) {
	fields, err := tagged(reflect.ValueOf(v).Elem())
	if err != nil {
		return 0, err
	}
	args := make([]any, 2, 2+2*len(fields))
	args[0], args[1] = "HSET", key
	for _, f := range fields {
		if f.omit && f.v.IsZero() {
			continue
		}
		s, err := f.format()
		if err != nil {
			return 0, err
		}
		args = append(args, f.name, s)
	}
	if len(args) == 2 {
		return 0, nil
	}
	return As[int64](d.Do(ctx, args...))
}

// hashField is a field of a struct and the field of a hash that belongs to it.
type hashField struct {
	name string
	v    reflect.Value
	omit bool // HSetStruct leaves it out if it is zero
}

// tagged returns the fields of a struct that have a tag, those of embedded structs included.
func tagged(v reflect.Value) ([]hashField, error) {
	if !v.IsValid() || v.Kind() != reflect.Struct {
		return nil, fmt.Errorf("baton: a hash needs a struct, got %v", kindOf(v))
	}
	fields, err := collect(nil, v)
	if err == nil && len(fields) == 0 {
		err = fmt.Errorf("baton: %v has no field with a tag `redis:\"name\"`", v.Type())
	}
	return fields, err
}

// collect adds the tagged fields of v to fields.
func collect(fields []hashField, v reflect.Value) (_ []hashField, err error) {
	for i := range v.NumField() {
		sf := v.Type().Field(i)
		name, option, _ := strings.Cut(sf.Tag.Get("redis"), ",")
		switch {
		case name == "" && option == "" && sf.Anonymous && sf.Type.Kind() == reflect.Struct:
			if fields, err = collect(fields, v.Field(i)); err != nil {
				return nil, err
			}
			continue
		case name == "" && option == "" || name == "-":
			continue
		case name == "" || option != "" && option != "omitempty":
			return nil, fmt.Errorf("baton: field %s of %v has the tag %q, must be a name, or a name and omitempty", sf.Name, v.Type(), sf.Tag.Get("redis"))
		case !sf.IsExported():
			return nil, fmt.Errorf("baton: field %s of %v has the tag %q and is not exported", sf.Name, v.Type(), name)
		case slices.ContainsFunc(fields, func(f hashField) bool { return f.name == name }):
			return nil, fmt.Errorf("baton: field %s of %v has the tag %q, which another field has too", sf.Name, v.Type(), name)
		}
		f := hashField{name, v.Field(i), option != ""}
		if !f.possible() {
			return nil, fmt.Errorf("baton: field %s of %v is a %v, which a hash cannot hold", sf.Name, v.Type(), sf.Type)
		}
		fields = append(fields, f)
	}
	return fields, nil
}

func kindOf(v reflect.Value) string {
	if !v.IsValid() {
		return "nil"
	}
	return v.Type().String()
}

func (f hashField) possible() bool {
	switch _, ok := f.v.Addr().Interface().(encoding.TextUnmarshaler); f.v.Kind() {
	case reflect.String, reflect.Bool, reflect.Float32, reflect.Float64,
		reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64,
		reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		return true
	default:
		return ok || f.v.Type() == reflect.TypeFor[[]byte]()
	}
}

func (f hashField) parse(s string) (err error) {
	if u, ok := f.v.Addr().Interface().(encoding.TextUnmarshaler); ok {
		err = u.UnmarshalText([]byte(s))
	} else {
		err = f.parsePlain(s)
	}
	if err != nil {
		return fmt.Errorf("baton: field %q of the hash does not fit a %v: %w", f.name, f.v.Type(), err)
	}
	return nil
}

func (f hashField) parsePlain(s string) error {
	switch v := f.v; {
	case v.Kind() == reflect.String:
		v.SetString(s)
	case v.Kind() == reflect.Bool:
		b, err := resp3.Str(s).Bool()
		v.SetBool(b)
		return err
	case v.CanInt():
		n, err := strconv.ParseInt(s, 10, v.Type().Bits())
		v.SetInt(n)
		return err
	case v.CanUint():
		n, err := strconv.ParseUint(s, 10, v.Type().Bits())
		v.SetUint(n)
		return err
	case v.CanFloat():
		x, err := strconv.ParseFloat(s, v.Type().Bits())
		v.SetFloat(x)
		return err
	default:
		v.SetBytes([]byte(s))
	}
	return nil
}

func (f hashField) format() (string, error) {
	if m, ok := f.v.Addr().Interface().(encoding.TextMarshaler); ok {
		b, err := m.MarshalText()
		if err != nil {
			return "", fmt.Errorf("baton: field %q of the hash: %w", f.name, err)
		}
		return string(b), nil
	}
	switch v := f.v; {
	case v.Kind() == reflect.String:
		return v.String(), nil
	case v.Kind() == reflect.Bool:
		if v.Bool() {
			return "1", nil
		}
		return "0", nil
	case v.CanInt():
		return strconv.FormatInt(v.Int(), 10), nil
	case v.CanUint():
		return strconv.FormatUint(v.Uint(), 10), nil
	case v.CanFloat():
		return strconv.FormatFloat(v.Float(), 'g', -1, v.Type().Bits()), nil
	case v.Type() == reflect.TypeFor[[]byte]():
		return string(v.Bytes()), nil
	}
	return "", fmt.Errorf("baton: field %q of the hash cannot be written: %v has no MarshalText", f.name, f.v.Type())
}

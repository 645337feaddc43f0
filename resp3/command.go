package resp3

import (
	"encoding"
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"
)

// ArgError says that an argument of a command cannot be encoded. Nothing was
// written.
type ArgError struct {
	Index int    // of the argument; the command's name is 0
	Type  string // Go type of the argument
	Err   error  // why, if its type is not the reason
}

// Error names the argument and its type, never its content.
func (e *ArgError) Error() string {
	s := "resp3: argument " + strconv.Itoa(e.Index) + " of type " + e.Type
	if e.Err != nil {
		return s + ": " + e.Err.Error()
	}
	return s + " cannot be encoded: convert it to a string, a number or a byte slice"
}

// Unwrap returns Err.
func (e *ArgError) Unwrap() error { return e.Err }

// AppendCommand appends a command as the array of bulk strings that a server
// expects (protocol-spec, "Sending commands to a Redis server").
func AppendCommand(dst []byte, args ...string) []byte {
	size := 16
	for _, a := range args {
		size += len(a) + 16
	}
	dst = appendHeader(slices.Grow(dst, size), Array, len(args))
	for _, a := range args {
		dst = AppendBulkString(dst, a)
	}
	return dst
}

// AppendCommandArgs appends a command whose arguments have any of these types,
// each as a bulk string. The first that fits counts:
//
//	string, []byte              its bytes
//	int..., uint..., float...   shortest decimal form that reads back; inf, -inf, nan
//	bool                        1 or 0
//	time.Duration               milliseconds, the unit of PX, PEXPIRE, BLOCK; what is less is cut off
//	encoding.TextMarshaler      what it returns: time.Time is RFC 3339, netip.Addr and UUIDs are text
//	encoding.BinaryMarshaler    what it returns
//	a type made of one of the first three, as type ID string    as what it is made of
//
// A method of the pointer counts too. Anything else, a nil, and a Duration that
// is less than a millisecond and not zero give an [*ArgError] and dst as it was.
func AppendCommandArgs(dst []byte, args ...any) ([]byte, error) {
	out := appendHeader(dst, Array, len(args))
	for i, a := range args {
		var err error
		if out, err = appendArg(out, a); err != nil {
			return dst, &ArgError{Index: i, Type: fmt.Sprintf("%T", a), Err: err}
		}
		if out == nil {
			return dst, &ArgError{Index: i, Type: fmt.Sprintf("%T", a)}
		}
	}
	return out, nil
}

// ArgText returns what AppendCommandArgs writes for an argument, without its
// length. The error is an [*ArgError] with Index 0.
func ArgText(a any) (string, error) {
	b, err := appendArg(nil, a)
	if err != nil || b == nil {
		return "", &ArgError{Type: fmt.Sprintf("%T", a), Err: err}
	}
	_, text, _ := strings.Cut(string(b), "\r\n")
	return text[:len(text)-2], nil
}

// appendArg returns nil if it does not know the type.
func appendArg(dst []byte, a any) ([]byte, error) {
	switch a := a.(type) {
	case string:
		return AppendBulkString(dst, a), nil
	case []byte:
		return AppendBulkString(dst, a), nil
	case int:
		return AppendIntArg(dst, int64(a)), nil
	case int64:
		return AppendIntArg(dst, a), nil
	case float64:
		return AppendFloatArg(dst, a), nil
	case bool:
		if a {
			return AppendIntArg(dst, 1), nil
		}
		return AppendIntArg(dst, 0), nil
	}
	return appendRareArg(dst, a)
}

func appendRareArg(dst []byte, a any) ([]byte, error) {
	switch a := a.(type) {
	case int8:
		return AppendIntArg(dst, int64(a)), nil
	case int16:
		return AppendIntArg(dst, int64(a)), nil
	case int32:
		return AppendIntArg(dst, int64(a)), nil
	case uint8:
		return AppendIntArg(dst, int64(a)), nil
	case uint16:
		return AppendIntArg(dst, int64(a)), nil
	case uint32:
		return AppendIntArg(dst, int64(a)), nil
	case uint:
		return appendBulkUint(dst, uint64(a)), nil
	case uint64:
		return appendBulkUint(dst, a), nil
	case float32:
		return appendBulkFloat32(dst, a), nil
	case time.Duration:
		if a != 0 && a.Milliseconds() == 0 {
			return nil, fmt.Errorf("%v is less than a millisecond", a)
		}
		return AppendIntArg(dst, a.Milliseconds()), nil
	}
	v := reflect.ValueOf(a)
	if !v.IsValid() || v.Kind() == reflect.Pointer && v.IsNil() {
		return nil, nil
	}
	if out, err := appendMarshaler(dst, a); out != nil || err != nil {
		return out, err
	}
	if v.Kind() != reflect.Pointer {
		p := reflect.New(v.Type()) // its methods include those of the value's type
		p.Elem().Set(v)
		if out, err := appendMarshaler(dst, p.Interface()); out != nil || err != nil {
			return out, err
		}
	}
	return appendNamed(dst, v), nil
}

// appendNamed writes a type that is made of a plain one as that one.
func appendNamed(dst []byte, v reflect.Value) []byte {
	switch {
	case v.Kind() == reflect.String:
		return AppendBulkString(dst, v.String())
	case v.Kind() == reflect.Bool && v.Bool():
		return AppendIntArg(dst, 1)
	case v.Kind() == reflect.Bool:
		return AppendIntArg(dst, 0)
	case v.CanInt():
		return AppendIntArg(dst, v.Int())
	case v.CanUint() && v.Kind() != reflect.Uintptr:
		return appendBulkUint(dst, v.Uint())
	case v.Kind() == reflect.Float32:
		return appendBulkFloat32(dst, float32(v.Float()))
	case v.CanFloat():
		return AppendFloatArg(dst, v.Float())
	case v.Kind() == reflect.Slice && v.Type().Elem().Kind() == reflect.Uint8:
		return AppendBulkString(dst, v.Bytes())
	}
	return nil
}

func appendMarshaler(dst []byte, a any) ([]byte, error) {
	var b []byte
	var err error
	switch m := a.(type) {
	case encoding.TextMarshaler: // first: what it writes others can read too
		b, err = m.MarshalText()
	case encoding.BinaryMarshaler:
		b, err = m.MarshalBinary()
	default:
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return AppendBulkString(dst, b), nil
}

func appendBulkUint(dst []byte, u uint64) []byte {
	var digits [20]byte
	return AppendBulkString(dst, strconv.AppendUint(digits[:0], u, 10))
}

// appendBulkFloat32 spells f so that it reads back as the same float32; as a
// float64 it would have digits that nobody wrote.
func appendBulkFloat32(dst []byte, f float32) []byte {
	if f != f || f-f != 0 { // nan, inf
		return AppendFloatArg(dst, float64(f))
	}
	var digits [32]byte
	return AppendBulkString(dst, strconv.AppendFloat(digits[:0], float64(f), 'g', -1, 32))
}

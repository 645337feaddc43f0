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

// ArgError says that an argument of a command cannot be encoded. Nothing was written.
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

// AppendCommand appends a command as the array of bulk strings that a server expects (protocol-spec, "Sending commands to a Redis
// server").
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

// AppendCommandArgs appends a command whose arguments have any of these types, each as a bulk string. The first that fits counts:
//
//	string, []byte              its bytes
//	int..., uint..., float...   shortest decimal form that reads back; inf, -inf, nan
//	bool                        1 or 0
//	time.Duration               whole milliseconds, the unit of PX, PEXPIRE, BLOCK; the rest is cut off
//	encoding.TextMarshaler      its result: time.Time is RFC 3339, netip.Addr and UUIDs are text
//	encoding.BinaryMarshaler    its result
//	a type made of one of the first three, as type ID string    like the type it is made of
//
// A method of the pointer counts too. Anything else, a nil, and a Duration below a millisecond that is not zero give an
// [*ArgError] and dst as it was.
func AppendCommandArgs(dst []byte, args ...any) ([]byte, error) {
	out := appendHeader(dst, Array, len(args))
	for i, a := range args {
		var err error
		if out, err = appendArg(out, a); err != nil || out == nil {
			return dst, &ArgError{Index: i, Type: fmt.Sprintf("%T", a), Err: err}
		}
	}
	return out, nil
}

// ArgText returns what AppendCommandArgs writes for an argument, without its length. The error is an [*ArgError] with Index 0.
func ArgText(a any) (string, error) {
	b, err := appendArg(nil, a)
	if err != nil || b == nil {
		return "", &ArgError{Type: fmt.Sprintf("%T", a), Err: err}
	}
	_, text, _ := strings.Cut(string(b), "\r\n")
	return text[:len(text)-2], nil
}

// AppendIntArg appends i as an argument of a command: a bulk string in decimal.
func AppendIntArg(dst []byte, i int64) []byte {
	if i >= 0 && i < 10 {
		return append(dst, '$', '1', '\r', '\n', byte('0'+i), '\r', '\n')
	}
	var digits [20]byte
	return AppendBulkString(dst, strconv.AppendInt(digits[:0], i, 10))
}

// AppendFloatArg appends f as an argument of a command: a bulk string that is inf, -inf, nan or the shortest digits that read back
// as f.
func AppendFloatArg(dst []byte, f float64) []byte {
	var digits [32]byte
	return AppendBulkString(dst, appendFloat(digits[:0], f))
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
	case bool, int8, int16, int32, uint, uint8, uint16, uint32, uint64, float32: // these have no methods
		return appendBasic(dst, reflect.ValueOf(a)), nil
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
	if p := reflect.PointerTo(v.Type()); v.Kind() != reflect.Pointer && p.NumMethod() > 0 {
		copied := reflect.New(v.Type()) // its methods include those of the value's type
		copied.Elem().Set(v)
		if out, err := appendMarshaler(dst, copied.Interface()); out != nil || err != nil {
			return out, err
		}
	}
	return appendBasic(dst, v), nil
}

// appendBasic writes a string, number, bool or byte slice, or a type made of one. It returns nil for any other.
func appendBasic(dst []byte, v reflect.Value) []byte {
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
		var digits [20]byte
		return AppendBulkString(dst, strconv.AppendUint(digits[:0], v.Uint(), 10))
	case v.Kind() == reflect.Float32 && v.Float()-v.Float() == 0:
		var digits [32]byte // as a float64 it would have digits that nobody wrote
		return AppendBulkString(dst, strconv.AppendFloat(digits[:0], v.Float(), 'g', -1, 32))
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
	case encoding.TextMarshaler: // first: other programs can read it too
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

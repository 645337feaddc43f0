package resp3

import (
	"encoding"
	"fmt"
	"slices"
	"strconv"
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
	dst = AppendArrayLen(slices.Grow(dst, size), len(args))
	for _, a := range args {
		dst = AppendBulk(dst, a)
	}
	return dst
}

// AppendCommandArgs appends a command whose arguments have any of these types,
// each as a bulk string:
//
//	string, []byte              its bytes
//	int..., uint..., float...   shortest decimal form that reads back; inf, -inf, nan
//	bool                        1 or 0
//	time.Duration               whole milliseconds, the unit of PX, PEXPIRE, BLOCK
//	time.Time                   RFC 3339 with nanoseconds
//	encoding.BinaryMarshaler    what it returns
//	encoding.TextMarshaler      what it returns, if it is no BinaryMarshaler
//
// Anything else, a nil, and a Duration that is no whole number of milliseconds
// give an [*ArgError] and dst as it was. Named types do not count as what they
// are made of: a conversion says what is meant.
func AppendCommandArgs(dst []byte, args ...any) ([]byte, error) {
	out := AppendArrayLen(dst, len(args))
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

// appendArg returns nil if it does not know the type.
func appendArg(dst []byte, a any) ([]byte, error) {
	switch a := a.(type) {
	case string:
		return AppendBulk(dst, a), nil
	case []byte:
		return AppendBulkBytes(dst, a), nil
	case int:
		return AppendBulkInt(dst, int64(a)), nil
	case int64:
		return AppendBulkInt(dst, a), nil
	case float64:
		return AppendBulkFloat(dst, a), nil
	case bool:
		if a {
			return AppendBulkInt(dst, 1), nil
		}
		return AppendBulkInt(dst, 0), nil
	}
	return appendRareArg(dst, a)
}

func appendRareArg(dst []byte, a any) ([]byte, error) {
	switch a := a.(type) {
	case int8:
		return AppendBulkInt(dst, int64(a)), nil
	case int16:
		return AppendBulkInt(dst, int64(a)), nil
	case int32:
		return AppendBulkInt(dst, int64(a)), nil
	case uint8:
		return AppendBulkInt(dst, int64(a)), nil
	case uint16:
		return AppendBulkInt(dst, int64(a)), nil
	case uint32:
		return AppendBulkInt(dst, int64(a)), nil
	case uint:
		return appendBulkUint(dst, uint64(a)), nil
	case uint64:
		return appendBulkUint(dst, a), nil
	case float32:
		return appendBulkFloat32(dst, a), nil
	case time.Duration:
		if a%time.Millisecond != 0 {
			return nil, fmt.Errorf("%v is no whole number of milliseconds", a)
		}
		return AppendBulkInt(dst, a.Milliseconds()), nil
	}
	return appendMarshaler(dst, a)
}

func appendMarshaler(dst []byte, a any) ([]byte, error) {
	var b []byte
	var err error
	switch m := a.(type) {
	case time.Time: // its binary form is for Go programs only
		b, err = m.MarshalText()
	case encoding.BinaryMarshaler:
		b, err = m.MarshalBinary()
	case encoding.TextMarshaler:
		b, err = m.MarshalText()
	default:
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return AppendBulkBytes(dst, b), nil
}

func appendBulkUint(dst []byte, u uint64) []byte {
	var digits [20]byte
	return AppendBulkBytes(dst, strconv.AppendUint(digits[:0], u, 10))
}

// appendBulkFloat32 spells f so that it reads back as the same float32; as a
// float64 it would have digits that nobody wrote.
func appendBulkFloat32(dst []byte, f float32) []byte {
	if f != f || f-f != 0 { // nan, inf
		return AppendBulkFloat(dst, float64(f))
	}
	var digits [32]byte
	return AppendBulkBytes(dst, strconv.AppendFloat(digits[:0], float64(f), 'g', -1, 32))
}

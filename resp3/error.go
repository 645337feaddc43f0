package resp3

import (
	"errors"
	"strconv"
	"strings"
)

// ErrNull is the error of an accessor of [Value] for a null. A null is a value like any other; only taking a text or a number out
// of it is an error.
var ErrNull = errors.New("resp3: null")

// Error is an error that the peer sent as a value. The stream goes on behind it.
type Error struct {
	Code    string // first word if it is in capitals, as in "WRONGTYPE"; else empty
	Message string // the text behind the code, without the space between
}

// Error returns the text as the peer sent it.
func (e *Error) Error() string {
	switch {
	case e.Code == "":
		return e.Message
	case e.Message == "":
		return e.Code
	}
	return e.Code + " " + e.Message
}

// newError splits the text of a simple or bulk error. The code is a convention of Redis, not of the protocol (protocol-spec,
// "Simple errors").
func newError(text string) *Error {
	code, rest, more := strings.Cut(text, " ")
	if code == "" || code[0] < 'A' || code[0] > 'Z' || more && rest == "" ||
		strings.TrimLeft(code, "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-") != "" {
		return &Error{Message: text}
	}
	return &Error{Code: code, Message: rest}
}

// SyntaxError says that the bytes received are not RESP or exceed a limit. Nobody knows then where the next value begins, so
// nothing more can be read from that stream.
type SyntaxError struct {
	Offset int64  // of the element in the stream, counted from 0
	Reason string // what is wrong, with the limit if it is one
}

// Error returns Reason with the offset.
func (e *SyntaxError) Error() string {
	return "resp3: " + e.Reason + " (offset " + strconv.FormatInt(e.Offset, 10) + ")"
}

// TypeError says that a value was asked for something it does not hold. It names the kinds, never the content.
type TypeError struct {
	Want string // what was asked for, as in "int64"
	Kind Kind   // what the value is
}

// Error names both.
func (e *TypeError) Error() string {
	return "resp3: " + e.Kind.String() + " is not " + e.Want
}

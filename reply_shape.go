package baton

import (
	"fmt"
	"slices"

	"github.com/baton-go/baton/resp3"
)

// shapeError says that a reply has not as many values as it must, or not in the levels that it must.
type shapeError string

func (e shapeError) Error() string { return "baton: " + string(e) }

func misshapen(format string, a ...any) error { return shapeError(fmt.Sprintf(format, a...)) }

// fits refuses the next value if it is of a kind that was given. A command cannot have it, though an accessor of resp3 would
// make something of it.
func fits(w *resp3.Cursor, want string, impossible ...resp3.Kind) error {
	k := w.Kind()
	if !slices.Contains(impossible, k) {
		return nil
	}
	peek := *w
	if v, err := peek.Value(); err != nil || v.IsNull() {
		return nil // as the accessor says
	}
	return &resp3.TypeError{Want: want, Kind: k}
}

// counted is decode for a reply that has one value for each of n arguments.
func counted[T any](n int, decode func(string) ([]T, error)) func(string) ([]T, error) {
	return func(reply string) ([]T, error) {
		list, err := decode(reply)
		if err == nil && len(list) != n {
			return nil, misshapen("reply has %d values where %d belong", len(list), n)
		}
		return list, err
	}
}

// countedOrNone is counted for HEXPIRE and HTTL, whose documentation of 7.4 has a nil for a key that does not exist.
func countedOrNone[T any](n int, decode func(string) ([]T, error)) func(string) ([]T, error) {
	return func(reply string) ([]T, error) {
		list, err := decode(reply)
		if err == nil && len(list) != n && len(list) != 0 {
			return nil, misshapen("reply has %d values where %d belong", len(list), n)
		}
		return list, err
	}
}

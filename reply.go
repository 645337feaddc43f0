package baton

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/baton-go/baton/resp3"
)

// Opt is a value that may be missing.
type Opt[T any] struct {
	V  T    // the zero T if it is missing
	OK bool // whether there is one
}

// Field is a field of a hash with its value.
type Field struct{ Name, Value string }

// Z is a member of a sorted set with its score.
type Z struct {
	Member string
	Score  float64
}

// The decoders below make values of encoded replies, the same for a client and for a pipeline. Texts are pieces of the reply.
// They take RESP2 and RESP3 alike: numbers may come as texts, maps and lists of pairs as flat arrays. A decoder of one value
// takes the kinds that the mode of conn of that name takes.

func decodeInt(reply string) (int64, error)                { return decode(reply, nextInt) }
func decodeFloat(reply string) (float64, error)            { return decode(reply, nextFloat) }
func decodeTruth(reply string) (bool, error)               { return decode(reply, nextTruth) }
func decodeTexts(reply string) ([]string, error)           { return decode(reply, nextTexts) }
func decodeFields(reply string) ([]Field, error)           { return decode(reply, nextFields) }
func decodeZs(reply string) ([]Z, error)                   { return decode(reply, nextZs) }
func decodeInts(reply string) ([]int64, error)             { return each(reply, nextInt) }
func decodeTruths(reply string) ([]bool, error)            { return each(reply, nextTruth) }
func decodeOptTexts(reply string) ([]Opt[string], error)   { return each(reply, optText) }
func decodeOptFloats(reply string) ([]Opt[float64], error) { return each(reply, optFloat) }

// decodeText takes the most frequent kind apart where it lies: the reply is known to be whole and right.
func decodeText(reply string) (string, error) {
	if len(reply) > 4 && resp3.Kind(reply[0]) == resp3.BulkString && reply[1]-'0' <= 9 {
		return reply[strings.IndexByte(reply, '\n')+1 : len(reply)-2], nil
	}
	return decode(reply, nextText)
}

// decode makes a value of a whole reply with next. It is small enough to be inlined, so that the cursor does not escape.
func decode[T any](reply string, next func(*resp3.Cursor) (T, error)) (T, error) {
	w := resp3.Walk(reply)
	v, err := next(&w)
	return v, nullIsNil(err)
}

func nullIsNil(err error) error {
	if err == resp3.ErrNull {
		return Nil
	}
	return err
}

// decodePresent is false for a null.
func decodePresent(reply string) (bool, error) {
	_, err := decodeText(reply)
	if err == Nil {
		return false, nil
	}
	return err == nil, err
}

func decodeValue(reply string) (resp3.Value, error) {
	w := resp3.Walk(reply)
	v, err := w.Value()
	if err == nil {
		err = v.Err()
	}
	return v, err
}

func nextText(w *resp3.Cursor) (string, error) {
	if err := refuseKinds(w, "text", resp3.Integer, resp3.Double, resp3.BigNumber, resp3.Boolean); err != nil {
		return "", err
	}
	return w.Text()
}

func nextInt(w *resp3.Cursor) (int64, error) {
	if err := refuseKinds(w, "an int64", resp3.Boolean); err != nil {
		return 0, err
	}
	return nextNumber(w)
}

// nextNumber reads an integer or a boolean.
func nextNumber(w *resp3.Cursor) (int64, error) {
	if err := refuseKinds(w, "an int64", resp3.BulkString, resp3.SimpleString, resp3.VerbatimString, resp3.BigNumber); err != nil {
		return 0, err
	}
	return w.Int()
}

func nextTruth(w *resp3.Cursor) (bool, error) {
	n, err := nextNumber(w)
	return n != 0, err
}

func nextFloat(w *resp3.Cursor) (float64, error) {
	if err := refuseKinds(w, "a float64", resp3.SimpleString, resp3.VerbatimString, resp3.BigNumber, resp3.Boolean); err != nil {
		return 0, err
	}
	return w.Float()
}

func optText(w *resp3.Cursor) (Opt[string], error)   { return opt(w.Text()) }
func optFloat(w *resp3.Cursor) (Opt[float64], error) { return opt(w.Float()) }

func opt[T any](v T, err error) (Opt[T], error) {
	switch {
	case err == resp3.ErrNull:
		return Opt[T]{}, nil
	case err != nil:
		return Opt[T]{}, err
	}
	return Opt[T]{v, true}, nil
}

// refuseKinds refuses the next value if it is of a kind that the command cannot have, though resp3 could convert it.
func refuseKinds(w *resp3.Cursor, want string, impossible ...resp3.Kind) error {
	k := w.Kind()
	if !slices.Contains(impossible, k) {
		return nil
	}
	peek := *w
	if v, err := peek.Value(); err != nil || v.IsNull() {
		return nil // which the conversion will refuse
	}
	return &resp3.TypeError{Want: want, Kind: k}
}

// shapeError says that a reply has the wrong number of values, or the wrong nesting.
type shapeError string

func (e shapeError) Error() string { return "baton: " + string(e) }

func misshapen(format string, a ...any) error { return shapeError(fmt.Sprintf(format, a...)) }

func wrongCount(got, want int) error {
	return misshapen("reply has %d values where %d belong", got, want)
}

// listHeader reads the header of a list and returns its length, 0 for a null.
func listHeader(w *resp3.Cursor) (int, error) {
	if err := refuseKinds(w, "a list", resp3.Map); err != nil {
		return 0, err
	}
	n, err := w.Open()
	if err == resp3.ErrNull {
		return 0, nil
	}
	return n, err
}

// tupleHeader reads the header of a list of n values.
func tupleHeader(w *resp3.Cursor, n int) error {
	if err := refuseKinds(w, "a list", resp3.Map); err != nil {
		return err
	}
	got, err := w.Open()
	if err == nil && got != n {
		return wrongCount(got, n)
	}
	return err
}

// pairsHeader is listHeader for pairs, in a map, a flat array or an array of arrays. It returns how many pairs there are and
// whether each has a header of its own.
func pairsHeader(w *resp3.Cursor) (n int, nested bool, err error) {
	if err = refuseKinds(w, "pairs", resp3.Set); err != nil {
		return 0, false, err
	}
	if n, err = w.Open(); err == resp3.ErrNull {
		err = nil
	}
	if err != nil || n == 0 {
		return 0, false, err
	}
	if k := w.Kind(); k == resp3.Array || k == resp3.Set {
		return n, true, nil
	}
	if n%2 != 0 {
		return 0, false, misshapen("reply of %d values, want pairs", n)
	}
	return n / 2, false, nil
}

// each makes a slice of a list.
func each[T any](reply string, next func(*resp3.Cursor) (T, error)) ([]T, error) {
	w := resp3.Walk(reply)
	return eachOf(&w, next)
}

// eachOf makes a slice of the list that is next.
func eachOf[T any](w *resp3.Cursor, next func(*resp3.Cursor) (T, error)) ([]T, error) {
	n, err := listHeader(w)
	if err != nil {
		return nil, err
	}
	out := make([]T, n)
	for i := range out {
		if out[i], err = next(w); err != nil {
			return nil, nullIsNil(err)
		}
	}
	return out, nil
}

// counted checks that a reply has one value for each of n arguments.
func counted[T any](n int, decoder func(string) ([]T, error)) func(string) ([]T, error) {
	return func(reply string) ([]T, error) {
		values, err := decoder(reply)
		if err == nil && len(values) != n {
			return nil, wrongCount(len(values), n)
		}
		return values, err
	}
}

// countedOrNone also takes no values, for HEXPIRE and HTTL: by the documentation of 7.4 a key that does not exist is a null.
func countedOrNone[T any](n int, decoder func(string) ([]T, error)) func(string) ([]T, error) {
	return func(reply string) ([]T, error) {
		values, err := decoder(reply)
		if err == nil && len(values) != n && len(values) != 0 {
			return nil, wrongCount(len(values), n)
		}
		return values, err
	}
}

func nextTexts(w *resp3.Cursor) ([]string, error) {
	n, err := listHeader(w)
	if err != nil {
		return nil, err
	}
	out := make([]string, n)
	if err := fillTexts(w, out); err != nil {
		return nil, err
	}
	return out, nil
}

// fillTexts reads a text for each element of dst.
func fillTexts(w *resp3.Cursor, dst []string) (err error) {
	for i := w.Texts(dst); i < len(dst) && err == nil; i++ {
		dst[i], err = w.Text()
	}
	return nullIsNil(err)
}

func decodeMap(reply string) (map[string]string, error) {
	w := resp3.Walk(reply)
	n, nested, err := pairsHeader(&w)
	if err != nil {
		return nil, err
	}
	if nested {
		return nil, misshapen("reply is an array of arrays, want a map")
	}
	out := make(map[string]string, n)
	var some [64]string
	for left := 2 * n; left > 0; {
		texts := some[:min(len(some), left)]
		if err := fillTexts(&w, texts); err != nil {
			return nil, err
		}
		for i := 0; i < len(texts); i += 2 {
			out[texts[i]] = texts[i+1]
		}
		left -= len(texts)
	}
	if len(out) != n {
		return nil, keyTwice(resp3.Kind(reply[0]))
	}
	return out, nil
}

// keyTwice is the error for pairs of which a map would keep only one.
func keyTwice(k resp3.Kind) error {
	return &resp3.TypeError{Want: "a map of keys that come once each", Kind: k}
}

func nextFields(w *resp3.Cursor) ([]Field, error) { return pairsOf(w, field) }
func nextZs(w *resp3.Cursor) ([]Z, error)         { return pairsOf(w, scored) }

func pairsOf[T any](w *resp3.Cursor, next func(*resp3.Cursor, bool) (T, error)) ([]T, error) {
	n, nested, err := pairsHeader(w)
	if err != nil {
		return nil, err
	}
	out := make([]T, n)
	for i := range out {
		if out[i], err = next(w, nested); err != nil {
			return nil, err
		}
	}
	return out, nil
}

func field(w *resp3.Cursor, nested bool) (f Field, err error) {
	if f.Name, err = pairKey(w, nested); err == nil {
		f.Value, err = w.Text()
	}
	return f, nullIsNil(err)
}

func scored(w *resp3.Cursor, nested bool) (z Z, err error) {
	if z.Member, err = pairKey(w, nested); err == nil {
		z.Score, err = w.Float()
	}
	return z, nullIsNil(err)
}

// pairKey reads the first text of a pair, with the header of the pair if it has one.
func pairKey(w *resp3.Cursor, nested bool) (string, error) {
	if nested {
		if err := tupleHeader(w, 2); err != nil {
			return "", err
		}
	}
	return w.Text()
}

// NoExpiry is what TTL and its like return for a key or a field that does not expire, and NoField what those for fields
// return for a field that does not exist.
const (
	NoExpiry time.Duration = -1
	NoField  time.Duration = -2
)

// ttl returns the duration that n, a reply to TTL or PTTL, stands for.
func ttl(n int64, unit time.Duration, err error) (time.Duration, error) {
	switch {
	case err != nil:
		return 0, err
	case n == -2:
		return 0, Nil
	case n < 0:
		return NoExpiry, nil
	}
	return span(n, unit)
}

// span multiplies without overflow: an expiry may lie further away than a Duration reaches.
func span(n int64, unit time.Duration) (time.Duration, error) {
	d := time.Duration(n) * unit
	if d/unit != time.Duration(n) {
		return 0, fmt.Errorf("baton: %d times %v is longer than a time.Duration can be", n, unit)
	}
	return d, nil
}

func decodeTTL(reply string) (time.Duration, error) {
	n, err := decodeInt(reply)
	return ttl(n, time.Second, err)
}

func decodePTTL(reply string) (time.Duration, error) {
	n, err := decodeInt(reply)
	return ttl(n, time.Millisecond, err)
}

// decodeFieldTTLs is for HTTL, with a number for each field.
func decodeFieldTTLs(reply string) ([]time.Duration, error) {
	return each(reply, func(w *resp3.Cursor) (time.Duration, error) {
		n, err := nextInt(w)
		if err == nil && n == -2 {
			return NoField, nil
		}
		return ttl(n, time.Second, err)
	})
}

// decodeTime is for TIME: seconds and microseconds.
func decodeTime(reply string) (time.Time, error) {
	w := resp3.Walk(reply)
	if err := tupleHeader(&w, 2); err != nil {
		return time.Time{}, err
	}
	sec, err := w.Int()
	micro, err2 := w.Int()
	if err := errors.Join(err, err2); err != nil {
		return time.Time{}, err
	}
	return time.Unix(sec, micro*1000), nil
}

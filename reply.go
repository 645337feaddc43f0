package baton

import (
	"errors"
	"fmt"
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

// What follows makes values of encoded replies, the same for a client and for a pipeline. Texts are pieces of the reply.
// RESP2 and RESP3 are told apart by what is there, not by what was agreed: numbers may come as texts, maps and lists of
// pairs as flat arrays.

// Decoders of one value take the kinds that the mode of conn of that name takes.

func decodeText(reply string) (string, error) { return decodeOne(reply, nextText) }

func decodeInt(reply string) (int64, error) { return decodeOne(reply, nextInt) }

func decodeFloat(reply string) (float64, error) { return decodeOne(reply, nextFloat) }

func decodeTruth(reply string) (bool, error) { return decodeOne(reply, nextTruth) }

func decodeOne[T any](reply string, next func(*resp3.Cursor) (T, error)) (T, error) {
	w := resp3.Walk(reply)
	v, err := next(&w)
	return v, nullIsNil(err)
}

func nextText(w *resp3.Cursor) (string, error) {
	if err := fits(w, "text", resp3.Integer, resp3.Double, resp3.BigNumber, resp3.Boolean); err != nil {
		return "", err
	}
	return w.Text()
}

func nextInt(w *resp3.Cursor) (int64, error) {
	if err := fits(w, "an int64", resp3.Boolean); err != nil {
		return 0, err
	}
	return nextNumber(w)
}

// nextNumber reads an integer or a boolean.
func nextNumber(w *resp3.Cursor) (int64, error) {
	if err := fits(w, "an int64", resp3.BulkString, resp3.SimpleString, resp3.VerbatimString, resp3.BigNumber); err != nil {
		return 0, err
	}
	return w.Int()
}

func nextTruth(w *resp3.Cursor) (bool, error) {
	n, err := nextNumber(w)
	return n != 0, err
}

func nextFloat(w *resp3.Cursor) (float64, error) {
	if err := fits(w, "a float64", resp3.SimpleString, resp3.VerbatimString, resp3.BigNumber, resp3.Boolean); err != nil {
		return 0, err
	}
	return w.Float()
}

// decodeStatus is for OK and its like: a text, as in mode Check of conn.
func decodeStatus(reply string) (string, error) { return decodeText(reply) }

// decodePresent is false for a null.
func decodePresent(reply string) (bool, error) {
	_, err := decodeStatus(reply)
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

func nullIsNil(err error) error {
	if err == resp3.ErrNull {
		return Nil
	}
	return err
}

// open reads the header of a list. A null has no elements.
func open(w *resp3.Cursor) (int, error) {
	if err := fits(w, "a list", resp3.Map); err != nil {
		return 0, err
	}
	return openAny(w)
}

// openAny is open for what may be a map.
func openAny(w *resp3.Cursor) (int, error) {
	n, err := w.Open()
	if err == resp3.ErrNull {
		return 0, nil
	}
	return n, err
}

// openPairs is open for two texts each, in a map, a flat array or an array of arrays. It returns how many pairs there are
// and whether each has a header of its own.
func openPairs(w *resp3.Cursor) (n int, nested bool, err error) {
	if err = fits(w, "pairs", resp3.Set); err != nil {
		return 0, false, err
	}
	n, err = openAny(w)
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

// openOf reads the header of an aggregate of n values.
func openOf(w *resp3.Cursor, n int) error {
	if err := fits(w, "a list", resp3.Map); err != nil {
		return err
	}
	got, err := w.Open()
	if err == nil && got != n {
		return misshapen("reply has %d values where %d belong", got, n)
	}
	return err
}

// each makes a slice of an aggregate.
func each[T any](reply string, next func(*resp3.Cursor) (T, error)) ([]T, error) {
	w := resp3.Walk(reply)
	return eachOf(&w, next)
}

func eachOf[T any](w *resp3.Cursor, next func(*resp3.Cursor) (T, error)) ([]T, error) {
	n, err := open(w)
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

func decodeTexts(reply string) ([]string, error) {
	w := resp3.Walk(reply)
	return textsOf(&w)
}

func textsOf(w *resp3.Cursor) ([]string, error) {
	n, err := open(w)
	if err != nil {
		return nil, err
	}
	out := make([]string, n)
	for i := w.Texts(out); i < n; i++ {
		if out[i], err = w.Text(); err != nil {
			return nil, nullIsNil(err)
		}
	}
	return out, nil
}

func decodeInts(reply string) ([]int64, error) { return each(reply, nextInt) }

func decodeTruths(reply string) ([]bool, error) { return each(reply, nextTruth) }

func decodeOptTexts(reply string) ([]Opt[string], error) { return each(reply, optText) }

func optText(w *resp3.Cursor) (Opt[string], error) { return opt(w.Text()) }

func decodeOptFloats(reply string) ([]Opt[float64], error) { return each(reply, optFloat) }

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

func decodeMap(reply string) (map[string]string, error) {
	w := resp3.Walk(reply)
	n, nested, err := openPairs(&w)
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
		for i := w.Texts(texts); i < len(texts); i++ {
			if texts[i], err = w.Text(); err != nil {
				return nil, nullIsNil(err)
			}
		}
		for i := 0; i < len(texts); i += 2 {
			out[texts[i]] = texts[i+1]
		}
		left -= len(texts)
	}
	if len(out) != n {
		return nil, &resp3.TypeError{Want: "a map of keys that come once each", Kind: resp3.Kind(reply[0])}
	}
	return out, nil
}

func decodeFields(reply string) ([]Field, error) { return decodePairs(reply, field) }

func decodeZs(reply string) ([]Z, error) { return decodePairs(reply, scored) }

func decodePairs[T any](reply string, next func(*resp3.Cursor, bool) (T, error)) ([]T, error) {
	w := resp3.Walk(reply)
	return pairsOf(&w, next)
}

func pairsOf[T any](w *resp3.Cursor, next func(*resp3.Cursor, bool) (T, error)) ([]T, error) {
	n, nested, err := openPairs(w)
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
	if nested {
		err = openOf(w, 2)
	}
	if err == nil {
		f.Name, err = w.Text()
	}
	if err == nil {
		f.Value, err = w.Text()
	}
	return f, nullIsNil(err)
}

func scored(w *resp3.Cursor, nested bool) (z Z, err error) {
	if nested {
		err = openOf(w, 2)
	}
	if err == nil {
		z.Member, err = w.Text()
	}
	if err == nil {
		z.Score, err = w.Float()
	}
	return z, nullIsNil(err)
}

// NoExpiry is what TTL and its like return for a key or a field that does not expire, and NoField what those for fields
// return for a field that does not exist.
const (
	NoExpiry time.Duration = -1
	NoField  time.Duration = -2
)

// ttl gives the answer of TTL or PTTL as a duration.
func ttl(n int64, unit time.Duration) (time.Duration, error) {
	switch {
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

func decodeTTL(reply string) (time.Duration, error) { return decodeExpiry(reply, time.Second) }

func decodePTTL(reply string) (time.Duration, error) { return decodeExpiry(reply, time.Millisecond) }

func decodeExpiry(reply string, unit time.Duration) (time.Duration, error) {
	n, err := decodeInt(reply)
	if err != nil {
		return 0, err
	}
	return ttl(n, unit)
}

// decodeFieldTTLs is for HTTL: a number for each field.
func decodeFieldTTLs(reply string) ([]time.Duration, error) {
	return each(reply, func(w *resp3.Cursor) (time.Duration, error) {
		n, err := nextInt(w)
		switch {
		case err != nil:
			return 0, err
		case n == -2:
			return NoField, nil
		}
		return ttl(n, time.Second)
	})
}

// decodeTime is for TIME: seconds and microseconds.
func decodeTime(reply string) (time.Time, error) {
	w := resp3.Walk(reply)
	err := openOf(&w, 2)
	if err != nil {
		return time.Time{}, err
	}
	sec, err := w.Int()
	micro, err2 := w.Int()
	if err := errors.Join(err, err2); err != nil {
		return time.Time{}, err
	}
	return time.Unix(sec, micro*1000), nil
}

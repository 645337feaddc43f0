package main

import (
	"bytes"

	"github.com/baton-go/baton/resp3"
)

// batonValues makes a value of every reply; small ones that came together share memory.
var batonValues = Decoder{
	Open: func(s Stream) func() error {
		r := resp3.NewReader(&source{data: s.Bytes}, resp3.Limits{})
		return func() error {
			for range s.Want.Replies {
				if _, err := r.ReadValue(); err != nil {
					return err
				}
			}
			return nil
		}
	},
	Count: func(s Stream) (Tally, error) { return countBaton(s, (*resp3.Reader).ReadValue) },
}

// batonOwn makes a value of every reply, each in memory of its own.
var batonOwn = Decoder{
	Open: func(s Stream) func() error {
		r := resp3.NewReader(&source{data: s.Bytes}, resp3.Limits{})
		return func() error {
			for range s.Want.Replies {
				f, err := r.Next()
				if err != nil {
					return err
				}
				_ = f.Value() // a call into another package that is too long to be inlined: it is not left out
			}
			return nil
		}
	},
	Count: countFrames,
}

// batonFrames finds, checks and delimits every reply without making values.
var batonFrames = Decoder{
	Bare: true,
	Open: func(s Stream) func() error {
		r := resp3.NewReader(&source{data: s.Bytes}, resp3.Limits{})
		return func() error {
			for range s.Want.Replies {
				if _, err := r.Next(); err != nil {
					return err
				}
			}
			return nil
		}
	},
	Count: countFrames,
}

// countFrames counts what is in the frames.
func countFrames(s Stream) (Tally, error) {
	return countBaton(s, func(r *resp3.Reader) (resp3.Value, error) {
		f, err := r.Next()
		return f.Value(), err
	})
}

func countBaton(s Stream, read func(*resp3.Reader) (resp3.Value, error)) (t Tally, err error) {
	r := resp3.NewReader(bytes.NewReader(s.Bytes), resp3.Limits{})
	for range s.Want.Replies {
		v, err := read(r)
		if err != nil {
			return t, err
		}
		t = t.plus(tallyBaton(v))
		t.Replies++
	}
	return t, nil
}

func tallyBaton(v resp3.Value) Tally {
	t := Tally{Values: 1}
	switch v.Kind() {
	case resp3.BulkString, resp3.SimpleString:
		if text, err := v.Text(); err == nil {
			t.Text = len(text)
		}
	case resp3.Map:
		for k, x := range v.Pairs() {
			t = t.plus(tallyBaton(k)).plus(tallyBaton(x))
		}
	default:
		for x := range v.All() {
			t = t.plus(tallyBaton(x))
		}
	}
	return t
}

package main

import (
	"bufio"
	"bytes"

	"github.com/mediocregopher/radix/v4/resp"
	"github.com/mediocregopher/radix/v4/resp/resp3"
)

// radixAny makes a Go value of every reply, of the type that radix chooses.
var radixAny = Decoder{
	Open: func(s Stream) func() error {
		br, o := bufio.NewReaderSize(&source{data: s.Bytes}, floorBuffer), resp.NewOpts()
		var v any
		return func() error {
			for range s.Want.Replies {
				if err := resp3.Unmarshal(br, &v, o); err != nil {
					return err
				}
			}
			return nil
		}
	},
	Count: func(s Stream) (t Tally, err error) {
		br, o := bufio.NewReaderSize(bytes.NewReader(s.Bytes), floorBuffer), resp.NewOpts()
		for range s.Want.Replies {
			var v any
			if err := resp3.Unmarshal(br, &v, o); err != nil {
				return t, err
			}
			t = t.plus(tallyAny(v))
			t.Replies++
		}
		return t, nil
	},
}

// radixRaw copies every reply into a raw message, whose memory is used again.
var radixRaw = Decoder{
	Bare: true,
	Open: func(s Stream) func() error {
		br, o := bufio.NewReaderSize(&source{data: s.Bytes}, floorBuffer), resp.NewOpts()
		var raw resp3.RawMessage
		return func() error {
			for range s.Want.Replies {
				if err := resp3.Unmarshal(br, &raw, o); err != nil {
					return err
				}
			}
			return nil
		}
	},
	Count: func(s Stream) (t Tally, err error) {
		br, o := bufio.NewReaderSize(bytes.NewReader(s.Bytes), floorBuffer), resp.NewOpts()
		var raw resp3.RawMessage
		for range s.Want.Replies {
			var v any
			if err := resp3.Unmarshal(br, &raw, o); err != nil {
				return t, err
			}
			if err := raw.UnmarshalInto(&v, o); err != nil {
				return t, err
			}
			t = t.plus(tallyAny(v))
			t.Replies++
		}
		return t, nil
	},
}

// radixTyped is told what comes and uses memory again: one []byte for bulk strings, one slice of fresh strings for arrays.
var radixTyped = Decoder{
	Open: func(s Stream) func() error {
		br, o := bufio.NewReaderSize(&source{data: s.Bytes}, floorBuffer), resp.NewOpts()
		into := receiver(s)
		return func() error {
			for range s.Want.Replies {
				if err := resp3.Unmarshal(br, into, o); err != nil {
					return err
				}
			}
			return nil
		}
	},
	Count: func(s Stream) (t Tally, err error) {
		br, o := bufio.NewReaderSize(bytes.NewReader(s.Bytes), floorBuffer), resp.NewOpts()
		into := receiver(s)
		for range s.Want.Replies {
			if err := resp3.Unmarshal(br, into, o); err != nil {
				return t, err
			}
			t = t.plus(tallyAny(into))
			t.Replies++
		}
		return t, nil
	},
	Only: []string{"bulk64", "array1000"},
}

// receiver is what radixTyped decodes a stream into.
func receiver(s Stream) any {
	if s.Name == "array1000" {
		return new([]string)
	}
	return new([]byte)
}

// tallyAny counts what is in a value of radix.
func tallyAny(v any) Tally {
	t := Tally{Values: 1}
	switch v := v.(type) {
	case []byte:
		t.Text = len(v)
	case string:
		t.Text = len(v)
	case *[]byte:
		t.Text = len(*v)
	case *[]string:
		for _, x := range *v {
			t = t.plus(tallyAny(x))
		}
	case []any:
		for _, x := range v {
			t = t.plus(tallyAny(x))
		}
	case map[any]any:
		for k, x := range v {
			t = t.plus(tallyAny(k)).plus(tallyAny(x))
		}
	}
	return t
}

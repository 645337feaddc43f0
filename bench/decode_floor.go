package main

import (
	"bytes"
	"errors"
	"io"
)

// floorDecoder walks over the replies.
var floorDecoder = Decoder{
	Bare: true,
	Open: func(s Stream) func() error {
		sk := newSkipper(&source{data: s.Bytes}, floorBuffer)
		return func() error {
			for range s.Want.Replies {
				if _, _, err := sk.reply(); err != nil {
					return err
				}
			}
			return nil
		}
	},
	Count: countFloor,
}

// countFloor has no values to count. It gives what the stream holds if the walk ends exactly where the stream ends.
func countFloor(s Stream) (Tally, error) {
	sk := newSkipper(bytes.NewReader(s.Bytes), floorBuffer)
	for i := range s.Want.Replies {
		if _, _, err := sk.reply(); err != nil {
			return Tally{Replies: i}, err
		}
	}
	if _, err := sk.line(); err != io.EOF {
		return Tally{}, errors.New("floor: bytes are left")
	}
	return s.Want, nil
}

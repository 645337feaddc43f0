package main

import (
	"bytes"

	"github.com/baton-go/baton/resp3"
)

// decodeBaton makes a value of every reply in a stream.
func decodeBaton(stream Stream) (int, error) {
	r := resp3.NewReader(bytes.NewReader(stream.Bytes), resp3.Limits{})
	for i := range stream.Replies {
		if _, err := r.ReadValue(); err != nil {
			return i, err
		}
	}
	return stream.Replies, nil
}

// decodeBatonFrames finds, checks and delimits every reply in a stream without making values of them.
func decodeBatonFrames(stream Stream) (int, error) {
	r := resp3.NewReader(bytes.NewReader(stream.Bytes), resp3.Limits{})
	for i := range stream.Replies {
		if _, err := r.Next(); err != nil {
			return i, err
		}
	}
	return stream.Replies, nil
}

package resp3

import (
	"cmp"
	"fmt"
	"math"
)

// Limits bound what a peer may send. The zero value means the defaults. They decide what is an error, not how much memory is
// taken: memory follows the bytes that have arrived, never an announced length.
//
// Two further limits follow from them: a frame has at most 512 MiB more bytes than MaxBulk and at most 16 times MaxElems values.
type Limits struct {
	MaxBulk  int // bytes of one string or error; 0: 512 MiB
	MaxElems int // elements of one aggregate, pairs of a map; 0: 1,048,576
	MaxDepth int // aggregates and attributes within each other; 0: 128
}

const (
	defaultMaxBulk  = 512 << 20 // the default of proto-max-bulk-len in redis.conf
	defaultMaxElems = 1 << 20
	defaultMaxDepth = 128
)

// Limits that are fixed or follow from those of the user. No server comes near them.
const (
	maxLine      = 1 << 20   // bytes of a simple string or error, or MaxBulk if that is less
	maxBigDigits = 10000     // bytes of a big number: conversion takes more than linear time
	maxDouble    = 1024      // bytes of a double; the longest exact one has 1,077
	maxInteger   = 32        // bytes of an integer with its sign
	maxLenDigits = 19        // digits of a length: 19 always fit 64 bits
	frameSpare   = 512 << 20 // bytes of a frame beyond MaxBulk
	frameFactor  = 16        // values of a frame in multiples of MaxElems
)

// Validate refuses negative limits. A [Reader] takes them as 0.
func (l Limits) Validate() error {
	for _, f := range []struct {
		name  string
		value int
	}{{"MaxBulk", l.MaxBulk}, {"MaxElems", l.MaxElems}, {"MaxDepth", l.MaxDepth}} {
		if f.value < 0 {
			return fmt.Errorf("resp3 limits: %s is %d, must not be negative", f.name, f.value)
		}
	}
	return nil
}

// bounds are Limits with defaults filled in, small enough that no sum or product of them overflows an int.
type bounds struct {
	maxBulk, maxElems, maxDepth int
	maxLine                     int // bytes of a simple string or error
	maxFrame, maxValues         int // bytes and values of a frame
}

func (l Limits) bounds() bounds {
	bulk := min(cmp.Or(max(l.MaxBulk, 0), defaultMaxBulk), math.MaxInt/4)
	elems := min(cmp.Or(max(l.MaxElems, 0), defaultMaxElems), math.MaxInt32/4)
	return bounds{
		maxBulk:   bulk,
		maxElems:  elems,
		maxDepth:  min(cmp.Or(max(l.MaxDepth, 0), defaultMaxDepth), math.MaxInt32),
		maxLine:   min(bulk, maxLine),
		maxFrame:  bulk + frameSpare,
		maxValues: min(elems, math.MaxInt32/frameFactor) * frameFactor,
	}
}

// unbounded are limits for bytes that were accepted before.
var unbounded = Limits{MaxBulk: math.MaxInt, MaxElems: math.MaxInt, MaxDepth: math.MaxInt}.bounds()

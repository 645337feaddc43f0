package main

import (
	"math/bits"
	"time"
)

// histSub is the number of steps in each power of two: the error of a percentile is below 1/histSub.
const histSub = 64

const histSubBits = 6

// Hist counts durations in steps that grow with the value. The zero value is empty and ready. One goroutine at a time.
type Hist struct {
	count [histSub * 30]uint32
	n     uint64
	max   time.Duration
}

// histIndex is the step a duration falls into.
func histIndex(d time.Duration) int {
	v := uint64(max(d, 0))
	if v < histSub {
		return int(v)
	}
	shift := bits.Len64(v) - 1 - histSubBits
	i := (shift+1)*histSub + int(v>>shift) - histSub
	return min(i, histSub*30-1)
}

// histValue is the middle of a step.
func histValue(i int) time.Duration {
	if i < histSub {
		return time.Duration(i)
	}
	shift := i/histSub - 1
	low := uint64(histSub+i%histSub) << shift
	return time.Duration(low + (uint64(1)<<shift)/2)
}

// Add counts one duration.
func (h *Hist) Add(d time.Duration) {
	h.count[histIndex(d)]++
	h.n++
	h.max = max(h.max, d)
}

// Merge adds what another histogram has counted.
func (h *Hist) Merge(o *Hist) {
	for i, c := range o.count {
		h.count[i] += c
	}
	h.n += o.n
	h.max = max(h.max, o.max)
}

// Quantile is the duration below which a share q of all counted ones lies, 0 for an empty histogram.
func (h *Hist) Quantile(q float64) time.Duration {
	if h.n == 0 {
		return 0
	}
	rank := uint64(q * float64(h.n-1))
	var seen uint64
	for i, c := range h.count {
		seen += uint64(c)
		if seen > rank {
			return min(histValue(i), h.max)
		}
	}
	return h.max
}

// Recorder collects the durations of one caller and counts them a block at a time: hundreds of histograms touched in turn
// would cost each operation a cache miss or two. The zero value is empty and ready. One goroutine at a time.
type Recorder struct {
	recent [30]time.Duration
	n      int
	hist   Hist
}

// Add counts one duration.
func (r *Recorder) Add(d time.Duration) {
	r.recent[r.n] = d
	if r.n++; r.n == len(r.recent) {
		r.flush()
	}
}

func (r *Recorder) flush() {
	for _, d := range r.recent[:r.n] {
		r.hist.Add(d)
	}
	r.n = 0
}

// Hist is all that has been counted.
func (r *Recorder) Hist() *Hist {
	r.flush()
	return &r.hist
}

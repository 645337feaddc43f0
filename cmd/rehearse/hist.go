package main

import (
	"math/bits"
	"time"
)

const (
	histBits  = 5
	histSteps = 1 << histBits  // steps in each power of two: an error of at most 3 %
	histSize  = histSteps * 37 // the last step holds all from 36 minutes on
)

// hist counts durations in steps that grow with the value. The zero value is empty and ready; adding allocates nothing.
// One goroutine at a time.
type hist struct {
	count [histSize]uint32
	n     uint64
	max   time.Duration
}

// stepOf is the index of the step that d falls into.
func stepOf(d time.Duration) int {
	v := uint64(max(d, 0))
	if v < histSteps {
		return int(v)
	}
	shift := bits.Len64(v) - 1 - histBits
	return min(shift*histSteps+int(v>>shift), histSize-1)
}

// valueOf is the middle of a step.
func valueOf(step int) time.Duration {
	if step < histSteps {
		return time.Duration(step)
	}
	shift := step/histSteps - 1
	low := uint64(histSteps+step%histSteps) << shift
	return time.Duration(low + 1<<shift/2)
}

func (h *hist) add(d time.Duration) {
	h.count[stepOf(d)]++
	h.n++
	h.max = max(h.max, d)
}

func (h *hist) merge(o *hist) {
	for i, c := range o.count {
		h.count[i] += c
	}
	h.n += o.n
	h.max = max(h.max, o.max)
}

// quantile is the duration that a share q of all does not exceed, 0 if there are none.
func (h *hist) quantile(q float64) time.Duration {
	if h.n == 0 {
		return 0
	}
	rank := min(uint64(q*float64(h.n)), h.n-1)
	var seen uint64
	for i, c := range h.count {
		if seen += uint64(c); seen > rank {
			return min(valueOf(i), h.max)
		}
	}
	return h.max
}

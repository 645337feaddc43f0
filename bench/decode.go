package main

import (
	"fmt"
	"math"
	"runtime"
	"slices"
	"time"
)

// Decoder makes replies of bytes in memory. The zero Decoder is none.
type Decoder struct {
	// Open makes a reader of the stream repeated without end; each call of the returned function decodes as many replies as
	// the stream has.
	Open func(s Stream) (pass func() error)
	// Count decodes the stream once and counts what it holds.
	Count func(s Stream) (Tally, error)
	// Bare is set if the decoder delimits replies and makes no values of them.
	Bare bool
	// Old is set if the decoder reads the five kinds of RESP2 only.
	Old bool
	// Only is the names of the streams that the decoder has a mode for; nil stands for all.
	Only []string
}

// Tally is what a stream holds.
type Tally struct {
	Replies int
	Values  int // replies, and everything nested in them; two for each pair of a map
	Text    int // bytes of all bulk and simple strings
}

// plus is the sum of two tallies.
func (t Tally) plus(u Tally) Tally {
	return Tally{t.Replies + u.Replies, t.Values + u.Values, t.Text + u.Text}
}

// check makes sure that a decoder finds in a stream what is there.
func (d Decoder) check(s Stream) error {
	got, err := d.Count(s)
	if err == nil && got != s.Want {
		err = fmt.Errorf("decoded %+v, want %+v", got, s.Want)
	}
	return err
}

// reads tells whether the decoder can read a stream.
func (d Decoder) reads(s Stream) bool {
	return d.Open != nil && (s.Old || !d.Old) && (d.Only == nil || slices.Contains(d.Only, s.Name))
}

// source gives the same bytes again and again.
type source struct {
	data []byte
	at   int
}

// Read fills p up to the end of the bytes; the next call begins at the front again.
func (s *source) Read(p []byte) (int, error) {
	n := copy(p, s.data[s.at:])
	if s.at += n; s.at == len(s.data) {
		s.at = 0
	}
	return n, nil
}

// decodeScenarios is one scenario for each stream.
func decodeScenarios() []Scenario {
	var all []Scenario
	for _, s := range allStreams() {
		in := s()
		all = append(all, Scenario{
			Name: "decode-" + in.Name, What: "decoding " + in.What + ", in memory", Main: "mbs", Quick: in.quick(),
			Run: runDecode(s), Has: func(d Driver) bool { return d.Decode.reads(in) },
		})
	}
	return all
}

// quick leaves out of -quick the streams without a goal.
func (s Stream) quick() quickness {
	if s.Name == "mixed" || s.Name == "bulk64" {
		return quickOurs
	}
	return quickNone
}

// runDecode decodes the same stream again and again; nothing is sent.
func runDecode(stream func() Stream) func(c *cell) (Metrics, error) {
	return func(c *cell) (Metrics, error) {
		in := stream()
		if err := c.driver.Decode.check(in); err != nil {
			return nil, err
		}
		pass := c.driver.Decode.Open(in)
		if err := pass(); err != nil { // buffers grow to their size
			return nil, err
		}
		stop, err := c.profile()
		if err != nil {
			return nil, err
		}
		m, err := timePasses(in, pass, func(_ int, spent time.Duration) bool { return spent < c.Duration })
		stop()
		return m, err
	}
}

// timePasses measures passes while more wants another one after so many in that time.
func timePasses(in Stream, pass func() error, more func(n int, spent time.Duration) bool) (Metrics, error) {
	var m0, m1 runtime.MemStats
	runtime.ReadMemStats(&m0)
	cpu, err := cpuTime()
	if err != nil {
		return nil, err
	}
	n, start, best := 0, time.Now(), time.Duration(math.MaxInt64)
	for before := start; n == 0 || more(n, before.Sub(start)); n++ {
		if err := pass(); err != nil {
			return nil, err
		}
		now := time.Now()
		best = min(best, now.Sub(before))
		before = now
	}
	spent := time.Since(start)
	after, err := cpuTime()
	runtime.ReadMemStats(&m1)
	size, replies := float64(len(in.Bytes)), float64(n*in.Want.Replies)
	return Metrics{
		"mbs":     size * float64(n) / spent.Seconds() / 1e6,
		"mbsbest": size / best.Seconds() / 1e6,
		"mbscpu":  size * float64(n) / (after - cpu).Seconds() / 1e6,
		"ns":      float64(spent.Nanoseconds()) / replies,
		"allocs":  float64(m1.Mallocs-m0.Mallocs) / replies,
		"bytes":   float64(m1.TotalAlloc-m0.TotalAlloc) / replies,
	}, err
}

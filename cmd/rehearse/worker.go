package main

import (
	"errors"
	"math/rand/v2"
	"sync/atomic"
	"time"

	baton "github.com/baton-go/baton"
	"github.com/baton-go/baton/resp3"
)

// worker makes one call after the other. Its goroutine ends with the load.
type worker struct {
	l       *load
	id      int
	every   time.Duration // 0: without pause
	rng     *rand.Rand
	buf     []byte
	written written

	replies, failed atomic.Int64 // for progress

	found findings // written is not used here
}

func newWorker(l *load, id int, every time.Duration) *worker {
	return &worker{l: l, id: id, every: every, rng: rand.New(rand.NewPCG(uint64(id), 1)), found: findings{faults: errCounts{}, windows: make([]hist, l.windows)}}
}

// run makes calls from first on. A call that is late because the one before took so long is measured from when it was
// due, so that a stall counts for all the calls it held up.
func (w *worker) run(first time.Time) {
	timer := time.NewTimer(0)
	defer timer.Stop()
	due, ended := first, first
	for w.await(timer, due) {
		begun := time.Now()
		tally, window := &w.found.tallies[w.l.phase.Load()], int(w.l.window.Load())
		switch {
		case w.every == 0:
		case ended.After(due):
			begun = due
		default:
			tally.wakeUp.add(begun.Sub(due))
		}
		commands, err := w.call()
		ended = time.Now()
		tally.commands += int64(commands)
		w.replies.Add(int64(commands))
		if err == nil {
			tally.latency.add(ended.Sub(begun))
			if window >= 0 && window < len(w.found.windows) {
				w.found.windows[window].add(ended.Sub(begun))
			}
		} else {
			tally.failed++
			w.failed.Add(1)
			w.found.faults.add(err)
		}
		due = due.Add(w.every)
		if w.every == 0 || ended.Sub(due) > maxBehind {
			due = ended
		}
	}
}

// await returns when the next call is due, false when there is none.
func (w *worker) await(timer *time.Timer, due time.Time) bool {
	if wait := time.Until(due); wait > 0 {
		timer.Reset(wait)
		select {
		case <-timer.C:
		case <-w.l.end:
		}
	}
	select {
	case <-w.l.end:
		return false
	default:
		return true
	}
}

// call makes one call of a kind drawn at random. It returns how many commands were answered.
func (w *worker) call() (commands int, err error) {
	switch n := w.rng.IntN(10); {
	case n < 4:
		err = w.get(w.rng.IntN(len(w.l.keys.values)))
	case n < 6:
		err = w.set()
	case n < 8:
		err = w.incr(w.rng.IntN(counters))
	default:
		return w.pipeline()
	}
	if err != nil {
		return 0, err
	}
	return 1, nil
}

// get reads the value of any worker.
func (w *worker) get(i int) error {
	reply, err := w.l.client.AppendGet(w.l.ctx, w.buf[:0], w.l.keys.values[i])
	w.buf = reply[:0]
	if errors.Is(err, baton.Nil) {
		w.found.stale++ // it was there at the beginning
		return nil
	}
	if err == nil {
		w.inspect(i, reply)
	}
	return err
}

// inspect looks whether a value is the one of worker i, and if that is this one, whether it is up to date.
func (w *worker) inspect(i int, value []byte) {
	w.found.checked++
	n, ok := w.l.keys.version(i, value)
	switch {
	case !ok:
		w.found.crossed++
	case i == w.id && !w.written.holds(n):
		w.found.stale++
	}
}

// set writes the next version of this worker's value.
func (w *worker) set() error {
	w.written.tried++
	w.buf = w.l.keys.appendValue(w.buf[:0], w.id, w.written.tried)
	_, err := w.l.client.SetBytes(w.l.ctx, w.l.keys.values[w.id], w.buf, baton.KeepTTL())
	if err == nil {
		w.written.acked = w.written.tried
	}
	return err
}

// incr increments counter i.
func (w *worker) incr(i int) error {
	n, err := w.l.client.Incr(w.l.ctx, w.l.keys.counters[i])
	w.incremented(i, n, err)
	return err
}

func (w *worker) incremented(i int, n int64, err error) {
	c := &w.found.counts[i]
	switch {
	case err == nil:
		w.found.checked++
		if !c.replied(n) {
			w.found.crossed++
		}
	case mayHaveRun(err):
		c.possible++
	}
}

// pipeline sends five commands in one write, and looks at each reply.
func (w *worker) pipeline() (replies int, err error) {
	k := w.l.keys
	other, i, j := w.rng.IntN(len(k.values)), w.rng.IntN(counters), w.rng.IntN(counters)
	w.written.tried++
	value := string(k.appendValue(w.buf[:0], w.id, w.written.tried))
	var read, reread baton.Reply[string]
	var set baton.Reply[bool]
	var one, two baton.Reply[int64]
	err = w.l.client.Pipeline(w.l.ctx, func(p *baton.Pipe) error {
		read = p.Get(k.values[other])
		set = p.Set(k.values[w.id], value, baton.KeepTTL())
		one = p.Incr(k.counters[i])
		reread = p.Get(k.values[w.id])
		two = p.Incr(k.counters[j])
		return nil
	})
	var se *resp3.Error
	if err != nil && !errors.As(err, &se) && !errors.Is(err, baton.Nil) { // there are no replies
		w.incremented(i, 0, err)
		w.incremented(j, 0, err)
		return 0, err
	}
	if v, err := read.Get(); err == nil {
		w.inspect(other, []byte(v))
		replies++
	}
	if _, err := set.Get(); err == nil {
		w.written.acked = w.written.tried
		replies++
	}
	n, oneErr := one.Get()
	w.incremented(i, n, oneErr)
	if v, err := reread.Get(); err == nil {
		w.inspect(w.id, []byte(v))
		replies++
	}
	m, twoErr := two.Get()
	w.incremented(j, m, twoErr)
	for _, e := range []error{oneErr, twoErr} {
		if e == nil {
			replies++
		}
	}
	return replies, err
}

package main

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	baton "github.com/baton-go/baton"
)

// phase says how far the run has come.
type phase int32

const (
	warming phase = iota // not reported
	before
	during
	after
	phases // how many there are
)

var phaseWords = [phases]string{"warm-up", "before", "during", "after"}

func (p phase) String() string { return phaseWords[p] }

// stopTimeout is how long calls may go on after the end of the load before they are given up.
const stopTimeout = 2 * time.Second

// maxBehind bounds the backlog of a worker: calls that were due longer ago are left out.
const maxBehind = time.Second

// load is the workers and what they share. It is made by startLoad and read after stop has returned.
type load struct {
	client  *baton.Client
	keys    *keyring
	workers []*worker
	phase   atomic.Int32
	window  atomic.Int32 // that is measured by itself, -1: none
	windows int          // how many there are

	ctx    context.Context // of all calls
	cancel context.CancelFunc
	end    chan struct{} // closed by stop
	work   sync.WaitGroup
}

// startLoad starts the workers of the plan. They make rate calls a second together, or as many as possible if that is 0.
func startLoad(client *baton.Client, keys *keyring, p plan) *load {
	n, rate := p.workers, p.rate
	l := &load{client: client, keys: keys, end: make(chan struct{})}
	l.measure(-1)
	if p.unmoved > 0 {
		l.windows = p.unmoved + p.moves
	}
	l.ctx, l.cancel = context.WithCancel(context.Background())
	var every time.Duration
	if rate > 0 {
		every = time.Duration(n) * time.Second / time.Duration(rate)
	}
	begun := time.Now()
	for i := range n {
		w := newWorker(l, i, every)
		l.workers = append(l.workers, w)
		first := begun.Add(every * time.Duration(i) / time.Duration(n))
		l.work.Go(func() { w.run(first) })
	}
	return l
}

// stop ends the load: no call begins any more, and calls that do not end soon are given up. It returns when no worker runs.
// It may be called again.
func (l *load) stop() {
	select {
	case <-l.end:
	default:
		close(l.end)
	}
	t := time.AfterFunc(stopTimeout, l.cancel)
	l.work.Wait()
	t.Stop()
	l.cancel()
}

func (l *load) enter(p phase) { l.phase.Store(int32(p)) }

// measure has the calls that begin from now on counted for window i, and for none if that is -1.
func (l *load) measure(i int) { l.window.Store(int32(i)) }

// progress returns how many commands have been answered and how many calls have failed until now.
func (l *load) progress() (replies, failed int64) {
	for _, w := range l.workers {
		replies += w.replies.Load()
		failed += w.failed.Load()
	}
	return replies, failed
}

// tally is what a worker counts in one phase.
type tally struct {
	latency  hist  // of calls that succeeded
	wakeUp   hist  // how late the worker was woken when it had slept until a call was due
	commands int64 // answered
	failed   int64 // calls
}

func (t *tally) merge(o *tally) {
	t.latency.merge(&o.latency)
	t.wakeUp.merge(&o.wakeUp)
	t.commands += o.commands
	t.failed += o.failed
}

// findings is what a worker, or all of them together, found out.
type findings struct {
	counts  [counters]count
	written []written // by worker
	checked int64     // replies that tell which command they belong to
	crossed int64     // those that belonged to another
	stale   int64     // reads that gave a version which was overwritten before
	faults  errCounts
	tallies [phases]tally
	windows []hist // latency in each window that is measured by itself
}

// gather puts the findings of all workers together. The load must have been stopped.
func (l *load) gather() *findings {
	all := &findings{faults: errCounts{}, windows: make([]hist, l.windows)}
	for _, w := range l.workers {
		f := &w.found
		for i := range all.counts {
			all.counts[i].merge(f.counts[i])
		}
		for i := range all.tallies {
			all.tallies[i].merge(&f.tallies[i])
		}
		for i := range all.windows {
			all.windows[i].merge(&f.windows[i])
		}
		all.written = append(all.written, w.written)
		all.checked += f.checked
		all.crossed += f.crossed
		all.stale += f.stale
		all.faults.merge(f.faults)
	}
	return all
}

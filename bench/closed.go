package main

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"
)

// burstCallers and burstTime are the load that precedes a burst scenario.
const (
	burstCallers = 64
	burstTime    = 50 * time.Millisecond
	callTimeout  = 5 * time.Second // of CtxTimeout, never reached
)

// load is the operation of a scenario and those who call it.
type load struct {
	s       Scenario
	op      opFunc
	workers []*Worker
	times   []Recorder // of each worker; made early, so that they are no part of what is measured
}

func newLoad(s Scenario, op opFunc) *load {
	l := &load{s: s, op: op}
	n := s.Callers
	if s.Burst {
		n = max(n, burstCallers)
	}
	for i := range n {
		l.workers = append(l.workers, &Worker{ID: i, Buf: make([]byte, s.Buf)})
	}
	l.times = make([]Recorder, n)
	return l
}

// call does one operation and checks its reply.
func (l *load) call(ctx context.Context, w *Worker) error {
	if l.s.Ctx == CtxTimeout {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, callTimeout)
		defer cancel()
	}
	n, err := l.op(ctx, w)
	if err != nil {
		return err
	}
	if n != l.s.Want && (l.s.Want >= 0 || n <= 0) {
		return fmt.Errorf("reply of length %d, want %d", n, l.s.Want)
	}
	return nil
}

// latencies is what all workers have counted.
func (l *load) latencies() *Hist {
	var all Hist
	for i := range l.times {
		all.Merge(l.times[i].Hist())
	}
	return &all
}

// warm lets some load run and forgets it.
func (l *load) warm(d time.Duration) error {
	err := l.rush(l.workers, d)
	clear(l.times)
	return err
}

// closedLoop warms up, then measures callers that call again as soon as they have a reply.
func (c *cell) closedLoop(l *load) (Metrics, error) {
	d := warmUp(c.Duration)
	if c.scenario.Burst {
		d = burstTime
	}
	if err := l.warm(d); err != nil {
		return nil, err
	}
	return c.between(l.latencies, func() error { return l.rush(l.workers[:c.scenario.Callers], c.Duration) })
}

// rush lets the workers call for a while.
func (l *load) rush(workers []*Worker, d time.Duration) error {
	var stop atomic.Bool
	timer := time.AfterFunc(d, func() { stop.Store(true) })
	defer timer.Stop()
	errs := make([]error, len(workers))
	var wg sync.WaitGroup
	for i, w := range workers {
		wg.Go(func() {
			if errs[i] = l.work(w, &l.times[w.ID], &stop); errs[i] != nil {
				stop.Store(true)
			}
		})
	}
	wg.Wait()
	return errors.Join(errs...)
}

// work is one caller.
func (l *load) work(w *Worker, h *Recorder, stop *atomic.Bool) error {
	ctx, cancel := contextFor(l.s.Ctx)
	defer cancel()
	base := time.Now()
	last := time.Duration(0)
	for !stop.Load() {
		if err := l.call(ctx, w); err != nil {
			return err
		}
		now := time.Since(base)
		h.Add(now - last)
		last = now
	}
	return nil
}

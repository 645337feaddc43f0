package main

import (
	"context"
	"runtime"
	"runtime/debug"
	"time"
)

// idleConns is the number of connections of the idle scenario.
const idleConns = 1000

// runFirst opens a client, lets all callers make their first call at once, waits for all and closes, again and again.
func runFirst(c *cell) (Metrics, error) {
	var h Hist
	l := newLoad(c.scenario, nil)
	e, err := c.env()
	if err != nil {
		return nil, err
	}
	m, err := c.between(func() *Hist { return &h }, func() error {
		for end := time.Now().Add(c.Duration); time.Now().Before(end); {
			start := time.Now()
			s, err := c.driver.Open(e)
			if err != nil {
				return err
			}
			l.op = opGet(s)
			err = firstCalls(l)
			h.Add(time.Since(start))
			s.Close()
			if err != nil {
				return err
			}
		}
		return nil
	})
	delete(m, "ops") // would count the time to close
	return m, err
}

// firstCalls is one call of every worker at once.
func firstCalls(l *load) error {
	errs := make(chan error, len(l.workers))
	for _, w := range l.workers {
		go func() { errs <- l.call(context.Background(), w) }()
	}
	var first error
	for range l.workers {
		if err := <-errs; err != nil && first == nil {
			first = err
		}
	}
	return first
}

// runIdle opens many connections and watches them being unused for at least two seconds.
func runIdle(c *cell) (Metrics, error) {
	e, err := c.env()
	if err != nil {
		return nil, err
	}
	base, before := settled()
	start := time.Now()
	conns, err := c.driver.Idle(e, idleConns)
	if err != nil {
		return nil, err
	}
	defer conns.Close()
	opened := time.Since(start)
	time.Sleep(time.Second) // whatever a client does after opening shall be over
	heap, goroutines := settled()
	debug.FreeOSMemory() // the runtime gives back what opening has used for seconds, which is no cost of being idle
	time.Sleep(100 * time.Millisecond)
	u0, err := takeUsage(c.server)
	if err != nil {
		return nil, err
	}
	time.Sleep(max(c.Duration, 2*time.Second))
	u1, err := takeUsage(c.server)
	if err != nil {
		return nil, err
	}
	spent := u1.user + u1.sys - u0.user - u0.sys
	return Metrics{
		"heap":       (float64(heap) - float64(base)) / 1024 / idleConns,
		"goroutines": float64(goroutines-before) / idleConns,
		"idlecpu":    100 * spent.Seconds() / u1.at.Sub(u0.at).Seconds(),
		"p50":        float64(opened.Microseconds()),
	}, nil
}

// settled is the heap in use after collection, and the goroutines that are left.
func settled() (heap uint64, goroutines int) {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc, runtime.NumGoroutine()
}

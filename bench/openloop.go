package main

import (
	"context"
	"errors"
	"runtime"
	"sync"
	"syscall"
	"time"
)

// openLoop sends at a constant rate whatever the replies do. Latency counts from the instant a request was due, so that a
// request that had to wait for a free caller is charged for it (coordinated omission).
func (c *cell) openLoop(l *load) (Metrics, error) {
	if err := l.warm(warmUp(c.Duration)); err != nil {
		return nil, err
	}
	return c.between(l.latencies, func() error { return l.pace(c.scenario.Rate, c.Duration) })
}

// pace hands due instants to the workers through a queue that holds all of them.
func (l *load) pace(rate int, d time.Duration) error {
	n := int(d.Seconds() * float64(rate))
	due := make(chan time.Duration, n)
	errs := make([]error, len(l.workers))
	base := time.Now()
	var wg sync.WaitGroup
	for i, w := range l.workers {
		wg.Go(func() {
			for at := range due {
				if errs[i] == nil {
					errs[i] = l.call(context.Background(), w)
				}
				l.times[i].Add(time.Since(base) - at)
			}
		})
	}
	wg.Go(func() { tick(base, rate, n, due) })
	wg.Wait()
	return errors.Join(errs...)
}

// tick sends each due instant when it has come. It has a thread of its own and sleeps in the kernel with the least slack,
// because the runtime's timers are too coarse for this.
func tick(base time.Time, rate, n int, due chan<- time.Duration) {
	defer close(due)
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	const prSetTimerSlack = 29 // prctl(2)
	syscall.RawSyscall(syscall.SYS_PRCTL, prSetTimerSlack, 1, 0)
	step := time.Second / time.Duration(rate)
	for i := range n {
		at := time.Duration(i) * step
		if wait := at - time.Since(base); wait > 0 {
			t := syscall.NsecToTimespec(int64(wait))
			syscall.Nanosleep(&t, nil)
		}
		due <- at
	}
}

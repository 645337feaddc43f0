package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"time"
)

const (
	stormCalls = 20000
	stormTimes = 3
	stormShare = 4                    // one call in so many is cancelled
	stormDelay = 2 * time.Millisecond // a cancellation comes at a random instant within it
	stormLimit = 20 * time.Second     // for all calls; a client that needs more has lost some
)

// runStorm makes the same number of calls with a new client, undisturbed and with some of them cancelled at random instants,
// and asks the server how many connections it accepted. It does so several times and takes the most of each, because by
// chance a client opens one more or one less. A client that does not heed cancellations is found by the number of calls cut
// short.
func runStorm(c *cell) (Metrics, error) {
	var plain, opened float64
	cuts := 0
	for range stormTimes {
		n, _, err := c.storm(false)
		if err != nil {
			return nil, err
		}
		plain = max(plain, n)
		n, cut, err := c.storm(true)
		if err != nil {
			return nil, err
		}
		opened = max(opened, n)
		cuts += cut
	}
	return Metrics{"plain": plain, "opened": opened, "extra": max(opened-plain, 0), "cut": float64(cuts) / stormTimes}, nil
}

// storm makes the calls of one run and returns how many connections they took and how many were cut short.
func (c *cell) storm(cancelling bool) (opened float64, cut int, err error) {
	before, err := c.server.info("stats", "total_connections_received")
	if err != nil {
		return 0, 0, err
	}
	e, err := c.env()
	if err != nil {
		return 0, 0, err
	}
	s, err := c.driver.Open(e)
	if err != nil {
		return 0, 0, err
	}
	l := newLoad(c.scenario, opGet(s))
	if cut, err = l.storm(cancelling); err != nil {
		return 0, 0, err
	}
	s.Close()
	after, err := c.server.info("stats", "total_connections_received")
	return after - before, cut, err
}

// storm lets all workers make their calls.
func (l *load) storm(cancelling bool) (cut int, err error) {
	type share struct {
		cut int
		err error
	}
	shares := make(chan share, len(l.workers))
	for _, w := range l.workers {
		go func() {
			n, err := l.stormy(w, cancelling)
			shares <- share{n, err}
		}()
	}
	limit := time.After(stormLimit)
	for range l.workers {
		select {
		case s := <-shares:
			if s.err != nil {
				return 0, s.err
			}
			cut += s.cut
		case <-limit:
			return 0, fmt.Errorf("callers still wait after %v", stormLimit)
		}
	}
	return cut, nil
}

// stormy is one caller's share of the calls. It returns how many ended with the error of their context.
func (l *load) stormy(w *Worker, cancelling bool) (cut int, err error) {
	random := rand.New(rand.NewPCG(uint64(w.ID), 7))
	for range stormCalls / len(l.workers) {
		ctx, cancel := context.WithCancel(context.Background())
		if cancelling && random.IntN(stormShare) == 0 {
			time.AfterFunc(time.Duration(random.Int64N(int64(stormDelay))), cancel)
		}
		err := l.call(ctx, w)
		gone := ctx.Err() != nil
		cancel()
		switch {
		case err == nil:
		case gone: // clients name it differently, some as a broken connection
			cut++
		default:
			return cut, fmt.Errorf("a call that nobody cancelled: %w", err)
		}
	}
	return cut, nil
}

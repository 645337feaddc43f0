package main

import (
	"context"
	"sync"
	"time"
)

// besideRate is how many large values a second are read beside the small ones.
const besideRate = 200

// runBeside lets callers read small values while another reads large ones at a constant rate through the same client, and counts
// the small ones only. A client that sends all through one connection lets the small ones wait behind the large.
func runBeside(c *cell) (Metrics, error) {
	e, err := c.env()
	if err != nil {
		return nil, err
	}
	s, err := c.driver.Open(e)
	if err != nil {
		return nil, err
	}
	defer s.Close()
	l := newLoad(c.scenario, opGet(s))
	large := &Worker{ID: len(l.workers), Buf: make([]byte, bigValue+1024)}
	read := s.Get
	if s.GetInto != nil {
		read = s.GetInto
	}
	ctx, cancel := context.WithCancel(context.Background())
	var beside sync.WaitGroup
	var failed error
	beside.Go(func() {
		t := time.NewTicker(time.Second / besideRate)
		defer t.Stop()
		for failed == nil {
			select {
			case <-t.C:
				_, failed = read(context.Background(), large, bigKey)
			case <-ctx.Done():
				return
			}
		}
	})
	m, err := c.closedLoop(l)
	cancel()
	beside.Wait()
	if err == nil {
		err = failed
	}
	return m, err
}

package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

const (
	publishBlock = 256   // messages that the publisher sends in one write
	publishAhead = 16384 // messages that may be under way before the publisher waits for the subscriber
	besideSubMs  = 50    // messages a millisecond beside a lone caller
)

// pubsubScenarios are a subscription that gets all it can take, and a lone caller beside one that gets much.
func pubsubScenarios() []Scenario {
	listens := func(d Driver) bool {
		return slices.Contains([]string{"baton", "goredis", "rueidis", "rueidis-hooks"}, d.Name)
	}
	var all []Scenario
	for _, n := range []int{1, 32} {
		all = append(all, Scenario{
			Name: fmt.Sprintf("pubsub-%d", n), What: fmt.Sprintf("messages of 64 bytes received by one subscription to %d channels", n),
			Callers: n, Run: runPubSub, Has: listens, Quick: quickAll,
		})
	}
	return append(all, Scenario{
		Name: "beside-sub", What: "one caller, GET of 64 bytes, while a subscription of the same client receives 50,000 messages a second",
		Want: smallValue, Main: "p99", Run: runBesideSub,
		Has: listens, Quick: quickAll,
	})
}

// subscriber opens the driver where a subscription is measured.
func (d Driver) subscriber(e Env) (*Session, error) {
	if d.Listen != nil {
		return d.Listen(e)
	}
	return d.Open(e)
}

// publisher publishes to channels in turn on a socket of its own, in blocks that are encoded before.
type publisher struct {
	nc       net.Conn
	block    []byte
	messages int // of a block
	replies  []byte
	sent     int64
}

func newPublisher(addr string, channels []string, messages int) (*publisher, error) {
	nc, err := net.Dial("tcp", addr)
	if err != nil {
		return nil, err
	}
	p := &publisher{nc: nc, messages: messages, replies: make([]byte, 64<<10)}
	payload := strings.Repeat("p", smallValue)
	for i := range messages {
		p.block = appendCommand(p.block, "PUBLISH", channels[i%len(channels)], payload)
	}
	return p, nil
}

// publish sends one block and waits for its replies, which are of one digit each.
func (p *publisher) publish() error {
	if _, err := p.nc.Write(p.block); err != nil {
		return err
	}
	for left := p.messages * len(":1\r\n"); left > 0; {
		n, err := p.nc.Read(p.replies[:min(left, len(p.replies))])
		if err != nil {
			return err
		}
		if left -= n; p.replies[0] == '-' {
			return errors.New(string(p.replies[:n]))
		}
	}
	p.sent += int64(p.messages)
	return nil
}

// heard is what a subscription has received.
type heard struct {
	messages atomic.Int64
	_        [7]int64 // its line is the subscription's own
	wrong    atomic.Int64
}

func (h *heard) got(payload int) {
	h.messages.Add(1)
	if payload != smallValue {
		h.wrong.Add(1)
	}
}

// listening subscribes, publishes by next until ctx ends, and calls measure meanwhile.
func (c *cell) listening(s *Session, messages int, next func(ctx context.Context, p *publisher, h *heard) bool, measure func(h *heard) (Metrics, error)) (Metrics, error) {
	channels := make([]string, c.scenario.Callers)
	for i := range channels {
		channels[i] = fmt.Sprintf("bench:channel:%02d", i)
	}
	p, err := newPublisher(c.Control, channels, messages)
	if err != nil {
		return nil, err
	}
	defer p.nc.Close()
	if _, err := c.server.do("CONFIG", "SET", "client-output-buffer-limit", "pubsub 0 0 0"); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	var h heard
	var ended, failed error
	var work sync.WaitGroup
	ready := make(chan struct{})
	work.Go(func() { ended = s.Listen(ctx, channels, sync.OnceFunc(func() { close(ready) }), h.got) })
	select {
	case <-ready:
	case <-time.After(10 * time.Second):
		return nil, errors.New("not subscribed after 10s")
	}
	work.Go(func() {
		for failed == nil && ctx.Err() == nil {
			if next(ctx, p, &h) {
				failed = p.publish()
			}
		}
	})
	m, err := measure(&h)
	cancel()
	work.Wait()
	switch {
	case err != nil:
	case failed != nil:
		err = failed
	case ended != nil:
		err = ended
	case h.wrong.Load() > 0:
		err = fmt.Errorf("%d messages of another length", h.wrong.Load())
	}
	return m, err
}

// counted is what arrives in a while.
func (c *cell) counted(h *heard) (Metrics, error) {
	stop, err := c.profile()
	if err != nil {
		return nil, err
	}
	defer stop()
	before, err := takeUsage(c.server)
	if err != nil {
		return nil, err
	}
	begun := h.messages.Load()
	time.Sleep(c.Duration)
	n := float64(h.messages.Load() - begun)
	after, err := takeUsage(c.server)
	if err != nil {
		return nil, err
	}
	if n == 0 {
		return nil, fmt.Errorf("no message within %v", c.Duration)
	}
	m := after.per(before, n)
	m["ops"], m["n"] = n/after.at.Sub(before.at).Seconds(), n
	return m, nil
}

// runPubSub counts what arrives while the publisher is never more than publishAhead ahead.
func runPubSub(c *cell) (Metrics, error) {
	e, err := c.env()
	if err != nil {
		return nil, err
	}
	s, err := c.driver.subscriber(e)
	if err != nil {
		return nil, err
	}
	defer s.Close()
	next := func(_ context.Context, p *publisher, h *heard) bool {
		if p.sent-h.messages.Load() < publishAhead {
			return true
		}
		time.Sleep(50 * time.Microsecond)
		return false
	}
	return c.listening(s, publishBlock, next, func(h *heard) (Metrics, error) {
		time.Sleep(warmUp(c.Duration))
		return c.counted(h)
	})
}

// runBesideSub lets one caller read while messages come at a constant rate.
func runBesideSub(c *cell) (Metrics, error) {
	e, err := c.env()
	if err != nil {
		return nil, err
	}
	s, err := c.driver.subscriber(e)
	if err != nil {
		return nil, err
	}
	defer s.Close()
	t := time.NewTicker(time.Millisecond)
	defer t.Stop()
	next := func(ctx context.Context, _ *publisher, _ *heard) bool {
		select {
		case <-t.C:
			return true
		case <-ctx.Done():
			return false
		}
	}
	return c.listening(s, besideSubMs, next, func(*heard) (Metrics, error) { return c.closedLoop(newLoad(c.scenario, opGet(s))) })
}

package pubsub

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"sync"
	"time"

	"github.com/baton-go/baton/conn"
)

// Message is what was published to a channel. It is the receiver's to keep.
type Message struct {
	Channel string
	Pattern string // the pattern that matched; "" unless the subscription is one of PSubscribe
	Payload string
	Shard   bool // published with SPUBLISH
}

// Overflow says what happens to a message for which a subscription's buffer has no room.
type Overflow uint8

const (
	// Block stops reading the subscription's connection until there is room: nothing is dropped here, and what is not read
	// waits in the server, which cuts a subscriber that is too slow for long (client-output-buffer-limit). Connections of
	// other subscriptions and commands are read on.
	Block Overflow = iota
	// DropOldest makes room by dropping the message that has waited longest.
	DropOldest
	// DropNewest drops the message that has just come.
	DropNewest
)

// Options configure a subscription; the zero value is useful. Durations: zero is the default, negative is none.
type Options struct {
	// Buffer is how many messages wait for the consumer at most. Default 1024. A move may go beyond it for as long as it takes.
	Buffer   int
	Overflow Overflow
	// Heartbeat is the silence after which the server is asked for a sign of life, which it has to give within
	// Options.ReadTimeout (the relaxed one during maintenance; Heartbeat itself if that is none). Default 30 s.
	Heartbeat time.Duration
}

const (
	defaultBuffer    = 1024
	defaultHeartbeat = 30 * time.Second
)

func (o Options) withDefaults() Options {
	if o.Buffer == 0 {
		o.Buffer = defaultBuffer
	}
	switch {
	case o.Heartbeat == 0:
		o.Heartbeat = defaultHeartbeat
	case o.Heartbeat < 0:
		o.Heartbeat = 0
	}
	return o
}

func (o Options) validate() error {
	var errs []error
	if o.Buffer < 1 {
		errs = append(errs, fmt.Errorf("baton: Buffer is %d, must be at least 1", o.Buffer))
	}
	if o.Overflow > DropNewest {
		errs = append(errs, fmt.Errorf("baton: Overflow is %d, must be at most %d", o.Overflow, DropNewest))
	}
	return errors.Join(errs...)
}

// Subscriber makes subscriptions with options of their own. It is a value, for any number of goroutines.
type Subscriber struct {
	client Wiring
	o      Options
}

// NewSubscriber returns the maker of subscriptions with these options. Whether they are valid is said by its methods.
func NewSubscriber(w Wiring, o Options) Subscriber { return Subscriber{w, o.withDefaults()} }

// Subscribe is Client.Subscribe with the options of s.
func (s Subscriber) Subscribe(ctx context.Context, channels ...string) (*Subscription, error) {
	return s.subscribe(ctx, "SUBSCRIBE", channels)
}

// PSubscribe is Client.PSubscribe with the options of s.
func (s Subscriber) PSubscribe(ctx context.Context, patterns ...string) (*Subscription, error) {
	return s.subscribe(ctx, "PSUBSCRIBE", patterns)
}

// SSubscribe is Client.SSubscribe with the options of s.
func (s Subscriber) SSubscribe(ctx context.Context, channels ...string) (*Subscription, error) {
	return s.subscribe(ctx, "SSUBSCRIBE", channels)
}

func (s Subscriber) subscribe(ctx context.Context, command string, names []string) (*Subscription, error) {
	if err := s.o.validate(); err != nil {
		return nil, err
	}
	if len(names) == 0 {
		return nil, fmt.Errorf("baton: %s needs a channel", command)
	}
	sub := newSubscription(s.client, s.o, command, names)
	if err := s.client.Group.add(sub); err != nil {
		return nil, err
	}
	if err := sub.start(ctx); err != nil {
		sub.end(err)
		sub.finish()
		return nil, err
	}
	return sub, nil
}

// Subscription receives messages until Close. Its methods may be called from several goroutines at once.
type Subscription struct {
	member  member
	client  Wiring
	o       Options
	command string
	names   []string // without repetitions, never changed

	ctx    context.Context // ends with end
	cancel context.CancelFunc
	done   chan struct{}    // closed when nothing of the subscription runs any more
	moves  chan moveRequest // to run
	stuck  chan struct{}    // room for one: a connection has begun to wait for the consumer
	events chan Event
	work   sync.WaitGroup // what run starts

	// mu guards what follows and memory only. It is taken by goroutines that read from connections; nothing is called or
	// locked while it is held.
	mu      sync.Mutex
	cause   error // why it has ended, nil if by Close
	ended   bool
	serving *leg // what comes on it goes to the queue; nil before start and while there is none
	since   time.Time
	queue   queue
	past    past
	quiet   bool // events is closed
}

func newSubscription(w Wiring, o Options, command string, names []string) *Subscription {
	s := &Subscription{
		client: w, o: o, command: command, names: distinct(names),
		done: make(chan struct{}), moves: make(chan moveRequest), stuck: make(chan struct{}, 1),
		events: make(chan Event, eventsKept),
		queue:  newQueue(o.Buffer, o.Overflow),
		past:   newPast(),
	}
	s.member = member{s.end, s.done, s.server, s.moveTo}
	s.ctx, s.cancel = context.WithCancel(context.Background())
	return s
}

func distinct(names []string) []string {
	seen, out := make(map[string]bool, len(names)), make([]string, 0, len(names))
	for _, n := range names {
		if !seen[n] {
			seen[n] = true
			out = append(out, n)
		}
	}
	return out
}

// All yields messages as they come. It ends with the loop, when ctx ends (the last error is then the context's), when the
// subscription is closed (without an error), or when the client is (ErrClosed). Losing the connection ends it not: see
// Events. What one loop leaves the next one finds; each message is yielded to one of several loops.
func (s *Subscription) All(ctx context.Context) iter.Seq2[Message, error] {
	return func(yield func(Message, error) bool) {
		for {
			m, ok, err := s.next(ctx)
			if ok && yield(m, nil) {
				continue
			}
			if err != nil {
				yield(Message{}, err)
			}
			return
		}
	}
}

// next waits for a message. Neither a message nor an error: the subscription was closed.
func (s *Subscription) next(ctx context.Context) (m Message, ok bool, err error) {
	for {
		if ctx.Err() != nil {
			return m, false, conn.ContextError(ctx)
		}
		s.mu.Lock()
		if s.ended {
			defer s.mu.Unlock()
			return m, false, s.cause
		}
		m, ok = s.queue.take()
		s.mu.Unlock()
		if ok {
			return m, true, nil
		}
		select {
		case <-s.queue.news:
		case <-s.ctx.Done():
		case <-ctx.Done():
		}
	}
}

// Dropped returns how many messages Overflow has dropped.
func (s *Subscription) Dropped() uint64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.queue.dropped
}

// Close ends the subscription and returns when nothing of it is left: its connection is closed, All has no more to yield,
// Events is closed. Messages that wait are discarded. It may be called more than once, and from within a loop over All.
func (s *Subscription) Close() error {
	s.end(nil)
	<-s.done
	return nil
}

// end begins the end of the subscription; the first cause holds.
func (s *Subscription) end(cause error) {
	s.mu.Lock()
	if !s.ended {
		s.ended, s.cause = true, cause
		s.queue.clear()
	}
	s.mu.Unlock()
	s.cancel()
}

// finish takes the subscription out of the client's list. It comes last.
func (s *Subscription) finish() {
	s.mu.Lock()
	s.quiet = true
	close(s.events)
	s.mu.Unlock()
	s.client.Group.remove(s)
	close(s.done)
}

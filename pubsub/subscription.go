package pubsub

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"slices"
	"sync"
	"time"

	"github.com/baton-go/baton/conn"
)

// Message is a message that was published to a channel. It belongs to the receiver. The texts of small messages that came
// together share blocks of 4 KiB: copy those that you keep for long.
type Message struct {
	Channel string
	Pattern string // the pattern that matched; "" unless PSubscribe made the subscription
	Payload string
	Shard   bool // published with SPUBLISH
}

// Overflow says what happens to a message when the buffer of its subscription is full.
type Overflow uint8

const (
	// Block stops reading the subscription's connection until there is room. The client drops nothing: messages wait in the
	// server, which disconnects a subscriber that is too slow for long (client-output-buffer-limit). The connections of other
	// subscriptions and of commands are read as before.
	Block Overflow = iota
	// DropOldest makes room by dropping the message that has waited longest.
	DropOldest
	// DropNewest drops the message that has just come.
	DropNewest
)

// Options configure a subscription; the zero value is useful. Durations: zero is the default, negative is none.
type Options struct {
	// Buffer is the largest number of messages that wait for the consumer. Default 1024. A move may exceed it while it takes
	// place.
	Buffer   int
	Overflow Overflow
	// Heartbeat is the silence after which the server is asked for a sign of life. It has Options.ReadTimeout of the client to
	// answer (the relaxed one during maintenance; Heartbeat itself if there is none). Default 30 s.
	Heartbeat time.Duration
}

const (
	defaultBuffer    = 1024
	defaultHeartbeat = 30 * time.Second
)

// Subscriber makes subscriptions with options of their own. It is a value, for any number of goroutines.
type Subscriber struct {
	client Wiring
	o      Options
}

// NewSubscriber returns a Subscriber. Its methods validate the options.
func NewSubscriber(w Wiring, o Options) Subscriber {
	o.Buffer = cmp.Or(o.Buffer, defaultBuffer)
	o.Heartbeat = max(cmp.Or(o.Heartbeat, defaultHeartbeat), 0)
	return Subscriber{w, o}
}

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
	var wrong []error
	if s.o.Buffer < 1 {
		wrong = append(wrong, fmt.Errorf("baton: Buffer is %d, must be at least 1", s.o.Buffer))
	}
	if s.o.Overflow > DropNewest {
		wrong = append(wrong, fmt.Errorf("baton: Overflow is %d, must be at most %d", s.o.Overflow, DropNewest))
	}
	if err := errors.Join(wrong...); err != nil {
		return nil, err
	}
	if len(names) == 0 {
		return nil, fmt.Errorf("baton: %s needs a channel", command)
	}
	sub := newSubscription(s.client, s.o, command, names)
	if err := s.client.Group.add(sub); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(sub.ctx, cancel)()
	err := s.client.Retry(ctx, command, func() error {
		c, err := sub.openConfigured(ctx)
		if err == nil {
			sub.serve(c, Event{Kind: Connected})
			go sub.run(c)
		}
		return err
	})
	if err != nil {
		sub.end(err)
		sub.finish()
		return nil, context.Cause(sub.ctx) // err, unless the client was closed before
	}
	return sub, nil
}

// Subscription receives messages until Close. Its methods may be called from several goroutines at once.
type Subscription struct {
	client  Wiring
	member  member
	o       Options
	command string
	names   []string

	ctx     context.Context // ends with end, for its cause
	cancel  context.CancelCauseFunc
	done    chan struct{}    // closed when nothing of the subscription runs any more
	moves   chan moveRequest // to run
	blocked chan struct{}    // room for one: reading has begun to wait for the consumer
	events  chan Event
	work    sync.WaitGroup // goroutines that run starts

	// mu guards the fields below: memory only, since goroutines that read from connections take it for each read. It is
	// a leaf.
	mu      sync.Mutex
	serving *subConn // its messages go to the queue; nil before start and while no connection serves
	queue   queue
	history history
}

func newSubscription(w Wiring, o Options, command string, names []string) *Subscription {
	s := &Subscription{
		client: w, o: o, command: command,
		done: make(chan struct{}), moves: make(chan moveRequest), blocked: make(chan struct{}, 1),
		events: make(chan Event, keptEvents),
		queue:  newQueue(o.Buffer, o.Overflow), history: newHistory(),
	}
	given := map[string]bool{}
	s.names = slices.DeleteFunc(slices.Clone(names), func(name string) bool {
		again := given[name]
		given[name] = true
		return again
	})
	s.ctx, s.cancel = context.WithCancelCause(context.Background())
	s.member = member{end: s.end, done: s.done, serving: s.current, move: s.requestMove}
	return s
}

// All yields messages as they come. The iteration ends with the loop, when ctx ends (the last error is then the
// context's), when the subscription is closed (without an error), or when the client is closed (ErrClosed). A lost
// connection does not end it: see Events. A later loop finds the messages that an earlier one has left. With several
// loops at once, each message goes to one of them.
func (s *Subscription) All(ctx context.Context) iter.Seq2[Message, error] {
	return func(yield func(Message, error) bool) {
		for {
			m, err := s.next(ctx)
			if err == io.EOF || !yield(m, err) || err != nil {
				return
			}
		}
	}
}

// next waits for a message. io.EOF is the end by Close.
func (s *Subscription) next(ctx context.Context) (Message, error) {
	for {
		if ctx.Err() != nil {
			s.locked(s.queue.signal) // for another consumer: this one may have received the signal for a message
			return Message{}, conn.ContextError(ctx)
		}
		s.mu.Lock()
		m, ok := s.queue.take()
		s.mu.Unlock()
		if s.ctx.Err() != nil {
			return Message{}, context.Cause(s.ctx)
		}
		if ok {
			return m, nil
		}
		select {
		case <-s.queue.ready:
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

// Close ends the subscription and returns when nothing of it is left: its connection is closed, All yields nothing more,
// and the channel of Events is closed. Messages that wait are discarded. Close may be called more than once, and from
// within a loop over All.
func (s *Subscription) Close() error {
	s.end(io.EOF)
	<-s.done
	return nil
}

// end begins the end of the subscription. The first cause holds.
func (s *Subscription) end(cause error) {
	s.locked(func() {
		s.cancel(cause) // with mu held, so that no reader sends an event after it
		s.queue.clear()
	})
}

// finish comes last, when nothing of the subscription runs any more.
func (s *Subscription) finish() {
	close(s.events)
	s.client.Group.remove(s)
	close(s.done)
}

// locked calls f with mu held.
func (s *Subscription) locked(f func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	f()
}

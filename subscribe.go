package baton

import (
	"context"

	"github.com/baton-go/baton/conn"
	"github.com/baton-go/baton/handoff"
	"github.com/baton-go/baton/internal/errs"
	"github.com/baton-go/baton/pubsub"
	"github.com/baton-go/baton/resp3"
)

// The types of subscriptions belong to package pubsub, which documents their methods and fields.
type (
	Subscriber       = pubsub.Subscriber   // makes subscriptions with options of their own
	SubscribeOptions = pubsub.Options      // of a subscription; the zero value is useful
	Overflow         = pubsub.Overflow     // what happens to a message when the buffer is full
	Subscription     = pubsub.Subscription // receives messages until Close
	Message          = pubsub.Message      // a message that was published to a channel
	SubEvent         = pubsub.Event        // something that happened to a subscription
	SubEventKind     = pubsub.EventKind    // what happened
)

// The values of Overflow.
const (
	Block      = pubsub.Block      // stop reading until there is room
	DropOldest = pubsub.DropOldest // drop the message that has waited longest
	DropNewest = pubsub.DropNewest // drop the message that has just come
)

// The values of SubEventKind.
const (
	SubConnected    = pubsub.Connected    // the server has confirmed every channel for the first time
	SubLost         = pubsub.Lost         // the connection is lost, or the server has ended the subscription to Channel
	SubFailed       = pubsub.Failed       // an attempt to come back has failed with Err
	SubResubscribed = pubsub.Resubscribed // every channel is confirmed again; messages published in the Gap may be missing
	SubMoved        = pubsub.Moved        // the connection moved, without a gap
	SubDropped      = pubsub.Dropped      // the consumer is too slow: Overflow begins to drop messages
)

// Subscriber returns a maker of subscriptions with these options. Its methods validate them.
func (c *Client) Subscriber(o SubscribeOptions) Subscriber {
	return pubsub.NewSubscriber(c.pubsubWiring(), o)
}

// Subscribe receives the messages that are published to the channels. It returns when the server has confirmed every
// channel, with the server's refusal (a *resp3.Error such as NOPERM), or with an *OpError. A failure that another attempt
// may mend is tried again as Options.Retry allows. ctx bounds this call only: the subscription lives until it or the
// client is closed. It has a connection of its own, which counts in Options.MaxSubscriptions and not in Pool.Size. RESP2
// is enough for it; maintenance is announced in RESP3 only.
//
// The connection moves with the others when maintenance asks for it, without a gap. A lost connection is replaced, with a
// gap that Events tells of. See docs/pubsub.md for what is promised.
func (c *Client) Subscribe(ctx context.Context, channels ...string) (*Subscription, error) {
	return c.Subscriber(SubscribeOptions{}).Subscribe(ctx, channels...)
}

// PSubscribe is Subscribe for patterns (glob style, as PSUBSCRIBE documents them). A message is received once for each
// pattern that matches its channel.
func (c *Client) PSubscribe(ctx context.Context, patterns ...string) (*Subscription, error) {
	return c.Subscriber(SubscribeOptions{}).PSubscribe(ctx, patterns...)
}

// SSubscribe is Subscribe for sharded channels, which SPUBLISH publishes to (Redis 7). In a cluster all channels of one
// subscription must be of the slots of the node that the client is connected to.
func (c *Client) SSubscribe(ctx context.Context, channels ...string) (*Subscription, error) {
	return c.Subscriber(SubscribeOptions{}).SSubscribe(ctx, channels...)
}

// pubsubWiring introduces subscriptions to the other layers.
func (c *Client) pubsubWiring() pubsub.Wiring {
	return pubsub.Wiring{
		Group: &c.subs, Limit: c.o.MaxSubscriptions, ReadTimeout: c.o.ReadTimeout,
		Closed: func() error {
			if c.closed.Load() {
				return ErrClosed
			}
			return nil
		},
		Config: c.connConfig, Dial: c.dialUncounted, Lost: c.dials.Lost, Retry: c.retrySubscribe,
		Joined: c.handoffs.Joined, Ended: c.handoffs.PeerLost, Refused: c.shunRefusing,
		ListenElsewhere: func(ctx context.Context) { // a lane hears a MOVING as well
			if c.o.Handoff.Mode != handoff.ModeDisabled && c.pool.Stats().Lanes == 0 {
				c.pool.Lane(ctx)
			}
		},
	}
}

// retrySubscribe calls attempt as often as the policy allows, and returns the error for the caller of command.
func (c *Client) retrySubscribe(ctx context.Context, command string, attempt func() error) error {
	if ctx.Err() != nil {
		return c.opError(command, 1, nil, conn.ContextError(ctx), false)
	}
	var r retries
	for n := 1; ; n++ {
		err := attempt()
		if err == nil {
			return nil
		}
		if !c.nextAttempt(ctx, &r, c.maySendAgain(nil, err)) {
			if _, serverErr := errs.As[*resp3.Error](err); serverErr {
				return err
			}
			return c.opError(command, n, nil, withContextError(ctx, err), false)
		}
	}
}

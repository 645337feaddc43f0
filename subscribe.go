package baton

import (
	"context"

	"github.com/baton-go/baton/conn"
	"github.com/baton-go/baton/handoff"
	"github.com/baton-go/baton/internal/errs"
	"github.com/baton-go/baton/pubsub"
	"github.com/baton-go/baton/resp3"
)

// Subscriptions are those of package pubsub, which documents their methods.
type (
	Subscription     = pubsub.Subscription
	Subscriber       = pubsub.Subscriber
	SubscribeOptions = pubsub.Options
	Message          = pubsub.Message
	Overflow         = pubsub.Overflow
	SubEvent         = pubsub.Event
	SubEventKind     = pubsub.EventKind
)

// What happens to a message for which a subscription's buffer has no room.
const (
	Block      = pubsub.Block
	DropOldest = pubsub.DropOldest
	DropNewest = pubsub.DropNewest
)

// What may happen to a subscription.
const (
	SubConnected    = pubsub.Connected
	SubLost         = pubsub.Lost
	SubFailed       = pubsub.Failed
	SubResubscribed = pubsub.Resubscribed
	SubMoved        = pubsub.Moved
	SubDropped      = pubsub.Dropped
)

// Subscriber returns the maker of subscriptions with these options. Whether they are valid is said by its methods.
func (c *Client) Subscriber(o SubscribeOptions) Subscriber {
	return pubsub.NewSubscriber(c.pubsubWiring(), o)
}

// Subscribe receives what is published to the channels. It returns when the server has confirmed every one of them, or
// with its refusal (a *resp3.Error such as NOPERM), or with an *OpError; a failure that another attempt may mend is tried
// again as Options.Retry allows. ctx bounds this call only: the subscription lives until Close, of itself or of the
// client. It has a connection of its own, which is not counted in Pool.Size but in Options.MaxSubscriptions. RESP2 will do for
// it; maintenance is heard in RESP3 only.
//
// The connection moves with the others when maintenance asks for it, without a gap, and is replaced when it is lost, which
// makes a gap that Events tells of. See docs/pubsub.md for what is promised.
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

// pubsubWiring introduces the subscriptions to the other layers.
func (c *Client) pubsubWiring() pubsub.Wiring {
	return pubsub.Wiring{
		Group: &c.subs, Limit: c.o.MaxSubscriptions, ReadTimeout: c.o.ReadTimeout,
		Closed: func() error {
			if c.closed.Load() {
				return ErrClosed
			}
			return nil
		},
		Config: c.connConfig, Dial: c.dialInTurn, Lost: c.dials.Lost, Retry: c.retrySubscribe,
		Joined: c.handoffs.Joined, Refused: c.shunRefusing,
		ListenElsewhere: func(ctx context.Context) { // a MOVING is told on all connections
			if c.o.Handoff.Mode != handoff.ModeDisabled && c.pool.Stats().Lanes == 0 {
				c.pool.Lane(ctx)
			}
		},
	}
}

// retrySubscribe makes attempts at the start of a subscription as the policy allows, and returns the error that the caller sees.
func (c *Client) retrySubscribe(ctx context.Context, command string, attempt func() error) error {
	if ctx.Err() != nil {
		return c.opError(command, 1, nil, conn.ContextError(ctx), false)
	}
	var w patience
	for n := 1; ; n++ {
		err := attempt()
		if err == nil {
			return nil
		}
		if !c.again(ctx, &w, c.chanceOf(nil, err)) {
			if _, answered := errs.As[*resp3.Error](err); answered {
				return err
			}
			return c.opError(command, n, nil, gaveUp(ctx, err), false)
		}
	}
}

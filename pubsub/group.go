// Package pubsub receives messages that are published to channels. Each subscription has a connection of its own, which
// moves without a gap when maintenance asks for it and is replaced when it is lost. Programs use it by way of package
// baton, which has aliases of its types.
//
// The goroutine that reads from a connection gives a message to subConn.push, which queues it, and a loop over
// [Subscription.All] takes it from there. One goroutine for each subscription, Subscription.run, decides which connection
// serves. docs/pubsub.md says what is promised and why it holds.
package pubsub

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/baton-go/baton/conn"
	"github.com/baton-go/baton/pool"
)

// Wiring is what a client gives to its subscriptions. The functions may be called from several goroutines at once.
type Wiring struct {
	Group       *Group
	Limit       int           // of subscriptions in Group; negative: none
	ReadTimeout time.Duration // for a reply; 0: none

	// Closed returns an error if there can be no further subscription. It is called with the lock of Group held.
	Closed func() error
	// Config returns a configuration for one connection, whose OnPush the subscription wraps. It replaces OnState.
	Config func() *conn.Config
	// Dial opens a connection to the configured endpoint as soon as it may be dialled. Lost is told of the loss of one.
	Dial func(ctx context.Context, cfg *conn.Config) (*conn.Conn, error)
	Lost func(cn *conn.Conn)
	// Retry calls attempt until it succeeds or must not be repeated, and returns the error for the caller of command.
	Retry func(ctx context.Context, command string, attempt func() error) error
	// Joined is told of a connection that begins to serve, Ended of any that was set up and is closed, and Refused of a peer
	// that has refused a subscription.
	Joined  func(cn *conn.Conn)
	Ended   func(cn *conn.Conn)
	Refused func(peer string, err error)
	// ListenElsewhere has another connection of the client read, which may take until ctx ends.
	ListenElsewhere func(ctx context.Context)
}

// Group is the subscriptions of one client. The zero value is empty. All methods may be called at once.
type Group struct {
	attempts pool.Dials // the account of attempts to subscribe that the server has refused, or has taken back later

	mu  sync.Mutex // taken alone; memory only
	all map[*member]struct{}
}

// member is a subscription as its group knows it: by functions, so that a program that never subscribes contains nothing of
// Subscription (docs/decisions/0008).
type member struct {
	end     func(cause error)
	done    <-chan struct{}
	serving func() (cn *conn.Conn, since time.Time) // nil if none serves
	move    func(ctx context.Context, cn *conn.Conn, t conn.Target) (*conn.Conn, error)
}

func (g *Group) add(s *Subscription) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	if err := s.client.Closed(); err != nil {
		return err
	}
	if limit := s.client.Limit; limit >= 0 && len(g.all) >= limit {
		return fmt.Errorf("baton: %s: there are %d subscriptions, the limit is Options.MaxSubscriptions", s.command, len(g.all))
	}
	if g.all == nil {
		g.all = map[*member]struct{}{}
	}
	g.all[&s.member] = struct{}{}
	return nil
}

func (g *Group) remove(s *Subscription) {
	g.mu.Lock()
	defer g.mu.Unlock()
	delete(g.all, &s.member)
}

func (g *Group) list() []*member {
	g.mu.Lock()
	defer g.mu.Unlock()
	list := make([]*member, 0, len(g.all))
	for m := range g.all {
		list = append(list, m)
	}
	return list
}

// Len returns the number of subscriptions, each of which has a connection or waits for one.
func (g *Group) Len() int { return len(g.list()) }

// Close ends all subscriptions, for cause, and waits until nothing of them is left. Wiring.Closed must refuse new ones.
func (g *Group) Close(cause error) {
	all := g.list()
	for _, m := range all {
		m.end(cause)
	}
	for _, m := range all {
		<-m.done
	}
}

// Conns returns the connections that serve.
func (g *Group) Conns() []*conn.Conn {
	var cs []*conn.Conn
	for _, m := range g.list() {
		if cn, _ := m.serving(); cn != nil {
			cs = append(cs, cn)
		}
	}
	return cs
}

// Infos describes the connections that serve.
func (g *Group) Infos() []pool.ConnInfo {
	var infos []pool.ConnInfo
	for _, m := range g.list() {
		if cn, since := m.serving(); cn != nil {
			infos = append(infos, pool.ConnInfo{Info: cn.Info(), Role: pool.Subscribed, Since: time.Since(since)})
		}
	}
	return infos
}

// Move moves a connection and returns the one that serves then: a new one for a subscription, else the same.
func (g *Group) Move(ctx context.Context, cn *conn.Conn, t conn.Target) (*conn.Conn, error) {
	for _, m := range g.list() {
		if serving, _ := m.serving(); serving == cn {
			return m.move(ctx, cn, t)
		}
	}
	return cn, cn.Move(ctx, t)
}

// current returns the connection that serves, and since when; nil if none does.
func (s *Subscription) current() (cn *conn.Conn, since time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.serving == nil {
		return nil, since
	}
	return s.serving.cn, s.serving.since
}

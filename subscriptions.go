package baton

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/baton-go/baton/conn"
	"github.com/baton-go/baton/pool"
)

// subscriptions are those of one client.
type subscriptions struct {
	most int // negative: no limit

	refused pool.Dials // the account of what the server refuses or takes back from subscriptions

	mu     sync.Mutex // taken alone; memory only
	all    map[subscriber]struct{}
	closed bool
}

// subscriber is a *Subscription. It is an interface so that a program without subscriptions contains nothing of them.
type subscriber interface {
	end(cause error)
	finished() <-chan struct{}
	server() (*conn.Conn, time.Time)
	moveTo(ctx context.Context, cn *conn.Conn, t conn.Target) (*conn.Conn, error)
}

func (l *subscriptions) add(s *Subscription) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	switch {
	case l.closed || s.c.closed.Load():
		return ErrClosed
	case l.most >= 0 && len(l.all) >= l.most:
		return fmt.Errorf("baton: %s: there are %d subscriptions, the limit is Options.MaxSubscriptions", s.command, len(l.all))
	}
	if l.all == nil {
		l.all = map[subscriber]struct{}{}
	}
	l.all[s] = struct{}{}
	return nil
}

func (l *subscriptions) remove(s *Subscription) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.all, s)
}

func (l *subscriptions) list() []subscriber {
	l.mu.Lock()
	defer l.mu.Unlock()
	list := make([]subscriber, 0, len(l.all))
	for s := range l.all {
		list = append(list, s)
	}
	return list
}

// count is how many there are, each of which has a connection or is to have one.
func (l *subscriptions) count() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.all)
}

// close ends all of them and waits until nothing of them is left.
func (l *subscriptions) close() {
	l.mu.Lock()
	l.closed = true
	l.mu.Unlock()
	all := l.list()
	for _, s := range all {
		s.end(ErrClosed)
	}
	for _, s := range all {
		<-s.finished()
	}
}

// conns returns the connections that serve.
func (l *subscriptions) conns() []*conn.Conn {
	var cs []*conn.Conn
	for _, s := range l.list() {
		if cn, _ := s.server(); cn != nil {
			cs = append(cs, cn)
		}
	}
	return cs
}

func (l *subscriptions) infos() []pool.ConnInfo {
	var infos []pool.ConnInfo
	for _, s := range l.list() {
		if cn, since := s.server(); cn != nil {
			infos = append(infos, pool.ConnInfo{Info: cn.Info(), Role: pool.Subscribed, Since: time.Since(since)})
		}
	}
	return infos
}

// server returns the connection that serves, and since when it does; nil if none does.
func (s *Subscription) server() (*conn.Conn, time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.serving == nil {
		return nil, s.since
	}
	return s.serving.cn, s.since
}

func (s *Subscription) finished() <-chan struct{} { return s.done }

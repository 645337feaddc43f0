package baton_test

import (
	"context"
	"errors"
	"net"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/baton-go/baton"
	"github.com/baton-go/baton/handoff"
	"github.com/baton-go/baton/handoff/handofftest"
	"github.com/baton-go/baton/pool"
)

// fickle is what a user gives to a client: a dialler, a resolver and credentials that do as bad says while it is set.
type fickle struct {
	*handofftest.Network
	bad atomic.Pointer[func(ctx context.Context) error]
}

func (f *fickle) trouble(ctx context.Context) error {
	if bad := f.bad.Load(); bad != nil {
		return (*bad)(ctx)
	}
	return nil
}

func (f *fickle) DialContext(ctx context.Context, network, addr string) (net.Conn, error) {
	if err := f.trouble(ctx); err != nil {
		return nil, err
	}
	return f.Network.DialContext(ctx, network, addr)
}

func (f *fickle) LookupHost(ctx context.Context, host string) ([]string, error) {
	if err := f.trouble(ctx); err != nil {
		return nil, err
	}
	return f.Network.LookupHost(ctx, host)
}

func (f *fickle) Credentials(ctx context.Context) (baton.Credentials, error) {
	return baton.Credentials{}, f.trouble(ctx)
}

// The dialler, resolver or credentials of the user fail, hang or panic for two seconds of the window. A panic used to leave the
// connection in state Moving for ever: it could neither be moved again nor end with its socket, and commands waited for nothing.
func TestMoveOutlivesWhatTheUserHasGiven(t *testing.T) {
	ways := map[string]func(ctx context.Context) error{
		"fails":  func(context.Context) error { return errors.New("vault is sealed") },
		"hangs":  func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() },
		"panics": func(context.Context) error { panic("vault is on fire") },
	}
	parts := map[string]func(o *baton.Options, f *fickle){
		"dialler":     func(o *baton.Options, f *fickle) { o.Dialer = f.DialContext },
		"credentials": func(o *baton.Options, f *fickle) { o.Credentials = f },
		"resolver":    func(o *baton.Options, f *fickle) { o.Resolver = f },
	}
	for way, bad := range ways {
		for part, give := range parts {
			t.Run(part+" "+way, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					p := newPair(t)
					f := &fickle{Network: p.Network}
					o := baton.Options{Addr: handofftest.PairName, Pool: pool.Config{MinIdle: 4}}
					give(&o, f)
					c := p.client(o)
					defer c.Close()
					<-time.After(time.Second)
					f.bad.Store(&bad)
					target := "node-b.example.com:6379" // part of the move is to look it up
					p.Network.SetHost("node-b.example.com", "10.0.0.2")
					p.A.Moving(15*time.Second, target)
					<-time.After(2 * time.Second)
					assert.Equal(t, map[string]int{p.A.Addr(): 5}, peers(c))
					f.bad.Store(nil)
					<-time.After(8 * time.Second)
					assert.Equal(t, map[string]int{p.B.Addr(): 5}, peers(c))
					assert.Positive(t, c.Handoffs().Stats().Failed, "it was tried before")
					_, err := c.Set(t.Context(), "k", "v")
					assert.NoError(t, err)
				})
			})
		}
	}
}

// Look-ups of a name that moves are made on goroutines of the handoff.
func TestResolverThatPanicsKnowsNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPair(t)
		f := &fickle{Network: p.Network}
		c := p.client(baton.Options{Addr: handofftest.PairName, Resolver: f, Pool: pool.Config{MinIdle: 4}})
		defer c.Close()
		<-time.After(time.Second)
		bad := func(context.Context) error { panic("no idea") }
		f.bad.Store(&bad)
		p.Network.SetHost(handofftest.PairName, "10.0.0.2")
		p.A.Moving(15*time.Second, "")
		<-time.After(4 * time.Second)
		assert.Equal(t, map[string]int{p.A.Addr(): 5}, peers(c))
		f.bad.Store(nil)
		<-time.After(3 * time.Second)
		assert.Equal(t, map[string]int{p.B.Addr(): 5}, peers(c))
	})
}

// A dial that panics is one that fails, on whatever goroutine it happens.
func TestDialThatPanicsIsAnErrorForTheCaller(t *testing.T) {
	for name, o := range map[string]baton.Options{
		"dialler":                {Dialer: func(context.Context, string, string) (net.Conn, error) { panic("no way") }},
		"no socket and no error": {Dialer: func(context.Context, string, string) (net.Conn, error) { return nil, nil }},
	} {
		synctest.Test(t, func(t *testing.T) {
			c, err := baton.New(o)
			require.NoError(t, err)
			defer c.Close()
			_, err = c.Get(t.Context(), "k")
			var oe *baton.OpError
			require.ErrorAs(t, err, &oe, name)
			assert.False(t, oe.Sent)
			assert.ErrorContains(t, err, "panic: ")
		})
	}
}

// hidden is a socket through a tunnel or proxy: its peer is the same wherever it leads to.
type hidden struct {
	net.Conn
	peer net.Addr
}

func (h hidden) RemoteAddr() net.Addr { return h.peer }

// Each attempt used to be refused, since it seemed to lead to the retiring peer, and all connections were cut at the end.
func TestMoveThroughATunnel(t *testing.T) {
	for name, peer := range map[string]net.Addr{
		"proxy":      &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 1080},
		"no address": &net.UnixAddr{Name: "pipe", Net: "pipe"},
		"nothing":    nil,
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := newPair(t)
				last, err := p.Server.Listen("10.0.0.3:6379")
				require.NoError(t, err)
				typ := handoff.EndpointTypeInternalIP // auto asks for none if it does not see an IP
				c := p.client(baton.Options{Handoff: handoff.Config{EndpointType: typ}, Pool: pool.Config{MinIdle: 4}, Dialer: func(ctx context.Context, network, addr string) (net.Conn, error) {
					nc, err := p.Network.DialContext(ctx, network, addr)
					return hidden{nc, peer}, err
				}})
				defer c.Close()
				<-time.After(time.Second)
				open := func() [3]int64 {
					return [3]int64{p.A.Stats().Open, p.B.Stats().Open, last.Stats().Open}
				}
				p.A.Moving(15*time.Second, p.B.Addr())
				<-time.After(3 * time.Second)
				assert.Equal(t, [3]int64{0, 5, 0}, open())
				p.B.Moving(15*time.Second, last.Addr()) // the peer looks the same, and all go on
				<-time.After(3 * time.Second)
				assert.Equal(t, [3]int64{0, 0, 5}, open())
				<-time.After(20 * time.Second)
				assert.EqualValues(t, 15, p.A.Stats().Accepted+p.B.Stats().Accepted+last.Stats().Accepted, "each moves once")
				assert.Zero(t, c.Handoffs().Stats().Abandoned)
			})
		})
	}
}

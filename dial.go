package baton

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"sync"
	"time"

	"github.com/baton-go/baton/conn"
	"github.com/baton-go/baton/internal/errs"
)

// lookupLimit bounds a look-up if another address can be dialled: a resolver that hangs must not use up the dial's time.
const lookupLimit = 2 * time.Second

// dialUncounted is dialWith for connections that no pool counts.
func (c *Client) dialUncounted(ctx context.Context, cfg *conn.Config) (*conn.Conn, error) {
	cn, err := c.dials.Dial(ctx, nil, func(ctx context.Context) (*conn.Conn, error) { return c.dialWith(ctx, cfg) })
	if _, dialled := errs.As[*conn.Error](err); err != nil && !dialled {
		err = &conn.Error{Op: "dial", Addr: c.o.Addr, Err: err}
	}
	return cn, err
}

// dialWith opens a connection. While a peer retires, dials that would reach it go to the target of its connections.
func (c *Client) dialWith(ctx context.Context, cfg *conn.Config) (cn *conn.Conn, err error) {
	defer func() {
		if ce, ok := errs.As[*conn.Error](err); ok {
			c.shunRefusing(ce.Addr, err)
		}
	}()
	if !c.handoffs.Leaving() {
		return conn.Dial(ctx, cfg, c.o.Addr)
	}
	now := time.Now()
	if d := c.o.DialTimeout; d > 0 { // for all attempts together
		var cancel context.CancelFunc
		ctx, cancel = context.WithDeadlineCause(ctx, now.Add(max(d, c.handoffs.Relaxed(now, now))), conn.ErrTimeout)
		defer cancel()
	}
	look, done := context.WithTimeout(ctx, lookupLimit)
	addrs, err := c.addresses(look, c.o.Addr)
	done()
	if err != nil {
		addrs = []string{c.o.Addr}
	}
	err = dialFirst(ctx, c.handoffs.Remap(c.shunned.order(addrs, now)), func(ctx context.Context, addr string) (err error) {
		cn, err = conn.Dial(ctx, cfg, addr)
		return err
	})
	return cn, err
}

// dialNet opens the byte stream for a link. Names are looked up afresh each time and all their addresses are tried:
// peers that retire last, and before them those that have said lately that they cannot serve.
func (c *Client) dialNet(ctx context.Context, network, addr string) (nc net.Conn, err error) {
	dialer := c.o.Dialer
	if dialer == nil {
		dialer = conn.DialNet
	}
	dial := func(ctx context.Context, to string) (err error) {
		if err = c.limit.wait(ctx); err != nil {
			return err
		}
		if nc, err = dialer(ctx, network, to); err != nil || nc == nil || nc.RemoteAddr() == nil {
			return err
		}
		if err = c.handoffs.Admit(addr, nc.RemoteAddr().String()); err != nil { // a server must not name this address
			nc.Close()
			nc = nil
		}
		return err
	}
	now, custom := time.Now(), c.o.Resolver != Resolver(net.DefaultResolver)
	if network != "tcp" || !custom && !c.handoffs.Leaving() && !c.shunned.any(now) {
		err = dial(ctx, addr) // net.Dialer races the addresses of both families
		return nc, err
	}
	addrs, err := c.addresses(ctx, addr)
	if err != nil {
		if custom {
			return nil, err
		}
		addrs = []string{addr} // a dialler may know names that nobody else does
	}
	err = dialFirst(ctx, putLast(c.shunned.order(addrs, now), c.handoffs.Retires), dial)
	return nc, err
}

// addresses returns the present addresses of addr if that is a name, else addr itself.
func (c *Client) addresses(ctx context.Context, addr string) ([]string, error) {
	host, port, err := net.SplitHostPort(addr)
	if c.o.Network != "tcp" || err != nil {
		return []string{addr}, nil
	}
	if _, err := netip.ParseAddr(host); err == nil {
		return []string{addr}, nil
	}
	addrs, err := c.lookUp(ctx, host)
	if err == nil && len(addrs) == 0 {
		err = errors.New("no address")
	}
	if err != nil {
		return nil, fmt.Errorf("look up %s: %w", host, err)
	}
	addrs = slices.Clone(addrs) // they are the resolver's
	for i, ip := range addrs {
		addrs[i] = net.JoinHostPort(ip, port)
	}
	return addrs, nil
}

// lookUp asks the resolver of the options. A panic of it is an error, as one of a dialler is.
func (c *Client) lookUp(ctx context.Context, host string) (ips []string, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("panic: %v", p)
		}
	}()
	return c.o.Resolver.LookupHost(ctx, host)
}

// putLast returns addrs with those that match behind the others.
func putLast(addrs []string, match func(string) bool) []string {
	var others, matching []string
	for _, a := range addrs {
		if match(a) {
			matching = append(matching, a)
		} else {
			others = append(others, a)
		}
	}
	return append(others, matching...)
}

// dialFirst dials one address after the other. Each may take an equal part of the remaining time, so that one that
// drops packets does not use up all of it.
func dialFirst(ctx context.Context, addrs []string, dial func(context.Context, string) error) error {
	var failed []error
	for i, a := range addrs {
		part, cancel := ctx, func() {}
		if at, ok := ctx.Deadline(); ok && i < len(addrs)-1 {
			share := time.Until(at) / time.Duration(len(addrs)-i)
			part, cancel = context.WithTimeoutCause(ctx, share, conn.ErrTimeout)
		}
		err := dial(part, a)
		cancel()
		if err == nil {
			return nil
		}
		if failed = append(failed, err); ctx.Err() != nil {
			break
		}
	}
	if len(failed) == 1 {
		return failed[0]
	}
	return errors.Join(failed...)
}

// liveConns returns the connections of the pools and those that serve subscriptions.
func (c *Client) liveConns() []*conn.Conn {
	return slices.Concat(c.pool.List(), c.blocking.List(), c.subs.Conns())
}

// wanted is how many connections the client has, opens, or is to have.
func (c *Client) wanted() int {
	s := c.Stats()
	return s.Open + s.Dialing + c.subs.Len()
}

const (
	spareDials   = 32              // at once, beyond those for each connection
	dialsPerConn = 2               // at once: it moves, and then its server restarts
	minDialRate  = 10              // a second
	dialSpread   = 6               // seconds over which one dial for each connection is spread
	peakKept     = 5 * time.Minute // how long the largest number of connections counts
)

// dialLimit is the last resort against storms of dials: a bucket of tokens, of which each dial takes one. The bucket has two
// for each connection that the client had or wants, so that all of them may move or come back at once, and some to spare. It
// is refilled at ten a second, or within six seconds if there are many connections.
type dialLimit struct {
	need func() int // connections that exist or are wanted

	mu       sync.Mutex // guards the fields below, for work in memory only; nothing is locked with it held
	tokens   float64
	filledAt time.Time // when they were counted
	peak     int       // the most connections lately
	peakAt   time.Time
}

// wait takes a token. If there is none it waits for one, until ctx ends.
func (l *dialLimit) wait(ctx context.Context) error {
	if !pause(ctx, l.take(l.need(), time.Now()), nil) {
		l.mu.Lock()
		defer l.mu.Unlock()
		l.tokens++
		return conn.ContextError(ctx)
	}
	return nil
}

// take takes a token, on credit if there is none, and returns the time until it will be there.
func (l *dialLimit) take(need int, now time.Time) time.Duration {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.filledAt.IsZero() {
		l.tokens, l.filledAt = spareDials, now
	}
	rate := max(minDialRate, float64(l.peak)/dialSpread)
	l.tokens += rate * now.Sub(l.filledAt).Seconds()
	l.filledAt = now
	if need > l.peak { // each new one adds its tokens
		l.tokens += float64(dialsPerConn * (need - l.peak))
	}
	if need >= l.peak || now.Sub(l.peakAt) > peakKept {
		l.peak, l.peakAt = need, now
	}
	l.tokens = min(l.tokens, float64(dialsPerConn*l.peak+spareDials)) - 1
	return time.Duration(-l.tokens / rate * float64(time.Second))
}

// peakConns is how many connections the client had or wanted lately.
func (l *dialLimit) peakConns() int {
	need := l.need()
	l.mu.Lock()
	defer l.mu.Unlock()
	return max(need, l.peak)
}

package baton

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"time"

	"github.com/baton-go/baton/conn"
	"github.com/baton-go/baton/internal/errs"
)

// lookupLimit bounds a look-up where there is another place to dial: a resolver that hangs must not use up the dial's time.
const lookupLimit = 2 * time.Second

// dial opens a connection for the pool.
func (c *Client) dial(ctx context.Context) (*conn.Conn, error) { return c.dialWith(ctx, c.cfg) }

// dialWith opens a connection. While a peer retires, dials that would reach it go to where its connections go.
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
	addrs, err := c.listed(look, c.o.Addr)
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

// dialNet opens the byte stream for a link. Names are looked up afresh each time and all their addresses are tried, those
// that retire last, and before them those that have said lately that they cannot serve.
func (c *Client) dialNet(ctx context.Context, network, addr string) (nc net.Conn, err error) {
	dial := func(ctx context.Context, network, to string) (net.Conn, error) {
		return c.dialAdmitted(ctx, network, addr, to)
	}
	ours := c.o.Resolver != Resolver(net.DefaultResolver)
	now := time.Now()
	if network != "tcp" || !ours && !c.handoffs.Leaving() && !c.shunned.any(now) {
		return dial(ctx, network, addr) // net.Dialer races the addresses of both families
	}
	addrs, err := c.listed(ctx, addr)
	if err != nil && ours {
		return nil, err
	}
	if err != nil {
		addrs = []string{addr} // a dialler may know names that nobody else does
	}
	var stay, retire []string
	for _, a := range c.shunned.order(addrs, now) {
		if c.handoffs.Retires(a) {
			retire = append(retire, a)
		} else {
			stay = append(stay, a)
		}
	}
	addrs = append(stay, retire...)
	err = dialFirst(ctx, addrs, func(ctx context.Context, addr string) (err error) {
		nc, err = dial(ctx, network, addr)
		return err
	})
	return nc, err
}

// dialAdmitted dials to, an address of addr, as soon as the client's limit of dials allows it, and closes what has led to where a
// server's word must not lead.
func (c *Client) dialAdmitted(ctx context.Context, network, addr, to string) (net.Conn, error) {
	if err := c.limit.wait(ctx); err != nil {
		return nil, err
	}
	dial := c.o.Dialer
	if dial == nil {
		dial = conn.DialNet
	}
	nc, err := dial(ctx, network, to)
	if err != nil || nc == nil || nc.RemoteAddr() == nil {
		return nc, err
	}
	if err := c.handoffs.Admit(addr, nc.RemoteAddr().String()); err != nil {
		nc.Close()
		return nil, err
	}
	return nc, nil
}

// listed gives the addresses of addr: of a name those that it has now, else addr itself.
func (c *Client) listed(ctx context.Context, addr string) ([]string, error) {
	host, port, err := net.SplitHostPort(addr)
	if c.o.Network != "tcp" || err != nil {
		return []string{addr}, nil
	}
	if _, err := netip.ParseAddr(host); err == nil {
		return []string{addr}, nil
	}
	ips, err := c.lookUp(ctx, host)
	if err != nil {
		return nil, fmt.Errorf("look up %s: %w", host, err)
	}
	if len(ips) == 0 {
		return nil, fmt.Errorf("look up %s: no address", host)
	}
	addrs := make([]string, 0, len(ips))
	for _, ip := range ips {
		addrs = append(addrs, net.JoinHostPort(ip, port))
	}
	return addrs, nil
}

// lookUp asks the resolver of the options. Its panics are errors, as those of a dialler are.
func (c *Client) lookUp(ctx context.Context, host string) (ips []string, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("panic: %v", p)
		}
	}()
	return c.o.Resolver.LookupHost(ctx, host)
}

// dialFirst dials one address after the other. Each may take an equal part of the time that is left, so that one that
// swallows packets does not use up all of it.
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

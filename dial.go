package baton

import (
	"context"
	"errors"
	"fmt"
	"net"
	"time"

	"github.com/baton-go/baton/conn"
)

// dial opens a connection for the pool.
func (c *Client) dial(ctx context.Context) (*conn.Conn, error) { return c.dialWith(ctx, c.cfg) }

// dialWith opens a connection: to where maintenance says that the endpoint lives now, else to the configured
// address. If the first cannot be had the second is tried, but never the peer that is about to retire.
func (c *Client) dialWith(ctx context.Context, cfg *conn.Config) (*conn.Conn, error) {
	addr, avoid := c.handoffs.Remap()
	if addr == "" {
		return conn.Dial(ctx, cfg, c.o.Addr)
	}
	cn, err := conn.Dial(ctx, cfg, addr)
	if err == nil || ctx.Err() != nil {
		return cn, err
	}
	home, herr := conn.Dial(ctx, cfg, c.o.Addr)
	if herr != nil {
		return nil, err
	}
	if home.Peer() == avoid {
		home.Close()
		return nil, err
	}
	return home, nil
}

// dialNet opens the byte stream for a link. Names are looked up afresh each time and all their addresses are tried, the one
// that retires last.
func (c *Client) dialNet(ctx context.Context, network, addr string) (net.Conn, error) {
	dial := c.o.Dialer
	if dial == nil {
		dial = conn.DialNet
	}
	host, port, err := net.SplitHostPort(addr)
	if network != "tcp" || err != nil || net.ParseIP(host) != nil {
		return dial(ctx, network, addr)
	}
	_, avoid := c.handoffs.Remap()
	if avoid == "" && c.o.Resolver == Resolver(net.DefaultResolver) {
		return dial(ctx, network, addr) // net.Dialer races the addresses of both families
	}
	ips, err := c.o.Resolver.LookupHost(ctx, host)
	if err != nil {
		return nil, fmt.Errorf("look up %s: %w", host, err)
	}
	if len(ips) == 0 {
		return nil, fmt.Errorf("look up %s: no address", host)
	}
	return dialFirst(ctx, dial, lastToDial(ips, port, avoid))
}

// lastToDial turns ips into addresses, with the one to avoid at the end.
func lastToDial(ips []string, port, avoid string) []string {
	var addrs, last []string
	for _, ip := range ips {
		if a := net.JoinHostPort(ip, port); a == avoid {
			last = append(last, a)
		} else {
			addrs = append(addrs, a)
		}
	}
	return append(addrs, last...)
}

// dialFirst dials one address after the other. Each may take an equal part of the time that is left, so that one that
// swallows packets does not use up all of it.
func dialFirst(ctx context.Context, dial func(context.Context, string, string) (net.Conn, error), addrs []string) (net.Conn, error) {
	var errs []error
	for i, a := range addrs {
		part, cancel := ctx, func() {}
		if at, ok := ctx.Deadline(); ok {
			part, cancel = context.WithTimeout(ctx, time.Until(at)/time.Duration(len(addrs)-i))
		}
		nc, err := dial(part, "tcp", a)
		cancel()
		if err == nil {
			return nc, nil
		}
		errs = append(errs, err)
	}
	return nil, errors.Join(errs...)
}

package baton

import (
	"context"
	"errors"
	"fmt"
	"net"
	"time"

	"github.com/baton-go/baton/conn"
)

// dial opens a connection for the pool: to where maintenance says that the endpoint lives now, else to the configured
// address. If the first cannot be had the second is tried, but never the peer that is about to retire (H-37).
func (c *Client) dial(ctx context.Context) (*conn.Conn, error) {
	addr, avoid := c.handoffs.Remap()
	if addr == "" {
		return conn.Dial(ctx, c.cfg, c.o.Addr)
	}
	cn, err := conn.Dial(ctx, c.cfg, addr)
	if err == nil || ctx.Err() != nil {
		return cn, err
	}
	home, herr := conn.Dial(ctx, c.cfg, c.o.Addr)
	if herr != nil {
		return nil, err
	}
	if home.Peer() == avoid {
		home.Close()
		return nil, err
	}
	return home, nil
}

// dialNet opens the byte stream for a link. All addresses of a name are tried, looked up afresh each time; the one that
// retires comes last.
func (c *Client) dialNet(ctx context.Context, network, addr string) (net.Conn, error) {
	dial := c.o.Dialer
	if dial == nil {
		dial = netDialer.DialContext
	}
	host, port, err := net.SplitHostPort(addr)
	if network != "tcp" || err != nil || c.o.Resolver == net.DefaultResolver || net.ParseIP(host) != nil {
		return dial(ctx, network, addr)
	}
	ips, err := c.o.Resolver.LookupHost(ctx, host)
	if err != nil {
		return nil, fmt.Errorf("look up %s: %w", host, err)
	}
	_, avoid := c.handoffs.Remap()
	var errs []error
	for _, last := range []bool{false, true} {
		for _, ip := range ips {
			to := net.JoinHostPort(ip, port)
			if (to == avoid) != last {
				continue
			}
			nc, err := dial(ctx, network, to)
			if err == nil {
				return nc, nil
			}
			errs = append(errs, err)
		}
	}
	if len(errs) == 0 {
		return nil, fmt.Errorf("look up %s: no address", host)
	}
	return nil, errors.Join(errs...)
}

// netDialer finds a dead peer by keep-alive after 45 s of silence where no command is waiting that would find it sooner.
var netDialer = &net.Dialer{KeepAliveConfig: net.KeepAliveConfig{
	Enable: true, Idle: 30 * time.Second, Interval: 5 * time.Second, Count: 3,
}}

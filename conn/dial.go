package conn

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"time"
)

// open dials addr and sets up a link. It is bounded by ctx and by DialTimeout, or the relaxed timeout if that is longer.
// A panic of the dialler or of who gives the credentials is an error like any other: it may come on a goroutine of ours, where
// nobody else could recover it, and in a move it must not cost the link that serves.
func (c *Conn) open(ctx context.Context, addr string) (l *link, err error) {
	now := time.Now()
	if d := c.cfg.effectiveTimeout(c.cfg.DialTimeout, now, now); d > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithDeadlineCause(ctx, now.Add(d), ErrTimeout)
		defer cancel()
	}
	var raw net.Conn
	defer func() {
		if p := recover(); p != nil {
			err = &Error{Op: "dial", Addr: addr, Err: fmt.Errorf("panic: %v", p)}
		}
		switch {
		case err == nil:
			return
		case l != nil:
			l.fail(err)
		case raw != nil:
			raw.Close()
		}
		l = nil
	}()
	if raw, err = c.cfg.dial(ctx, addr); err != nil {
		return nil, &Error{Op: "dial", Addr: addr, Err: inContext(ctx, err)}
	}
	nc, err := c.cfg.encrypt(ctx, raw)
	if err != nil {
		return nil, &Error{Op: "dial", Addr: addr, Err: inContext(ctx, err)}
	}
	l = newLink(c, nc, raw, peerOf(raw, addr))
	return l, l.setUp(ctx)
}

func (c *Config) dial(ctx context.Context, addr string) (net.Conn, error) {
	network := c.Network
	if network == "" {
		network = "tcp"
	}
	if c.Dial != nil {
		return c.Dial(ctx, network, addr)
	}
	return DialNet(ctx, network, addr)
}

// netDialer finds a dead peer by keep-alive after 45 s of silence, where no command waits that would find it sooner.
var netDialer = net.Dialer{KeepAliveConfig: net.KeepAliveConfig{
	Enable: true, Idle: 30 * time.Second, Interval: 5 * time.Second, Count: 3,
}}

// DialNet is the default of Config.Dial: it opens a byte stream with keep-alive.
func DialNet(ctx context.Context, network, addr string) (net.Conn, error) {
	return netDialer.DialContext(ctx, network, addr)
}

// encrypt does the TLS handshake on a fresh socket. The name it verifies is the configured one, whatever was dialled.
func (c *Config) encrypt(ctx context.Context, raw net.Conn) (net.Conn, error) {
	if c.TLS == nil {
		return raw, nil
	}
	t := tls.Client(raw, c.TLS)
	if err := t.HandshakeContext(ctx); err != nil {
		return nil, err
	}
	return t, nil
}

// peerOf is the peer's address, or what was dialled where the socket cannot tell.
func peerOf(nc net.Conn, dialled string) string {
	if a := nc.RemoteAddr(); a != nil {
		if s := a.String(); s != "" && s != "@" {
			return s
		}
	}
	return dialled
}

// inContext prefers the reason the context ended to the noise it makes elsewhere.
func inContext(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return ContextError(ctx)
	}
	return err
}

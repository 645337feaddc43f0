package conn

import (
	"cmp"
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"time"
)

// connect dials addr and sets up a link, bounded by ctx and by DialTimeout or the relaxed timeout. A panic of
// Config.Dial or Config.Credentials becomes an error: in a move it must not cost the serving link.
func (c *Conn) connect(ctx context.Context, addr string) (l *link, err error) {
	now := time.Now()
	if d := c.cfg.effectiveTimeout(c.cfg.DialTimeout, now, now); d > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithDeadlineCause(ctx, now.Add(d), ErrTimeout)
		defer cancel()
	}
	var socket net.Conn
	defer func() {
		if p := recover(); p != nil {
			err = &Error{Op: "dial", Addr: addr, Err: fmt.Errorf("panic: %v", p)}
		}
		switch {
		case err == nil:
			return
		case l != nil:
			l.fail(err)
		case socket != nil:
			socket.Close()
		}
		l = nil
	}()
	dial := c.cfg.Dial
	if dial == nil {
		dial = DialNet
	}
	socket, err = dial(ctx, cmp.Or(c.cfg.Network, "tcp"), addr)
	nc := socket
	if err == nil && c.cfg.TLS != nil { // it verifies the configured name, whatever address is dialled
		t := tls.Client(socket, c.cfg.TLS)
		nc, err = t, t.HandshakeContext(ctx)
	}
	if err != nil {
		if ctx.Err() != nil {
			err = ContextError(ctx) // why it ended, not the noise that its end makes elsewhere
		}
		return nil, &Error{Op: "dial", Addr: addr, Err: err}
	}
	peer := addr
	if a := socket.RemoteAddr(); a != nil && a.String() != "" && a.String() != "@" {
		peer = a.String()
	}
	l = newLink(c, nc, socket, peer)
	step, err := l.setUp(ctx)
	if err != nil { // the arguments of the step are not told, since one of them is the password
		err = &Error{Op: "set up (" + step + ")", Addr: peer, Err: err}
	}
	return l, err
}

// netDialer finds a dead peer by keep-alive after 45 s of silence, where no command waits that would find it sooner.
var netDialer = net.Dialer{KeepAliveConfig: net.KeepAliveConfig{
	Enable: true, Idle: 30 * time.Second, Interval: 5 * time.Second, Count: 3,
}}

// DialNet is the default of Config.Dial: it opens a byte stream with keep-alive.
func DialNet(ctx context.Context, network, addr string) (net.Conn, error) {
	return netDialer.DialContext(ctx, network, addr)
}

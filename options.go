package baton

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"strings"
	"time"

	"github.com/baton-go/baton/handoff"
	"github.com/baton-go/baton/pool"
	"github.com/baton-go/baton/resp3"
)

// Options configure a Client. The zero value connects to localhost:6379 in plaintext. Durations: zero means the
// default, negative means no limit. New copies them; the values behind their pointers must not be changed afterwards.
// The password is never printed.
type Options struct {
	Network string // "tcp" (default) or "unix"
	Addr    string // host:port, default "localhost:6379"; a path for a unix socket

	Username, Password string // no Password: no AUTH; no Username: that of the default user
	// Credentials is asked at every set-up of a link and wins over Username and Password.
	Credentials CredentialsProvider
	DB          int    // selected at every set-up; default 0
	ClientName  string // shown by CLIENT LIST: printable, without blanks; default none
	// Protocol is 0 (RESP3, falling back to RESP2 on a server that refuses HELLO with any error), 3 (RESP3 or an error),
	// or 2. With 2 the set-up sends nothing that a proxy may not know: AUTH, SELECT and CLIENT SETNAME if options ask
	// for them, else a PING. Maintenance notifications need RESP3.
	Protocol int
	// DisableIdentity leaves out CLIENT SETINFO, which tells the server the name and version of this library: for
	// proxies that close at commands they do not know. With Handoff.Mode disabled too, the set-up sends HELLO and
	// nothing that the options do not ask for. A command that blocks is not unblocked then when its context ends: the
	// connection is closed, see docs/errors.md.
	DisableIdentity bool

	// TLS nil means plaintext. An empty ServerName becomes the host of Addr and stays the name that is verified wherever
	// maintenance moves the connection.
	TLS *tls.Config
	// Dialer opens the byte stream, without TLS, which is put on top. It may be called from several goroutines at once
	// and must return when ctx ends; the client closes the connections. Default: a net.Dialer with keep-alive.
	Dialer func(ctx context.Context, network, addr string) (net.Conn, error)
	// Resolver looks up the host of Addr, afresh for every dial, and names that maintenance leads to. All addresses of a
	// name are tried. Default: net.DefaultResolver.
	Resolver Resolver

	DialTimeout time.Duration // for dialling and set-up of a link; default 5 s
	// ReadTimeout bounds the wait for a command's reply to come, or to go on once it has begun. It covers writes as
	// well, since no reply comes to a command whose write stalls. Default 3 s.
	ReadTimeout time.Duration

	Pool pool.Config // how many connections there are
	// MaxSubscriptions bounds the subscriptions that live at the same time; each has a connection of its own, and a second
	// one while it moves. Default 1000, negative: no limit.
	MaxSubscriptions int

	// MaxPending bounds the bytes of commands that wait on one connection until its socket takes them, for a server that
	// reads slowly or not at all. A command that would pass it fails with conn.ErrBacklog, not sent; one that is larger
	// by itself is taken when nothing waits. Default 64 MiB (67,108,864 bytes), negative: no limit.
	MaxPending int

	Retry   RetryPolicy    // which failed commands are tried again
	Handoff handoff.Config // how maintenance is handled
	Limits  resp3.Limits   // of the server's replies
	Tracer  Tracer         // sees every command; nil: none
	Logger  *slog.Logger   // one record for each event of maintenance; nil: silent
}

// Resolver looks up the addresses of a host, as *net.Resolver does. It may be called from several goroutines at once.
type Resolver interface {
	LookupHost(ctx context.Context, host string) ([]string, error)
}

const defaultPort = "6379"

// withDefaults replaces every zero by its default and turns "none" into 0 for the layers below.
func (o Options) withDefaults() Options {
	o.Network = cmp.Or(o.Network, "tcp")
	if o.Network == "tcp" {
		o.Addr = withPort(cmp.Or(o.Addr, "localhost"))
	}
	o.DialTimeout = timeout(o.DialTimeout, 5*time.Second)
	o.ReadTimeout = timeout(o.ReadTimeout, 3*time.Second)
	o.Pool = o.Pool.WithDefaults()
	o.MaxSubscriptions = cmp.Or(o.MaxSubscriptions, 1000)
	o.MaxPending = max(0, cmp.Or(o.MaxPending, 64<<20))
	o.Retry = o.Retry.withDefaults()
	if o.Resolver == nil {
		o.Resolver = net.DefaultResolver
	}
	if o.TLS != nil && o.TLS.ServerName == "" {
		o.TLS = o.TLS.Clone()
		if host, _, err := net.SplitHostPort(o.Addr); err == nil {
			o.TLS.ServerName = host
		}
	}
	return o
}

// withPort adds the usual port to an address without one. A text that is no address is returned as it is, for validate.
func withPort(addr string) string {
	if _, _, err := net.SplitHostPort(addr); err == nil {
		return addr
	}
	if net.ParseIP(addr) != nil {
		return net.JoinHostPort(addr, defaultPort)
	}
	if _, _, err := net.SplitHostPort(addr + ":" + defaultPort); err == nil {
		return addr + ":" + defaultPort
	}
	return addr
}

// timeout returns d with its default for 0, and 0 for a negative d, which means none.
func timeout(d, def time.Duration) time.Duration { return max(0, cmp.Or(d, def)) }

// validate reports everything that is wrong with o after withDefaults.
func (o Options) validate() error {
	var addr error
	switch {
	case o.Network == "unix" && o.Addr == "":
		addr = check(false, "Addr is empty, must be the path of a unix socket")
	case o.Network == "unix":
	case o.Network != "tcp":
		addr = check(false, "Network is %q, must be tcp or unix", o.Network)
	case strings.ContainsAny(o.Addr, "@/?"): // maybe a URL with a password
		addr = check(false, "Addr must be host:port, not a URL, which is for ParseURL")
	case strings.ContainsFunc(o.Addr, func(ch rune) bool { return ch <= ' ' || ch == ',' || ch == 0x7f }):
		addr = check(false, "Addr is %q, must be one host:port without blanks", o.Addr)
	default:
		if _, port, err := net.SplitHostPort(o.Addr); err != nil {
			addr = check(false, "Addr is %q, must be host:port: %v", o.Addr, err)
		} else if n, err := net.LookupPort("tcp", port); err != nil || n == 0 {
			addr = check(false, "Addr is %q, its port must be from 1 to 65535", o.Addr)
		}
	}
	unprintable := func(ch rune) bool { return ch <= ' ' || ch > '~' }
	err := errors.Join(addr,
		check(o.Protocol == 0 || o.Protocol == 2 || o.Protocol == 3, "Protocol is %d, must be 0, 2 or 3", o.Protocol),
		check(o.DB >= 0, "DB is %d, must not be negative", o.DB),
		check(o.Username == "" || o.Password != "" || o.Credentials != nil, "Username is %q without a Password", o.Username),
		check(!strings.ContainsFunc(o.ClientName, unprintable), "ClientName is %q, must be printable without blanks", o.ClientName),
		check(o.Network != "unix" || o.TLS == nil, "TLS over a unix socket is not supported"),
		o.Pool.Validate(), o.Retry.validate(), o.Limits.Validate(), o.Handoff.Validate(),
		check(o.Protocol != 2 || o.Handoff.Mode != handoff.ModeEnabled,
			"Handoff.Mode is enabled and Protocol is 2: maintenance notifications need RESP3"))
	if err != nil {
		return fmt.Errorf("baton: invalid options: %w", err)
	}
	return nil
}

// check returns the error that the format gives, unless all is well.
func check(ok bool, format string, a ...any) error {
	if ok {
		return nil
	}
	return fmt.Errorf(format, a...)
}

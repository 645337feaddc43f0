package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strconv"
	"strings"
	"time"

	"github.com/baton-go/baton/resp3"
)

const (
	rawDial  = 5 * time.Second // to reach a server and log in
	rawReply = 8 * time.Second // for one reply
)

// raw is a connection without any client around it. The verdict must not depend on what it is about, so what the server
// holds is read over this.
type raw struct {
	addr string
	nc   net.Conn
	rd   *resp3.Reader
}

// dialRaw connects and logs in. An error names the address and never the password.
func dialRaw(ctx context.Context, addr string, l login) (*raw, error) {
	ctx, cancel := context.WithTimeout(ctx, rawDial)
	defer cancel()
	var d net.Dialer
	nc, err := d.DialContext(ctx, "tcp", addr)
	if err != nil {
		return nil, fmt.Errorf("connect: %w", err)
	}
	c := &raw{addr: addr, nc: nc, rd: resp3.NewReader(nc, resp3.Limits{})}
	if err := c.login(l); err != nil {
		c.close()
		return nil, fmt.Errorf("log in to %s: %w", addr, err)
	}
	return c, nil
}

func (c *raw) login(l login) error {
	hello := []string{"HELLO", "3"}
	if l.password != "" {
		user := l.username
		if user == "" {
			user = "default"
		}
		hello = append(hello, "AUTH", user, l.password)
	}
	_, err := c.do(hello...)
	var se *resp3.Error
	if errors.As(err, &se) && strings.Contains(strings.ToLower(se.Message), "unknown command") {
		return errors.New("server does not know HELLO: maintenance notifications need RESP3, Redis 6 or later")
	}
	if err == nil && l.db != 0 {
		_, err = c.do("SELECT", strconv.Itoa(l.db))
	}
	return err
}

// do sends one command and waits for its reply. What the server answers as an error is returned as one.
func (c *raw) do(args ...string) (resp3.Value, error) {
	if err := c.nc.SetDeadline(time.Now().Add(rawReply)); err != nil {
		return resp3.Value{}, err
	}
	if _, err := c.nc.Write(resp3.AppendCommand(nil, args...)); err != nil {
		return resp3.Value{}, err
	}
	for {
		v, err := c.rd.ReadValue()
		if err != nil {
			return v, err
		}
		if v.Kind() != resp3.Push {
			return v, v.Err()
		}
	}
}

func (c *raw) close() { _ = c.nc.Close() }

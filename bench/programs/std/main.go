// Command std writes a value and reads it back without a client. It uses those packages of the standard library that no client
// with TLS, an address as URL and a logger can do without, so that its size is the least that one can have.
package main

import (
	"bufio"
	"context"
	"crypto/tls"
	"fmt"
	"log/slog"
	"net"
	"net/url"
	"os"
)

func main() {
	ctx := context.Background()
	nc, err := dial(ctx, os.Args[1])
	if err != nil {
		fail(err)
	}
	defer nc.Close()
	if _, err := fmt.Fprint(nc, "SET key value\r\nGET key\r\n"); err != nil {
		fail(err)
	}
	in := bufio.NewScanner(nc)
	for range 3 { // +OK, the length, the value
		in.Scan()
	}
	if err := in.Err(); err != nil {
		fail(err)
	}
	fmt.Println(in.Text())
}

func dial(ctx context.Context, addr string) (net.Conn, error) {
	u, err := url.Parse("redis://" + addr)
	if err != nil {
		return nil, err
	}
	if u.Query().Has("tls") {
		return new(tls.Dialer).DialContext(ctx, "tcp", u.Host)
	}
	return new(net.Dialer).DialContext(ctx, "tcp", u.Host)
}

func fail(err error) {
	slog.Error("no value", "error", err)
	os.Exit(1)
}

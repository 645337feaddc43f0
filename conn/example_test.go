package conn_test

import (
	"context"
	"fmt"
	"log"
	"time"

	"github.com/baton-go/baton/conn"
	"github.com/baton-go/baton/handoff/handofftest"
	"github.com/baton-go/baton/resp3"
)

// One connection moves to another endpoint between two commands.
func Example() {
	srv := handofftest.NewServer(handofftest.Options{})
	defer srv.Close()
	here, err := srv.Listen("127.0.0.1:0")
	if err != nil {
		log.Fatal(err)
	}
	there, err := srv.Listen("127.0.0.1:0")
	if err != nil {
		log.Fatal(err)
	}
	ctx, cfg := context.Background(), &conn.Config{DialTimeout: 5 * time.Second}
	c, err := conn.Dial(ctx, cfg, here.Addr())
	if err != nil {
		log.Fatal(err)
	}
	defer c.Close()
	q := cfg.NewCall()
	defer q.Free()

	q.Req, q.Mode = resp3.AppendCommand(q.Req, "INCR", "visits"), conn.Int
	if err := c.Do(ctx, q); err != nil {
		log.Fatal(err)
	}
	fmt.Println(q.Num, "here:", c.Peer() == here.Addr())
	if err := c.Move(ctx, conn.Target{Addr: there.Addr(), Drain: time.Now().Add(5 * time.Second)}); err != nil {
		log.Fatal(err)
	}
	if err := c.Do(ctx, q); err != nil { // the same call once more
		log.Fatal(err)
	}
	fmt.Println(q.Num, "there:", c.Peer() == there.Addr())
	// Output:
	// 1 here: true
	// 2 there: true
}

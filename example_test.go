package baton_test

import (
	"context"
	"errors"
	"fmt"
	"log"

	"github.com/baton-go/baton"
	"github.com/baton-go/baton/handoff/handofftest"
)

// The program of the README, on the fake server instead of a Redis on this machine.
func Example() {
	addr, stop := startFake()
	defer stop()

	ctx := context.Background()
	client, err := baton.Dial(ctx, "redis://"+addr)
	if err != nil {
		log.Fatal(err)
	}
	defer client.Close()
	name, err := client.Get(ctx, "name")
	if errors.Is(err, baton.Nil) { // nobody has told us yet
		name, err = "world", nil
	}
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println("hello,", name)
	// Output: hello, world
}

// startFake serves an empty keyspace on loopback.
func startFake() (addr string, stop func()) {
	srv := handofftest.NewServer(handofftest.Options{})
	node, err := srv.Listen("127.0.0.1:0")
	if err != nil {
		log.Fatal(err)
	}
	return node.Addr(), srv.Close
}

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

func ExampleClient_Subscribe() {
	addr, stop := startFake()
	defer stop()

	ctx := context.Background()
	client, err := baton.Dial(ctx, "redis://"+addr)
	if err != nil {
		log.Fatal(err)
	}
	defer client.Close()
	sub, err := client.Subscribe(ctx, "prices")
	if err != nil {
		log.Fatal(err)
	}
	defer sub.Close()
	for _, price := range []string{"12.50", "12.75"} { // usually somebody else does this
		if _, err := client.Do(ctx, "PUBLISH", "prices", price); err != nil {
			log.Fatal(err)
		}
	}
	for m, err := range sub.All(ctx) {
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println(m.Channel, m.Payload)
		if m.Payload == "12.75" {
			break
		}
	}
	// Output:
	// prices 12.50
	// prices 12.75
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

// Command baton writes a value and reads it back.
package main

import (
	"context"
	"fmt"
	"os"

	"github.com/baton-go/baton"
)

func main() {
	c, err := baton.New(baton.Options{Addr: os.Args[1]})
	if err != nil {
		fail(err)
	}
	defer c.Close()
	ctx := context.Background()
	if _, err := c.Set(ctx, "key", "value"); err != nil {
		fail(err)
	}
	value, err := c.Get(ctx, "key")
	if err != nil {
		fail(err)
	}
	fmt.Println(value)
}

func fail(err error) {
	fmt.Fprintln(os.Stderr, err)
	os.Exit(1)
}

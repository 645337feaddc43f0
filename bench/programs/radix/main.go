// Command radix writes a value and reads it back.
package main

import (
	"context"
	"fmt"
	"os"

	"github.com/mediocregopher/radix/v4"
)

func main() {
	ctx := context.Background()
	c, err := (radix.PoolConfig{}).New(ctx, "tcp", os.Args[1])
	if err != nil {
		fail(err)
	}
	defer c.Close()
	if err := c.Do(ctx, radix.Cmd(nil, "SET", "key", "value")); err != nil {
		fail(err)
	}
	var value string
	if err := c.Do(ctx, radix.Cmd(&value, "GET", "key")); err != nil {
		fail(err)
	}
	fmt.Println(value)
}

func fail(err error) {
	fmt.Fprintln(os.Stderr, err)
	os.Exit(1)
}

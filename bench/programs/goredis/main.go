// Command goredis writes a value and reads it back.
package main

import (
	"context"
	"fmt"
	"os"

	"github.com/redis/go-redis/v9"
)

func main() {
	c := redis.NewClient(&redis.Options{Addr: os.Args[1]})
	defer c.Close()
	ctx := context.Background()
	if err := c.Set(ctx, "key", "value", 0).Err(); err != nil {
		fail(err)
	}
	value, err := c.Get(ctx, "key").Result()
	if err != nil {
		fail(err)
	}
	fmt.Println(value)
}

func fail(err error) {
	fmt.Fprintln(os.Stderr, err)
	os.Exit(1)
}

// Command rueidis writes a value and reads it back.
package main

import (
	"context"
	"fmt"
	"os"

	"github.com/redis/rueidis"
)

func main() {
	c, err := rueidis.NewClient(rueidis.ClientOption{InitAddress: []string{os.Args[1]}})
	if err != nil {
		fail(err)
	}
	defer c.Close()
	ctx := context.Background()
	if err := c.Do(ctx, c.B().Set().Key("key").Value("value").Build()).Error(); err != nil {
		fail(err)
	}
	value, err := c.Do(ctx, c.B().Get().Key("key").Build()).ToString()
	if err != nil {
		fail(err)
	}
	fmt.Println(value)
}

func fail(err error) {
	fmt.Fprintln(os.Stderr, err)
	os.Exit(1)
}

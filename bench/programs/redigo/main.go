// Command redigo writes a value and reads it back.
package main

import (
	"fmt"
	"os"

	"github.com/gomodule/redigo/redis"
)

func main() {
	p := &redis.Pool{Dial: func() (redis.Conn, error) { return redis.Dial("tcp", os.Args[1]) }}
	defer p.Close()
	c := p.Get()
	defer c.Close()
	if _, err := c.Do("SET", "key", "value"); err != nil {
		fail(err)
	}
	value, err := redis.String(c.Do("GET", "key"))
	if err != nil {
		fail(err)
	}
	fmt.Println(value)
}

func fail(err error) {
	fmt.Fprintln(os.Stderr, err)
	os.Exit(1)
}

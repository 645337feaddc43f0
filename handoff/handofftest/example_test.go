package handofftest_test

import (
	"fmt"
	"net"
	"time"

	"github.com/baton-go/baton/handoff/handofftest"
	"github.com/baton-go/baton/resp3"
)

// A client made of a socket and a codec goes through a maintenance window: it opts
// in, is told to move, moves, and finds its data on the other node.
func Example() {
	srv := handofftest.NewServer(handofftest.Options{})
	defer srv.Close()
	old, err := srv.Listen("127.0.0.1:0")
	if err != nil {
		panic(err)
	}
	next, err := srv.Listen("127.0.0.1:0")
	if err != nil {
		panic(err)
	}

	conn, replies := connect(old.Addr())
	say(conn, "SET", "greeting", "hello")
	fmt.Println("stored:", read(replies))

	old.Moving(2*time.Second, next.Addr())
	push := read(replies)
	target, _ := push.Index(3).Text()
	fmt.Println("told to move to the other node:", target == next.Addr())

	moved, replies := connect(target)
	_ = conn.Close()
	defer moved.Close()
	say(moved, "GET", "greeting")
	text, _ := read(replies).Text()
	fmt.Println("found:", text)

	fmt.Println("opted in:", srv.CheckOptIn() == nil)
	fmt.Println("connections on the other node:", next.Stats().Open)
	// Output:
	// stored: "OK"
	// told to move to the other node: true
	// found: hello
	// opted in: true
	// connections on the other node: 1
}

// connect dials, switches to RESP3 and asks for notifications.
func connect(addr string) (net.Conn, *resp3.Reader) {
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		panic(err)
	}
	replies := resp3.NewReader(conn, resp3.Limits{})
	say(conn, "HELLO", "3")
	say(conn, "CLIENT", "MAINT_NOTIFICATIONS", "ON", "moving-endpoint-type", "external-ip")
	read(replies)
	read(replies)
	return conn, replies
}

func say(conn net.Conn, args ...string) {
	if _, err := conn.Write(resp3.AppendCommand(nil, args...)); err != nil {
		panic(err)
	}
}

func read(r *resp3.Reader) resp3.Value {
	v, err := r.ReadValue()
	if err != nil {
		panic(err)
	}
	return v
}

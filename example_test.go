package baton_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"time"

	"github.com/baton-go/baton"
	"github.com/baton-go/baton/handoff"
	"github.com/baton-go/baton/handoff/handofftest"
	"github.com/baton-go/baton/resp3"
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

func ExampleAs() {
	client, stop := openFake()
	defer stop()

	ctx := context.Background()
	if _, err := client.RPush(ctx, "queue", "a", "b"); err != nil {
		log.Fatal(err)
	}
	n, err := baton.As[int64](client.Do(ctx, "LLEN", "queue")) // any command can be sent in this way
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(n)

	_, err = baton.As[int64](client.Do(ctx, "INCR", "queue"))
	var answer *resp3.Error
	fmt.Println(errors.As(err, &answer), answer.Code)
	// Output:
	// 2
	// true WRONGTYPE
}

func ExampleClient_Pipeline() {
	client, stop := openFake()
	defer stop()

	ctx := context.Background()
	var visits baton.Reply[int64]
	var name baton.Reply[string]
	err := client.Pipeline(ctx, func(p *baton.Pipe) error {
		p.Set("name", "ada", baton.EX(time.Hour))
		visits = p.Incr("visits")
		name = p.Get("name")
		return nil
	})
	if err != nil {
		log.Fatal(err)
	}
	n, err := visits.Get()
	fmt.Println(n, err)
	text, err := name.Get()
	fmt.Println(text, err)
	// Output:
	// 1 <nil>
	// ada <nil>
}

func ExampleClient_Tx() {
	client, stop := openFake()
	defer stop()

	ctx := context.Background()
	if _, err := client.Set(ctx, "stock", "3"); err != nil {
		log.Fatal(err)
	}
	sold := func(tx *baton.Tx) error { // runs again if somebody else changes "stock" meanwhile
		stock, err := tx.Get(ctx, "stock")
		if err != nil {
			return err
		}
		return tx.Exec(ctx, func(p *baton.Pipe) error {
			p.Decr("stock")
			p.RPush("sold", "item "+stock)
			return nil
		})
	}
	if err := client.Tx(ctx, sold, "stock"); err != nil {
		log.Fatal(err)
	}
	left, err := client.Get(ctx, "stock")
	fmt.Println(left, err)
	// Output: 2 <nil>
}

func ExampleClient_BLPop() {
	client, stop := openFake()
	defer stop()

	ctx := context.Background()
	go client.RPush(ctx, "jobs", "first") // usually another program does this
	list, job, err := client.BLPop(ctx, 0, "jobs", "later")
	fmt.Println(list, job, err)
	// Output: jobs first <nil>
}

func ExampleHGetAllAs() {
	type user struct {
		Name string `redis:"name"`
		Age  int    `redis:"age"`
	}
	client, stop := openFake()
	defer stop()

	ctx := context.Background()
	if _, err := baton.HSetStruct(ctx, client, "user:1", &user{Name: "ada", Age: 36}); err != nil {
		log.Fatal(err)
	}
	u, err := baton.HGetAllAs[user](ctx, client, "user:1")
	fmt.Println(u.Name, u.Age, err)
	// Output: ada 36 <nil>
}

// Sent says whether a command that failed may have been executed. This one cannot have been: nobody listens.
func ExampleOpError() {
	addr, stop := startFake()
	stop()
	client, err := baton.New(baton.Options{Addr: addr, Retry: baton.RetryPolicy{For: 100 * time.Millisecond}})
	if err != nil {
		log.Fatal(err)
	}
	defer client.Close()

	_, err = client.Incr(context.Background(), "visits")
	var failure *baton.OpError
	if errors.As(err, &failure) {
		fmt.Println(failure.Command, "may have been executed:", failure.Sent)
	}
	// Output: INCR may have been executed: false
}

// A maintenance window in a test of one's own: the old endpoint announces that it leaves, and nobody is there when it does.
func ExampleClient_Handoffs() {
	srv := handofftest.NewServer(handofftest.Options{})
	defer srv.Close()
	from, err := srv.Listen("127.0.0.1:0")
	if err != nil {
		log.Fatal(err)
	}
	to, err := srv.Listen("127.0.0.1:0")
	if err != nil {
		log.Fatal(err)
	}
	client, err := baton.Dial(context.Background(), "redis://"+from.Addr())
	if err != nil {
		log.Fatal(err)
	}
	defer client.Close()
	moved := make(watch, 1)
	client.Handoffs().AddNotificationHook(moved)

	from.Moving(2*time.Second, to.Addr())
	e := <-moved
	fmt.Println(e.Kind, "to the other node:", e.To == to.Addr())
	from.Shut()
	_, err = client.Set(context.Background(), "greeting", "hello")
	fmt.Println("and on it goes:", err)
	// Output:
	// MOVING to the other node: true
	// and on it goes: <nil>
}

// watch is a hook that hands on which connections have moved.
type watch chan handoff.Event

func (w watch) OnEvent(_ context.Context, e handoff.Event) {
	if e.EventKind == handoff.MoveSucceeded {
		w <- e
	}
}

func (watch) PreHook(_ context.Context, _ handoff.ConnInfo, n handoff.Notification) (handoff.Notification, bool) {
	return n, true
}

func (watch) PostHook(context.Context, handoff.ConnInfo, handoff.Notification, error) {}

// openFake opens a client of startFake.
func openFake() (client *baton.Client, stop func()) {
	addr, stopFake := startFake()
	client, err := baton.Dial(context.Background(), "redis://"+addr)
	if err != nil {
		log.Fatal(err)
	}
	return client, func() { client.Close(); stopFake() }
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

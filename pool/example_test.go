package pool_test

import (
	"context"
	"fmt"
	"log"

	"github.com/baton-go/baton/conn"
	"github.com/baton-go/baton/handoff/handofftest"
	"github.com/baton-go/baton/pool"
)

// A pool is given a function that dials, and is told when a connection has ended.
func Example() {
	srv := handofftest.NewServer(handofftest.Options{})
	defer srv.Close()
	node, err := srv.Listen("127.0.0.1:0")
	if err != nil {
		log.Fatal(err)
	}
	var p *pool.Pool
	cfg := &conn.Config{OnState: func(c *conn.Conn, from, to conn.State) {
		if to == conn.Closed && from != conn.Dialing {
			p.Gone(c)
		}
	}}
	dial := func(ctx context.Context) (*conn.Conn, error) { return conn.Dial(ctx, cfg, node.Addr()) }
	p = pool.New(pool.Config{Size: 2}.WithDefaults(), dial, nil)
	defer p.Close()

	ctx := context.Background()
	lane, err := p.Lane(ctx) // for anybody who does not block
	if err != nil {
		log.Fatal(err)
	}
	lease, err := p.Acquire(ctx) // for us alone
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println("one connection for all, one for us:", lane != lease.Conn())
	lease.Release()
	s := p.Stats()
	fmt.Printf("%d open, %d shared, %d idle\n", s.Open, s.Lanes, s.Idle)
	// Output:
	// one connection for all, one for us: true
	// 2 open, 1 shared, 1 idle
}

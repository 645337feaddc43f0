package handoff_test

import (
	"context"
	"fmt"
	"time"

	"github.com/baton-go/baton/conn"
	"github.com/baton-go/baton/handoff"
	"github.com/baton-go/baton/handoff/handofftest/resp3test"
)

// A push of a server becomes a typed value.
func ExampleParseNotification() {
	push := resp3test.Push(resp3test.BulkString("MOVING"), resp3test.Integer(17), resp3test.Integer(15), resp3test.BulkString("10.0.0.7"))
	n, ok, err := handoff.ParseNotification(push, "12000")
	fmt.Println(n, ok, err)
	fmt.Println(n.Kind == handoff.Moving, n.In == 15*time.Second, n.Endpoint)
	// Output:
	// MOVING seq 17 in 15s to 10.0.0.7:12000 true <nil>
	// true true 10.0.0.7:12000
}

// GetMetrics counts by kind. A client is given the hook with client.Handoffs().AddNotificationHook.
func ExampleMetricsHook_GetMetrics() {
	hook := handoff.NewMetricsHook()
	ctx, from := context.Background(), handoff.ConnInfo{Info: conn.Info{ID: 1, Peer: "10.0.0.1:6379"}}
	for range 2 { // as a client does with each notification
		n, _ := hook.PreHook(ctx, from, handoff.Notification{EventID: handoff.EventID{Kind: handoff.Migrating}})
		hook.PostHook(ctx, from, n, nil)
	}
	counts := hook.GetMetrics()["notification_counts"].(map[string]int64)
	fmt.Println(counts["MIGRATING"])
	// Output: 2
}

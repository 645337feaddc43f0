package handoff

import "context"

// ConnInfo is what hooks are told about the connection that brought a notification.
type ConnInfo struct {
	ID   uint64 // of the connection, as conn.Info has it
	Peer string // remote address of the link the push came in on, "" if unknown
	Addr string // configured address
	TLS  bool
}

// NotificationHook sees every event that is announced, once, before and after it is acted upon. The copies that other
// connections bring are counted in Stats.Duplicates, get what was decided about the first, and are not shown. PreHook may change a
// notification, or drop it by returning false; then neither later hooks nor PostHook see it. PostHook gets what was acted
// upon, and an error if a part was unreadable or the target must not be used.
//
// Hooks run one after the other on a goroutine of the client, never on one that reads replies. A notification is acted upon
// in its turn and a quarter of a second after it was read at the latest, as it came if the PreHooks have not returned by
// then; times count from when it was read. While a hook takes longer than that, hooks are passed over. PostHook is not waited
// for, and left out if hooks cannot follow. Panics are recovered. ctx ends when the client is closed. A hook may use the
// Manager.
type NotificationHook interface {
	// PreHook is called with what was read, or what the hook before has made of it.
	PreHook(ctx context.Context, c ConnInfo, n Notification) (Notification, bool)
	// PostHook is called when n was acted upon; moves that it has begun go on.
	PostHook(ctx context.Context, c ConnInfo, n Notification, err error)
}

// EventHook may be implemented by a NotificationHook that also wants the events of the timeline as they happen. OnEvent
// runs where PreHook does. Events are left out when hooks cannot follow.
type EventHook interface {
	OnEvent(ctx context.Context, e Event)
}

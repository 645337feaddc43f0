package handoff

import (
	"cmp"
	"context"
	"log/slog"
	"maps"
	"sync"
	"time"

	"github.com/baton-go/baton/conn"
)

// ConnInfo describes the connection that brought a notification. Its Peer is the remote address of the link on which the
// notification came, which may have been replaced since; "" if unknown.
type ConnInfo struct {
	conn.Info
	Addr string // configured address
	TLS  bool
}

// NotificationHook sees each announced event once, before and after the client acts upon it. The copies that other
// connections bring are not shown. They are counted in Stats.Duplicates, and what was decided about the first holds for
// them. PreHook may change a notification, or drop it by returning false; then neither later hooks nor PostHook see it.
// PostHook gets what was acted upon, and an error if a part was unreadable or the target must not be used.
//
// Hooks run one after the other on a goroutine of the client, never on one that reads replies. Notifications are acted upon
// in order, each at the latest a quarter of a second after it was read. If the PreHooks have not returned by then, the
// notification is used as it came. While a hook takes longer than that, hooks are skipped. Nothing waits for PostHook; it
// is skipped if hooks cannot keep up. Panics are recovered. ctx ends when the client is closed. A hook may use the Manager.
type NotificationHook interface {
	// PreHook is called with the notification that was read, or as the hook before it has changed it.
	PreHook(ctx context.Context, c ConnInfo, n Notification) (Notification, bool)
	// PostHook is called when n was acted upon. Moves that it started may still be under way.
	PostHook(ctx context.Context, c ConnInfo, n Notification, err error)
}

// EventHook may be implemented by a NotificationHook that also wants the events of the timeline as they happen. OnEvent
// runs where PreHook does. Events are skipped if hooks cannot keep up.
type EventHook interface {
	OnEvent(ctx context.Context, e Event)
}

// LoggingHook logs every notification that hooks see, before and after it is acted upon, at debug level, and unreadable
// ones as warnings. It is for debugging: Options.Logger alone logs each event and decision once.
type LoggingHook struct {
	logger *slog.Logger
}

// NewLoggingHook returns a hook that writes to l; nil means slog.Default().
func NewLoggingHook(l *slog.Logger) *LoggingHook {
	return &LoggingHook{logger: cmp.Or(l, slog.Default())}
}

// PreHook logs n and lets it pass.
func (h *LoggingHook) PreHook(ctx context.Context, c ConnInfo, n Notification) (Notification, bool) {
	h.log(ctx, "handoff: notification received", c, n, nil)
	return n, true
}

// PostHook logs the outcome.
func (h *LoggingHook) PostHook(ctx context.Context, c ConnInfo, n Notification, err error) {
	h.log(ctx, "handoff: notification acted upon", c, n, err)
}

func (h *LoggingHook) log(ctx context.Context, msg string, c ConnInfo, n Notification, err error) {
	level := slog.LevelDebug
	attrs := []slog.Attr{slog.String("notification", n.String()), slog.Uint64("conn", c.ID), slog.String("peer", c.Peer)}
	if err != nil {
		level = slog.LevelWarn
		attrs = append(attrs, slog.Any("err", err))
	}
	h.logger.LogAttrs(ctx, level, msg, attrs...)
}

// MetricsHook counts. It is safe for concurrent use and may serve several clients.
type MetricsHook struct {
	mu            sync.Mutex // guards the fields below
	notifications map[string]int64
	errors        map[string]int64
	processing    map[string]time.Duration
	seen          map[delivery]time.Time // by PreHook and not yet by PostHook
	events        map[EventKind]int64
	durations     DurationStats
}

// DurationStats sums durations up. The zero value is empty.
type DurationStats struct {
	Count           int64
	Total, Min, Max time.Duration
}

// delivery is one copy of a notification.
type delivery struct {
	conn uint64
	id   EventID
}

const maxSeen = 1024 // PostHook never sees a notification that a later hook has dropped

// NewMetricsHook returns a MetricsHook with all counters at zero.
func NewMetricsHook() *MetricsHook {
	return &MetricsHook{
		notifications: map[string]int64{}, errors: map[string]int64{}, events: map[EventKind]int64{},
		processing: map[string]time.Duration{}, seen: map[delivery]time.Time{},
	}
}

// PreHook counts n and lets it pass.
func (h *MetricsHook) PreHook(_ context.Context, c ConnInfo, n Notification) (Notification, bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.notifications[n.Kind.String()]++
	if len(h.seen) >= maxSeen {
		clear(h.seen)
	}
	h.seen[delivery{c.ID, n.EventID}] = time.Now()
	return n, true
}

// PostHook counts the error, and the time since PreHook.
func (h *MetricsHook) PostHook(_ context.Context, c ConnInfo, n Notification, err error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if err != nil {
		h.errors[n.Kind.String()]++
	}
	d := delivery{c.ID, n.EventID}
	if at, ok := h.seen[d]; ok {
		h.processing[n.Kind.String()] += time.Since(at)
		delete(h.seen, d)
	}
}

// OnEvent counts moves of connections.
func (h *MetricsHook) OnEvent(_ context.Context, e Event) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.events[e.EventKind]++
	if d := &h.durations; e.EventKind == MoveSucceeded {
		if d.Count == 0 || e.Took < d.Min {
			d.Min = e.Took
		}
		d.Count, d.Total, d.Max = d.Count+1, d.Total+e.Took, max(d.Max, e.Took)
	}
}

// GetMetrics returns a copy of all counters:
//
//	notification_counts  map[string]int64          by wire word
//	processing_times     map[string]time.Duration  by wire word, summed up
//	error_counts         map[string]int64          by wire word
//	handoffs_started, handoffs_succeeded, handoffs_failed  int64, attempts to move one connection
//	handoff_durations    DurationStats             of those that succeeded
func (h *MetricsHook) GetMetrics() map[string]any {
	h.mu.Lock()
	defer h.mu.Unlock()
	return map[string]any{
		"notification_counts": maps.Clone(h.notifications),
		"processing_times":    maps.Clone(h.processing),
		"error_counts":        maps.Clone(h.errors),
		"handoffs_started":    h.events[MoveStarted],
		"handoffs_succeeded":  h.events[MoveSucceeded],
		"handoffs_failed":     h.events[MoveFailed],
		"handoff_durations":   h.durations,
	}
}

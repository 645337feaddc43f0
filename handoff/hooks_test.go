package handoff

import (
	"bytes"
	"context"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/baton-go/baton/conn"
	"github.com/stretchr/testify/assert"
)

// lines collects log records.
type lines struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.Write(p)
}

func (l *lines) logger() *slog.Logger { return slog.New(slog.NewTextHandler(l, nil)) }

func (l *lines) all() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.FieldsFunc(l.buf.String(), func(c rune) bool { return c == '\n' })
}

// hook is made of functions; nil ones do nothing.
type hook struct {
	pre  func(ctx context.Context, c ConnInfo, n Notification) (Notification, bool)
	post func(ctx context.Context, c ConnInfo, n Notification, err error)
}

func (h hook) PreHook(ctx context.Context, c ConnInfo, n Notification) (Notification, bool) {
	if h.pre == nil {
		return n, true
	}
	return h.pre(ctx, c, n)
}

func (h hook) PostHook(ctx context.Context, c ConnInfo, n Notification, err error) {
	if h.post != nil {
		h.post(ctx, c, n, err)
	}
}

func TestHooksSeeChangeAndDrop(t *testing.T) {
	bubble(t, func(t *testing.T) {
		r := newRig(t, Config{}, byIP)
		defer r.e.Close()
		r.set(nodeC, node{})
		c := r.open(2, nodeA)
		var saw []string
		r.m.AddNotificationHook(hook{
			pre: func(_ context.Context, c ConnInfo, n Notification) (Notification, bool) {
				assert.Equal(t, ConnInfo{Info: conn.Info{ID: 1, Peer: nodeA}, Addr: byIP}, c)
				saw = append(saw, "first "+n.String())
				n.Endpoint = strings.Replace(n.Endpoint, nodeB, nodeC, 1)
				return n, n.Kind != Migrating
			},
			post: func(_ context.Context, _ ConnInfo, n Notification, err error) {
				assert.NoError(t, err)
				saw = append(saw, "after "+n.String())
			},
		})
		r.m.AddNotificationHook(hook{pre: func(_ context.Context, _ ConnInfo, n Notification) (Notification, bool) {
			saw = append(saw, "second "+n.String())
			return n, true
		}})
		r.say(c[0], shardEvent(Migrating, 1, 2*s))
		r.say(c[0], movingTo(2, 15*s, nodeB))
		r.pass(s)
		assert.Equal(t, []string{
			"first MIGRATING seq 1 in 2s",
			"first MOVING seq 2 in 15s to " + nodeB, "second MOVING seq 2 in 15s to " + nodeC, "after MOVING seq 2 in 15s to " + nodeC,
		}, saw)
		assert.Equal(t, map[string]int{nodeC: 2}, r.peers())
		assert.Equal(t, Moving, r.m.Phase(), "MIGRATING was dropped")
	})
}

// A hook that never returns, and one that panics, hurt nobody.
func TestBlockingHookHurtsNobody(t *testing.T) {
	bubble(t, func(t *testing.T) {
		r := newRig(t, Config{}, byIP)
		r.set(nodeB, node{})
		c := r.open(50, nodeA)
		r.m.AddNotificationHook(hook{pre: func(ctx context.Context, _ ConnInfo, n Notification) (Notification, bool) {
			<-ctx.Done()
			return n, false
		}})
		for _, x := range c {
			r.say(x, shardEvent(FailingOver, 1, 2*s))
			r.say(x, movingTo(2, 15*s, nodeB))
		}
		r.pass(300 * time.Millisecond)
		assert.True(t, r.relaxed(), "after a quarter of a second")
		r.pass(time.Second)
		assert.Equal(t, map[string]int{nodeB: 50}, r.peers(), "the copies do not wait for the hook one after the other")
		told := r.events(Announced)
		r.say(c[0], shardEvent(Migrating, 4, 2*s))
		assert.Equal(t, told+1, r.events(Announced), "at once while a hook is stuck")
		for range 400 { // far more than the queue holds
			r.say(c[0], shardEvent(FailingOver, 3, 2*s))
		}
		assert.Positive(t, r.m.Stats().HooksLate)
		r.e.Close()
	})
}

func TestHookThatIgnoresItsContextDoesNotHoldClose(t *testing.T) {
	bubble(t, func(t *testing.T) {
		r := newRig(t, Config{}, byIP)
		forever := make(chan struct{})
		r.m.AddNotificationHook(hook{pre: func(_ context.Context, _ ConnInfo, n Notification) (Notification, bool) {
			<-forever
			return n, true
		}})
		r.say(r.open(1, nodeA)[0], shardEvent(FailingOver, 1, 2*s))
		r.pass(s)
		began := time.Now()
		r.e.Close()
		assert.LessOrEqual(t, time.Since(began), closeTimeout)
		close(forever)
	})
}

// A hook that returns after its time, or after Close, has no effect.
func TestHookThatIsLateChangesNothing(t *testing.T) {
	bubble(t, func(t *testing.T) {
		r := newRig(t, Config{}, byIP)
		takes, shown := 400*time.Millisecond, 0
		r.m.AddNotificationHook(hook{
			pre: func(_ context.Context, _ ConnInfo, n Notification) (Notification, bool) {
				time.Sleep(takes) // fake
				return n, false
			},
			post: func(context.Context, ConnInfo, Notification, error) { shown++ },
		})
		c := r.open(1, nodeA)[0]
		r.say(c, shardEvent(FailingOver, 1, 2*s))
		r.pass(249 * time.Millisecond)
		assert.False(t, r.relaxed())
		r.pass(time.Millisecond)
		assert.True(t, r.relaxed(), "as it came")
		r.pass(s)
		assert.True(t, r.relaxed(), "the hook drops it, too late")
		r.say(c, shardEvent(FailingOver, 1, 2*s))
		assert.EqualValues(t, 1, r.m.Stats().Duplicates, "a copy is known")
		takes = 100 * time.Millisecond
		r.say(c, shardEvent(Migrating, 2, 2*s))
		r.pass(10 * time.Millisecond)
		r.e.Close()
		r.pass(s)
		assert.Zero(t, r.m.Stats().Windows)
		assert.EqualValues(t, 1, r.m.Stats().HooksLate)
		assert.Zero(t, shown)
	})
}

func TestPanickingHookIsRecovered(t *testing.T) {
	bubble(t, func(t *testing.T) {
		r := newRig(t, Config{}, byIP)
		defer r.e.Close()
		r.m.AddNotificationHook(hook{
			pre:  func(context.Context, ConnInfo, Notification) (Notification, bool) { panic("before") },
			post: func(context.Context, ConnInfo, Notification, error) { panic("after") },
		})
		r.say(r.open(1, nodeA)[0], shardEvent(FailingOver, 1, 2*s))
		r.pass(s)
		assert.True(t, r.relaxed())
		assert.EqualValues(t, 2, r.m.Stats().HooksLate)
	})
}

func TestMetricsHookCounts(t *testing.T) {
	bubble(t, func(t *testing.T) {
		r := newRig(t, Config{}, byIP)
		defer r.e.Close()
		h := NewMetricsHook()
		r.m.AddNotificationHook(h)
		r.m.AddNotificationHook(hook{pre: func(_ context.Context, _ ConnInfo, n Notification) (Notification, bool) {
			time.Sleep(10 * time.Millisecond) // fake
			return n, true
		}})
		r.set(nodeB, node{takes: 40 * time.Millisecond})
		c := r.open(3, nodeA)
		for _, x := range c {
			r.say(x, movingTo(2, 15*s, nodeB))
		}
		r.pass(s)
		r.receive(ConnInfo{Info: conn.Info{ID: 1, Peer: nodeA}}, shardEvent(Migrating, 3, 0), &NotificationError{Kind: Migrating, Reason: "x"})
		r.pass(5 * s)
		got := h.GetMetrics()
		assert.Equal(t, map[string]int64{"MOVING": 1, "MIGRATING": 1}, got["notification_counts"], "each event once")
		assert.Equal(t, map[string]int64{"MIGRATING": 1}, got["error_counts"])
		assert.Equal(t, 10*time.Millisecond, got["processing_times"].(map[string]time.Duration)["MOVING"], "H-102")
		assert.Equal(t, []any{int64(3), int64(3), int64(0)}, []any{got["handoffs_started"], got["handoffs_succeeded"], got["handoffs_failed"]})
		assert.Equal(t, DurationStats{Count: 3, Total: 120 * time.Millisecond, Min: 40 * time.Millisecond, Max: 40 * time.Millisecond}, got["handoff_durations"])
		assert.EqualValues(t, 1, r.m.Stats().Malformed)
	})
}

func TestMetricsHookIsSafeForConcurrentUse(t *testing.T) {
	h := NewMetricsHook()
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			for range 200 {
				n, _ := h.PreHook(t.Context(), ConnInfo{Info: conn.Info{ID: uint64(i)}}, movingTo(1, 0, ""))
				h.PostHook(t.Context(), ConnInfo{Info: conn.Info{ID: uint64(i)}}, n, nil)
				h.OnEvent(t.Context(), Event{EventKind: MoveFailed})
				h.GetMetrics()
			}
		})
	}
	wg.Wait()
	assert.Equal(t, map[string]int64{"MOVING": 1600}, h.GetMetrics()["notification_counts"])
	assert.EqualValues(t, 1600, h.GetMetrics()["handoffs_failed"])
	for i := range 3 * maxSeen { // dropped by a later hook: PostHook never comes
		h.PreHook(t.Context(), ConnInfo{Info: conn.Info{ID: uint64(i)}}, movingTo(1, 0, ""))
	}
	assert.LessOrEqual(t, len(h.seen), maxSeen)
}

// One record per event and decision, with its reason; none for copies (H-100).
func TestLoggerGetsOneRecordPerDecision(t *testing.T) {
	bubble(t, func(t *testing.T) {
		log := &lines{}
		r := newRig(t, Config{}, byIP, func(w *Wiring) { w.Logger = log.logger() })
		r.set(nodeB, node{})
		c := r.open(1, nodeA)
		for range 5 {
			r.say(c[0], movingTo(2, 15*s, nodeB))
		}
		r.pass(20 * s)
		r.e.Close()
		var got []string
		for _, l := range log.all() {
			_, msg, _ := strings.Cut(l, "msg=")
			got = append(got, msg)
		}
		id := `kind=MOVING seq=2 `
		assert.Equal(t, []string{
			`"handoff: announced" ` + id + `conn=1 from=` + nodeA + ` to=` + nodeB + ` outcome="server named a target"`,
			`"handoff: job started" ` + id + `from=` + nodeA + ` to=` + nodeB + ` outcome="named target"`,
			`"handoff: move started" ` + id + `conn=1 from=` + nodeA + ` to=` + nodeB,
			`"handoff: move succeeded" ` + id + `conn=1 from=` + nodeA + ` to=` + nodeB,
			`"handoff: job ended" ` + id + `from=` + nodeA + ` outcome="1 moved, 0 left on the peer"`,
		}, got)
	})
}

func TestLoggingHook(t *testing.T) {
	log := &lines{}
	h := NewLoggingHook(slog.New(slog.NewTextHandler(log, &slog.HandlerOptions{Level: slog.LevelDebug})))
	n, keep := h.PreHook(t.Context(), ConnInfo{Info: conn.Info{ID: 4, Peer: nodeA}}, movingTo(2, 15*s, nodeB))
	assert.True(t, keep)
	h.PostHook(t.Context(), ConnInfo{Info: conn.Info{ID: 4, Peer: nodeA}}, n, errRefused)
	got := log.all()
	assert.Len(t, got, 2)
	assert.Contains(t, got[0], `level=DEBUG msg="handoff: notification received" notification="MOVING seq 2 in 15s to 10.0.0.2:12000" conn=4`)
	assert.Contains(t, got[1], `level=WARN msg="handoff: notification acted upon"`)
	assert.NotNil(t, NewLoggingHook(nil).logger)
}

func TestTimelineIsABoundedRing(t *testing.T) {
	var tl Timeline
	for range tl.All() {
		t.Fatal("empty")
	}
	for i := range uint64(timelineSize + 10) {
		tl.add(&Event{EventKind: Announced, Conn: i})
	}
	next := uint64(10)
	for e := range tl.All() {
		assert.Equal(t, next, e.Conn)
		next++
	}
	assert.EqualValues(t, timelineSize+10, next)
	for e := range tl.All() {
		assert.EqualValues(t, 10, e.Conn, "stops when told")
		break
	}
	e := Event{EventKind: MoveFailed, EventID: EventID{Moving, 3, true}, From: nodeA, To: nodeB, Outcome: "x", Err: errRefusedDial}
	assert.Equal(t, "move failed MOVING seq 3 from 10.0.0.1:12000 to 10.0.0.2:12000, x: connection refused", e.String())
	assert.Equal(t, "EventKind(99)", EventKind(99).String())
}

// A hook that is slow, hangs or panics, and 61 connections that are all told of three events 50 ms apart (H-125; jedis #4473): everybody has
// moved before the deadline, and timeouts are relaxed within a quarter of a second.
func TestSlowHooksMakeNobodyLate(t *testing.T) {
	for name, pre := range map[string]func(ctx context.Context, n Notification) (Notification, bool){
		"100 ms": func(_ context.Context, n Notification) (Notification, bool) { time.Sleep(100 * ms); return n, true },
		"400 ms": func(_ context.Context, n Notification) (Notification, bool) { time.Sleep(400 * ms); return n, true },
		"hangs":  func(ctx context.Context, n Notification) (Notification, bool) { <-ctx.Done(); return n, true },
		"panics": func(context.Context, Notification) (Notification, bool) { panic("mine") },
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				r := newRig(t, Config{}, byIP)
				defer r.e.Close()
				r.set(nodeB, node{})
				var mu sync.Mutex
				seen := map[Kind]int{}
				r.m.AddNotificationHook(hook{
					pre: func(ctx context.Context, _ ConnInfo, n Notification) (Notification, bool) {
						mu.Lock()
						seen[n.Kind]++
						mu.Unlock()
						return pre(ctx, n)
					},
					post: func(ctx context.Context, _ ConnInfo, n Notification, _ error) { pre(ctx, n) },
				})
				c := r.open(61, nodeA)
				began := time.Now()
				for _, n := range []Notification{shardEvent(Migrating, 1, 2*s), shardEvent(Migrated, 2, 0), movingTo(3, 4*s, nodeB)} {
					for _, x := range c {
						r.sayFrom(x, nodeA, n)
					}
					r.pass(50 * ms)
				}
				r.pass(100 * ms) // 250 ms after the first was read
				assert.True(t, r.relaxed())
				r.pass(101 * ms)
				assert.Equal(t, map[string]int{nodeB: 61}, r.peers(), "250 ms after the MOVING was read")
				mu.Lock()
				for k, times := range seen {
					assert.Equal(t, 1, times, "%v is shown once", k)
				}
				mu.Unlock()
				var order []Kind
				for e := range r.m.Timeline().All() {
					if e.EventKind == Announced {
						order = append(order, e.Kind)
					}
				}
				assert.Equal(t, []Kind{Migrating, Migrated, Moving}, order)
				for _, d := range r.dials {
					assert.Equal(t, began.Add(100*ms+4*s), d.target.Drain, "the deadline counts from when it was read")
				}
				assert.EqualValues(t, 180, r.m.Stats().Duplicates)
				assert.Zero(t, r.m.Stats().Failed)
			})
		})
	}
}

// The decision of a hook holds for the copies of the event, those that come while it thinks and those that come later.
func TestCopiesGetWhatWasDecided(t *testing.T) {
	bubble(t, func(t *testing.T) {
		r := newRig(t, Config{}, byIP)
		defer r.e.Close()
		r.set(nodeC, node{})
		shown := 0
		r.m.AddNotificationHook(hook{pre: func(_ context.Context, _ ConnInfo, n Notification) (Notification, bool) {
			shown++
			time.Sleep(100 * ms)
			n.Endpoint = nodeC
			return n, n.Kind == Moving
		}})
		c := r.open(10, nodeA)
		for range 2 {
			for _, x := range c {
				r.sayFrom(x, nodeA, shardEvent(Migrating, 1, 2*s))
				r.sayFrom(x, nodeA, movingTo(2, 15*s, nodeB))
			}
			r.pass(s)
		}
		assert.Equal(t, 2, shown)
		assert.Equal(t, map[string]int{nodeC: 10}, r.peers())
		assert.Equal(t, Moving, r.m.Phase(), "MIGRATING was dropped, and so were its copies")
		assert.Equal(t, 10, r.dialCount())
	})
}

// More events than may wait: they are acted upon without their hooks, and none overtakes another.
func TestFullLineKeepsTheOrder(t *testing.T) {
	bubble(t, func(t *testing.T) {
		r := newRig(t, Config{}, byIP)
		defer r.e.Close()
		r.m.AddNotificationHook(hook{pre: func(_ context.Context, _ ConnInfo, n Notification) (Notification, bool) {
			time.Sleep(200 * ms)
			return n, true
		}})
		var last int64 = -1
		act := r.e.dispatcher.act
		r.e.dispatcher.act = func(n received) error {
			assert.Equal(t, last+1, n.n.Seq)
			last = n.n.Seq
			assert.LessOrEqual(t, time.Since(n.read), hookTimeout)
			return act(n)
		}
		c := r.open(1, nodeA)[0]
		for i := range int64(3*hookQueue + 10) {
			k := Migrating
			if i%2 == 1 {
				k = Migrated
			}
			r.say(c, shardEvent(k, i, 2*s))
		}
		r.e.dispatcher.mu.Lock()
		assert.LessOrEqual(t, len(r.e.dispatcher.waiting), hookQueue+1)
		r.e.dispatcher.mu.Unlock()
		r.pass(300 * ms)
		assert.EqualValues(t, 3*hookQueue+9, last)
		assert.Zero(t, r.m.Stats().Windows)
		assert.Positive(t, r.m.Stats().HooksLate)
		r.pass(s)
	})
}

// Notifications wait for their hooks when the client is closed. A hook that is running gets to its end; none begins.
func TestNoHookBeginsAfterClose(t *testing.T) {
	bubble(t, func(t *testing.T) {
		r := newRig(t, Config{}, byIP)
		shown := 0
		r.m.AddNotificationHook(hook{pre: func(_ context.Context, _ ConnInfo, n Notification) (Notification, bool) {
			shown++
			time.Sleep(100 * time.Millisecond)
			return n, true
		}})
		c := r.open(1, nodeA)[0]
		for i := range int64(20) {
			r.say(c, shardEvent(FailingOver, i, 2*s))
		}
		r.pass(50 * time.Millisecond)
		began := time.Now()
		r.e.Close()
		assert.Equal(t, 50*time.Millisecond, time.Since(began))
		r.pass(5 * s)
		assert.Equal(t, 1, shown)
	})
}

// With hooks a notification is acted upon under a lock. AllowEndpoint, which is asked then, may use the Manager nevertheless.
func TestAllowEndpointMayUseTheManager(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var m *Manager
		r := newRig(t, Config{AllowEndpoint: func(string) bool {
			m.AddNotificationHook(hook{})
			return m.Stats().Jobs == 0 && m.Timeline() != nil && len(m.Reports()) == 0
		}}, byIP)
		defer r.e.Close()
		m = r.m
		m.AddNotificationHook(hook{})
		r.set(nodeB, node{})
		r.say(r.open(1, nodeA)[0], movingTo(1, 15*s, nodeB))
		r.pass(s)
		assert.Equal(t, map[string]int{nodeB: 1}, r.peers())
		assert.Len(t, r.e.dispatcher.hooks(), 2)
	})
}

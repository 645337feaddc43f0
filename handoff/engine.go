package handoff

import (
	"context"
	"errors"
	"log/slog"
	"math/rand/v2"
	"net"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/baton-go/baton/conn"
	"github.com/baton-go/baton/resp3"
)

// Wiring is what an Engine uses of the client it works for. The client owns what is behind the functions. They are called
// without any lock of the Engine held and may be called from several goroutines at once.
type Wiring struct {
	Network, Addr string // configured endpoint, e.g. "tcp", "redis.example.com:12000"
	PoolSize      int
	MaxActive     int // 0: no limit
	// Conns returns all live connections of the client: idle, busy, leased.
	Conns func() []*conn.Conn
	// Move moves a connection and returns the one that has taken its place, which may be the same. nil: conn.Conn.Move.
	Move func(ctx context.Context, c *conn.Conn, t conn.Target) (*conn.Conn, error)
	// Resolve looks a host up, afresh each time. nil: net.DefaultResolver.LookupHost.
	Resolve func(ctx context.Context, host string) ([]string, error)
	// Logger gets one record per event and decision. nil: silent.
	Logger *slog.Logger
}

// Engine handles the maintenance of one endpoint for one client: it reads notifications, relaxes timeouts, and moves
// connections away from a peer that retires. Its methods are for the client, which wires it to its connections and pools;
// programs use its Manager. All methods may be called from several goroutines at once and none blocks, except Close.
type Engine struct {
	endpoint
	cfg   Config
	mover *mover

	relaxedUntil atomic.Pointer[time.Time] // written with mu held; read for each reply that is waited for
	capability   capability
	observers

	mu         sync.Mutex // guards the fields below; reports.mu alone is taken while it is held
	windows    windows
	memory     memory[announcement]
	namedAddrs namedAddrs
	unknown    []string // words of pushes that were reported as unknown
}

// New returns an Engine, which starts no goroutine before it is needed. Errors are those of Config.Validate, and a
// missing Conns.
func New(cfg Config, w Wiring) (*Engine, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	if w.Conns == nil {
		return nil, errors.New("handoff: Wiring.Conns is nil")
	}
	e := &Engine{
		cfg: cfg.WithDefaults(w.PoolSize, w.MaxActive), endpoint: endpoint{addr: w.Addr},
		memory: memory[announcement]{}, namedAddrs: namedAddrs{},
	}
	if w.Network != "unix" {
		_, e.port, _ = net.SplitHostPort(w.Addr)
		e.named = isName(w.Addr)
	}
	e.mover = newMover(e, w)
	e.capability = capability{cfg: &e.cfg, optIns: memory[string]{}}
	e.dispatcher = &dispatcher{
		ctx: e.mover.ctx, logger: w.Logger, observers: &e.observers, act: func(r received) error { return e.act(r, true) },
		urgent: make(chan func(), hookQueue), later: make(chan func(), hookQueue), exited: make(chan struct{}),
		known: map[announcement]*pending{},
	}
	e.dispatcher.set.Store(new(hookSet))
	return e, nil
}

func randomly(limit time.Duration) time.Duration { return rand.N(max(limit, 1)) }

// OnPush handles a push that was read on a link to peer. It is meant for conn.Config.OnPush: it runs on the goroutine that
// reads and does not block. It ignores pushes that have nothing to do with maintenance.
func (e *Engine) OnPush(c *conn.Conn, peer string, v resp3.Value) {
	if e.cfg.Mode == ModeDisabled {
		return
	}
	n, ours, err := ParseNotification(v, e.port)
	if !ours {
		e.unknownPush(c, peer, nameOf(v))
		return
	}
	info := ConnInfo{Info: c.Info(), Addr: e.addr, TLS: c.TLS()}
	info.Peer = peer
	_ = e.act(received{info, n, err, time.Now()}, false) // reported in the event
}

// unknownPush counts a push that looks like maintenance and is not known, and reports the first of each name. Only the names of
// maintenance pushes are in capitals.
func (e *Engine) unknownPush(c *conn.Conn, peer, name string) {
	if name == "" || len(name) > maxQuoted || strings.Trim(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZ_") != "" {
		return
	}
	e.timeline.count(func(s *Stats) { s.Unknown++ })
	e.mu.Lock()
	news := !slices.Contains(e.unknown, name) && len(e.unknown) < maxStrange
	if news {
		e.unknown = append(e.unknown, name)
	}
	e.mu.Unlock()
	if news {
		e.tell(&Event{EventKind: Unknown, From: peer, Conn: c.ID(), Outcome: "push " + quote(name) + " is not known and was left alone"})
	}
}

// Relaxed returns the least timeout in force at now: RelaxedTimeout while maintenance goes on, and for RelaxedTail after
// its end; otherwise 0. It is meant for conn.Config.Relaxed, hence the first argument, which does not matter. It is one atomic
// load.
func (e *Engine) Relaxed(_, now time.Time) time.Duration {
	if until := e.relaxedUntil.Load(); until != nil && now.Before(*until) {
		return e.cfg.RelaxedTimeout
	}
	return 0
}

// OptIn returns the endpoint type to ask for on a new link, "" not to ask, or not yet. It is meant for conn.Config.OptIn.
// While the first connection of an endpoint waits for its answer others wait with it, for a quarter of a second at most.
func (e *Engine) OptIn(ctx context.Context, f conn.Facts) string {
	return e.capability.ask(ctx, f, time.Now())
}

// OptedIn handles the result of the set-up of a link. It is meant for conn.Config.OptedIn. In ModeEnabled it returns an
// *OptInError if there will be no notifications; in ModeAuto a refusal is remembered and nothing else happens.
func (e *Engine) OptedIn(s conn.Setup) error {
	news, err := e.capability.learn(s, time.Now())
	if news {
		ev := &Event{EventKind: OptInRefused, From: s.Peer, Err: s.Refused}
		if foreign(s.Server) && s.Asked == "" {
			ev.Outcome = "not asked: the server calls itself " + quote(s.Server)
		}
		e.tell(ev)
	}
	return err
}

// Joined tells the Engine that c has been registered, so that Wiring.Conns returns it from now on. If its peer retires, c
// is moved by the job that runs: it may have been dialled before the announcement and have missed it.
func (e *Engine) Joined(c *conn.Conn) { e.mover.wake(c.Peer()) }

// PeerLost tells the Engine that c is closed. If it was the peer that ended it, the peers of the other connections are
// looked up: a proxy that DNS does not list any more is about to go, with or without an announcement.
func (e *Engine) PeerLost(c *conn.Conn) {
	if !errors.Is(c.Err(), conn.ErrClosed) {
		e.mover.checkPeers(1, checkEvery, time.Now())
	}
}

// Manager returns what programs see of the Engine.
func (e *Engine) Manager() *Manager { return (*Manager)(e) }

// Close ends all jobs, look-ups and timers and waits for their goroutines, and at most a second for a hook that ignores
// its context. Connections stay where they are. Close may be called more than once.
func (e *Engine) Close() {
	e.mover.close() // from then on act does nothing
	e.mu.Lock()
	e.windows = windows{}
	e.relaxedUntil.Store(nil)
	e.mu.Unlock()
	e.reports.observed.Store(nil)
	e.dispatcher.close()
}

// leftPeer keeps timeouts relaxed for a while after a connection has left peer: its new server starts cold.
func (e *Engine) leftPeer(peer string, now time.Time) {
	if d := e.cfg.PostHandoffRelaxedDuration; d > 0 {
		e.mu.Lock()
		defer e.mu.Unlock()
		e.windows.add(window{id: peer, opened: now, until: now.Add(d)}, now)
		e.publishLocked()
	}
}

// Manager is what a program sees of the maintenance of its client: the notification hooks, the timeline, the counters and the
// reports. All methods may be called from several goroutines at once, and none blocks.
type Manager Engine

// Phase returns the kind of maintenance that goes on, the most serious one if there are several; KindNone if none does.
func (m *Manager) Phase() Kind {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.windows.phase(time.Now())
}

// Timeline returns the events of this Manager.
func (m *Manager) Timeline() *Timeline { return &m.timeline }

// Stats returns the counters, and how many jobs run and windows are open at this moment.
func (m *Manager) Stats() Stats {
	s := m.timeline.stats()
	s.Capability = m.capability.get()
	s.Jobs = m.mover.jobs()
	m.mu.Lock()
	defer m.mu.Unlock()
	m.windows.expire(time.Now())
	s.Windows = len(m.windows.current)
	return s
}

// AddNotificationHook adds a hook behind those added before; it sees what comes from then on. A hook cannot be taken back.
func (m *Manager) AddNotificationHook(h NotificationHook) { m.dispatcher.add(h) }

// RelaxedUntil returns until when timeouts are relaxed, unless the server says earlier that an operation is over. It is zero if
// they are not relaxed.
func (m *Manager) RelaxedUntil() time.Time {
	if until := m.relaxedUntil.Load(); until != nil && time.Now().Before(*until) {
		return *until
	}
	return time.Time{}
}

// Reports returns how the last 32 windows went, oldest first, open ones included.
func (m *Manager) Reports() []Report { return m.reports.all() }

package handoff

import (
	"context"
	"errors"
	"log/slog"
	"math/rand/v2"
	"net"
	"slices"
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
	manager Manager
	cfg     Config
	addr    string // configured endpoint as it is dialled
	port    string
	named   bool // addr is a name that can be resolved
	members func() []member
	resolve func(ctx context.Context, host string) ([]string, error)
	jitter  func(most time.Duration) time.Duration

	ctx    context.Context // ends with Close
	cancel context.CancelFunc
	jobs   sync.WaitGroup // goroutines of jobs, attempts and look-ups
	slots  chan struct{}  // one for each attempt that runs

	relaxed    atomic.Pointer[relaxation] // written with mu held; read for each reply that is waited for
	capability capability
	observers

	mu       sync.Mutex // guards what follows; a leaf: nothing is called or locked while it is held
	closed   bool
	windows  windows
	memory   memory
	strange  []string // words of pushes that were reported as unknown
	breakers breakers
	hearsay  hearsay
	floor    floor
	running  map[string]*job // by retiring peer
	lastRev  int             // number of the newest plan
	checks   int             // look-ups of the peers in use that are still to be made; a goroutine makes them
	answers  answers
	checked  time.Time // when that was last asked for
}

// member is what a job knows of one connection: conn.Conn behind a few functions, so that jobs run without sockets.
type member struct {
	id   uint64
	peer func() string
	done <-chan struct{} // closed when the connection is
	move func(ctx context.Context, t conn.Target) error
	stay func() // calls off a move that waits for a session
}

func memberOf(c *conn.Conn, move func(context.Context, *conn.Conn, conn.Target) (*conn.Conn, error)) member {
	if move == nil {
		return member{id: c.ID(), peer: c.Peer, done: c.Done(), move: c.Move, stay: c.Stay}
	}
	var now atomic.Pointer[conn.Conn]
	now.Store(c)
	return member{id: c.ID(), peer: func() string { return now.Load().Peer() }, done: c.Done(), stay: func() { now.Load().Stay() },
		move: func(ctx context.Context, t conn.Target) error {
			next, err := move(ctx, c, t)
			if err == nil {
				now.Store(next)
			}
			return err
		}}
}

func (c member) gone() bool {
	select {
	case <-c.done:
		return true
	default:
		return false
	}
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
	members := func() []member {
		conns := w.Conns()
		list := make([]member, 0, len(conns))
		for _, c := range conns {
			list = append(list, memberOf(c, w.Move))
		}
		return list
	}
	return newEngine(cfg, w, members), nil
}

func newEngine(cfg Config, w Wiring, members func() []member) *Engine {
	cfg = cfg.WithDefaults(w.PoolSize, w.MaxActive)
	m := &Engine{
		cfg:     cfg,
		addr:    w.Addr,
		members: members,
		resolve: w.Resolve,
		jitter:  randomly,
		slots:   make(chan struct{}, parallel(cfg, w)),
		running: map[string]*job{},
	}
	if w.Network != "unix" {
		_, m.port, _ = net.SplitHostPort(w.Addr)
		m.named = isName(w.Addr)
	}
	if m.resolve == nil {
		m.resolve = net.DefaultResolver.LookupHost
	}
	m.manager.engine = m
	m.ctx, m.cancel = context.WithCancel(context.Background())
	m.capability.cfg = &m.cfg
	m.dispatcher = newDispatcher(m.ctx, w.Logger)
	m.dispatcher.act, m.dispatcher.copied, m.dispatcher.failed = m.act, m.copied, m.hookFailed
	return m
}

// parallel is how many connections may have a second link being made at once.
func parallel(cfg Config, w Wiring) int {
	if w.MaxActive > w.PoolSize {
		return min(cfg.MaxWorkers, w.MaxActive-w.PoolSize)
	}
	return cfg.MaxWorkers
}

func randomly(most time.Duration) time.Duration {
	if most <= 0 {
		return 0
	}
	return rand.N(most)
}

// OnPush takes a push that came in on a link to peer. It is meant for conn.Config.OnPush: it runs on the goroutine that
// reads and does not block. Pushes that have nothing to do with maintenance are left alone.
func (m *Engine) OnPush(c *conn.Conn, peer string, v resp3.Value) {
	if m.cfg.Mode == ModeDisabled {
		return
	}
	n, ours, err := ParseNotification(v, m.port)
	if !ours {
		if word := unknownWord(v); word != "" {
			m.unknown(c.ID(), peer, word)
		}
		return
	}
	info := ConnInfo{Info: c.Info(), Addr: m.addr, TLS: c.TLS()}
	info.Peer = peer
	m.receive(info, n, err)
}

// unknown reports the first push of a kind that looks like maintenance and is not known, and counts all.
func (m *Engine) unknown(id uint64, peer, word string) {
	m.timeline.count(func(s *Stats) { s.Unknown++ })
	m.mu.Lock()
	news := !slices.Contains(m.strange, word) && len(m.strange) < maxStrange
	if news {
		m.strange = append(m.strange, word)
	}
	m.mu.Unlock()
	if news {
		m.tell(&Event{EventKind: Unknown, From: peer, Conn: id, Outcome: "push " + quote(word) + " is not known and was left alone"})
	}
}

// receive acts at once if there are no hooks, so that relaxing waits for nobody.
func (m *Engine) receive(info ConnInfo, n Notification, unreadable error) {
	read := time.Now()
	m.timeline.count(func(s *Stats) {
		s.Received[n.Kind]++
		if unreadable != nil {
			s.Malformed++
		}
	})
	if s := m.dispatcher.set.Load(); s != nil {
		s.dispatch(m.dispatcher, &pending{info: info, n: n, unreadable: unreadable, read: read})
		return
	}
	_ = m.act(info, n, unreadable, read) // reported in the event
}

// copied counts a copy of an event that waits for its hooks.
func (m *Engine) copied(info ConnInfo, n Notification) {
	m.timeline.count(func(s *Stats) { s.Duplicates++ })
	m.tell(&Event{
		EventKind: Repeated, EventID: n.EventID, From: info.Peer, To: n.Endpoint, Conn: info.ID,
		Outcome: "announced before, and waits for its hooks",
	})
}

// Relaxed returns the least timeout in force at now: RelaxedTimeout while maintenance goes on, and for RelaxedTail after
// its end; otherwise 0. When something began makes no difference: it is there for conn.Config.Relaxed. It is one atomic
// load when nothing goes on.
func (m *Engine) Relaxed(_, now time.Time) time.Duration {
	return m.relaxed.Load().at(now)
}

// OptIn returns the endpoint type to ask for on a new link, "" not to ask, or not yet. It is meant for conn.Config.OptIn.
// While the first connection of an endpoint waits for its answer others wait with it, for a quarter of a second at most.
func (m *Engine) OptIn(ctx context.Context, f conn.Facts) string {
	return m.capability.ask(ctx, f, time.Now())
}

// OptedIn takes what the set-up of a link found. It is meant for conn.Config.OptedIn. In ModeEnabled it returns an
// *OptInError if there will be no notifications; in ModeAuto a refusal is remembered and nothing else happens.
func (m *Engine) OptedIn(s conn.Setup) error {
	news, err := m.capability.learn(s, time.Now())
	if news {
		e := &Event{EventKind: OptInRefused, From: s.Peer, Err: s.Refused}
		if foreign(s.Server) && s.Asked == "" {
			e.Outcome = "not asked: the server calls itself " + quote(s.Server)
		}
		m.tell(e)
	}
	return err
}

// Manager returns what programs see of the Engine.
func (m *Engine) Manager() *Manager { return &m.manager }

// Close ends all jobs, look-ups and timers and waits for their goroutines, and at most a second for a hook that ignores
// its context. Connections stay where they are. Close may be called more than once.
func (m *Engine) Close() {
	m.mu.Lock()
	m.closed = true
	m.windows = windows{}
	m.relaxed.Store(nil)
	m.mu.Unlock()
	m.cancel()
	m.jobs.Wait()
	m.reports.observed.Store(nil)
	m.dispatcher.close()
}

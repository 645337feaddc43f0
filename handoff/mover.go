package handoff

import (
	"context"
	"net"
	"net/netip"
	"sync"
	"time"

	"golang.org/x/sync/semaphore"

	"github.com/baton-go/baton/conn"
)

// mover moves connections away from peers that retire, with a job for each such peer. The Engine gives it plans and is told of
// each connection that has left a peer.
type mover struct {
	endpoint
	cfg     *Config
	members func() []member // live connections of the client
	move    func(ctx context.Context, c member, t conn.Target) (peer string, err error)
	resolve func(ctx context.Context, host string) ([]string, error)
	jitter  func(limit time.Duration) time.Duration
	left    func(peer string, now time.Time) // tells the Engine
	*observers

	ctx    context.Context // ends with close
	cancel context.CancelFunc
	work   sync.WaitGroup      // goroutines of jobs, attempts and look-ups
	slots  *semaphore.Weighted // one for each attempt that runs

	mu       sync.Mutex      // guards the fields below; reports.mu alone is taken while it is held
	running  map[string]*job // by retiring peer
	lastRev  int             // number of the newest plan
	breakers breakers
	throttle throttle
	check    peerCheck
}

// endpoint is the configured one.
type endpoint struct {
	addr  string // as it is dialled
	port  string
	named bool // addr is a name that can be resolved
}

// member is a connection as a job sees it: conn.Conn, or what tests have instead.
type member interface {
	ID() uint64
	Peer() string
	State() conn.State
	Stay()
}

func closed(c member) bool { return c.State() == conn.Closed }

// maxJobs bounds the peers that are left at the same time; more than one is rare, and the number comes from the wire.
const maxJobs = 64

// job moves the connections away from one peer, as long as its window is open. There is at most one for each peer.
type job struct {
	peer string
	news chan struct{} // holds one: look again

	// Guarded by mover.mu.
	plan      plan
	failing   bool            // the last attempt on the target failed: new dials go to the configured address
	arrived   map[string]bool // peers that connections were moved to
	toldAgain map[uint64]bool // connections that brought a copy after half of the time
}

// target is where dials go that would reach the peer, "" if that is not known.
func (j *job) target() string {
	p := &j.plan
	if p.canceled || len(p.targets) == 0 || p.strategy == reconnectHalfway || p.strategy == unlisted {
		return ""
	}
	return p.targets[0]
}

// notify wakes the goroutine of j, if there is a j. It is not inlined, since it has many callers.
//
//go:noinline
func (j *job) notify() {
	if j == nil {
		return
	}
	select {
	case j.news <- struct{}{}:
	default:
	}
}

func newMover(e *Engine, w Wiring) *mover {
	if w.Resolve == nil {
		w.Resolve = net.DefaultResolver.LookupHost
	}
	if w.Move == nil {
		w.Move = func(ctx context.Context, c *conn.Conn, t conn.Target) (*conn.Conn, error) { return c, c.Move(ctx, t) }
	}
	attempts := e.cfg.MaxWorkers // at the same time
	if w.MaxActive > w.PoolSize {
		attempts = min(attempts, w.MaxActive-w.PoolSize)
	}
	m := &mover{
		endpoint: e.endpoint, cfg: &e.cfg, resolve: w.Resolve, jitter: randomly, observers: &e.observers, left: e.leftPeer,
		slots: semaphore.NewWeighted(int64(attempts)), running: map[string]*job{}, breakers: breakers{},
		throttle: throttle{conns: map[uint64]rested{}}, check: peerCheck{left: memory[string]{}},
	}
	m.members = func() (members []member) {
		for _, c := range w.Conns() {
			members = append(members, c)
		}
		return members
	}
	m.move = func(ctx context.Context, c member, t conn.Target) (string, error) {
		next, err := w.Move(ctx, c.(*conn.Conn), t)
		if err != nil {
			return c.Peer(), err
		}
		return next.Peer(), nil
	}
	m.ctx, m.cancel = context.WithCancel(context.Background())
	return m
}

// start gives p to the job of that peer, and starts one if there is none.
func (m *mover) start(peer string, p plan) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if j := m.planLocked(peer, p); j != nil {
		m.work.Go(func() { m.run(j) })
	}
}

// planLocked gives p to the job of that peer. If there was none it returns a new one, which the caller runs.
func (m *mover) planLocked(peer string, p plan) (started *job) {
	if m.cfg.DryRun || m.ctx.Err() != nil {
		return nil
	}
	j := m.running[peer]
	if j != nil && p.olderThan(j.plan) {
		return nil // a newer announcement was faster
	}
	if len(p.targets) == 1 {
		if old := m.running[p.targets[0]]; old != nil && !p.olderThan(old.plan) { // the server goes back to a peer that it has left
			canceled := old.plan
			canceled.until, canceled.canceled = p.opened, true
			m.replaceLocked(old, canceled)
		}
	}
	if j != nil && j.plan.renewedBy(p) {
		// Attempts go on: otherwise a server that numbers its reminders could keep connections from ever arriving.
		p.rev, p.start, p.targets = j.plan.rev, sooner(j.plan.start, p.start), j.plan.targets
		j.plan = p
		j.notify()
		return nil
	}
	if j == nil {
		if len(m.running) >= maxJobs {
			return nil
		}
		j = &job{peer: peer, news: make(chan struct{}, 1), arrived: map[string]bool{}, toldAgain: map[uint64]bool{}}
		m.running[peer] = j
		started = j
	}
	m.replaceLocked(j, p)
	return started
}

//go:noinline
func (m *mover) replaceLocked(j *job, p plan) {
	m.lastRev++
	p.rev = m.lastRev
	if p.strategy == reconnectHalfway {
		p.targets = []string{m.addr}
	}
	j.plan, j.failing = p, false
	clear(j.toldAgain)
	j.notify()
}

// wake makes the job of that peer look for connections that have come to it.
func (m *mover) wake(peer string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.running[peer].notify()
}

// repeated tells the job of peer that connection id has brought a copy of its event. If the job has begun to reconnect without
// a target, the connection has reached the same node again. A copy that was read late costs one more reconnect.
func (m *mover) repeated(peer string, id uint64, now time.Time) {
	m.mu.Lock()
	defer m.mu.Unlock()
	j := m.running[peer]
	j.notify()
	if j != nil && j.plan.strategy == reconnectHalfway && !now.Before(j.plan.start) {
		j.toldAgain[id] = true
	}
}

// refuse makes the jobs whose target is addr go on as if the server had named none.
func (m *mover) refuse(addr string, now time.Time) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, j := range m.running {
		p := j.plan
		if p.strategy != namedTarget || j.target() != addr {
			continue
		}
		p.targets, p.strategy = nil, followName
		if !m.named || j.peer == "" {
			p.strategy, p.start = reconnectHalfway, later(now, p.halfway())
		}
		m.replaceLocked(j, p)
	}
}

// sources lists the retiring peers from which jobs have moved connections to peer.
func (m *mover) sources(peer string) (from []string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, j := range m.running {
		if j.arrived[peer] {
			from = append(from, j.peer)
		}
	}
	return from
}

// run is the goroutine of a job.
func (m *mover) run(j *job) {
	ctx, cancel := context.WithCancel(m.ctx)
	r := &runner{
		m: m, j: j, inflight: map[uint64]*attempt{}, results: make(chan *attempt, m.cfg.MaxWorkers), addrs: make(chan []netip.Addr, 1),
	}
	for r.step(ctx) {
	}
	cancel()
	r.settle()
}

// remove takes the job off the list, unless a newer plan came at the last moment.
func (m *mover) remove(j *job, rev int, closing bool) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	if !closing && (j.plan.rev != rev || time.Now().Before(j.plan.until)) {
		return false
	}
	if m.running[j.peer] == j {
		delete(m.running, j.peer)
	}
	return true
}

// lookUp returns the addresses of the configured name, none if the look-up fails.
func (m *mover) lookUp(ctx context.Context) (addrs []netip.Addr) {
	ctx, cancel := context.WithTimeout(ctx, lookupLimit)
	defer cancel()
	hosts, err := m.resolve(ctx, hostOf(m.addr))
	if err != nil {
		return nil
	}
	for _, h := range hosts {
		if a, err := netip.ParseAddr(h); err == nil {
			addrs = append(addrs, a.Unmap())
		}
	}
	return addrs
}

func (m *mover) close() {
	m.mu.Lock()
	m.cancel() // with mu held, so that no work is added after Wait has begun
	m.mu.Unlock()
	m.work.Wait()
}

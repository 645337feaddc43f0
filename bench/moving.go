package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/baton-go/baton/handoff/handofftest"
)

const (
	movingWindows = 3
	movingGrace   = 3 * time.Second        // between MOVING and the end of the old address
	movingRest    = 500 * time.Millisecond // between two windows
	movingCalm    = 2 * time.Second        // before the first window, to compare with
	movingPace    = time.Millisecond       // of each caller, and of what is published and pushed
	movingPatient = 5 * time.Second        // for what is still on its way in the end
	movingName    = "db.example.test"      // what clients are given instead of an address
)

// mover is an opened client that is in use while its server moves.
type mover struct {
	incr   func(ctx context.Context, key string) (int64, error)
	listen func(ctx context.Context, channel string, got func(text string)) error // until ctx ends
	pop    func(ctx context.Context, key string) (string, error)                  // BLPOP that waits as long as it takes
	close  func()
}

// movingEnv is where the client finds its server.
type movingEnv struct {
	Addr string // a name and a port
	now  *atomic.Pointer[string]
}

// LookupHost is the name service.
func (e movingEnv) LookupHost(_ context.Context, host string) ([]string, error) {
	if host == movingName {
		host = *e.now.Load()
	}
	return []string{host}, nil
}

// dial connects to an address or to what the name leads to at this moment.
func (e movingEnv) dial(ctx context.Context, _, addr string) (net.Conn, error) {
	host, port, err := net.SplitHostPort(addr)
	if err != nil {
		return nil, err
	}
	hosts, _ := e.LookupHost(ctx, host)
	return new(net.Dialer).DialContext(ctx, "tcp", net.JoinHostPort(hosts[0], port))
}

// runMoving lets callers increment counters, one subscriber listen and one consumer wait for elements, while addresses in front
// of the server retire one after the other, each announced by MOVING in good time. Whoever is connected to an address at its end
// is cut off. Afterwards it compares what the client said with what the server has.
func runMoving(c *cell) (Metrics, error) {
	if c.driver.Move == nil {
		return nil, errNotOffered
	}
	s, err := newTour(c.Addr)
	if err != nil {
		return nil, err
	}
	defer s.srv.Close()
	m, err := c.driver.Move(s.env)
	if err != nil {
		return nil, err
	}
	defer m.close()
	t := &traffic{m: m, backend: c.Addr, prefix: fmt.Sprintf("moving:%d:", time.Now().UnixNano()), patient: movingPatient}
	if err := t.begin(c.scenario.Callers); err != nil {
		return nil, err
	}
	time.Sleep(movingCalm)
	t.window.Store(true)
	left := 0
	for range movingWindows {
		n, err := s.move()
		if err != nil {
			return nil, err
		}
		left += n
	}
	out, err := t.end()
	if out != nil {
		out["left"] = float64(left)
	}
	return out, err
}

// tour is a row of addresses in front of one server, of which one is open.
type tour struct {
	srv   *handofftest.Server
	nodes []*handofftest.Node
	env   movingEnv
}

func newTour(backend string) (*tour, error) {
	s := &tour{env: movingEnv{now: new(atomic.Pointer[string])}}
	s.srv = handofftest.NewServer(handofftest.Options{Backend: backend})
	port, err := freePort()
	for i := 0; err == nil && i <= movingWindows; i++ {
		var n *handofftest.Node
		if n, err = s.srv.Listen(fmt.Sprintf("127.0.0.%d:%d", 2+i, port)); err == nil {
			s.nodes = append(s.nodes, n)
		}
	}
	if err != nil {
		s.srv.Close()
		return nil, err
	}
	for _, n := range s.nodes[1:] {
		n.Refuse()
	}
	s.env.Addr = net.JoinHostPort(movingName, strconv.Itoa(port))
	s.rename()
	return s, nil
}

func (s *tour) rename() {
	host, _, _ := net.SplitHostPort(s.nodes[0].Addr())
	s.env.now.Store(&host)
}

// move retires the first address and returns how many connections had to be cut off.
func (s *tour) move() (left int, err error) {
	old := s.nodes[0]
	s.nodes = s.nodes[1:]
	if err := s.nodes[0].Reopen(); err != nil {
		return 0, err
	}
	old.Moving(movingGrace, s.nodes[0].Addr())
	time.Sleep(movingGrace)
	s.rename()
	left = old.Shut()
	old.EndMoving()
	time.Sleep(movingRest)
	return left, nil
}

// traffic is what goes on meanwhile, and the record of it.
type traffic struct {
	m       *mover
	backend string        // for what does not go through the client
	prefix  string        // of all names
	patient time.Duration // how long the end may wait for what is on its way
	window  atomic.Bool
	over    atomic.Bool // nothing new is made
	judged  atomic.Bool // nobody looks any more
	makers  sync.WaitGroup

	mu           sync.Mutex
	calm, moving Hist
	confirmed    []int64 // increments, by caller
	unsure       []int64 // failed ones
	heard        map[string]int
	popped       map[string]int
	published    int
	pushed       int
	failedPops   int
	fault        error // of the traffic itself
}

func (t *traffic) note(write func()) {
	t.mu.Lock()
	defer t.mu.Unlock()
	write()
}

// begin returns when the subscription works and everything runs.
func (t *traffic) begin(callers int) error {
	t.heard, t.popped = map[string]int{}, map[string]int{}
	t.confirmed, t.unsure = make([]int64, callers), make([]int64, callers)
	ctx := context.Background()
	go func() {
		_ = t.m.listen(ctx, t.prefix+"news", func(text string) { t.note(func() { t.heard[text]++ }) })
	}()
	if err := t.subscribed(); err != nil {
		return err
	}
	t.makers.Go(func() { t.produce("PUBLISH", "news", &t.published) })
	t.makers.Go(func() { t.produce("RPUSH", "jobs", &t.pushed) })
	go t.consume(ctx)
	for i := range callers {
		t.makers.Go(func() { t.call(ctx, i) })
	}
	return nil
}

// subscribed waits until a message gets through.
func (t *traffic) subscribed() error {
	c, err := dialControl("tcp", t.backend)
	if err != nil {
		return err
	}
	defer c.close()
	for end := time.Now().Add(movingPatient); time.Now().Before(end); time.Sleep(movingPace) {
		if n, err := c.do("PUBLISH", t.prefix+"news", "first"); err != nil || n == "1" {
			return err
		}
	}
	return errors.New("no subscription")
}

// produce sends numbers straight to the server.
func (t *traffic) produce(command, name string, n *int) {
	c, err := dialControl("tcp", t.backend)
	for ; err == nil && !t.over.Load(); time.Sleep(movingPace) {
		if _, err = c.do(command, t.prefix+name, strconv.Itoa(*n)); err == nil {
			t.note(func() { *n++ })
		}
	}
	t.note(func() { t.fault = errors.Join(t.fault, err) })
}

func (t *traffic) consume(ctx context.Context) {
	for !t.judged.Load() {
		text, err := t.m.pop(ctx, t.prefix+"jobs")
		t.note(func() {
			if err != nil {
				t.failedPops++
			} else {
				t.popped[text]++
			}
		})
		if err != nil {
			time.Sleep(movingPace)
		}
	}
}

// call increments a counter that nobody else does.
func (t *traffic) call(ctx context.Context, i int) {
	key := t.prefix + strconv.Itoa(i)
	for !t.over.Load() {
		h, begun := &t.calm, time.Now()
		if t.window.Load() {
			h = &t.moving
		}
		_, err := t.m.incr(ctx, key)
		took := time.Since(begun)
		t.note(func() {
			h.Add(took)
			if err == nil {
				t.confirmed[i]++
			} else {
				t.unsure[i]++
			}
		})
		time.Sleep(movingPace)
	}
}

// end stops what makes new things, lets what is on its way arrive, and compares.
func (t *traffic) end() (Metrics, error) {
	t.over.Store(true)
	t.makers.Wait()
	c, err := dialControl("tcp", t.backend)
	if err != nil {
		return nil, err
	}
	defer c.close()
	defer t.judged.Store(true)
	m := Metrics{}
	for i := range t.confirmed {
		v, err := c.do("GET", t.prefix+strconv.Itoa(i))
		n, perr := strconv.ParseInt(v, 10, 64)
		if err = errors.Join(err, perr); err != nil {
			return nil, err
		}
		m["failed"] += float64(t.unsure[i])
		m["wrong"] += float64(max(t.confirmed[i]-n, 0) + max(n-t.confirmed[i]-t.unsure[i], 0))
	}
	for end := time.Now().Add(t.patient); ; time.Sleep(50 * time.Millisecond) {
		text, err := c.do("LLEN", t.prefix+"jobs")
		if err != nil {
			return nil, err
		}
		left, _ := strconv.Atoi(text)
		t.note(func() { m["missed"], m["lostpops"] = float64(t.missedLocked()), float64(t.pushed-len(t.popped)-left) })
		if left == 0 && m["missed"] == 0 && m["lostpops"] == 0 || !time.Now().Before(end) {
			break
		}
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	us := func(d time.Duration) float64 { return float64(d) / float64(time.Microsecond) }
	m["failedpops"] = float64(t.failedPops)
	m["stall"] = us(t.moving.max) / 1000
	m["calm999"], m["p999"] = us(t.calm.Quantile(0.999)), us(t.moving.Quantile(0.999))
	m["slowdown"] = m["p999"] / m["calm999"]
	return m, t.fault
}

func (t *traffic) missedLocked() (n int) {
	for i := range t.published {
		if t.heard[strconv.Itoa(i)] == 0 {
			n++
		}
	}
	return n
}

package main

import (
	"context"
	"fmt"
	"net"
	"sync/atomic"
	"time"

	baton "github.com/baton-go/baton"
	"github.com/baton-go/baton/handoff"
	"github.com/baton-go/baton/handoff/handofftest"
	"github.com/baton-go/baton/internal/stall"
	"github.com/baton-go/baton/pool"
)

const (
	// logicalAddr is what the client is configured with. Nobody listens there (RFC 5737): the stage's dialer knows where
	// it leads.
	logicalAddr = "192.0.2.1:6379"
	// nameLag is how long after the close of an endpoint the logical address goes on leading there.
	nameLag = time.Second
	// lastGasp is for how long the old endpoint holds its replies back before it closes, as one that goes down may. Whoever
	// is still there then certainly loses some.
	lastGasp = 50 * time.Millisecond
	// look is how often the retiring endpoint is looked at, and so the precision of what is told about it.
	look = 2 * time.Millisecond

	readyWait = 30 * time.Second // for the client to connect
	spare     = 4                // connections that the pool may have besides the idle ones
)

// stage is the endpoints of the database, one for each move and one to begin with.
type stage struct {
	server *handofftest.Server
	nodes  []*handofftest.Node
	serves atomic.Int32 // the node that clients should use now
	leads  atomic.Int32 // the node to which the logical address leads
	store  string       // where the data is reached without a node of the client's: the backend, or "" for the last node
	login  login
	meter  *stall.Meter
}

// openStage opens the endpoints, each on a loopback address of its own where the system has them.
func openStage(p plan) (*stage, error) {
	s := &stage{server: handofftest.NewServer(handofftest.Options{Backend: p.backend}), store: p.backend, login: p.login}
	for i := range p.moves + 1 {
		node, err := s.server.Listen(fmt.Sprintf("127.0.0.%d:0", i+2))
		if err != nil {
			node, err = s.server.Listen("127.0.0.1:0")
		}
		if err != nil {
			s.close()
			return nil, fmt.Errorf("open endpoint %d: %w", i+1, err)
		}
		s.nodes = append(s.nodes, node)
	}
	return s, nil
}

func (s *stage) close() { s.server.Close() }

// dialStore connects to the data, without the client. In front of a real server that is the server, so that this
// connection is on none of the endpoints.
func (s *stage) dialStore(ctx context.Context) (*raw, error) {
	if s.store != "" {
		return dialRaw(ctx, s.store, s.login)
	}
	return dialRaw(ctx, s.nodes[len(s.nodes)-1].Addr(), s.login)
}

// options configure the client under rehearsal. It insists on the feature: a rehearsal without it shows nothing.
func (s *stage) options(p plan) baton.Options {
	mode := handoff.ModeEnabled
	if p.off {
		mode = handoff.ModeDisabled
	}
	return baton.Options{
		Addr: logicalAddr, Dialer: s.dial,
		Username: s.login.username, Password: s.login.password, DB: s.login.db,
		Pool:    pool.Config{Size: p.idle + spare, MinIdle: p.idle},
		Handoff: handoff.Config{Mode: mode},
	}
}

// dial is the client's dialer.
func (s *stage) dial(ctx context.Context, network, addr string) (net.Conn, error) {
	if addr == logicalAddr {
		addr = s.nodes[s.leads.Load()].Addr()
	}
	var d net.Dialer
	return d.DialContext(ctx, network, addr)
}

// ready connects the client and waits until it holds its idle connections too.
func (s *stage) ready(ctx context.Context, p plan, client *baton.Client) error {
	ctx, cancel := context.WithTimeout(ctx, readyWait)
	defer cancel()
	if err := client.Ready(ctx); err != nil {
		return err
	}
	t := time.NewTicker(look)
	defer t.Stop()
	for client.Stats().Idle < p.idle {
		select {
		case <-t.C:
		case <-ctx.Done():
			return fmt.Errorf("%d idle connections of %d: %w", client.Stats().Idle, p.idle, context.Cause(ctx))
		}
	}
	return nil
}

// move is what happened in one move. Durations count from the announcement.
type move struct {
	From        string        `json:"from"`
	To          string        `json:"to"`
	Grace       time.Duration `json:"grace_ns"`
	Conns       int64         `json:"connections"`          // on the old endpoint at the announcement
	Told        int64         `json:"told"`                 // pushes sent by the old endpoint
	Heard       int64         `json:"heard"`                // pushes received by the client
	Moved       int           `json:"moved"`                // connections of the client that are the same ones, on the new endpoint
	Dials       int64         `json:"dialled_new"`          // connections that the new endpoint accepted after the announcement
	AtOnce      int           `json:"moves_at_once"`        // most attempts to move a connection that ran beside each other
	LastMove    time.Duration `json:"last_move_ns"`         // when the client had moved its last connection
	Returned    int64         `json:"dialled_old"`          // connections that the old endpoint accepted after the announcement
	LastCommand time.Duration `json:"last_command_left_ns"` // when the old endpoint took its last command
	LastConn    time.Duration `json:"last_conn_left_ns"`    // when its last connection was gone
	Left        int           `json:"left_behind"`          // connections there at the deadline
	Stall       time.Duration `json:"machine_stall_ns"`     // longest time in which this process was not let run when it wanted to
	stalled     bool          // the machine did not give what was announced, in the window or in front of it
}

// play announces move i, watches the old endpoint until the deadline, and closes it.
func (s *stage) play(ctx context.Context, i int, p plan, client *baton.Client) (move, error) {
	old, next := s.nodes[i], s.nodes[i+1]
	m := move{From: old.Addr(), To: next.Addr(), Grace: p.grace, stalled: s.meter.Lap().Excuses(p.grace)}
	present := map[uint64]int{}
	for c := range client.Conns() {
		if c.Peer == m.From {
			present[c.ID] = c.Epoch
		}
	}
	heard := client.Handoffs().Stats().Received[handoff.Moving]
	start, before := old.Stats(), next.Stats()
	m.Conns = start.Open
	begun := time.Now()
	if p.null {
		old.Moving(p.grace, "")
		s.leads.Store(int32(i + 1))
	} else {
		old.Moving(p.grace, m.To)
	}
	err := m.watch(ctx, old, start, begun)
	late := s.meter.Lap()
	m.Stall, m.stalled = late.Longest, m.stalled || late.Excuses(p.grace)
	m.Left = old.Shut()
	s.serves.Store(int32(i + 1))
	end := old.Stats()
	m.Dials = next.Stats().Accepted - before.Accepted
	m.attempts(client, begun)
	m.Told, m.Returned = end.Pushes-start.Pushes, end.Accepted-start.Accepted
	m.Heard = client.Handoffs().Stats().Received[handoff.Moving] - heard
	for c := range client.Conns() {
		if epoch, ok := present[c.ID]; ok && c.Peer == m.To && c.Epoch > epoch {
			m.Moved++
		}
	}
	return m, err
}

// attempts reads from the client's timeline how its connections moved. The timeline holds 512 events, which is enough for
// about 150 connections.
func (m *move) attempts(client *baton.Client, begun time.Time) {
	running := 0
	for e := range client.Handoffs().Timeline().All() {
		if e.Time.Before(begun) || e.From != m.From {
			continue
		}
		switch e.EventKind {
		case handoff.MoveStarted:
			running++
			m.AtOnce = max(m.AtOnce, running)
		case handoff.MoveSucceeded:
			running--
			m.LastMove = e.Time.Sub(begun)
		case handoff.MoveFailed, handoff.MoveKept:
			running--
		default:
		}
	}
}

// watch looks at the retiring endpoint until the grace is over. If it is woken too late, the endpoint still has its last gasp:
// without that, those who stay might lose nothing.
func (m *move) watch(ctx context.Context, old *handofftest.Node, start handofftest.NodeStats, begun time.Time) error {
	t := time.NewTicker(look)
	defer t.Stop()
	last, end, gasps := start, m.Grace, false
	for {
		at := time.Since(begun)
		now := old.Stats()
		if now.Commands != last.Commands {
			m.LastCommand = at
		}
		if now.Open == 0 && last.Open != 0 {
			m.LastConn = at
		}
		last = now
		if at >= m.Grace-lastGasp && !gasps {
			gasps, end = true, max(end, at+lastGasp)
			old.Stall(true)
		}
		if at >= end {
			return nil
		}
		select {
		case <-t.C:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

package main

import (
	"context"
	"errors"
	"fmt"
	"log"
	"slices"
	"time"

	baton "github.com/baton-go/baton"
	"github.com/baton-go/baton/handoff"
	"github.com/baton-go/baton/internal/stall"
)

// warmUp is load that is not reported: what the first calls of a process cost is not what a window is compared with.
const warmUp = 250 * time.Millisecond

// rehearse runs the plan and returns what happened. An error means that it could not be carried out; what it has created
// is gone in any case.
func rehearse(ctx context.Context, p plan, out *log.Logger) (o *outcome, err error) {
	s, err := openStage(p)
	if err != nil {
		return nil, err
	}
	defer s.close()
	keys := newKeyring(p.workers)
	if err := s.prepare(ctx, keys); err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, s.remove(keys)) }()

	client, err := baton.New(s.options(p))
	if err != nil {
		return nil, err
	}
	defer client.Close()
	if err := s.ready(ctx, p, client); err != nil {
		return nil, fmt.Errorf("client: %w", err)
	}
	introduce(out, p, s)

	begun := time.Now()
	s.meter = stall.Start()
	defer s.meter.Stop()
	l := startLoad(client, keys, p)
	defer l.stop()
	bar := startProgress(out, p, s, l)
	defer bar.stop()
	moves, err := script(ctx, p, s, l, client, out)
	if err != nil {
		return nil, err
	}
	l.stop()
	bar.stop()
	took, last := time.Since(begun), s.meter.Lap()
	s.meter.Stop()

	counts, versions, err := s.totals(ctx, keys)
	if err != nil {
		return nil, err
	}
	found := l.gather()
	o = conclude(found, counts, versions)
	o.Control, o.Null, o.Workers, o.Took, o.Moves = p.off, p.null, p.workers, took, moves
	o.OptIns = s.server.OptIns()
	o.Unmoved, o.Windows = measured(p.unmoved, found.windows)
	o.stalled = last.Excuses(p.grace) || slices.ContainsFunc(moves, func(m move) bool { return m.stalled })
	o.timeline, o.reports = timelineOf(client, begun), client.Handoffs().Reports()
	return o, nil
}

// script is the course of events.
func script(ctx context.Context, p plan, s *stage, l *load, client *baton.Client, out *log.Logger) ([]move, error) {
	if err := pause(ctx, warmUp); err != nil {
		return nil, err
	}
	l.enter(before)
	for i := range max(p.unmoved, 1) {
		l.measure(i)
		if err := pause(ctx, p.before/time.Duration(max(p.unmoved, 1))); err != nil {
			return nil, err
		}
	}
	var moves []move
	for i := range p.moves {
		out.Printf("-- MOVING: %s goes in %v, %s", s.nodes[i].Addr(), p.grace, target(p, s.nodes[i+1].Addr()))
		l.enter(during)
		l.measure(p.unmoved + i)
		m, err := s.play(ctx, i, p, client)
		l.measure(-1)
		if err != nil {
			return nil, err
		}
		moves = append(moves, m)
		out.Printf("-- closed: %s, %d connections were still there", m.From, m.Left)
		rest := nameLag
		if i == p.moves-1 {
			l.enter(after)
			rest = p.after
		}
		if err := s.rest(ctx, i+1, rest); err != nil {
			return nil, err
		}
	}
	return moves, nil
}

// rest waits for d. The logical address leads to node i when the time has come, if it comes.
func (s *stage) rest(ctx context.Context, i int, d time.Duration) error {
	if err := pause(ctx, min(nameLag, d)); err != nil || d < nameLag {
		return err
	}
	s.leads.Store(int32(i))
	return pause(ctx, d-nameLag)
}

func target(p plan, addr string) string {
	if p.null {
		return "no target named"
	}
	return "next is " + addr
}

// pause waits for d, or less if ctx ends.
func pause(ctx context.Context, d time.Duration) error {
	if d <= 0 {
		return ctx.Err()
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (s *stage) prepare(ctx context.Context, keys *keyring) error {
	c, err := s.dialStore(ctx)
	if err != nil {
		return err
	}
	defer c.close()
	return keys.prepare(c)
}

func (s *stage) totals(ctx context.Context, keys *keyring) (counts, versions []int64, err error) {
	c, err := s.dialStore(ctx)
	if err != nil {
		return nil, nil, err
	}
	defer c.close()
	return keys.totals(c)
}

// remove deletes the keys, also after an interrupt. Those of the embedded server vanish with it.
func (s *stage) remove(keys *keyring) error {
	if s.store == "" {
		return nil
	}
	c, err := s.dialStore(context.Background())
	if err != nil {
		return fmt.Errorf("keys are left behind for %v at most: %w", keysLive, err)
	}
	defer c.close()
	return keys.remove(c)
}

// line is one entry of the client's timeline.
type line struct {
	At   time.Duration `json:"at_ns"` // since the load began
	Text string        `json:"event"`
}

func timelineOf(client *baton.Client, begun time.Time) []line {
	var lines []line
	for e := range client.Handoffs().Timeline().All() {
		text := e.String()
		if e.Conn != 0 && e.EventKind != handoff.JobStarted && e.EventKind != handoff.JobEnded {
			text = fmt.Sprintf("connection %d: %s", e.Conn, text)
		}
		if e.Took > 0 {
			text += fmt.Sprintf(" (took %v)", e.Took.Round(10*time.Microsecond))
		}
		lines = append(lines, line{At: e.Time.Sub(begun), Text: text})
	}
	return lines
}

package soak

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"sync"
	"syscall"
	"time"

	"github.com/baton-go/baton"
	"github.com/baton-go/baton/conn"
	"github.com/baton-go/baton/pool"
)

// fate is what the client has said about something it was to do.
type fate uint8

const (
	done    fate = iota
	unsent       // it has certainly not been executed
	unknown      // it may have been executed, now or later
)

// ledger is what the callers of a run were told. The oracle (check) compares it with what the server has in the end.
type ledger struct {
	mu         sync.Mutex
	counters   map[string]*tally
	queues     map[string]*queue
	transfers  map[string]fate // by number
	published  map[string][]publication
	receptions []*reception

	commands  int            // answered
	cancelled int            // given up by the caller
	failures  map[string]int // the others, by kind
	examples  map[string]string
	wrong     []string // what cannot be whatever is executed, seen on the way
}

// tally counts the increments of a key that one worker alone increments.
type tally struct{ confirmed, unknown int64 }

// queue is a list with numbered elements. With to, its elements are moved to that list, which is a witness.
type queue struct {
	to      string
	pushed  map[string]fate
	taken   []string
	unknown int // pops
}

// publication is a message; its number is its place. It was published between from and to.
type publication struct {
	from, to time.Time
	fate     fate
}

// reception is what one subscription was given.
type reception struct {
	channels []string
	got      map[string][]int // in the order of delivery
	events   []baton.SubEvent
}

func newLedger() *ledger {
	return &ledger{
		counters: map[string]*tally{}, queues: map[string]*queue{}, transfers: map[string]fate{},
		published: map[string][]publication{}, failures: map[string]int{}, examples: map[string]string{},
	}
}

// note writes to the ledger.
func (l *ledger) note(write func()) {
	l.mu.Lock()
	defer l.mu.Unlock()
	write()
}

// accuse notes what must not be. The caller holds no lock.
func (l *ledger) accuse(format string, a ...any) {
	l.note(func() { l.wrong = append(l.wrong, fmt.Sprintf(format, a...)) })
}

// heard reports whether all who listen to a channel have its last message.
func (l *ledger) heard(channel string) (all bool) {
	l.note(func() {
		all = true
		for _, r := range l.receptions {
			if slices.Contains(r.channels, channel) {
				got := r.got[channel]
				all = all && len(got) > 0 && got[len(got)-1] == len(l.published[channel])-1
			}
		}
	})
	return all
}

// judge counts the outcome of a command and returns its fate. Every failure has to be an OpError, or one of those that
// prove that nothing was executed.
func (l *ledger) judge(ctx context.Context, err error) fate {
	var oe *baton.OpError
	verdict := unsent
	switch {
	case err == nil, errors.Is(err, baton.Nil):
		l.note(func() { l.commands++ })
		return done
	case errors.As(err, &oe):
		if oe.Sent {
			verdict = unknown
		}
	case errors.Is(err, baton.ErrTxAborted):
	default:
		l.accuse("an error that does not say whether the command was sent: %v", err)
		return unknown
	}
	l.note(func() {
		if ctx.Err() != nil {
			l.cancelled++
		} else {
			kind := kindOf(err, verdict)
			l.failures[kind]++
			l.examples[kind] = time.Now().Format("15:04:05.000 ") + err.Error()
		}
	})
	return verdict
}

var kinds = []struct {
	err  error
	name string
}{
	{baton.ErrTxAborted, "aborted"},
	{baton.ErrMoved, "session moved"},
	{conn.ErrTimeout, "timeout"},
	{conn.ErrDead, "silence"},
	{conn.ErrDrained, "drained"},
	{syscall.ECONNREFUSED, "refused"},
	{syscall.ECONNRESET, "reset"},
	{syscall.EPIPE, "broken pipe"},
	{io.EOF, "end of stream"},
	{net.ErrClosed, "closed"},
	{conn.ErrClosed, "closed"},
}

func kindOf(err error, f fate) string {
	name := "other"
	var full *pool.TimeoutError
	if errors.As(err, &full) {
		name = "no connection in time"
	}
	for _, k := range kinds {
		if name == "other" && errors.Is(err, k.err) {
			name = k.name
		}
	}
	if name == "other" {
		name = err.Error()
	}
	if f == unknown {
		return name + ", possibly executed"
	}
	return name + ", not sent"
}

// unknowns is how many things the client could not tell about.
func (l *ledger) unknowns() (n int) {
	for _, t := range l.counters {
		n += int(t.unknown)
	}
	for _, q := range l.queues {
		n += q.unknown
		for _, f := range q.pushed {
			n += count(f == unknown)
		}
	}
	for _, f := range l.transfers {
		n += count(f == unknown)
	}
	for _, list := range l.published {
		for _, p := range list {
			n += count(p.fate == unknown)
		}
	}
	return n
}

// gaps is how many times a subscription was without a connection.
func (l *ledger) gaps() (n int) {
	for _, r := range l.receptions {
		for _, e := range r.events {
			n += count(e.Kind == baton.SubResubscribed)
		}
	}
	return n
}

func count(b bool) int {
	if b {
		return 1
	}
	return 0
}

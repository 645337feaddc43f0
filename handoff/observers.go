package handoff

import (
	"context"
	"log/slog"
	"time"
)

// observers are told of everything that happens: the timeline, the reports, and logger and hooks behind the dispatcher.
// Each keeps what it needs under a lock of its own.
type observers struct {
	timeline   Timeline
	reports    reports
	dispatcher *dispatcher
}

// tell passes an event on. It never blocks.
func (o *observers) tell(e *Event) {
	e.Time = time.Now()
	o.timeline.add(e)
	o.reports.note(e)
	o.dispatcher.tell(e)
}

// hookFailed reports trouble with a hook; nil: one was passed over.
func (o *observers) hookFailed(err error) {
	if err == nil {
		o.timeline.count(func(s *Stats) { s.HooksLate++ })
		return
	}
	o.tell(&Event{EventKind: HookFailed, Err: err})
}

// logEvent writes one record. The message is the event's name; what does not apply is left out.
func logEvent(ctx context.Context, l *slog.Logger, e *Event) {
	level := slog.LevelInfo
	switch e.EventKind {
	case MoveFailed, BreakerOpened, HookFailed, Unknown:
		level = slog.LevelWarn
	case OptInRefused: // the ordinary case with most servers: no noise
		level = slog.LevelDebug
	case Announced, Repeated, JobStarted, JobEnded, MoveStarted, MoveSucceeded, MoveKept:
	}
	if !l.Enabled(ctx, level) {
		return
	}
	var args []any
	for _, f := range []struct {
		known bool
		name  string
		value any
	}{
		{e.Kind != KindNone, "kind", e.Kind.String()},
		{e.HasSeq, "seq", e.Seq},
		{e.Conn != 0, "conn", e.Conn},
		{e.From != "", "from", e.From},
		{e.To != "", "to", e.To},
		{e.Outcome != "", "outcome", e.Outcome},
		{e.Took > 0, "took", e.Took},
		{e.Err != nil, "err", e.Err},
	} {
		if f.known {
			args = append(args, f.name, f.value)
		}
	}
	l.Log(ctx, level, "handoff: "+e.EventKind.String(), args...)
}

package main

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/baton-go/baton/handoff"
)

// stallNote is the part of the grace from which on a stall of the machine is worth a line.
const stallNote = 20

// writeJSON writes outcome and verdict as one object.
func writeJSON(w io.Writer, o *outcome, v verdict, verbose bool) error {
	report := struct {
		verdict
		*outcome
		Ratio    float64          `json:"p999_during_to_before"`
		Timeline []line           `json:"timeline,omitempty"`
		Reports  []handoff.Report `json:"reports,omitempty"`
	}{verdict: v, outcome: o, Ratio: o.ratio()}
	if verbose {
		report.Timeline, report.Reports = o.timeline, o.reports
	}
	enc := json.NewEncoder(w)
	enc.SetIndent("", "  ")
	return enc.Encode(report)
}

// writeText writes outcome and verdict for people.
func writeText(w io.Writer, o *outcome, v verdict, verbose bool) error {
	var b strings.Builder
	if verbose {
		fmt.Fprintf(&b, "\ntimeline of the client\n")
		for _, l := range o.timeline {
			fmt.Fprintf(&b, "  %8.3fs  %s\n", l.At.Seconds(), l.Text)
		}
		fmt.Fprintf(&b, "\nreports of the client\n")
		for _, r := range o.reports {
			fmt.Fprintf(&b, "  %v\n", r)
		}
	}
	fmt.Fprintln(&b)
	o.writeCounts(&b)
	for i, m := range o.Moves {
		m.write(&b, i+1, o.Control)
	}
	o.writeLatency(&b)
	fmt.Fprintf(&b, "\n%s\n", v.Text)
	for _, r := range v.Reasons {
		fmt.Fprintf(&b, "  - %s\n", r)
	}
	_, err := io.WriteString(w, b.String())
	return err
}

func (o *outcome) writeCounts(b *strings.Builder) {
	fmt.Fprintf(b, "commands    %d answered in %v by %d workers, %d calls failed\n",
		o.Commands, o.Took.Round(100*time.Millisecond), o.Workers, o.Failed)
	for _, kind := range slices.Sorted(maps.Keys(o.Errors)) {
		fmt.Fprintf(b, "            %d x %s, e.g. %s\n", o.Errors[kind].Count, kind, o.Errors[kind].Example)
	}
	fmt.Fprintf(b, "increments  %d acknowledged, %d on the server, %d uncertain: %d lost, %d doubled\n",
		o.Acked, o.Total, o.Possible, o.Lost, o.Doubled)
	fmt.Fprintf(b, "replies     %d checked, %d crossed; %d writes lost\n", o.Checked, o.Crossed, o.Stale)
	fmt.Fprintf(b, "opt-ins     %d seen by the server\n", o.OptIns)
}

func (m move) write(b *strings.Builder, n int, control bool) {
	fmt.Fprintf(b, "move %-6d %s -> %s: MOVING told to %d, heard by %d; %d of %d connections moved, %d dialled back\n",
		n, m.From, m.To, m.Told, m.Heard, m.Moved, m.Conns, m.Returned)
	if m.AtOnce > 0 {
		fmt.Fprintf(b, "            last one moved after %v, %d connections dialled, at most %d at once\n",
			m.LastMove.Round(100*time.Microsecond), m.Dials, m.AtOnce)
	}
	if m.Stall > m.Grace/stallNote {
		fmt.Fprintf(b, "            this machine stalled for %v in the window: what is told of times is its doing, repeat when it is quiet\n",
			m.Stall.Round(time.Millisecond))
	}
	if control || m.Left > 0 {
		fmt.Fprintf(b, "            %d connections were cut at the deadline of %v\n", m.Left, m.Grace)
		return
	}
	fmt.Fprintf(b, "            last command left after %v, last connection after %v, deadline %v\n",
		m.LastCommand.Round(time.Millisecond), m.LastConn.Round(time.Millisecond), m.Grace)
}

func (o *outcome) writeLatency(b *strings.Builder) {
	fmt.Fprintf(b, "%-10s %10s %8s %10s %10s %10s %10s %14s\n", "latency", "calls", "failed", "p50", "p99", "p99.9", "max", "wake-up p99.9")
	for _, s := range o.Phases {
		fmt.Fprintf(b, "  %-8s %10d %8d %10s %10s %10s %10s %14s\n",
			s.Name, s.Calls, s.Failed, ms(s.P50), ms(s.P99), ms(s.P999), ms(s.Max), ms(s.WakeUp))
	}
	if len(o.Unmoved) > 0 {
		o.writeWindows(b)
		return
	}
	if r := o.ratio(); r > 0 {
		fmt.Fprintf(b, "  p99.9 during the window is %.2f times that before (information, not part of the verdict;\n"+
			"  wake-up is how late this machine woke a sleeping goroutine, which no client can make good)\n", r)
	}
}

// writeWindows sets the windows with a move beside those without.
func (o *outcome) writeWindows(b *strings.Builder) {
	for _, s := range slices.Concat(o.Unmoved, o.Windows) {
		fmt.Fprintf(b, "  %-8s %10d %8s %10s %10s %10s %10s\n", s.Name, s.Calls, "", ms(s.P50), ms(s.P99), ms(s.P999), ms(s.Max))
	}
	for _, kind := range []struct {
		name    string
		windows []segment
	}{{"without", o.Unmoved}, {"with", o.Windows}} {
		least, median, most := spread(kind.windows)
		fmt.Fprintf(b, "  p99.9 of %d windows %s a move: median %s, from %s to %s\n", len(kind.windows), kind.name, ms(median), ms(least), ms(most))
	}
	_, without, _ := spread(o.Unmoved)
	_, moving, _ := spread(o.Windows)
	if without > 0 {
		fmt.Fprintf(b, "  with a move it is %.2f times that without (part of the verdict from %d windows of each kind on)\n",
			float64(moving)/float64(without), enough)
	}
}

// ratio is p99.9 during the window to that before, 0 if one of them is not known.
func (o *outcome) ratio() float64 {
	if len(o.Phases) < 2 || o.Phases[0].P999 == 0 {
		return 0
	}
	return float64(o.Phases[1].P999) / float64(o.Phases[0].P999)
}

// ms formats a latency; none was measured if it is 0.
func ms(d time.Duration) string {
	if d == 0 {
		return "-"
	}
	return fmt.Sprintf("%.3fms", float64(d)/float64(time.Millisecond))
}

package main

import (
	"fmt"
	"slices"
	"time"

	"github.com/baton-go/baton/handoff"
)

// outcome is everything the verdict is about.
type outcome struct {
	Control bool          `json:"negative_control"`
	Null    bool          `json:"no_target"`
	Workers int           `json:"workers"`
	Took    time.Duration `json:"took_ns"`

	Commands int64     `json:"commands"` // answered, in all phases
	Failed   int64     `json:"failed_calls"`
	Errors   errCounts `json:"errors"`
	Phases   []segment `json:"phases"`

	Acked    int64 `json:"increments_acknowledged"`
	Total    int64 `json:"increments_on_server"`
	Possible int64 `json:"increments_uncertain"` // calls that failed and may have been executed
	Lost     int64 `json:"increments_lost"`
	Doubled  int64 `json:"increments_doubled"`
	Stale    int64 `json:"writes_lost"` // reads of a version that had been overwritten
	Checked  int64 `json:"replies_checked"`
	Crossed  int64 `json:"replies_crossed"`

	OptIns int64  `json:"opt_ins"`
	Moves  []move `json:"moves"`

	// Windows that were measured by themselves, each as long as the grace: Unmoved without a move, Windows with one.
	Unmoved []segment `json:"quiet_windows,omitempty"`
	Windows []segment `json:"move_windows,omitempty"`

	// Tries is how many rehearsals there were. All but the last told nothing, since the machine stalled.
	Tries int `json:"tries"`

	stalled  bool // in some part of the run: what went wrong may be the machine's doing
	timeline []line
	reports  []handoff.Report
}

// segment is one phase of the run.
type segment struct {
	Name     string        `json:"name"`
	Calls    uint64        `json:"calls"` // that succeeded
	Commands int64         `json:"commands"`
	Failed   int64         `json:"failed_calls"`
	P50      time.Duration `json:"p50_ns"`
	P99      time.Duration `json:"p99_ns"`
	P999     time.Duration `json:"p999_ns"`
	Max      time.Duration `json:"max_ns"`
	WakeUp   time.Duration `json:"wake_up_p999_ns"` // p99.9 of how late sleeping workers were woken
}

// conclude compares what the workers found with what the server holds.
func conclude(f *findings, counts, versions []int64) *outcome {
	o := &outcome{Errors: f.faults, Failed: f.faults.total(), Checked: f.checked, Crossed: f.crossed, Stale: f.stale}
	for i, c := range f.counts {
		lost, doubled, crossed := c.check(counts[i])
		o.Acked += c.acked
		o.Possible += c.possible
		o.Total += counts[i]
		o.Lost += lost
		o.Doubled += doubled
		o.Crossed += crossed
	}
	for i, w := range f.written {
		if !w.holds(versions[i]) {
			o.Stale++
		}
	}
	o.Commands = f.tallies[warming].commands
	for p := before; p < phases; p++ {
		t := &f.tallies[p]
		o.Commands += t.commands
		o.Phases = append(o.Phases, segment{
			Name: p.String(), Calls: t.latency.n, Commands: t.commands, Failed: t.failed, P50: t.latency.quantile(0.5),
			P99: t.latency.quantile(0.99), P999: t.latency.quantile(0.999), Max: t.latency.max,
			WakeUp: t.wakeUp.quantile(0.999),
		})
	}
	return o
}

// measured gives the windows before the first move, and those with one.
func measured(unmoved int, windows []hist) (without, with []segment) {
	for i := range windows {
		h := &windows[i]
		s := segment{Calls: h.n, P50: h.quantile(0.5), P99: h.quantile(0.99), P999: h.quantile(0.999), Max: h.max}
		if i < unmoved {
			s.Name = fmt.Sprintf("quiet %d", i+1)
			without = append(without, s)
			continue
		}
		s.Name = fmt.Sprintf("move %d", i+1-unmoved)
		with = append(with, s)
	}
	return without, with
}

// enough is how many windows of a kind it takes to say what p99.9 usually is: one alone shows what the machine does.
const enough = 5

// spread is the least, the middle and the highest p99.9 of some windows.
func spread(windows []segment) (least, median, most time.Duration) {
	if len(windows) == 0 {
		return 0, 0, 0
	}
	var all []time.Duration
	for _, s := range windows {
		all = append(all, s.P999)
	}
	slices.Sort(all)
	return all[0], all[len(all)/2], all[len(all)-1]
}

// slow tells whether commands took longer in windows with a move.
func (o *outcome) slow() []string {
	_, without, _ := spread(o.Unmoved)
	_, moving, _ := spread(o.Windows)
	if len(o.Unmoved) < enough || len(o.Windows) < enough || moving <= 2*without {
		return nil
	}
	return []string{fmt.Sprintf("p99.9 in the median window with a move was %s, more than twice the %s of the median one without", ms(moving), ms(without))}
}

// Exit statuses.
const (
	exitPass    = 0
	exitFail    = 1
	exitNothing = 2 // could not run, or proved nothing
)

// verdict is the judgement of an outcome.
type verdict struct {
	Pass    bool     `json:"pass"`
	Text    string   `json:"verdict"`
	Reasons []string `json:"reasons"` // why it is not a pass
	Exit    int      `json:"exit_status"`
}

// judge is a pure function of what happened.
func judge(o *outcome) verdict {
	if o.Control {
		return judgeControl(o)
	}
	v := verdict{Reasons: []string{}}
	fail := func(is bool, format string, a ...any) {
		if is {
			v.Reasons = append(v.Reasons, fmt.Sprintf(format, a...))
		}
	}
	fail(o.OptIns == 0, "no connection has asked for maintenance notifications")
	fail(len(o.Moves) == 0, "nothing moved")
	for i, m := range o.Moves {
		v.Reasons = append(v.Reasons, m.faults(i+1)...)
	}
	fail(o.Failed > 0, "%d calls failed", o.Failed)
	fail(o.Lost > 0, "%d increments lost", o.Lost)
	fail(o.Doubled > 0, "%d increments executed twice", o.Doubled)
	fail(o.Stale > 0, "%d writes lost", o.Stale)
	fail(o.Crossed > 0, "%d replies crossed", o.Crossed)
	v.Reasons = append(v.Reasons, o.slow()...)
	empty := o.nothing()
	v.Reasons = append(v.Reasons, empty...)
	switch {
	case len(v.Reasons) == 0:
		v.Pass, v.Text, v.Exit = true, "PASS", exitPass
	case len(empty) > 0 && o.Failed == 0:
		v.Text, v.Exit = "FAIL: nothing was proved", exitNothing
	default:
		v.Text, v.Exit = "FAIL", exitFail
	}
	return v
}

// faults lists what is wrong with the n-th move.
func (m move) faults(n int) []string {
	var list []string
	fail := func(is bool, format string, a ...any) {
		if is {
			list = append(list, fmt.Sprintf("move %d: ", n)+fmt.Sprintf(format, a...))
		}
	}
	fail(m.Told == 0, "MOVING was sent to nobody")
	fail(m.Told > 0 && m.Heard == 0, "the client did not receive MOVING")
	fail(m.Left > 0, "%d connections were still on the old endpoint at the deadline", m.Left)
	fail(m.Left == 0 && m.Conns > 0 && m.LastConn == 0, "the last connection was not seen to leave the old endpoint")
	return list
}

// nothing lists what had to happen for the verdict to mean something, and did not.
func (o *outcome) nothing() []string {
	var list []string
	if len(o.Phases) == 0 {
		list = append(list, "no phase of the run was reached")
	}
	for _, s := range o.Phases {
		if s.Commands == 0 {
			list = append(list, "no command was answered in the phase "+s.Name)
		}
	}
	for i, m := range o.Moves {
		if m.Conns == 0 {
			list = append(list, fmt.Sprintf("move %d: no connection was on the old endpoint", i+1))
		}
	}
	if o.Acked == 0 {
		list = append(list, "no increment was acknowledged")
	}
	return list
}

// judgeControl wants to see errors: a client without the feature has to suffer, or the rehearsal would show nothing.
func judgeControl(o *outcome) verdict {
	switch {
	case len(o.Phases) == 0 || o.Phases[0].Commands == 0:
		return verdict{Text: "negative control FAILED", Exit: exitNothing, Reasons: []string{"no command was answered before the window"}}
	case o.OptIns > 0:
		return verdict{Text: "negative control FAILED", Exit: exitFail,
			Reasons: []string{fmt.Sprintf("the feature was not off: %d connections asked for notifications", o.OptIns)}}
	case o.Failed == 0:
		return verdict{Text: "negative control FAILED", Exit: exitFail,
			Reasons: []string{"no error appeared, so a pass with the feature on shows nothing"}}
	}
	return verdict{Pass: true, Reasons: []string{}, Text: "negative control: errors appeared, as they must", Exit: exitPass}
}

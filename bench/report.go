package main

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"
)

// column is one figure of the tables.
type column struct {
	metric, title, format string
}

// columns are shown if any driver of the scenario has the figure.
var columns = []column{
	{"ops", "ops/s", "%.0f"},
	{"p50", "p50 us", "%.1f"}, {"p99", "p99 us", "%.1f"}, {"p999", "p99.9 us", "%.1f"},
	{"cpu", "cpu us", "%.2f"}, {"user", "user us", "%.2f"}, {"server", "server us", "%.2f"},
	{"writes", "writes", "%.2f"}, {"reads", "reads", "%.2f"},
	{"allocs", "allocs", "%.2f"}, {"bytes", "bytes", "%.0f"},
	{"mbs", "MB/s", "%.0f"}, {"mbsbest", "best", "%.0f"}, {"mbscpu", "MB/cpu s", "%.0f"}, {"ns", "ns/reply", "%.1f"},
	{"heap", "KiB/conn", "%.2f"}, {"goroutines", "goroutines/conn", "%.2f"}, {"idlecpu", "% of a core", "%.2f"},
}

// report writes tables for all scenarios and then the goals.
func report(w io.Writer, f *File) error {
	order := driverNames()
	for _, s := range allScenarios() {
		names := f.Cells.drivers(s.Name, order)
		if len(names) == 0 {
			continue
		}
		fmt.Fprintf(w, "\n%s: %s\n", s.Name, s.What)
		if err := table(w, f.Cells, s, names); err != nil {
			return err
		}
	}
	failures(w, f.Cells)
	return goalTable(w, f.Cells)
}

// references are the drivers that others are compared with, in the order of the columns.
var references = []string{"floor", "shared-floor", "baton", "baton-frames"}

// table writes the medians of one scenario, with the ratios to the references that took part, and how far the main figure
// lay apart over the rounds (see Results.spread).
func table(w io.Writer, r Results, s Scenario, names []string) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	var shown []column
	for _, c := range columns {
		for _, n := range names {
			if _, ok := r.median(s.Name, n, c.metric); ok {
				shown = append(shown, c)
				break
			}
		}
	}
	against := slices.DeleteFunc(slices.Clone(references), func(name string) bool { return !slices.Contains(names, name) })
	fmt.Fprint(t, "driver\t")
	for _, name := range against {
		fmt.Fprintf(t, "/%s\t", name)
	}
	fmt.Fprint(t, "spread\t")
	for _, c := range shown {
		fmt.Fprint(t, c.title, "\t")
	}
	fmt.Fprintln(t)
	for _, n := range names {
		fmt.Fprint(t, n, "\t")
		for _, name := range against {
			fmt.Fprint(t, ratioText(r, s.Name, n, name, s.Main), "\t")
		}
		fmt.Fprintf(t, "%.2f\t", r.spread(s.Name, n, s.Main))
		for _, c := range shown {
			fmt.Fprint(t, figure(r, s.Name, n, c), "\t")
		}
		fmt.Fprintln(t)
	}
	return t.Flush()
}

func ratioText(r Results, scenario, driver, against, metric string) string {
	q, ok := r.ratio(scenario, driver, against, metric)
	if !ok {
		return "-"
	}
	return fmt.Sprintf("%.2f", q)
}

func figure(r Results, scenario, driver string, c column) string {
	v, ok := r.median(scenario, driver, c.metric)
	if !ok {
		return "-"
	}
	return fmt.Sprintf(c.format, v)
}

// failures lists cells that ended with an error.
func failures(w io.Writer, r Results) {
	for _, c := range r {
		if c.Error != "" {
			fmt.Fprintf(w, "FAILED %s %s round %d: %s\n", c.Scenario, c.Driver, c.Round, c.Error)
		}
	}
}

// goalTable writes each goal with what was found and whether it is met. Goals without any figures are only counted.
func goalTable(w io.Writer, r Results) error {
	fmt.Fprintln(w, "\ngoals")
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	count := map[Verdict]int{}
	for _, g := range allGoals() {
		j := g.judge(r, peerNames())
		count[j.Verdict]++
		if j.Verdict != NoData {
			fmt.Fprintf(t, "%s\t%s\t%s %s\t%s\t%.2f\t%s%s\n", j.Verdict, j.Scenario, j.Driver, j.Metric, j.What, j.Found, j.wanted(), j.doubt())
		}
	}
	if err := t.Flush(); err != nil {
		return err
	}
	_, err := fmt.Fprintf(w, "%d met, %d missed, %d without data\n", count[Met], count[Missed], count[NoData])
	return err
}

// wanted is the limit in words.
func (j Judgement) wanted() string {
	var b strings.Builder
	b.WriteString("want at most ")
	if j.AtLeast {
		b.Reset()
		b.WriteString("want at least ")
	}
	fmt.Fprintf(&b, "%.4g", j.Limit)
	switch j.How {
	case quotient:
		fmt.Fprintf(&b, " of %s", j.Versus)
	case surplus:
		fmt.Fprintf(&b, " above %s", j.Versus)
	case lowest:
		fmt.Fprintf(&b, " of the best peer, %s", j.Versus)
	}
	return b.String()
}

// doubt warns of a verdict that rests on a reference which differed much from round to round.
func (j Judgement) doubt() string {
	if j.Noise <= quiet {
		return ""
	}
	return fmt.Sprintf("; NOISY: %s varied %.1f-fold over the rounds", j.Versus, j.Noise)
}

// driverNames are all names in the order of the tables.
func driverNames() []string {
	var names []string
	for _, d := range allDrivers() {
		names = append(names, d.Name)
	}
	return names
}

// peerNames are the drivers to be compared with.
func peerNames() []string {
	var names []string
	for _, d := range allDrivers() {
		if d.Role == Peer {
			names = append(names, d.Name)
		}
	}
	return names
}

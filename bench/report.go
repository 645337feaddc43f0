package main

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"
)

// report writes tables for all scenarios and then the goals.
func report(w io.Writer, f *File) error {
	order := driverNames()
	for _, s := range allScenarios() {
		names := f.Cells.drivers(s.Name, order)
		if len(names) == 0 {
			continue
		}
		fmt.Fprintf(w, "\n%s: %s\n", s.Name, s.What)
		if err := table(f.Cells, s, names).text(w, tabwriter.AlignRight); err != nil {
			return err
		}
	}
	failures(w, f.Cells)
	fmt.Fprintln(w, "\ngoals")
	g, summary := goalTable(f.Cells)
	g.head = nil
	if err := g.text(w, 0); err != nil {
		return err
	}
	_, err := fmt.Fprintln(w, summary)
	for _, e := range elsewhere {
		fmt.Fprintf(w, "not measured here: %s: %s\n", e.what, e.command)
	}
	return err
}

// references are the drivers that others are compared with, in the order of the columns.
var references = []string{"floor", "shared-floor", "baton", "baton-frames"}

// table is the medians of one scenario, with the ratios to the references that took part, and how far the main figure lay
// apart over the rounds (see Results.spread).
func table(r Results, s Scenario, names []string) *grid {
	shown := slices.DeleteFunc(slices.Clone(columns), func(c column) bool {
		return !slices.ContainsFunc(names, func(n string) bool { return len(r.figures(s.Name, n, c.metric)) > 0 })
	})
	against := slices.DeleteFunc(slices.Clone(references), func(name string) bool { return !slices.Contains(names, name) })
	g := &grid{head: []string{"driver"}}
	for _, name := range against {
		g.head = append(g.head, "/"+name)
	}
	g.head = append(g.head, "spread")
	for _, c := range shown {
		g.head = append(g.head, c.title)
	}
	for _, n := range names {
		row := []string{n}
		for _, name := range against {
			row = append(row, ratioText(r, s.Name, n, name, s.Main))
		}
		row = append(row, fmt.Sprintf("%.2f", r.spread(s.Name, n, s.Main)))
		for _, c := range shown {
			row = append(row, c.text(r, s.Name, n))
		}
		g.add(row...)
	}
	return g
}

func ratioText(r Results, scenario, driver, against, metric string) string {
	q, ok := r.ratio(scenario, driver, against, metric)
	if !ok {
		return "-"
	}
	return fmt.Sprintf("%.2f", q)
}

// failures lists cells that ended with an error.
func failures(w io.Writer, r Results) {
	for _, c := range r {
		if c.Error != "" {
			fmt.Fprintf(w, "FAILED %s %s round %d: %s\n", c.Scenario, c.Driver, c.Round, c.Error)
		}
	}
}

// goalTable is each goal with what was found and whether it is met, and the verdicts counted. Goals without any figures are
// only counted.
func goalTable(r Results) (*grid, string) {
	g := &grid{head: []string{"verdict", "scenario", "figure", "what", "found", "goal"}, left: 6}
	count := map[Verdict]int{}
	for _, goal := range allGoals() {
		j := goal.judge(r, peerNames())
		count[j.Verdict]++
		if j.Verdict != NoData {
			g.add(string(j.Verdict), j.Scenario, j.Driver+" "+j.Metric, j.What, fmt.Sprintf("%.2f", j.Found), j.wanted()+j.doubt())
		}
	}
	return g, fmt.Sprintf("%d met, %d near, %d missed, %d without data", count[Met], count[Near], count[Missed], count[NoData])
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

// doubt gives the margin of a verdict that needed one, and warns of one that rests on a reference which differed much from
// round to round.
func (j Judgement) doubt() string {
	var text string
	if j.Verdict == Near {
		text = fmt.Sprintf("; within the margin of %.0f%%", 100*j.Margin)
	}
	if j.Noise > quiet {
		text += fmt.Sprintf("; NOISY: %s varied %.1f-fold over the rounds", j.Versus, j.Noise)
	}
	return text
}

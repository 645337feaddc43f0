package main

import (
	"fmt"
	"io"
	"strings"
)

// winTable lists every figure in which a client is better than Baton by more than the margin of a goal, with the best of them.
func winTable(w io.Writer, r Results) {
	g := &grid{head: []string{"scenario", "figure", "client", "its", "Baton's", "Baton's / its", "in rounds"}, left: 3}
	for _, m := range matrices {
		for _, s := range m.scenarios {
			for _, metric := range m.wins {
				if v, ok := beaten(r, s, metric); ok {
					g.add(v.row(r)...)
				}
			}
		}
	}
	if len(g.rows) == 0 {
		fmt.Fprint(w, "In no figure of this run.\n\n")
		return
	}
	fmt.Fprintf(w, "By more than the margin of a goal, %.0f to %.0f%%, and in most rounds. Of several clients the best is named.\n"+
		"A figure of zero, as that of a client without goroutines of its own, is no divisor: see its table.\n\n",
		100*leastMargin, 100*mostMargin)
	g.markdown(w)
}

// defeat is a figure in which a client is better than Baton.
type defeat struct {
	scenario, ours, theirs string
	column                 column
	ratio                  float64 // Baton's divided by theirs
	lost, rounds           int
}

func (d defeat) row(r Results) []string {
	return []string{d.scenario, d.column.title, "`" + d.theirs + "`", d.column.text(r, d.scenario, d.theirs),
		d.column.text(r, d.scenario, d.ours), fmt.Sprintf("%.2f", d.ratio), fmt.Sprintf("%d of %d", d.lost, d.rounds)}
}

// beaten returns the client that is most clearly better than Baton in one figure. Decoders are compared with those of their
// kind.
func beaten(r Results, scenario, metric string) (worst defeat, found bool) {
	c, err := columnOf(metric)
	if err != nil {
		return worst, false
	}
	for _, d := range allDrivers() {
		if d.Role != Peer {
			continue
		}
		ours := "baton"
		if d.Decode.Bare && strings.HasPrefix(scenario, "decode-") {
			ours = "baton-frames"
		}
		g := Goal{Scenario: scenario, Driver: ours, Metric: metric, How: quotient, Against: d.Name, AtLeast: c.better == more, Limit: 1}
		j := g.judge(r, nil)
		v := defeat{scenario: scenario, ours: ours, theirs: d.Name, column: c, ratio: j.Found}
		for _, q := range r.ratios(scenario, ours, d.Name, metric) {
			v.rounds++
			if c.beats(1, q) {
				v.lost++
			}
		}
		if j.Verdict == Missed && 4*v.lost > 3*v.rounds && (!found || c.beats(worst.ratio, v.ratio)) {
			worst, found = v, true
		}
	}
	return worst, found
}

package main

import (
	"bytes"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strings"
)

// Lines between which the generated part of a document stands.
const (
	docsBegin = "<!-- begin of what bench -markdown writes -->\n"
	docsEnd   = "<!-- end of what bench -markdown writes -->\n"
)

// writeMarkdown replaces the generated part of a document by the tables of a run.
func writeMarkdown(name string, f *File) error {
	old, err := os.ReadFile(name)
	if err != nil {
		return err
	}
	before, rest, ok := bytes.Cut(old, []byte(docsBegin))
	_, after, ended := bytes.Cut(rest, []byte(docsEnd))
	if !ok || !ended {
		return fmt.Errorf("%s: no lines %q and %q", name, docsBegin, docsEnd)
	}
	var b bytes.Buffer
	b.Write(before)
	b.WriteString(docsBegin)
	if err := document(&b, f); err != nil {
		return err
	}
	b.WriteString(docsEnd)
	b.Write(after)
	return os.WriteFile(name, b.Bytes(), 0o644)
}

// document writes all tables of a run as Markdown.
func document(w io.Writer, f *File) error {
	fmt.Fprintf(w, "\n## The run\n\n%s. Made with `%s`.\n\n", f.head(), f.Command)
	versions := &grid{head: []string{"module", "version"}}
	for _, name := range slices.Sorted(maps.Keys(f.Modules)) {
		if clientModules[name] {
			versions.add("`"+name+"`", f.Modules[name])
		}
	}
	versions.markdown(w)
	g, summary := goalTable(f.Cells)
	fmt.Fprintf(w, "## Goals\n\n%s. Times are in microseconds.\n\n", summary)
	g.markdown(w)
	fmt.Fprint(w, "Not measured here:\n\n")
	for _, e := range elsewhere {
		fmt.Fprintf(w, "- %s: `%s`\n", e.what, e.command)
	}
	fmt.Fprint(w, "\n## Pictures\n\n")
	for _, c := range charts() {
		fmt.Fprintf(w, "![%s](%s)\n\n", c.title, c.file)
	}
	fmt.Fprint(w, "## Where another client wins\n\n")
	winTable(w, f.Cells)
	fmt.Fprint(w, "## Tables\n\nMedians over the rounds. The best of the clients, which the floors are not, is in bold.\n\n")
	for _, m := range matrices {
		if err := m.markdown(w, f.Cells); err != nil {
			return err
		}
	}
	var failed strings.Builder
	failures(&failed, f.Cells)
	if failed.Len() > 0 {
		fmt.Fprintf(w, "## Cells that failed\n\n```\n%s```\n\n", failed.String())
	}
	return nil
}

// clientModules are the modules whose versions matter.
var clientModules = map[string]bool{
	"github.com/gomodule/redigo": true, "github.com/mediocregopher/radix/v4": true, "github.com/redis/go-redis/v9": true,
	"github.com/redis/rueidis": true, "github.com/tidwall/redcon": true,
}

// winTable lists every figure of a client that is better than Baton's by more than the margin of a goal.
func winTable(w io.Writer, r Results) {
	g := &grid{head: []string{"scenario", "figure", "client", "its", "Baton's", "Baton's / its"}}
	for _, m := range matrices {
		for _, s := range m.scenarios {
			for _, metric := range m.wins {
				for _, v := range beaten(r, s, metric) {
					g.add(v.row(r)...)
				}
			}
		}
	}
	if len(g.rows) == 0 {
		fmt.Fprint(w, "In no figure of this run.\n\n")
		return
	}
	fmt.Fprintf(w, "By more than the margin that a goal has, %.0f to %.0f%%.\n\n", 100*leastMargin, 100*mostMargin)
	g.markdown(w)
}

// defeat is a figure in which a client is better than Baton.
type defeat struct {
	scenario, ours, theirs string
	column                 column
	ratio                  float64
}

func (d defeat) row(r Results) []string {
	return []string{d.scenario, d.column.title, d.theirs, d.column.text(r, d.scenario, d.theirs), d.column.text(r, d.scenario, d.ours),
		fmt.Sprintf("%.2f", d.ratio)}
}

// beaten lists the clients that are better than Baton in one figure. Decoders are compared with those of their kind.
func beaten(r Results, scenario, metric string) []defeat {
	var found []defeat
	for _, d := range allDrivers() {
		if d.Role != Peer {
			continue
		}
		ours := "baton"
		if d.Decode.Bare && strings.HasPrefix(scenario, "decode-") {
			ours = "baton-frames"
		}
		c, err := columnOf(metric)
		if err != nil {
			continue
		}
		g := Goal{Scenario: scenario, Driver: ours, Metric: metric, How: quotient, Against: d.Name, AtLeast: c.better == more, Limit: 1}
		if j := g.judge(r, nil); j.Verdict == Missed {
			found = append(found, defeat{scenario, ours, d.Name, c, j.Found})
		}
	}
	return found
}

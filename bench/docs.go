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
	versions := &grid{head: []string{"module", "version"}, left: 2}
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

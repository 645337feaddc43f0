package main

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
)

// grid is a table to be written as text or as Markdown. Every row has as many fields as the head.
type grid struct {
	head []string
	rows [][]string
	left int // columns of words, which Markdown aligns to the left; the others hold figures
}

func (g *grid) add(row ...string) { g.rows = append(g.rows, row) }

// text writes the table with aligned columns. flags are those of tabwriter.
func (g *grid) text(w io.Writer, flags uint) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', flags)
	end := "\n"
	if flags&tabwriter.AlignRight != 0 {
		end = "\t\n" // the last column is aligned only if it ends with a tab
	}
	for _, row := range append([][]string{g.head}, g.rows...) {
		if len(row) > 0 {
			fmt.Fprint(t, strings.Join(row, "\t"), end)
		}
	}
	return t.Flush()
}

// markdown writes the table for a document.
func (g *grid) markdown(w io.Writer) {
	fmt.Fprintf(w, "| %s |\n%s%s|\n", strings.Join(g.head, " | "), strings.Repeat("|---", g.left), strings.Repeat("|--:", len(g.head)-g.left))
	for _, row := range g.rows {
		fmt.Fprintf(w, "| %s |\n", strings.Join(row, " | "))
	}
	fmt.Fprintln(w)
}

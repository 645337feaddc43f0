package main

import (
	"fmt"
	"html"
	"math"
	"strings"
)

// Places in a picture, in pixels.
const (
	svgWidth, svgHeight       = 960, 560
	plotLeft, plotRight       = 80, 770
	plotTop, plotBottom       = 56, 490
	labelLeft, labelGap       = plotRight + 30, 19
	svgInk, svgGrid, svgFaint = "#1f2328", "#d8dee4", "#57606a"
)

// svg collects the elements of a picture.
type svg struct{ strings.Builder }

func (s *svg) line(x1, y1, x2, y2 float64, colour string, width float64) {
	fmt.Fprintf(s, "<line x1=\"%.1f\" y1=\"%.1f\" x2=\"%.1f\" y2=\"%.1f\" stroke=\"%s\" stroke-width=\"%g\"/>\n", x1, y1, x2, y2, colour, width)
}

// text writes a line; anchor is start, middle or end.
func (s *svg) text(x, y float64, anchor, colour string, size int, text string) {
	fmt.Fprintf(s, "<text x=\"%.1f\" y=\"%.1f\" text-anchor=\"%s\" fill=\"%s\" font-size=\"%d\">%s</text>\n",
		x, y, anchor, colour, size, html.EscapeString(text))
}

func (s *svg) path(points []point, st style) {
	var b strings.Builder
	for i, p := range points {
		fmt.Fprintf(&b, "%s%.1f %.1f", map[bool]string{true: "M", false: "L"}[i == 0], p.x, p.y)
	}
	fmt.Fprintf(s, "<path d=\"%s\" fill=\"none\" stroke=\"%s\" stroke-width=\"%g\" stroke-dasharray=\"%s\" stroke-linejoin=\"round\"/>\n",
		b.String(), st.colour, st.width, st.dash)
}

func (s *svg) dot(p point, colour string) {
	fmt.Fprintf(s, "<circle cx=\"%.1f\" cy=\"%.1f\" r=\"3\" fill=\"%s\"/>\n", p.x, p.y, colour)
}

// draw makes the picture: axes, one curve for each line, and its name at its right end, which is the legend.
func (c chart) draw(lines []line) string {
	x, y := c.axes(lines)
	s := new(svg)
	fmt.Fprintf(s, "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %d %d\" width=\"%d\" height=\"%d\" font-family=\"sans-serif\">\n",
		svgWidth, svgHeight, svgWidth, svgHeight)
	fmt.Fprintf(s, "<title>%s</title>\n<rect width=\"100%%\" height=\"100%%\" fill=\"#ffffff\"/>\n", html.EscapeString(c.title))
	s.text(plotLeft, 28, "start", svgInk, 17, c.title)
	c.frame(s, x, y, lines)
	ends := make([]float64, len(lines))
	for i, l := range lines {
		ends[i] = y.at(l.points[len(l.points)-1].y)
	}
	labels := spreadLabels(ends, labelGap, plotTop, plotBottom)
	for i := len(lines) - 1; i >= 0; i-- { // ours come first in the list and last on paper, on top
		st := styleOf(lines[i].name)
		var points []point
		for _, p := range lines[i].points {
			points = append(points, point{x.at(p.x), y.at(p.y)})
		}
		s.path(points, st)
		for _, p := range points {
			s.dot(p, st.colour)
		}
		end := points[len(points)-1]
		s.line(end.x+5, end.y, labelLeft-4, labels[i], svgGrid, 1)
		s.path([]point{{labelLeft, labels[i]}, {labelLeft + 30, labels[i]}}, st)
		s.text(labelLeft+38, labels[i]+5, "start", st.colour, 14, lines[i].name)
	}
	s.WriteString("</svg>\n")
	return s.String()
}

// axes are wide enough for all lines.
func (c chart) axes(lines []line) (x, y axis) {
	x = axis{low: math.Inf(1), high: math.Inf(-1), from: plotLeft, to: plotRight, log: true}
	y = axis{low: math.Inf(1), high: math.Inf(-1), from: plotBottom, to: plotTop, log: c.logY}
	for _, l := range lines {
		for _, p := range l.points {
			x.low, x.high = min(x.low, p.x), max(x.high, p.x)
			y.low, y.high = min(y.low, p.y), max(y.high, p.y)
		}
	}
	if x.high == x.low {
		x.high = 2 * x.low
	}
	y.low, y.high = y.low*.8, y.high*1.1
	if !c.logY {
		y.low = 0
	}
	return x, y
}

// frame draws the grid, the numbers beside it and the names of the axes.
func (c chart) frame(s *svg, x, y axis, lines []line) {
	for _, v := range y.ticks() {
		s.line(plotLeft, y.at(v), plotRight, y.at(v), svgGrid, 1)
		s.text(plotLeft-8, y.at(v)+4, "end", svgFaint, 13, fmt.Sprintf("%g", v))
	}
	seen := map[float64]bool{}
	for _, l := range lines {
		for _, p := range l.points {
			if !seen[p.x] {
				s.line(x.at(p.x), plotTop, x.at(p.x), plotBottom, svgGrid, 1)
				s.text(x.at(p.x), plotBottom+20, "middle", svgFaint, 13, fmt.Sprintf("%g", p.x))
			}
			seen[p.x] = true
		}
	}
	s.line(plotLeft, plotBottom, plotRight, plotBottom, svgInk, 1)
	s.line(plotLeft, plotTop, plotLeft, plotBottom, svgInk, 1)
	s.text((plotLeft+plotRight)/2, plotBottom+46, "middle", svgInk, 14, "callers (logarithmic)")
	name := c.unit
	if c.logY {
		name += " (logarithmic)"
	}
	fmt.Fprintf(s, "<g transform=\"translate(22 %d) rotate(-90)\">", (plotTop+plotBottom)/2)
	s.text(0, 0, "middle", svgInk, 14, name)
	s.WriteString("</g>\n")
}

package main

import "fmt"

// column is one figure of the tables.
type column struct {
	metric, title, format string
	better                direction
}

// direction says which of two figures is the better one.
type direction int

// The directions.
const (
	neither direction = iota
	less
	more
)

// columns are shown if any driver of the scenario has the figure.
var columns = []column{
	{"ops", "ops/s", "%.0f", more},
	{"p50", "p50 us", "%.1f", less}, {"p99", "p99 us", "%.1f", less}, {"p999", "p99.9 us", "%.1f", less},
	{"cpu", "cpu us", "%.2f", less}, {"user", "user us", "%.2f", less}, {"server", "server us", "%.2f", less},
	{"writes", "writes", "%.2f", less}, {"reads", "reads", "%.2f", less},
	{"allocs", "allocs", "%.2f", less}, {"bytes", "bytes", "%.0f", less},
	{"mbs", "MB/s", "%.0f", more}, {"mbsbest", "best", "%.0f", more}, {"mbscpu", "MB/cpu s", "%.0f", more}, {"ns", "ns/reply", "%.1f", less},
	{"heap", "KiB/conn", "%.2f", less}, {"goroutines", "goroutines/conn", "%.2f", less}, {"idlecpu", "% of a core", "%.2f", less},
	{"plain", "connections", "%.0f", neither}, {"opened", "with cancellations", "%.0f", neither}, {"extra", "more", "%.0f", less},
	{"cut", "calls cut short", "%.0f", neither},
	{"failed", "failed calls", "%.0f", less}, {"wrong", "increments lost or doubled", "%.0f", less}, {"missed", "messages missed", "%.0f", less},
	{"failedpops", "failed BLPOPs", "%.0f", less}, {"lostpops", "elements lost", "%.0f", less}, {"left", "connections cut off", "%.0f", less},
	{"stall", "longest call ms", "%.1f", less}, {"calm999", "p99.9 us before", "%.0f", less}, {"slowdown", "p99.9 ratio", "%.2f", less},
	{"size", "MB", "%.2f", less}, {"compile", "compile cpu s", "%.1f", less}, {"modules", "modules", "%.0f", less},
}

// columnOf is the column of a figure.
func columnOf(metric string) (column, error) {
	for _, c := range columns {
		if c.metric == metric {
			return c, nil
		}
	}
	return column{}, fmt.Errorf("figure %q: no column", metric)
}

// text is a driver's figure, a dash if it has none.
func (c column) text(r Results, scenario, driver string) string {
	v, ok := r.median(scenario, driver, c.metric)
	if !ok {
		return "-"
	}
	return fmt.Sprintf(c.format, v)
}

// beats tells whether figure x is better than y.
func (c column) beats(x, y float64) bool {
	return c.better == more && x > y || c.better == less && x < y
}

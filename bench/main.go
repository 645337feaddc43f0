// Command bench compares Baton with other Redis clients for Go and with two hand-made minima, on a server that it starts
// itself. Run it with "go run . -quick"; see -help for the rest.
package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"
)

// Defaults of a full and of a quick run.
const (
	fullRounds, quickRounds     = 5, 3
	fullDuration, quickDuration = time.Second, 80 * time.Millisecond
)

// quickBudget leaves some time of the two minutes for building the program and for a round that takes longer than the last.
const quickBudget = 100 * time.Second

func main() {
	if err := realMain(); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func realMain() error {
	cell := flag.String("cell", "", "measure one cell (used by the program itself)")
	quick := flag.Bool("quick", false, "the main scenarios, short, in under two minutes")
	rounds := flag.Int("rounds", 0, "rounds (default 5, quick at most 3)")
	d := flag.Duration("d", 0, "time of one cell (default 1s, quick 80ms)")
	drivers := flag.String("drivers", "", "comma separated names or prefixes ending in * (default all)")
	scenarios := flag.String("scenarios", "", "comma separated names or prefixes ending in * (default all)")
	network := flag.String("net", "tcp", "network of the scenarios that name none: tcp, unix or tls")
	binary := flag.String("server", "redis-server", "server to start, a path or a name that is looked up")
	jsonFile := flag.String("json", "", "write raw results to this file")
	from := flag.String("from", "", "do not measure, report what this file holds: JSON, or the output of BenchmarkDecode if it ends in .txt")
	svgDir := flag.String("svg", "", "draw throughput and p99 over callers into this directory")
	markdown := flag.String("markdown", "", "replace the generated part of this document by the tables of the run")
	profile := flag.String("profile", "", "write a CPU profile of every cell into this directory")
	list := flag.Bool("list", false, "list scenarios and drivers")
	flag.Parse()
	out := output{json: *jsonFile, svg: *svgDir, markdown: *markdown}
	switch {
	case *cell != "":
		return runCell(*cell)
	case *list:
		printLists()
		return nil
	case strings.HasSuffix(*from, ".txt"):
		return showGoBench(*from)
	case *from != "":
		f, err := readFile(*from)
		if err != nil {
			return err
		}
		out.json = ""
		return out.write(f)
	}
	p := plan{rounds: *rounds, duration: *d, network: *network, binary: *binary, profile: *profile, quick: *quick && *scenarios == ""}
	p.complete(*quick, *scenarios, *drivers)
	if err := p.check(); err != nil {
		return err
	}
	f, err := p.run(terminal(os.Stderr))
	if err != nil {
		return err
	}
	return out.write(f)
}

// output is where the results go besides standard output; "" is nowhere.
type output struct{ json, svg, markdown string }

// write keeps and shows the results.
func (o output) write(f *File) error {
	if o.json != "" {
		if err := writeFile(o.json, f); err != nil {
			return err
		}
	}
	if o.svg != "" {
		if err := writeCharts(o.svg, f.Cells); err != nil {
			return err
		}
	}
	if o.markdown != "" {
		if err := writeMarkdown(o.markdown, f); err != nil {
			return err
		}
	}
	fmt.Println(f.head())
	return report(os.Stdout, f)
}

// complete fills in defaults and selects scenarios and drivers.
func (p *plan) complete(quick bool, scenarios, drivers string) {
	rounds, d := fullRounds, fullDuration
	if quick {
		rounds, d = quickRounds, quickDuration
	}
	if quick && p.rounds == 0 {
		p.budget = quickBudget
	}
	if p.rounds == 0 {
		p.rounds = rounds
	}
	if p.duration == 0 {
		p.duration = d
	}
	for _, s := range allScenarios() {
		if scenarios == "" && (s.Quick > quickNone || !quick) || selected(s.Name, scenarios) {
			p.scenarios = append(p.scenarios, s)
		}
	}
	for _, d := range allDrivers() {
		if drivers == "" || selected(d.Name, drivers) {
			p.drivers = append(p.drivers, d)
		}
	}
}

// check refuses a plan that would measure nothing or something else than was asked for.
func (p plan) check() error {
	if !slices.Contains([]string{"tcp", "unix", "tls"}, p.network) {
		return fmt.Errorf("network %q: neither tcp, unix nor tls", p.network)
	}
	if len(p.scenarios) == 0 || len(p.drivers) == 0 {
		return fmt.Errorf("%d scenarios and %d drivers selected: see -list", len(p.scenarios), len(p.drivers))
	}
	return nil
}

// selected tells whether a name is in a list of names and prefixes.
func selected(name, list string) bool {
	return slices.ContainsFunc(strings.Split(list, ","), func(x string) bool {
		prefix, wild := strings.CutSuffix(x, "*")
		return x == name || wild && strings.HasPrefix(name, prefix)
	})
}

// head says in one line how a run was made.
func (f *File) head() string {
	return fmt.Sprintf("%s: %s, %d CPUs, %s, redis %s over %s, %d rounds of %s, medians; load %s before, %s after; idle cores kept awake: %v",
		f.Started.Format(time.DateOnly), f.Machine, f.CPUs, f.Go, f.Server, f.Network, f.Rounds, f.Duration,
		lastMinute(f.LoadStart), lastMinute(f.LoadEnd), f.Awake)
}

// lastMinute is the load average of the last minute, the first field of what the system tells.
func lastMinute(text string) string {
	first, _, _ := strings.Cut(text, " ")
	return first
}

// showGoBench writes the tables of the output of BenchmarkDecode.
func showGoBench(name string) error {
	in, err := os.Open(name)
	if err != nil {
		return err
	}
	defer in.Close()
	r, err := readGoBench(in)
	if err != nil {
		return err
	}
	return report(os.Stdout, &File{Cells: r})
}

// terminal returns the file if it is a terminal and nil if not: nobody wants progress in a log.
func terminal(f *os.File) io.Writer {
	if info, err := f.Stat(); err != nil || info.Mode()&os.ModeCharDevice == 0 {
		return nil
	}
	return f
}

func printLists() {
	for _, s := range allScenarios() {
		fmt.Printf("%-19s %s\n", s.Name, s.What)
	}
	fmt.Println("\n" + strings.Join(driverNames(), " "))
}

func readFile(name string) (*File, error) {
	b, err := os.ReadFile(name)
	if err != nil {
		return nil, err
	}
	f := new(File)
	return f, json.Unmarshal(b, f)
}

func writeFile(name string, f *File) error {
	b, err := json.MarshalIndent(f, "", " ")
	if err != nil {
		return err
	}
	return os.WriteFile(name, append(b, '\n'), 0o644)
}

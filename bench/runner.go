package main

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"
	"time"
)

// File is a run with what one has to know about it; it is what -json writes.
type File struct {
	Started   time.Time         `json:"started"`
	Go        string            `json:"go"`
	Machine   string            `json:"machine"`
	CPUs      int               `json:"cpus"`
	Server    string            `json:"server"`
	Network   string            `json:"network"`
	Awake     bool              `json:"awake"` // idle cores were kept from sleeping
	LoadStart string            `json:"load_start"`
	LoadEnd   string            `json:"load_end"`
	Modules   map[string]string `json:"modules"`
	Rounds    int               `json:"rounds"`
	Duration  string            `json:"duration"`
	Command   string            `json:"command"`
	Cells     Results           `json:"cells"`
}

// plan is what to run.
type plan struct {
	scenarios []Scenario
	drivers   []Driver
	rounds    int
	duration  time.Duration
	network   string
	binary    string // of the server
	profile   string
	quick     bool          // leave the peers out where no goal needs them
	budget    time.Duration // begin no round that would end after it, the first excepted; 0: none
}

// cellTimeout is how long the process of a cell may take beyond what it measures: the largest program takes minutes to compile
// if nothing of it has been compiled before and the machine is busy.
const cellTimeout = 5 * time.Minute

// run starts a server, measures every cell in a process of its own, round by round in changing order, and stops the server.
func (p plan) run(progress io.Writer) (*File, error) {
	s, err := startServer(p.binary, p.wants("tls"))
	if err != nil {
		return nil, err
	}
	defer s.stop()
	awake := holdAwake()
	if awake != nil {
		defer awake.Close()
	}
	f := &File{
		Started: time.Now().UTC(), Go: runtime.Version(), Machine: machine(), CPUs: runtime.NumCPU(), Server: s.Version,
		Command: command(flag.CommandLine),
		Network: p.network, Awake: awake != nil, LoadStart: loadAverage(), Modules: modules(), Duration: p.duration.String(),
	}
	begun := time.Now()
	for round := range p.rounds {
		steady, cells := p.round(s, round, progress)
		f.Cells, f.Rounds = append(f.Cells, cells...), round+1
		if p.budget > 0 && time.Since(begun)+steady > p.budget {
			break
		}
	}
	tell(progress, "")
	f.LoadEnd = loadAverage()
	return f, nil
}

// round measures every cell once. It returns how long those took that the next round has too.
func (p plan) round(s *server, round int, progress io.Writer) (steady time.Duration, cells []Cell) {
	for _, sc := range p.scenarios {
		begun := time.Now()
		for _, d := range order(p.drivers, round, sc.Name) {
			if !p.takes(sc, d, round) {
				continue
			}
			tell(progress, fmt.Sprintf("round %d/%d  %s  %s", round+1, p.rounds, sc.Name, d.Name))
			network := cmp.Or(sc.Network, p.network)
			cells = append(cells, startCell(Cell{
				Scenario: sc.Name, Driver: d.Name, Round: round, Network: network, Addr: s.addr(network), Roots: s.Roots,
				Control: s.TCP, Duration: p.duration, Profile: p.profile,
			}))
		}
		if !p.quick || !sc.Slow {
			steady += time.Since(begun)
		}
	}
	return steady, cells
}

// wants tells whether any cell needs that network.
func (p plan) wants(network string) bool {
	return p.network == network || slices.ContainsFunc(p.scenarios, func(s Scenario) bool { return s.Network == network })
}

// takes tells whether a driver is measured in a scenario in that round.
func (p plan) takes(s Scenario, d Driver, round int) bool {
	switch {
	case !s.runs(d):
		return false
	case !p.quick:
		return true
	}
	return (round == 0 || !s.Slow) && (s.Quick == quickAll || d.Role == Ours || d.Role == Floor)
}

// tell replaces the line of progress. A nil writer gets nothing.
func tell(progress io.Writer, text string) {
	if progress != nil {
		fmt.Fprintf(progress, "\r%-60s\r%s", "", text)
	}
}

// order is another order of the drivers in every round, the same in every run.
func order(d []Driver, round int, scenario string) []Driver {
	seed := uint64(round)
	for _, c := range scenario {
		seed = seed*131 + uint64(c)
	}
	shuffled := append([]Driver(nil), d...)
	rand.New(rand.NewPCG(seed, 1)).Shuffle(len(shuffled), func(i, j int) { shuffled[i], shuffled[j] = shuffled[j], shuffled[i] })
	return shuffled
}

// startCell runs this program again for one cell and waits for it.
func startCell(c Cell) Cell {
	fail := func(err error) Cell { c.Error = err.Error(); return c }
	self, err := os.Executable()
	if err != nil {
		return fail(err)
	}
	arg, err := json.Marshal(c)
	if err != nil {
		return fail(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), c.Duration+cellTimeout)
	defer cancel()
	cmd := exec.CommandContext(ctx, self, "-cell", string(arg))
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		return fail(fmt.Errorf("%w: %s", err, firstLines(stderr.String(), 400)))
	}
	if err := json.Unmarshal(out, &c); err != nil {
		return fail(err)
	}
	c.Addr, c.Control, c.Roots, c.Profile = "", "", "", ""
	return c
}

// command is how this run is made again: the flags that were set, in the order of their names. Where results go is left out,
// and so are the directories of what lies on this machine.
func command(set *flag.FlagSet) string {
	words := []string{"go run ."}
	set.Visit(func(f *flag.Flag) {
		value := f.Value.String()
		switch {
		case slices.Contains([]string{"json", "svg", "markdown"}, f.Name) || value == "false":
		case value == "true":
			words = append(words, "-"+f.Name)
		default:
			words = append(words, "-"+f.Name, filepath.Base(value))
		}
	})
	return strings.Join(words, " ")
}

// firstLines is the beginning of a text.
func firstLines(s string, n int) string { return s[:min(len(s), n)] }

// machine is the processor's name.
func machine() string {
	b, _ := os.ReadFile("/proc/cpuinfo")
	for line := range strings.Lines(string(b)) {
		if name, ok := strings.CutPrefix(line, "model name"); ok {
			return strings.Trim(name, "\t :\n")
		}
	}
	return runtime.GOARCH
}

func loadAverage() string {
	b, _ := os.ReadFile("/proc/loadavg")
	return strings.TrimSpace(string(b))
}

// modules are the versions of the clients that are compared.
func modules() map[string]string {
	found := make(map[string]string)
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, m := range info.Deps {
			found[m.Path] = m.Version
		}
	}
	return found
}

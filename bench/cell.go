package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"runtime/pprof"
	"time"
)

// Cell is one measurement in a process of its own: one scenario, one driver, one round.
type Cell struct {
	Scenario string        `json:"scenario"`
	Driver   string        `json:"driver"`
	Round    int           `json:"round"`
	Network  string        `json:"network"` // "tcp", "unix" or "tls"
	Addr     string        `json:"addr,omitempty"`
	Control  string        `json:"control,omitempty"`
	Roots    string        `json:"roots,omitempty"` // file with the authority of the server's certificate
	Duration time.Duration `json:"duration"`
	Profile  string        `json:"profile,omitempty"` // directory for a CPU profile, "" none

	Skipped bool    `json:"skipped,omitempty"` // the driver does not offer the operation
	Error   string  `json:"error,omitempty"`
	Metrics Metrics `json:"metrics,omitempty"`
}

// errNotOffered is what a cell ends with if the driver lacks the operation.
var errNotOffered = errors.New("operation not offered")

// cell is a Cell while it runs.
type cell struct {
	Cell
	scenario Scenario
	driver   Driver
	server   *control
}

// runCell is the main function of the process of one cell: it measures and prints the cell as one line.
func runCell(text string) error {
	var c cell
	if err := json.Unmarshal([]byte(text), &c.Cell); err != nil {
		return err
	}
	m, err := c.measure()
	switch {
	case errors.Is(err, errNotOffered):
		c.Skipped = true
	case err != nil:
		c.Error = err.Error()
	default:
		c.Metrics = m
	}
	return json.NewEncoder(os.Stdout).Encode(c.Cell)
}

// measure runs the scenario.
func (c *cell) measure() (Metrics, error) {
	var err error
	if c.scenario, err = findScenario(c.Scenario); err != nil {
		return nil, err
	}
	if c.driver, err = findDriver(c.Driver); err != nil {
		return nil, err
	}
	if c.server, err = dialControl("tcp", c.Control); err != nil {
		return nil, err
	}
	defer c.server.close()
	if c.scenario.Run != nil {
		return c.scenario.Run(c)
	}
	e, err := c.env()
	if err != nil {
		return nil, err
	}
	s, err := c.driver.Open(e)
	if err != nil {
		return nil, err
	}
	defer s.Close()
	op := c.scenario.Op(s)
	if op == nil {
		return nil, errNotOffered
	}
	l := newLoad(c.scenario, op)
	if c.scenario.Rate > 0 {
		return c.openLoop(l)
	}
	return c.closedLoop(l)
}

// env is where the driver of the cell finds its server.
func (c *cell) env() (Env, error) {
	callers := c.scenario.Callers
	if c.scenario.Burst {
		callers = max(callers, burstCallers)
	}
	e := Env{Network: c.Network, Addr: c.Addr, Callers: callers, Conns: c.scenario.Conns}
	var err error
	if c.Network == "tls" {
		e.Network = "tcp"
		e.TLS, err = trusting(c.Roots)
	}
	return e, err
}

// profile starts a CPU profile of what follows if one is wanted; the returned function ends it.
func (c *cell) profile() (func(), error) {
	if c.Profile == "" {
		return func() {}, nil
	}
	f, err := os.Create(filepath.Join(c.Profile, c.Scenario+"."+c.Driver+".pprof"))
	if err != nil {
		return nil, err
	}
	runtime.SetCPUProfileRate(500) // the default is too coarse for cells of a second; pprof keeps a rate that is set
	if err := pprof.StartCPUProfile(f); err != nil {
		f.Close()
		return nil, err
	}
	return func() { pprof.StopCPUProfile(); f.Close() }, nil
}

// between takes the usage before and after a run and returns the figures per operation; latencies is asked after it.
func (c *cell) between(latencies func() *Hist, run func() error) (Metrics, error) {
	stop, err := c.profile()
	if err != nil {
		return nil, err
	}
	before, err := takeUsage(c.server)
	if err != nil {
		return nil, err
	}
	if err := run(); err != nil {
		return nil, err
	}
	after, err := takeUsage(c.server)
	if err != nil {
		return nil, err
	}
	stop()
	h := latencies()
	if h.n == 0 {
		return nil, fmt.Errorf("no operation within %v", c.Duration)
	}
	m := after.per(before, float64(h.n))
	m["ops"] = float64(h.n) / after.at.Sub(before.at).Seconds()
	m["n"] = float64(h.n)
	us := func(q float64) float64 { return float64(h.Quantile(q)) / 1e3 }
	m["p50"], m["p99"], m["p999"], m["max"] = us(.5), us(.99), us(.999), float64(h.max)/1e3
	return m, nil
}

// contextFor is the context of one caller and what ends it.
func contextFor(m CtxMode) (context.Context, context.CancelFunc) {
	if m == CtxCancel {
		return context.WithCancel(context.Background())
	}
	return context.Background(), func() {}
}

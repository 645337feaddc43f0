package main

import (
	"context"
	"fmt"
	"strings"
	"time"
)

// Metrics are named figures of one cell. Names and units are in metricNames.
type Metrics map[string]float64

// CtxMode is the kind of context that a call gets.
type CtxMode int

// The kinds.
const (
	CtxBackground CtxMode = iota
	CtxCancel             // can be cancelled, has no deadline, one per caller
	CtxTimeout            // context.WithTimeout for each call, by the caller
)

// quickness says how much of a scenario is part of -quick.
type quickness int

// The kinds.
const (
	quickNone quickness = iota
	quickOurs           // Baton and the floors: its goals look at nobody else
	quickAll
)

// opFunc is one operation of a caller. It returns what is compared with Scenario.Want.
type opFunc func(ctx context.Context, w *Worker) (int, error)

// Scenario is one row of the comparison.
type Scenario struct {
	Name    string
	What    string
	Callers int
	Conns   int // as Env.Conns
	Ctx     CtxMode
	Burst   bool   // 64 callers run for a moment before the measurement
	Rate    int    // open loop: requests a second, all callers together; 0: as fast as replies come
	Want    int    // what every operation has to return; -1: anything above zero
	Buf     int    // bytes of Worker.Buf
	Network string // "tcp", "unix", "tls"; "": that of the run
	Slow    bool   // takes seconds: one round is enough for -quick
	Quick   quickness
	Main    string // the figure whose ratios to the floors are shown; default "ops"
	Op      func(s *Session) opFunc
	Run     func(c *cell) (Metrics, error) // measures; nil: a closed or open loop over Op
	Has     func(d Driver) bool            // whether the driver can do it; nil: all that can be opened
}

// allScenarios is the table of scenarios.
func allScenarios() []Scenario {
	var all []Scenario
	for _, part := range [][]Scenario{
		smallScenarios(), fewScenarios(), networkScenarios(), pipeScenarios(), valueScenarios(), largeScenarios(),
		structScenarios(), blockingScenarios(), openLoopScenarios(), otherScenarios(), pubsubScenarios(),
		programScenarios(), decodeScenarios(),
	} {
		all = append(all, part...)
	}
	for i := range all {
		all[i].defaults()
	}
	return all
}

func (s *Scenario) defaults() {
	if s.Callers == 0 {
		s.Callers = 1
	}
	if s.Buf == 0 {
		s.Buf = 512
	}
	if s.Main == "" {
		s.Main = "ops"
	}
}

// The op builders return nil if the session does not offer the operation.

func opGet(s *Session) opFunc {
	return func(ctx context.Context, w *Worker) (int, error) { return s.Get(ctx, w, smallKey) }
}

func opSet(s *Session) opFunc {
	value := []byte(strings.Repeat("w", smallValue))
	if s.Set == nil {
		return nil
	}
	return func(ctx context.Context, w *Worker) (int, error) { return s.Set(ctx, w, writeKey, value) }
}

func opIncr(s *Session) opFunc {
	if s.Incr == nil {
		return nil
	}
	return func(ctx context.Context, w *Worker) (int, error) { return s.Incr(ctx, w, countKey) }
}

func opMGet(s *Session) opFunc {
	if s.MGet == nil {
		return nil
	}
	keys := numberedKeys(mgetKeys)
	return func(ctx context.Context, w *Worker) (int, error) { return s.MGet(ctx, w, keys) }
}

func opHGetAll(s *Session) opFunc {
	if s.HGetAll == nil {
		return nil
	}
	return func(ctx context.Context, w *Worker) (int, error) { return s.HGetAll(ctx, w, hashKey) }
}

func opLRange(s *Session) opFunc {
	if s.LRange == nil {
		return nil
	}
	return func(ctx context.Context, w *Worker) (int, error) { return s.LRange(ctx, w, listKey) }
}

func smallScenarios() []Scenario {
	var all []Scenario
	for _, n := range []int{1, 8, 64, 512, 4096} {
		all = append(all, Scenario{
			Name: fmt.Sprintf("get-%d", n), What: fmt.Sprintf("GET of 64 bytes by %d callers", n),
			Callers: n, Want: smallValue, Quick: quickAll, Op: opGet,
		})
	}
	return append(all,
		Scenario{Name: "burst", What: "one caller, GET, right after 64 callers ran", Burst: true, Want: smallValue, Quick: quickAll, Op: opGet},
		Scenario{Name: "cancel", What: "one caller, GET, cancellable context", Ctx: CtxCancel, Want: smallValue, Quick: quickAll, Op: opGet},
		Scenario{Name: "timeout", What: "one caller, GET, context.WithTimeout per call", Ctx: CtxTimeout, Want: smallValue, Quick: quickOurs, Op: opGet},
		Scenario{Name: "cancel-64", What: "64 callers, GET, cancellable context", Callers: 64, Ctx: CtxCancel, Want: smallValue, Op: opGet},
		Scenario{Name: "timeout-64", What: "64 callers, GET, context.WithTimeout per call", Callers: 64, Ctx: CtxTimeout, Want: smallValue, Op: opGet},
		Scenario{Name: "set", What: "one caller, SET of 64 bytes", Quick: quickOurs, Op: opSet},
		Scenario{Name: "set-64", What: "64 callers, SET of 64 bytes", Callers: 64, Op: opSet},
		Scenario{Name: "incr", What: "one caller, INCR", Want: -1, Quick: quickOurs, Op: opIncr},
		Scenario{Name: "incr-64", What: "64 callers, INCR", Callers: 64, Want: -1, Op: opIncr},
	)
}

func pipeScenarios() []Scenario {
	var all []Scenario
	for _, n := range []int{10, 100, 1000} {
		keys := numberedKeys(n)
		all = append(all, Scenario{
			Name: fmt.Sprintf("pipe-%d", n), What: fmt.Sprintf("one caller, pipelines of %d GETs into strings", n),
			Want: n * smallValue, Quick: map[int]quickness{100: quickAll, 1000: quickOurs}[n],
			Op: func(s *Session) opFunc {
				if s.Pipe == nil {
					return nil
				}
				return func(ctx context.Context, w *Worker) (int, error) { return s.Pipe(ctx, w, keys) }
			},
		})
	}
	return all
}

func valueScenarios() []Scenario {
	into := func(key string) func(*Session) opFunc {
		return func(s *Session) opFunc {
			if s.GetInto == nil {
				return nil
			}
			return func(ctx context.Context, w *Worker) (int, error) { return s.GetInto(ctx, w, key) }
		}
	}
	fresh := func(key string) func(*Session) opFunc {
		return func(s *Session) opFunc {
			return func(ctx context.Context, w *Worker) (int, error) { return s.Get(ctx, w, key) }
		}
	}
	return []Scenario{
		{Name: "get-64k-into", What: "GET of 64 KiB into the caller's buffer", Want: midValue, Buf: midValue + 64, Quick: quickAll, Op: into(midKey)},
		{Name: "get-1m-into", What: "GET of 1 MiB into the caller's buffer", Want: bigValue, Buf: bigValue + 64, Quick: quickOurs, Op: into(bigKey)},
		{Name: "get-64k", What: "GET of 64 KiB, fresh memory", Want: midValue, Op: fresh(midKey)},
		{Name: "get-1m", What: "GET of 1 MiB, fresh memory", Want: bigValue, Op: fresh(bigKey)},
		{Name: "mget-100", What: "MGET of 100 values into strings", Want: mgetKeys, Quick: quickOurs, Op: opMGet},
		{Name: "hgetall-1000", What: "HGETALL of 1000 fields into a map", Want: manyElems, Quick: quickOurs, Op: opHGetAll},
		{Name: "lrange-1000", What: "LRANGE of 1000 values into strings", Want: manyElems, Quick: quickOurs, Op: opLRange},
	}
}

func openLoopScenarios() []Scenario {
	var all []Scenario
	for _, k := range []int{5, 20, 40} {
		all = append(all, Scenario{
			Name: fmt.Sprintf("open-%dk", k), What: fmt.Sprintf("open loop, %d GETs a second, latency from the due time", k*1000),
			Callers: 512, Rate: k * 1000, Want: smallValue, Op: opGet, Quick: map[int]quickness{20: quickAll, 40: quickAll}[k],
		})
	}
	return all
}

func otherScenarios() []Scenario {
	client := func(d Driver) bool { return d.Role != Null && d.Open != nil && d.Name != "shared-floor" }
	return []Scenario{
		{Name: "first-100", What: "open and 100 concurrent first GETs, ms each", Callers: 100, Want: smallValue, Main: "p50", Run: runFirst, Has: client, Quick: quickAll},
		{Name: "idle-1000", What: "1000 idle connections", Main: "heap", Run: runIdle, Has: func(d Driver) bool { return d.Idle != nil }, Quick: quickOurs, Slow: true},
		{Name: "beside", What: "8 callers, GET of 64 bytes, while another reads 200 MiB a second through the same client", Callers: 8, Want: smallValue, Run: runBeside,
			Has: func(d Driver) bool { return client(d) && d.Role != Floor }},
		{Name: "storm", What: "64 callers, 20,000 calls, with and without random cancellations", Callers: 64, Want: smallValue, Main: "opened", Run: runStorm, Quick: quickOurs, Slow: true,
			Has: func(d Driver) bool { return client(d) && d.Role != Floor }},
		{Name: "moving", What: fmt.Sprintf("16 callers, a subscriber and a consumer while the server moves %d times", movingWindows), Callers: 16, Main: "failed", Run: runMoving,
			Quick: quickOurs, Slow: true, Has: func(d Driver) bool { return d.Move != nil }},
	}
}

// runs tells whether a driver takes part in a scenario.
func (s Scenario) runs(d Driver) bool {
	if s.Has != nil {
		return s.Has(d)
	}
	if d.Role == Null {
		return s.Rate > 0
	}
	return d.Open != nil
}

func findScenario(name string) (Scenario, error) {
	for _, s := range allScenarios() {
		if s.Name == name {
			return s, nil
		}
	}
	return Scenario{}, fmt.Errorf("scenario %q: not known", name)
}

// warmUp is how long a cell runs before it is measured.
func warmUp(d time.Duration) time.Duration { return min(d/3, 200*time.Millisecond) }

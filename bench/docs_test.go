package main

import (
	"encoding/xml"
	"flag"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// callersRun is a run of three clients with one to 512 callers, in which the second has the better latency.
func callersRun() *File {
	var r Results
	for _, s := range []string{"get-1", "get-64", "get-512"} {
		r = append(r, cellsOf(s, "baton", "ops", 200000, 200000)...)
		r = append(r, cellsOf(s, "rueidis", "ops", 100000, 100000)...)
		r = append(r, cellsOf(s, "floor", "ops", 300000, 300000)...)
	}
	for i := range r {
		r[i].Metrics["p99"] = map[string]float64{"baton": 500, "rueidis": 400, "floor": 40}[r[i].Driver]
	}
	return &File{Cells: r, Modules: map[string]string{"github.com/redis/rueidis": "v1.0.79", "example.com/other": "v1.0.0"}}
}

func TestMarkdownReplacesItsPartOnly(t *testing.T) {
	name := filepath.Join(t.TempDir(), "README.md")
	require.NoError(t, os.WriteFile(name, []byte("before\n"+docsBegin+"old\n"+docsEnd+"after\n"), 0o600))
	require.NoError(t, writeMarkdown(name, callersRun()))
	once, err := os.ReadFile(name)
	require.NoError(t, err)
	text := string(once)
	assert.True(t, strings.HasPrefix(text, "before\n"+docsBegin))
	assert.True(t, strings.HasSuffix(text, docsEnd+"after\n"))
	assert.NotContains(t, text, "old\n")
	assert.Contains(t, text, "| `github.com/redis/rueidis` | v1.0.79 |")
	assert.NotContains(t, text, "example.com")
	assert.Contains(t, text, "| MISSED | get-1 | baton ops | one caller | 0.67 | want at least 0.95 of floor |")
	assert.Contains(t, text, "| `baton` | **200000** | - | **200000** | **200000** | - |")
	assert.Contains(t, text, "| `floor` | 300000 | - | 300000 | 300000 | - |", "a floor is no client")
	assert.Contains(t, text, "](callers-ops.svg)")

	require.NoError(t, writeMarkdown(name, callersRun()))
	twice, err := os.ReadFile(name)
	require.NoError(t, err)
	assert.Equal(t, text, string(twice))
}

// The command of a run tells how to make it again, and nothing of the machine that made it.
func TestCommandNamesNoPlaces(t *testing.T) {
	const started = "-json /home/me/r.json -svg=../x --markdown ../x/README.md"
	tests := []struct{ args, want string }{
		{"", "go run ."},
		{started, "go run ."},
		{started + " -rounds 5 -scenarios get-1,open-* -d 200ms", "go run . -d 200ms -rounds 5 -scenarios get-1,open-*"},
		{"-quick -server /opt/redis/redis-server -profile /home/me/p", "go run . -profile p -quick -server redis-server"},
		{"-quick=false -net unix", "go run . -net unix"},
	}
	for _, tt := range tests {
		set := flag.NewFlagSet("bench", flag.ContinueOnError)
		for _, name := range []string{"json", "svg", "markdown", "scenarios", "server", "profile", "net"} {
			set.String(name, "", "")
		}
		set.Int("rounds", 0, "")
		set.Duration("d", 0, "")
		set.Bool("quick", false, "")
		require.NoError(t, set.Parse(strings.Fields(tt.args)))
		assert.Equal(t, tt.want, command(set), tt.args)
	}
}

func TestMarkdownNeedsItsMarks(t *testing.T) {
	name := filepath.Join(t.TempDir(), "README.md")
	require.NoError(t, os.WriteFile(name, []byte("text\n"), 0o600))
	assert.ErrorContains(t, writeMarkdown(name, callersRun()), "no lines")
	b, err := os.ReadFile(name)
	require.NoError(t, err)
	assert.Equal(t, "text\n", string(b))
}

// A better client is listed with its figure; a worse one and one within the margin are not.
func TestWins(t *testing.T) {
	f := callersRun()
	var b strings.Builder
	winTable(&b, f.Cells)
	assert.Contains(t, b.String(), "| get-64 | p99 us | `rueidis` | 400.0 | 500.0 | 1.25 | 2 of 2 |")
	assert.NotContains(t, b.String(), "ops/s")
	assert.NotContains(t, b.String(), "floor")

	for i := range f.Cells {
		if f.Cells[i].Driver == "rueidis" {
			f.Cells[i].Metrics["p99"] = 495
		}
	}
	b.Reset()
	winTable(&b, f.Cells)
	assert.Equal(t, "In no figure of this run.\n\n", b.String())
}

// A decoder that makes no values is compared with that of Baton which makes none.
func TestWinsCompareDecodersOfAKind(t *testing.T) {
	r := append(cellsOf("decode-mixed-resp2", "baton", "mbs", 100, 100), cellsOf("decode-mixed-resp2", "baton-frames", "mbs", 500, 500)...)
	r = append(r, cellsOf("decode-mixed-resp2", "redcon", "mbs", 400, 400)...)
	_, found := beaten(r, "decode-mixed-resp2", "mbs")
	assert.False(t, found)
	r = append(r, cellsOf("decode-mixed-resp2", "radix", "mbs", 400, 400)...)
	v, found := beaten(r, "decode-mixed-resp2", "mbs")
	assert.True(t, found)
	assert.Equal(t, "radix", v.theirs)
}

// Of several better clients the best is named; one that is better in half of the rounds only is not.
func TestWinsNameTheBestClient(t *testing.T) {
	r := append(cellsOf("set", "baton", "ops", 100, 100, 100, 100), cellsOf("set", "redigo", "ops", 90, 90, 500, 500)...)
	_, found := beaten(r, "set", "ops")
	assert.False(t, found)
	r = append(r, cellsOf("set", "radix", "ops", 150, 150, 150, 150)...)
	r = append(r, cellsOf("set", "rueidis", "ops", 200, 200, 200, 200)...)
	r = append(r, cellsOf("set", "goredis", "ops", 120, 120, 120, 120)...)
	v, found := beaten(r, "set", "ops")
	require.True(t, found)
	assert.Equal(t, "rueidis", v.theirs)
	assert.InDelta(t, .5, v.ratio, 1e-9)
}

// Figures that read the same are all in bold.
func TestBold(t *testing.T) {
	r := append(cellsOf("incr", "baton", "allocs", .0012), cellsOf("incr", "rueidis", "allocs", .0011)...)
	r = append(r, cellsOf("incr", "redigo", "allocs", 4)...)
	r = append(r, cellsOf("incr", "floor", "allocs", 0)...)
	c, err := columnOf("allocs")
	require.NoError(t, err)
	for driver, want := range map[string]string{"baton": "**0.00**", "rueidis": "**0.00**", "redigo": "4.00", "floor": "0.00", "radix": "-"} {
		assert.Equal(t, want, c.bold(r, "incr", driver), driver)
	}
}

// Every scenario stands in one group, and every group names scenarios and figures that exist.
func TestMatricesHoldEveryScenario(t *testing.T) {
	seen := map[string]int{}
	for _, m := range matrices {
		for _, s := range m.scenarios {
			seen[s]++
		}
		for _, name := range append(m.metrics, m.wins...) {
			_, err := columnOf(name)
			assert.NoError(t, err)
		}
		for _, name := range m.wins {
			c, _ := columnOf(name)
			assert.NotEqual(t, neither, c.better, name)
		}
	}
	for _, s := range allScenarios() {
		assert.Equal(t, 1, seen[s.Name], s.Name)
	}
	assert.Len(t, seen, len(allScenarios()))
}

func TestChartsAreDrawn(t *testing.T) {
	dir := t.TempDir()
	require.NoError(t, writeCharts(dir, callersRun().Cells))
	for _, c := range charts() {
		b, err := os.ReadFile(filepath.Join(dir, c.file))
		require.NoError(t, err)
		assert.Equal(t, 3*3, strings.Count(string(b), "<circle "), "a dot for each figure")
		for _, text := range []string{c.title, c.unit, "callers", ">baton<", ">rueidis<", ">floor<", ">512<"} {
			assert.Contains(t, string(b), text)
		}
		for d := xml.NewDecoder(strings.NewReader(string(b))); ; {
			if _, err := d.Token(); err != nil {
				assert.ErrorIs(t, err, io.EOF, "well formed")
				break
			}
		}
	}
	assert.ErrorContains(t, writeCharts(dir, cellsOf("pipe-100", "baton", "ops", 1)), "no scenario with the prefix get-")
}

func TestAxis(t *testing.T) {
	x := axis{low: 1, high: 4096, from: 100, to: 220, log: true}
	assert.InDelta(t, 100, x.at(1), 1e-9)
	assert.InDelta(t, 160, x.at(64), 1e-9)
	assert.InDelta(t, 220, x.at(4096), 1e-9)
	assert.Equal(t, []float64{50, 100, 200, 500, 1000}, axis{low: 40, high: 1200, log: true}.ticks())
	y := axis{low: 0, high: 440, from: 490, to: 50}
	assert.InDelta(t, 490, y.at(0), 1e-9)
	assert.InDelta(t, 270, y.at(220), 1e-9)
	assert.Equal(t, []float64{0, 100, 200, 300, 400}, y.ticks())
}

func TestLabelsDoNotOverlap(t *testing.T) {
	assert.Equal(t, []float64{100, 50}, spreadLabels([]float64{100, 50}, 20, 0, 400), "far apart: unchanged")
	assert.Equal(t, []float64{120, 100, 50}, spreadLabels([]float64{101, 100, 50}, 20, 0, 400))
	assert.Equal(t, []float64{360, 380, 400}, spreadLabels([]float64{398, 399, 400}, 20, 0, 400), "pushed back from the edge")
}

// Every line that a chart can show has a look of its own.
func TestStylesDiffer(t *testing.T) {
	seen := map[style]string{}
	for _, d := range allDrivers() {
		if d.Open == nil || d.Role == Null {
			continue
		}
		s, ok := styles[d.Name]
		assert.True(t, ok, d.Name)
		assert.Empty(t, seen[s], "%s looks like it", d.Name)
		seen[s] = d.Name
	}
}

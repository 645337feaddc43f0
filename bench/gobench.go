package main

import (
	"bufio"
	"fmt"
	"io"
	"strconv"
	"strings"
)

// benchUnits are the units under which BenchmarkDecode reports figures of the harness, beside what Go itself reports.
var benchUnits = map[string]string{
	"mbsbest": "MB/s-best", "mbscpu": "MB/cpu-s", "ns": "ns/reply", "allocs": "allocs/reply", "bytes": "B/reply",
}

// readGoBench takes the decode figures out of what "go test -bench Decode" has written, run several times or with -count. The
// n-th line of a benchmark is its round n.
func readGoBench(in io.Reader) (Results, error) {
	metrics := map[string]string{"MB/s": "mbs"}
	for metric, unit := range benchUnits {
		metrics[unit] = metric
	}
	var found Results
	rounds := make(map[string]int)
	lines := bufio.NewScanner(in)
	for lines.Scan() {
		f := strings.Fields(lines.Text())
		if len(f) < 4 || !strings.HasPrefix(f[0], "BenchmarkDecode/") {
			continue
		}
		name := f[0]
		if i := strings.LastIndexByte(name, '-'); i > strings.LastIndexByte(name, '/') && isNumber(name[i+1:]) {
			name = name[:i] // GOMAXPROCS
		}
		parts := strings.Split(name, "/")
		if len(parts) != 3 {
			return nil, fmt.Errorf("benchmark %q: want stream and decoder", f[0])
		}
		c := Cell{Scenario: "decode-" + parts[1], Driver: parts[2], Round: rounds[name], Metrics: Metrics{}}
		rounds[name]++
		for i := 2; i+1 < len(f); i += 2 {
			v, err := strconv.ParseFloat(f[i], 64)
			if err != nil {
				return nil, fmt.Errorf("benchmark %q: figure %q", f[0], f[i])
			}
			if m, ok := metrics[f[i+1]]; ok {
				c.Metrics[m] = v
			}
		}
		found = append(found, c)
	}
	return found, lines.Err()
}

func isNumber(s string) bool {
	_, err := strconv.ParseUint(s, 10, 16)
	return err == nil
}

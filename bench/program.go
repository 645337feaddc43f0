package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// program is what a small program with a client costs.
type program struct {
	size    int64         // of the stripped binary, bytes
	compile time.Duration // CPU time to compile all packages that are not of the standard library
	modules []string      // those modules, sorted; without the one that holds the programs
}

// ownModule holds the programs.
const ownModule = "github.com/baton-go/baton/bench"

func programScenarios() []Scenario {
	return []Scenario{{
		Name: "program", What: "a program with one SET and one GET: stripped size, CPU time to compile what is not of the standard library",
		Main: "size", Run: runProgram, Has: func(d Driver) bool { return d.Program != "" }, Quick: quickOurs, Slow: true,
	}}
}

func runProgram(c *cell) (Metrics, error) {
	p, err := buildProgram(c.driver.Program)
	if err != nil {
		return nil, err
	}
	return Metrics{"size": float64(p.size) / 1e6, "compile": p.compile.Seconds(), "modules": float64(len(p.modules))}, nil
}

// buildProgram builds the program of that name. It works in the directory of this module only.
func buildProgram(name string) (program, error) {
	var p program
	dir := "./programs/" + name
	if _, err := os.Stat(dir); errors.Is(err, fs.ErrNotExist) {
		return p, fmt.Errorf("program %s: not found, run this in the directory bench", name)
	}
	tmp, err := os.MkdirTemp("", "baton-bench-program-")
	if err != nil {
		return p, err
	}
	defer os.RemoveAll(tmp)
	binary := filepath.Join(tmp, name)
	if _, err := goTool("build", "-ldflags=-s -w", "-o", binary, dir); err != nil {
		return p, err
	}
	info, err := os.Stat(binary)
	if err != nil {
		return p, err
	}
	p.size = info.Size()
	list, err := goTool("list", "-deps", "-f", "{{with .Module}}{{.Path}} {{end}}{{if not .Standard}}{{.ImportPath}}{{end}}", dir)
	if err != nil {
		return p, err
	}
	packages, modules := beyondStandard(list.out)
	p.modules = modules
	p.compile, err = compileAnew(packages, modules)
	return p, err
}

// beyondStandard takes the packages and modules apart that "go list" has printed, a module and a package on each line and
// nothing for a package of the standard library.
func beyondStandard(list string) (packages, modules []string) {
	for line := range strings.Lines(list) {
		module, pkg, ok := strings.Cut(strings.TrimSpace(line), " ")
		if !ok || module == ownModule {
			continue
		}
		packages, modules = append(packages, pkg), append(modules, module)
	}
	slices.Sort(modules)
	return packages, slices.Compact(modules)
}

// compileAnew compiles packages that have been compiled before, and returns the CPU time it took. What the standard library
// gives is taken from the build cache. What is to be measured is not found there because it is compiled with a flag that
// changes nothing but has a value never seen before.
func compileAnew(packages, modules []string) (time.Duration, error) {
	if len(packages) == 0 {
		return 0, nil
	}
	args := []string{"build"}
	for _, m := range modules {
		args = append(args, fmt.Sprintf("-gcflags=%s/...=-D=once-%d", m, time.Now().UnixNano()))
	}
	r, err := goTool(append(args, packages...)...)
	return r.cpu, err
}

// toolRun is what a run of the go command has printed and used, with all processes it started.
type toolRun struct {
	out string
	cpu time.Duration
}

func goTool(args ...string) (toolRun, error) {
	cmd := exec.Command("go", args...)
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		return toolRun{}, fmt.Errorf("go %s: %w: %s", args[0], err, firstLines(stderr.String(), 400))
	}
	return toolRun{out: string(out), cpu: cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()}, nil
}

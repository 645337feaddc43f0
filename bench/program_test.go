package main

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// Limits for the program of Baton, as shares of what the standard library costs on the same machine with the same Go: size of the
// program without a client, CPU time to compile crypto/tls. They were 1.156 (5.76 MB) and 1.3 to 2.4 (3 to 7 s) when this was
// written; the goals, which a run of the benchmark judges, are lower.
const (
	sizeLimit    = 1.17
	compileLimit = 3.5
)

// batonModules are the modules of Baton's program: Baton and what it requires.
var batonModules = []string{"github.com/baton-go/baton", "golang.org/x/sync"}

// excess lists in what a program costs more than it may: binary, CPU time to compile, modules besides Baton's.
func (p program) excess(std program) []string {
	var found []string
	if share := float64(p.size) / float64(std.size); share > sizeLimit {
		found = append(found, fmt.Sprintf("stripped binary of %d bytes, %.3f of the %d without a client, at most %v", p.size, share, std.size, sizeLimit))
	}
	if share := p.compile.Seconds() / std.compile.Seconds(); share > compileLimit {
		found = append(found, fmt.Sprintf("%v of CPU time to compile, %.1f of the %v for crypto/tls, at most %v", p.compile, share, std.compile, compileLimit))
	}
	for _, m := range p.modules {
		if !slices.Contains(batonModules, m) {
			found = append(found, "module "+m)
		}
	}
	return found
}

// standard is what programs are compared with. CPU time depends on what else a machine does, so that it is measured right
// beside theirs.
func standard(t *testing.T) program {
	t.Helper()
	p, err := buildProgram("std")
	require.NoError(t, err)
	p.compile, err = compileAnew([]string{"crypto/tls"}, []string{"crypto/tls"})
	require.NoError(t, err)
	return p
}

func TestProgramCostsLittle(t *testing.T) {
	std := standard(t)
	p, err := buildProgram("baton")
	require.NoError(t, err)
	t.Logf("%d bytes, %v to compile; the standard library: %d bytes, %v", p.size, p.compile, std.size, std.compile)
	assert.Empty(t, p.excess(std))
	assert.Equal(t, batonModules, p.modules)
	assert.Greater(t, p.size, int64(1_000_000))
	// If it found everything in the cache the check would be blind. To find that out takes a tenth of the CPU time.
	cached, err := goTool("build", "github.com/baton-go/baton")
	require.NoError(t, err)
	assert.Greater(t, p.compile, 3*cached.cpu)
}

// Negative control: the program of another client exceeds what Baton's may cost.
func TestProgramLimitsCanBeExceeded(t *testing.T) {
	p, err := buildProgram("radix")
	require.NoError(t, err)
	std := program{size: 5_000_000, compile: 4 * time.Second}
	assert.Contains(t, p.excess(std), "module github.com/mediocregopher/radix/v4")

	assert.Empty(t, program{size: 5_840_000, compile: 14 * time.Second}.excess(std))
	over := program{size: 5_860_000, compile: 15 * time.Second, modules: []string{"example.com/x"}}
	assert.Equal(t, []string{
		"stripped binary of 5860000 bytes, 1.172 of the 5000000 without a client, at most 1.17",
		"15s of CPU time to compile, 3.8 of the 4s for crypto/tls, at most 3.5", "module example.com/x",
	}, over.excess(std))
}

func TestProgramOfStandardLibraryHasNothingToCompile(t *testing.T) {
	p, err := buildProgram("std")
	require.NoError(t, err)
	assert.Empty(t, p.modules)
	assert.Zero(t, p.compile)
	_, err = buildProgram("nobody")
	assert.ErrorContains(t, err, "program nobody: not found")
}

func TestBeyondStandard(t *testing.T) {
	packages, modules := beyondStandard("\nexample.com/b example.com/b/x\n\nexample.com/a example.com/a\nexample.com/b example.com/b\n" +
		ownModule + " " + ownModule + "/programs/x\n")
	assert.Equal(t, []string{"example.com/b/x", "example.com/a", "example.com/b"}, packages)
	assert.Equal(t, []string{"example.com/a", "example.com/b"}, modules)
}

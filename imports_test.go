package baton_test

import (
	"fmt"
	"go/parser"
	"go/token"
	"io/fs"
	"maps"
	"os"
	"path"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const modulePath = "github.com/baton-go/baton"

// house says which packages of this module each package may import besides the standard library ("." is the root). A
// directory that is not listed is an error, so that a new package gets its place here first. docs/architecture.md shows it.
var house = map[string][]string{
	"internal/blocks":               {},
	"internal/errs":                 {},
	"internal/facts":                {},
	"resp3":                         {"internal/errs"},
	"conn":                          {"internal/blocks", "internal/errs", "resp3"},
	"pool":                          {"conn"},
	"handoff":                       {"resp3", "conn"},
	"handoff/handofftest":           {"resp3", "handoff/handofftest/resp3test"},
	"handoff/handofftest/resp3test": {"resp3"},
	"pubsub":                        {"internal/errs", "resp3", "conn", "pool"},
	".":                             {"internal/blocks", "internal/errs", "internal/facts", "resp3", "conn", "pool", "handoff", "pubsub"},
	"cmd/rehearse":                  {".", "resp3", "conn", "pool", "handoff", "handoff/handofftest", "internal/stall"},
	"internal/child":                {},
	"internal/redistest":            {"internal/child"},
	"internal/soak":                 {},
	"internal/stall":                {},
}

// outside says which packages of other modules code may import; tests may import testify besides.
var outside = map[string][]string{
	".":       {"golang.org/x/sync"},
	"handoff": {"golang.org/x/sync"},
}

func TestPackagesImportWhatTheHouseAllows(t *testing.T) {
	files := goFiles(t)
	seen := map[string]bool{}
	for _, name := range files {
		src, err := os.ReadFile(name)
		require.NoError(t, err)
		assert.Empty(t, forbidden(name, string(src)), name)
		seen[path.Dir(name)] = true
	}
	// A walk that finds nothing would pass.
	for _, dir := range []string{".", "resp3", "conn", "pool", "handoff", "handoff/handofftest"} {
		assert.True(t, seen[dir], "no file seen in %s", dir)
	}
}

func TestForbiddenImportsAreReported(t *testing.T) {
	tests := []struct{ file, imports, want string }{
		{"pool/x.go", modulePath + "/handoff", "pool must not import handoff"},
		{"handoff/x.go", modulePath + "/pool", "handoff must not import pool"},
		{"conn/x.go", modulePath + "/handoff", "conn must not import handoff"},
		{"resp3/x.go", modulePath + "/conn", "resp3 must not import conn"},
		{"resp3/x.go", "golang.org/x/sync/semaphore", "resp3 must not import golang.org/x/sync/semaphore"},
		{"handoff/handofftest/x.go", modulePath + "/conn", "handoff/handofftest must not import conn"},
		{"conn/x.go", "github.com/stretchr/testify/require", "conn must not import github.com/stretchr/testify/require"},
		{"conn/x_test.go", "github.com/pkg/errors", "conn must not import github.com/pkg/errors"},
		{"extra/x.go", "fmt", "extra is not in the table of packages"},
		{"conn/x.go", modulePath + "/resp3", ""},
		{"conn/x_test.go", "github.com/stretchr/testify/require", ""},
		{"conn/x_test.go", modulePath + "/handoff/handofftest", ""},
		{"handoff/x.go", "golang.org/x/sync/semaphore", ""},
		{"client.go", modulePath + "/pool", ""},
	}
	for _, tt := range tests {
		src := fmt.Sprintf("package p\n\nimport %q\n", tt.imports)
		got := forbidden(tt.file, src)
		if tt.want == "" {
			assert.Empty(t, got, "%s imports %s", tt.file, tt.imports)
			continue
		}
		assert.Equal(t, []string{tt.want}, got, "%s imports %s", tt.file, tt.imports)
	}
}

// forbidden returns one sentence for each import of the file that the table does not allow.
func forbidden(file, src string) (out []string) {
	dir := path.Dir(file)
	own, listed := house[dir]
	if !listed {
		return []string{dir + " is not in the table of packages"}
	}
	f, err := parser.ParseFile(token.NewFileSet(), file, src, parser.ImportsOnly)
	if err != nil {
		return []string{err.Error()}
	}
	test := strings.HasSuffix(file, "_test.go")
	for _, spec := range f.Imports {
		name, err := strconv.Unquote(spec.Path.Value)
		if err != nil {
			return append(out, err.Error())
		}
		inside, isOwn := ownPackage(name)
		switch {
		case isOwn && (test || slices.Contains(own, inside)):
		case isOwn:
			out = append(out, dir+" must not import "+inside)
		case isStandard(name) || isBelow(name, outside[dir]):
		case test && isBelow(name, []string{"github.com/stretchr/testify"}):
		default:
			out = append(out, dir+" must not import "+name)
		}
	}
	return out
}

// ownPackage gives the directory of a package of this module.
func ownPackage(name string) (dir string, own bool) {
	if name == modulePath {
		return ".", true
	}
	return strings.CutPrefix(name, modulePath+"/")
}

// isStandard: only paths of the standard library have no dot in their first element.
func isStandard(name string) bool {
	first, _, _ := strings.Cut(name, "/")
	return !strings.Contains(first, ".")
}

func isBelow(name string, modules []string) bool {
	return slices.ContainsFunc(modules, func(m string) bool { return name == m || strings.HasPrefix(name, m+"/") })
}

// goFiles lists the Go files of this module, with slashes.
func goFiles(t *testing.T) (files []string) {
	t.Helper()
	err := fs.WalkDir(os.DirFS("."), ".", func(name string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && name != "." && (strings.HasPrefix(d.Name(), ".") || d.Name() == "testdata" || isModule(name)):
			return fs.SkipDir
		case !d.IsDir() && strings.HasSuffix(name, ".go"):
			files = append(files, name)
		}
		return nil
	})
	require.NoError(t, err)
	return files
}

func isModule(dir string) bool {
	_, err := os.Stat(path.Join(dir, "go.mod"))
	return err == nil
}

// directModules and indirectModules are all that go.mod may require. The second kind comes with testify.
var (
	directModules   = []string{"github.com/stretchr/testify", "golang.org/x/sync"}
	indirectModules = []string{"github.com/davecgh/go-spew", "github.com/pmezard/go-difflib", "github.com/stretchr/objx",
		"go.yaml.in/yaml/v3", "gopkg.in/yaml.v3"}
)

func TestGoModRequiresLittle(t *testing.T) {
	src, err := os.ReadFile("go.mod")
	require.NoError(t, err)
	required, complaints := readGoMod(string(src))
	assert.Empty(t, complaints)
	assert.Contains(t, required, "github.com/stretchr/testify", "go.mod is not understood")

	_, complaints = readGoMod("module m\n\ngo 1.25.0\n\nrequire (\n\tgithub.com/pkg/errors v0.9.1\n" +
		"\tgithub.com/pkg/diff v0.1.0 // indirect\n)\nreplace a => b\n")
	assert.Equal(t, []string{"github.com/pkg/errors is required", "github.com/pkg/diff is required", "there is a line replace a => b"}, complaints)
}

// readGoMod returns the modules required and what is wrong with them or with other lines.
func readGoMod(src string) (required, complaints []string) {
	block := false
	set := map[string]bool{}
	for line := range strings.Lines(src) {
		words := strings.Fields(line)
		switch {
		case len(words) == 0 || words[0] == "module" || words[0] == "go":
			continue
		case words[0] == "require" && words[1] == "(":
			block = true
			continue
		case words[0] == ")":
			block = false
			continue
		case words[0] == "require":
			words = words[1:]
		case !block:
			complaints = append(complaints, "there is a line "+strings.TrimSpace(line))
			continue
		}
		set[words[0]] = true
		allowed := slices.Contains(directModules, words[0])
		if strings.Contains(line, "// indirect") {
			allowed = allowed || slices.Contains(indirectModules, words[0])
		}
		if !allowed {
			complaints = append(complaints, words[0]+" is required")
		}
	}
	return slices.Sorted(maps.Keys(set)), complaints
}

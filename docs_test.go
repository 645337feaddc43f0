package baton_test

import (
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

var (
	treeLine        = regexp.MustCompile("^[| `]*[|`]-- ")
	fileInTree      = regexp.MustCompile(`[\w/*]+\.go\b`)
	fileInBackticks = regexp.MustCompile("`([\\w/*]+\\.go)`")
	goCommand       = regexp.MustCompile("go (?:test|run) ([^`\n|]*)")
	wayRow          = regexp.MustCompile("(?m)^\\| \\d+ \\| `([\\w/.]+)` \\| ([^|]+) \\|")
)

// checkDocument says which Go files and directories of commands of a page do not exist. files are those of the repository, with
// slashes.
func checkDocument(page, text string, files []string) (complaints []string) {
	exists := func(pattern string) bool {
		return slices.ContainsFunc(files, func(name string) bool {
			whole, _ := path.Match(pattern, name)
			base, _ := path.Match(pattern, path.Base(name))
			return whole || base || strings.HasPrefix(name, pattern+"/")
		})
	}
	var names []string
	for line := range strings.Lines(text) {
		if treeLine.MatchString(line) {
			names = append(names, fileInTree.FindAllString(line, -1)...)
		}
	}
	for _, m := range fileInBackticks.FindAllStringSubmatch(text, -1) {
		names = append(names, m[1])
	}
	for _, name := range names {
		if !exists(name) {
			complaints = append(complaints, page+" names "+name)
		}
	}
	for _, m := range goCommand.FindAllStringSubmatch(text, -1) {
		for word := range strings.FieldsSeq(m[1]) {
			dir, local := strings.CutPrefix(strings.TrimSuffix(word, "/..."), "./")
			if local && !exists(dir) {
				complaints = append(complaints, page+" runs "+word)
			}
		}
	}
	return complaints
}

func TestDocumentsNameFilesThatExist(t *testing.T) {
	var files, pages []string
	require.NoError(t, filepath.WalkDir(".", func(name string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.Name() == ".git":
			if d.IsDir() {
				return fs.SkipDir
			}
		case !d.IsDir():
			files = append(files, filepath.ToSlash(name))
		}
		return nil
	}))
	for _, pattern := range []string{"*.md", "docs/*.md", "docs/*/*.md"} {
		found, err := filepath.Glob(pattern)
		require.NoError(t, err)
		pages = append(pages, found...)
	}
	assert.Greater(t, len(pages), 20, "a walk that finds nothing would pass")
	for _, page := range pages {
		text, err := os.ReadFile(page)
		require.NoError(t, err)
		assert.Empty(t, checkDocument(filepath.ToSlash(page), string(text), files))
	}
}

// The control: each kind of name that leads nowhere is noticed.
func TestDocumentsThatNameNothingAreReported(t *testing.T) {
	files := []string{"client.go", "commands_keys.go", "conn/link.go", "docs/errors.md", "cmd/rehearse/main.go"}
	text := "|-- client.go  x\n|   `-- link.go\n" +
		"`client.go` `conn/link.go` `link.go` `commands_*.go` `go run ./cmd/rehearse -off` `go test ./...`"
	assert.Empty(t, checkDocument("docs/x.md", text, files))
	text = "|-- old.go, client.go  x\n`gone.go` `pool/link.go` `pipe_*.go` `go run ./cmd/gone` `go test -race ./gone/...`"
	assert.Equal(t, []string{
		"docs/x.md names old.go", "docs/x.md names gone.go", "docs/x.md names pool/link.go", "docs/x.md names pipe_*.go",
		"docs/x.md runs ./cmd/gone", "docs/x.md runs ./gone/...",
	}, checkDocument("docs/x.md", text, files))
}

// checkWays says which functions of the numbered rows of a page are not declared in the file of their row.
func checkWays(text string, read func(name string) string) (rows int, complaints []string) {
	for _, m := range wayRow.FindAllStringSubmatch(text, -1) {
		rows++
		src := read(m[1])
		for _, f := range quoted.FindAllStringSubmatch(m[2], -1) {
			declared := `(?m)^func ` + f[1] + `[(\[]`
			if receiver, name, isMethod := strings.Cut(f[1], "."); isMethod {
				declared = `(?m)^func \((\w+ )?\*?` + receiver + `\) ` + name + `\(`
			}
			if !regexp.MustCompile(declared).MatchString(src) {
				complaints = append(complaints, m[1]+" has no "+f[1])
			}
		}
	}
	return rows, complaints
}

func TestDocumentedWaysAreThoseOfTheCode(t *testing.T) {
	page, err := os.ReadFile("docs/architecture.md")
	require.NoError(t, err)
	rows, complaints := checkWays(string(page), func(name string) string {
		src, err := os.ReadFile(name)
		assert.NoError(t, err)
		return string(src)
	})
	assert.Empty(t, complaints)
	assert.Greater(t, rows, 30, "a page whose rows are not recognised would pass")
}

// The control: a function that is somewhere else, or has another receiver, is noticed.
func TestDocumentedWaysThatAreNoneAreReported(t *testing.T) {
	src := "package x\n\nfunc decide() {}\n\nfunc (l *link) do() {}\n\nfunc (g Group) Move() {}\n"
	text := "| 1 | `x.go` | `decide` | |\n| 2 | `x.go` | `link.do`, `Group.Move` | |\n| 3 | `x.go` | `do`, `Conn.do`, `link.done` | |\n"
	rows, complaints := checkWays(text, func(string) string { return src })
	assert.Equal(t, 3, rows)
	assert.Equal(t, []string{"x.go has no do", "x.go has no Conn.do", "x.go has no link.done"}, complaints)
}

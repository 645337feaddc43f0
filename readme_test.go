package baton_test

import (
	"encoding/json"
	"fmt"
	"go/ast"
	"go/format"
	"go/parser"
	"go/token"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/baton-go/baton"
)

func readme(t *testing.T) string {
	t.Helper()
	b, err := os.ReadFile("README.md")
	require.NoError(t, err)
	return string(b)
}

var goBlock = regexp.MustCompile("(?s)```go\n(.*?)```")

// program is the first block of Go code in the README.
func program(t *testing.T) string {
	t.Helper()
	m := goBlock.FindStringSubmatch(readme(t))
	require.NotNil(t, m, "README.md has no block of Go code")
	return m[1]
}

// TestReadmeProgramCompiles builds it as a package of this module that exists in the overlay only.
func TestReadmeProgramCompiles(t *testing.T) {
	src := program(t)
	out, err := build(t, src)
	require.NoError(t, err, out)

	formatted, err := format.Source([]byte(src))
	require.NoError(t, err)
	assert.Equal(t, string(formatted), src, "it is not formatted")

	out, err = build(t, strings.Replace(src, "client.Get(", "client.Gett(", 1))
	assert.Error(t, err, "a program that is wrong must not build")
	assert.Contains(t, out, "Gett")
}

func build(t *testing.T, src string) (output string, err error) {
	t.Helper()
	tmp := t.TempDir()
	file, overlay := filepath.Join(tmp, "main.go"), filepath.Join(tmp, "overlay.json")
	require.NoError(t, os.WriteFile(file, []byte(src), 0o600))
	virtual, err := filepath.Abs("internal/readmeprogram/main.go")
	require.NoError(t, err)
	b, err := json.Marshal(map[string]any{"Replace": map[string]string{virtual: file}})
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(overlay, b, 0o600))
	out, err := exec.Command("go", "build", "-buildvcs=false", "-overlay", overlay, "-o", filepath.Join(tmp, "out"), "./internal/readmeprogram").CombinedOutput()
	return string(out), err
}

// TestReadmeProgramIsTheExample: what the README shows is what Example runs, but for the address.
func TestReadmeProgramIsTheExample(t *testing.T) {
	shown := body(t, program(t), "main")
	b, err := os.ReadFile("example_test.go")
	require.NoError(t, err)
	run := body(t, string(b), "Example")
	run = strings.Replace(run, `"redis://"+addr`, `"redis://localhost:6379"`, 1)
	_, run, found := strings.Cut(run, "defer stop()\n\n")
	require.True(t, found)
	run, _, found = strings.Cut(run, "\t// Output:")
	require.True(t, found)
	assert.Equal(t, run, shown)
}

// body is the text between the braces of a function.
func body(t *testing.T, src, name string) string {
	t.Helper()
	f, err := parser.ParseFile(token.NewFileSet(), name, src, parser.SkipObjectResolution)
	require.NoError(t, err)
	for _, d := range f.Decls {
		if fn, ok := d.(*ast.FuncDecl); ok && fn.Name.Name == name {
			return strings.TrimPrefix(src[fn.Body.Lbrace:fn.Body.Rbrace-1], "\n")
		}
	}
	require.Failf(t, "no function", "%s", name)
	return ""
}

// surroundings of a snippet in a document: what it may use without saying where it comes from.
const surroundings = `package main

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/baton-go/baton"
	"github.com/baton-go/baton/handoff"
	"github.com/baton-go/baton/handoff/handofftest"
	"github.com/baton-go/baton/pool"
)

var (
	_ = errors.Is
	_ = fmt.Println
	_ = synctest.Test
	_ = time.Second
	_ baton.Options
	_ handoff.Config
	_ handofftest.Options
	_ pool.Config
)

func main() {}
`

// TestSnippetsInDocumentsCompile builds every block of Go code that is no program, in a function of its own.
func TestSnippetsInDocumentsCompile(t *testing.T) {
	docs, err := filepath.Glob("docs/*.md")
	require.NoError(t, err)
	src, n := surroundings, 0
	for _, doc := range docs {
		b, err := os.ReadFile(doc)
		require.NoError(t, err)
		for _, m := range goBlock.FindAllStringSubmatch(string(b), -1) {
			n++
			src += fmt.Sprintf("\nfunc _(ctx context.Context, t *testing.T, c, client *baton.Client) (err error) {\n{\n//line %s:1\n%s}\nreturn err\n}\n", doc, m[1])
			formatted, err := format.Source([]byte(m[1]))
			assert.NoError(t, err, doc)
			assert.Equal(t, string(formatted), m[1], "%s: it is not formatted", doc)
		}
	}
	assert.Greater(t, n, 3, "hardly any block was found")
	out, err := build(t, src)
	require.NoError(t, err, out)

	out, err = build(t, strings.Replace(src, "client.Subscribe(", "client.Subscribed(", 1))
	assert.Error(t, err, "a snippet that is wrong must not build")
	assert.Contains(t, out, "docs/pubsub.md:1")
}

var named = regexp.MustCompile("`([A-Z][A-Za-z]+)`")

// TestCommandsDocumentNamesEveryMethod compares the table in docs/commands.md with what Client and Pipe have.
func TestCommandsDocumentNamesEveryMethod(t *testing.T) {
	b, err := os.ReadFile("docs/commands.md")
	require.NoError(t, err)
	client, pipe := tabled(string(b))
	wired := strings.Fields("Close Conn Conns Do Format Handoffs PSubscribe Pipeline Ready SSubscribe Shutdown Stats Subscribe Subscriber Tx")
	assert.ElementsMatch(t, methods(reflect.TypeFor[*baton.Client](), wired), client)
	assert.ElementsMatch(t, methods(reflect.TypeFor[*baton.Pipe](), wired), pipe)
	changes, err := os.ReadFile("CHANGELOG.md")
	require.NoError(t, err)
	assert.Contains(t, string(changes), fmt.Sprintf("%d typed methods for commands, %d of them in a `Pipeline`", len(client), len(pipe)))

	client, _ = tabled("| family | a.go | `Get` `GetDel`; not in pipelines: `AppendGet`; on a `Conn` only: `Wait` |\n")
	assert.Equal(t, []string{"Get", "GetDel", "AppendGet", "Wait"}, client)
}

// tabled are the methods in the rows of a table: all, and those that pipelines have.
func tabled(text string) (client, pipe []string) {
	for line := range strings.Lines(text) {
		if strings.Count(line, "|") != 4 || !strings.Contains(line, ".go") {
			continue
		}
		line = strings.Replace(line, "`Conn`", "", 1)
		both, _, _ := strings.Cut(line, "not in pipelines:")
		for _, m := range named.FindAllStringSubmatch(line, -1) {
			client = append(client, m[1])
		}
		for _, m := range named.FindAllStringSubmatch(both, -1) {
			pipe = append(pipe, m[1])
		}
	}
	return client, pipe
}

// methods are the names of the exported methods of a type but some.
func methods(typ reflect.Type, but []string) (names []string) {
	for i := range typ.NumMethod() {
		if name := typ.Method(i).Name; !slices.Contains(but, name) {
			names = append(names, name)
		}
	}
	return names
}

var (
	link = regexp.MustCompile(`\]\(([^)#:]+)(?:#[^)]*)?\)`)
	code = regexp.MustCompile("`[^`\n]*`")
)

// TestLinksInDocumentsLeadSomewhere looks at links to files of this repository.
func TestLinksInDocumentsLeadSomewhere(t *testing.T) {
	docs, err := filepath.Glob("docs/*.md")
	require.NoError(t, err)
	more, err := filepath.Glob("docs/decisions/*.md")
	require.NoError(t, err)
	top, err := filepath.Glob("*.md")
	require.NoError(t, err)
	links := 0
	for _, doc := range append(append(docs, more...), top...) {
		b, err := os.ReadFile(doc)
		require.NoError(t, err)
		for _, m := range link.FindAllStringSubmatch(code.ReplaceAllString(string(b), "code"), -1) {
			links++
			_, err := os.Stat(filepath.Join(filepath.Dir(doc), m[1]))
			assert.NoError(t, err, "%s links to %s", doc, m[1])
		}
	}
	assert.NotZero(t, links, "no link was found at all")
}

// TestReadmeCommandsExist: the two commands it names are there to be run.
func TestReadmeCommandsExist(t *testing.T) {
	text := readme(t)
	assert.Contains(t, text, "\ngo run ./cmd/rehearse")
	assert.Contains(t, text, "\ngo test ./...")
	files, err := filepath.Glob("cmd/rehearse/*.go")
	require.NoError(t, err)
	mains := 0
	for _, name := range files {
		b, err := os.ReadFile(name)
		require.NoError(t, err)
		f, err := parser.ParseFile(token.NewFileSet(), name, b, parser.SkipObjectResolution)
		require.NoError(t, err)
		for _, d := range f.Decls {
			if fn, ok := d.(*ast.FuncDecl); ok && f.Name.Name == "main" && fn.Recv == nil && fn.Name.Name == "main" {
				mains++
			}
		}
	}
	assert.Equal(t, 1, mains, "cmd/rehearse is a program")
}

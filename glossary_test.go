package baton_test

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"regexp"
	"strings"
	"testing"
	"unicode"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// unused is a row of the second table of docs/glossary.md: words that name nothing here.
type unused struct {
	whole, part, prefix []string // lower case
	where               []string // path prefixes; none: everywhere
	instead             string
}

var quoted = regexp.MustCompile("`([^`]+)`")

func unusedWords(t *testing.T) []unused {
	page, err := os.ReadFile("docs/glossary.md")
	require.NoError(t, err)
	_, table, ok := strings.Cut(string(page), "| not | but | where |\n|---|---|---|\n")
	require.True(t, ok, "the table of words that are not used")
	var rows []unused
	for line := range strings.Lines(table) {
		cells := strings.Split(strings.Trim(line, "| \n"), " | ")
		require.Len(t, cells, 3, line)
		u := unused{instead: cells[1]}
		for _, m := range quoted.FindAllStringSubmatch(cells[0], -1) {
			word := strings.ToLower(m[1])
			bare := strings.Trim(word, "…")
			switch {
			case strings.HasPrefix(word, "…"):
				u.part = append(u.part, bare)
			case strings.HasSuffix(word, "…"):
				u.prefix = append(u.prefix, bare)
			default:
				u.whole = append(u.whole, bare)
			}
		}
		for _, m := range quoted.FindAllStringSubmatch(cells[2], -1) {
			u.where = append(u.where, m[1])
		}
		rows = append(rows, u)
	}
	require.Greater(t, len(rows), 20)
	return rows
}

// bans tells whether name, declared in file, has a word of the row.
func (u *unused) bans(file, name string) bool {
	here := len(u.where) == 0
	for _, w := range u.where {
		here = here || strings.HasPrefix(file, w)
	}
	if !here {
		return false
	}
	parts := wordsOf(name)
	for _, w := range u.whole {
		if strings.EqualFold(name, w) {
			return true
		}
	}
	for _, part := range parts {
		for _, w := range u.part {
			if part == w {
				return true
			}
		}
	}
	for _, w := range u.prefix {
		if len(parts) > 1 && parts[0] == w {
			return true
		}
	}
	return false
}

// wordsOf splits a name in camel case.
func wordsOf(name string) []string {
	var words []string
	word := ""
	lower := false
	for _, r := range name {
		if unicode.IsUpper(r) && lower {
			words, word = append(words, strings.ToLower(word)), ""
		}
		lower = !unicode.IsUpper(r)
		word += string(r)
	}
	return append(words, strings.ToLower(word))
}

// declared calls f for each name that a file declares: types, functions, fields, parameters, variables, constants.
func declared(file *ast.File, f func(*ast.Ident)) {
	ident := func(e ast.Expr) {
		if id, ok := e.(*ast.Ident); ok {
			f(id)
		}
	}
	ast.Inspect(file, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.FuncDecl:
			f(n.Name)
		case *ast.TypeSpec:
			f(n.Name)
		case *ast.Field:
			for _, name := range n.Names {
				f(name)
			}
		case *ast.ValueSpec:
			for _, name := range n.Names {
				f(name)
			}
		case *ast.AssignStmt:
			if n.Tok == token.DEFINE {
				for _, e := range n.Lhs {
					ident(e)
				}
			}
		case *ast.RangeStmt:
			if n.Tok == token.DEFINE {
				ident(n.Key)
				ident(n.Value)
			}
		}
		return true
	})
}

// banned lists the declarations of a file whose names the glossary does not use.
func banned(t *testing.T, rows []unused, name string, src any) []string {
	fset := token.NewFileSet()
	file, err := parser.ParseFile(fset, name, src, parser.SkipObjectResolution)
	require.NoError(t, err)
	var found []string
	declared(file, func(id *ast.Ident) {
		for i := range rows {
			if rows[i].bans(name, id.Name) {
				found = append(found, fmt.Sprintf("%s: %s: say %s", fset.Position(id.Pos()), id.Name, rows[i].instead))
			}
		}
	})
	return found
}

func TestNamesFollowTheGlossary(t *testing.T) {
	rows := unusedWords(t)
	files := 0
	for _, name := range goFiles(t) {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		files++
		for _, b := range banned(t, rows, name, nil) {
			assert.Fail(t, b)
		}
	}
	assert.Greater(t, files, 100, "a walk that finds nothing would pass")
}

// The control: each form of declaration is seen, each form of a row works, and words inside others are let alone.
func TestNamesAgainstTheGlossaryAreReported(t *testing.T) {
	rows := unusedWords(t)
	const head = "package p\n"
	for src, want := range map[string]int{
		"func desk() {}": 1,
		"func f(fault error) (held int) { return }":   2,
		"type T struct { Turn int; returned bool }":   1,
		"var heldReply, withheld int":                 1,
		"func f() { for leg := range 3 { _ = leg } }": 1,
		"func f() { insist, ok := 1, 2 }":             1,
		"const mostWorkers, most, almost = 1, 2, 3":   1,
		"type What int": 1,
		"func f() { deskbound() }; type once2 int": 0,
		"type I interface { Heed(words int) }":     1,
	} {
		assert.Len(t, banned(t, rows, "x.go", head+src), want, src)
	}
	assert.Len(t, banned(t, rows, "pool/pool.go", head+"func discard() {}"), 1)
	assert.Empty(t, banned(t, rows, "resp3/x.go", head+"func discard() {}"))
}

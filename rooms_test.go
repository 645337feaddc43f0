package baton_test

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// Limits of the house. A file tells one story, and a function fits on a screen.
const (
	maxRootFiles     = 35
	maxRootNoFamily  = 26     // of those, files that are no family of commands
	maxFileLines     = 400    // and more is too long
	maxFunctionLines = 50     // and more is too long
	maxFields        = 22     // of a struct; an embedded one counts as one
	maxLibraryLines  = 17_800 // the goal is 13,000; raised only for a new feature
)

// notLibrary are the directories of programs, of the test kit, and of code for tests alone.
var notLibrary = regexp.MustCompile(`^(bench|cmd|handoff/handofftest|internal/(soak|redistest|stall))(/|$)`)

// room is a Go file of the library.
type room struct {
	name  string
	lines int
	large []string // functions that are too long, structs that have too many fields
}

// readRoom counts the lines of a file and of its functions, and the fields of its structs.
func readRoom(name, src string) (room, error) {
	r := room{name: name, lines: strings.Count(src, "\n")}
	fset := token.NewFileSet()
	file, err := parser.ParseFile(fset, name, src, parser.SkipObjectResolution)
	if err != nil {
		return r, err
	}
	ast.Inspect(file, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.FuncDecl:
			if lines := fset.Position(n.End()).Line - fset.Position(n.Pos()).Line + 1; lines >= maxFunctionLines {
				r.large = append(r.large, fmt.Sprintf("%s has %d lines", n.Name.Name, lines))
			}
		case *ast.TypeSpec:
			if s, ok := n.Type.(*ast.StructType); ok && countFields(s) > maxFields {
				r.large = append(r.large, fmt.Sprintf("%s has %d fields", n.Name.Name, countFields(s)))
			}
		}
		return true
	})
	return r, nil
}

func countFields(s *ast.StructType) (n int) {
	for _, f := range s.Fields.List {
		n += max(1, len(f.Names))
	}
	return n
}

// checkRooms says what is wrong with the files of the library, and how many lines they have without the families of commands.
func checkRooms(rooms []room) (lines int, complaints []string) {
	root, noFamily := 0, 0
	for _, r := range rooms {
		base := path.Base(r.name)
		if path.Dir(r.name) == "." {
			root++
			if !strings.HasPrefix(base, "commands") {
				noFamily++
			}
		}
		if !strings.HasPrefix(base, "commands_") {
			lines += r.lines
		}
		if r.lines >= maxFileLines {
			complaints = append(complaints, fmt.Sprintf("%s has %d lines", r.name, r.lines))
		}
		for _, f := range r.large {
			complaints = append(complaints, r.name+": "+f)
		}
	}
	if root > maxRootFiles {
		complaints = append(complaints, fmt.Sprintf("%d files in the root", root))
	}
	if noFamily > maxRootNoFamily {
		complaints = append(complaints, fmt.Sprintf("%d files in the root are no family of commands", noFamily))
	}
	if lines > maxLibraryLines {
		complaints = append(complaints, fmt.Sprintf("the library has %d lines", lines))
	}
	return lines, complaints
}

func TestRoomsAreSmallAndFew(t *testing.T) {
	var rooms []room
	for _, name := range goFiles(t) {
		if strings.HasSuffix(name, "_test.go") || notLibrary.MatchString(path.Dir(name)) {
			continue
		}
		src, err := os.ReadFile(name)
		require.NoError(t, err)
		r, err := readRoom(name, string(src))
		require.NoError(t, err)
		rooms = append(rooms, r)
	}
	lines, complaints := checkRooms(rooms)
	assert.Empty(t, complaints)
	t.Logf("%d lines in the library, at most %d", lines, maxLibraryLines)
	assert.Greater(t, len(rooms), 50, "a walk that finds nothing would pass")
}

// The control: each limit is noticed.
func TestRoomsThatAreTooLargeAreReported(t *testing.T) {
	long, err := readRoom("conn/x.go", "package conn\n\nfunc long() {"+strings.Repeat("\n", maxFunctionLines-1)+"}\n\nfunc short() {\n}\n"+
		"type wide struct { a"+strings.Repeat(", a", maxFields)+" int }\ntype narrow struct { a int; room }\n")
	require.NoError(t, err)
	assert.Equal(t, []string{"long has 50 lines", "wide has 23 fields"}, long.large)

	rooms := []room{long, {name: "pool/x.go", lines: maxFileLines}, {name: "pool/y.go", lines: maxLibraryLines}}
	for range maxRootFiles + 1 {
		rooms = append(rooms, room{name: "x.go"}, room{name: "commands_x.go", lines: 1})
	}
	_, complaints := checkRooms(rooms)
	assert.Equal(t, []string{
		"conn/x.go: long has 50 lines", "conn/x.go: wide has 23 fields", "pool/x.go has 400 lines", fmt.Sprintf("pool/y.go has %d lines", maxLibraryLines),
		"72 files in the root", "36 files in the root are no family of commands", fmt.Sprintf("the library has %d lines", 400+maxLibraryLines+long.lines),
	}, complaints)
}

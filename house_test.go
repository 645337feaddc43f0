package baton_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"path"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// maxFields is the largest number of fields of a struct. Some of more fields belong together and want a type of their own.
const maxFields = 22

// manyFields may have more: a field of it is an option, and options are found where they stand side by side.
var manyFields = []string{"./Options"}

// notLibrary are the directories whose structs are not counted.
var notLibrary = []string{"cmd/rehearse", "handoff/handofftest", "internal/child", "internal/redistest", "internal/soak", "internal/stall"}

func TestStructsHaveFewFields(t *testing.T) {
	seen := 0
	for _, name := range goFiles(t) {
		if strings.HasSuffix(name, "_test.go") || slices.Contains(notLibrary, path.Dir(name)) {
			continue
		}
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.SkipObjectResolution)
		require.NoError(t, err)
		ast.Inspect(file, func(n ast.Node) bool {
			if spec, ok := n.(*ast.TypeSpec); ok {
				if s, ok := spec.Type.(*ast.StructType); ok && !slices.Contains(manyFields, path.Dir(name)+"/"+spec.Name.Name) {
					seen++
					assert.LessOrEqual(t, countFields(s), maxFields, "%s: %s", name, spec.Name.Name)
				}
			}
			return true
		})
	}
	require.Greater(t, seen, 50, "a walk that finds nothing would pass")
}

// countFields counts an embedded struct as one field.
func countFields(s *ast.StructType) (n int) {
	for _, f := range s.Fields.List {
		n += max(1, len(f.Names))
	}
	return n
}

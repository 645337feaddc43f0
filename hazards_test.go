package baton_test

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const lastHazard = 144

// furtherHazards are those that were found later, beside their kin.
var furtherHazards = []string{"H-07a", "H-08a", "H-43a", "H-53a", "H-78a", "H-79a", "H-79b", "H-97a"}

var (
	hazardRow    = regexp.MustCompile(`^\| (H-\w+) \| (.+) \| (.+) \|$`)
	testName     = regexp.MustCompile("`(Test\\w+)`")
	testFunction = regexp.MustCompile(`(?m)^func (Test\w+)\(`)
)

// checkHazards says what is wrong with a table of hazards, given the tests that exist.
func checkHazards(table string, tests map[string]bool) (faults []string) {
	rows := map[string]bool{}
	for line := range strings.Lines(table) {
		m := hazardRow.FindStringSubmatch(strings.TrimSpace(line))
		if m == nil {
			continue
		}
		if rows[m[1]] {
			faults = append(faults, m[1]+" stands there twice")
		}
		rows[m[1]] = true
		named := testName.FindAllStringSubmatch(m[3], -1)
		for _, n := range named {
			if !tests[n[1]] {
				faults = append(faults, m[1]+" names "+n[1]+", which does not exist")
			}
		}
		because, _, told := strings.Cut(m[3], ": ")
		if len(named) == 0 && !(told && (because == "By construction" || because == "Cluster")) {
			faults = append(faults, m[1]+" has neither a test nor a reason")
		}
	}
	for n := 1; n <= lastHazard; n++ {
		if name := fmt.Sprintf("H-%02d", n); !rows[name] {
			faults = append(faults, name+" is missing")
		}
	}
	for _, name := range furtherHazards {
		if !rows[name] {
			faults = append(faults, name+" is missing")
		}
	}
	return faults
}

// testsOfTheModule finds every test function, and the numbers that test files mention.
func testsOfTheModule(t *testing.T) (tests, mentioned map[string]bool) {
	tests, mentioned = map[string]bool{}, map[string]bool{}
	number := regexp.MustCompile(`\bH-\d\d+[a-z]?\b`)
	err := filepath.WalkDir(".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || !strings.HasSuffix(path, "_test.go") || strings.HasPrefix(path, "hazards") {
			return err
		}
		src, err := os.ReadFile(path)
		for _, m := range testFunction.FindAllSubmatch(src, -1) {
			tests[string(m[1])] = true
		}
		for _, m := range number.FindAll(src, -1) {
			mentioned[string(m)] = true
		}
		return err
	})
	require.NoError(t, err)
	return tests, mentioned
}

func TestEveryHazardHasATestOrAReason(t *testing.T) {
	table, err := os.ReadFile(filepath.Join("docs", "hazards.md"))
	require.NoError(t, err)
	tests, mentioned := testsOfTheModule(t)
	assert.Empty(t, checkHazards(string(table), tests))
	for name := range mentioned {
		assert.Contains(t, string(table), "| "+name+" |", "a test mentions it")
	}

	// Controls: the check sees each kind of fault.
	first := strings.Index(string(table), "| H-13 |")
	for fault, broken := range map[string]string{
		"H-13 is missing":                    strings.Replace(string(table), "| H-13 |", "| H-999 |", 1),
		"H-97a is missing":                   strings.Replace(string(table), "| H-97a |", "| H-x |", 1),
		"H-13 stands there twice":            string(table) + string(table)[first:first+strings.Index(string(table)[first:], "\n")+1],
		"H-13 names TestGone, which":         strings.Replace(string(table), "`TestBreaker`", "`TestGone`", 1),
		"H-73 has neither a test nor a reas": strings.Replace(string(table), "By construction: `Config`", "`Config`", 1),
	} {
		assert.Contains(t, strings.Join(checkHazards(broken, tests), "\n"), fault)
	}
}

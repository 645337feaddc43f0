package resp3

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// sample is one case of a file in testdata/resp3.
type sample map[string]string

// samples reads a file of cases. "bytes" and "writes" come unquoted.
func samples(t testing.TB, file string) []sample {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("..", "testdata", "resp3", file))
	require.NoError(t, err)
	var all []sample
	for block := range strings.SplitSeq(string(data), "\n\n") {
		s := sample{}
		for line := range strings.Lines(block) {
			key, value, ok := strings.Cut(strings.TrimSuffix(line, "\n"), ": ")
			if !ok || line[0] == '#' {
				continue
			}
			if key == "bytes" || key == "writes" {
				value, err = strconv.Unquote(value)
				require.NoError(t, err, line)
			}
			s[key] = value
		}
		if s["name"] != "" {
			all = append(all, s)
		}
	}
	require.NotEmpty(t, all, file)
	return all
}

// legal are the bytes of all cases that must be read.
func legal(t testing.TB) (all []sample) {
	return append(samples(t, "captured.txt"), samples(t, "legal.txt")...)
}

func TestLegalSamples(t *testing.T) {
	for _, s := range legal(t) {
		t.Run(s["name"], func(t *testing.T) {
			want, changed := s["writes"]
			if !changed {
				want = s["bytes"]
			}
			got := readAll(t, []byte(s["bytes"]))
			require.Equal(t, want, string(appendAll(got)))
			for rest, i := s["bytes"], 0; rest != ""; i++ {
				v, n, err := Decode(rest)
				require.NoError(t, err)
				requireEqual(t, got[i], v)
				p, m, ok := plainParse(rest)
				require.True(t, ok)
				require.Equal(t, n, m)
				requireSame(t, p, v)
				rest = rest[n:]
			}
		})
	}
}

func TestMalformedSamples(t *testing.T) {
	for _, s := range samples(t, "malformed.txt") {
		t.Run(s["name"], func(t *testing.T) {
			data := s["bytes"]
			_, _, ok := plainParse(data[bulkOffset(data):])
			if strings.Contains(s["error"], "limit 536870912") || strings.Contains(s["error"], "limit 1048576") {
				ok = false // the plain parser has no limits but runs out of bytes
			}
			require.False(t, ok, "the plain parser takes it")
			at, err := strconv.ParseInt(s["at"], 10, 64)
			require.NoError(t, err)
			for _, src := range sources([]byte(data)) {
				r := NewReader(src.reader, Limits{})
				err := firstError(r)
				var syntax *SyntaxError
				require.ErrorAs(t, err, &syntax, src.name)
				require.Equal(t, s["error"], syntax.Reason, src.name)
				require.Equal(t, at, syntax.Offset, src.name)
				requireDead(t, r, err)
			}
		})
	}
}

// bulkOffset skips the good replies that some malformed samples begin with.
func bulkOffset(data string) int {
	skipped := 0
	for {
		_, n, err := Decode(data[skipped:])
		if err != nil {
			return skipped
		}
		skipped += n
	}
}

// requireDead checks that a syntax error stays, whatever is asked.
func requireDead(t *testing.T, r *Reader, want error) {
	t.Helper()
	_, err := r.Next()
	require.Equal(t, want, err)
	_, ok, err := r.Buffered()
	require.False(t, ok)
	require.Equal(t, want, err)
	_, err = r.ReadValue()
	require.Equal(t, want, err)
	_, err = r.ReadBody(make([]byte, 1))
	require.Equal(t, want, err)
}

package main

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestReadGoBench(t *testing.T) {
	r, err := readGoBench(strings.NewReader(`# a header
goos: linux
BenchmarkDecode/bulk64/baton-frames-2 	 10 	 100 ns/op 	 200.5 MB/s 	 0.5 allocs/reply 	 7 ns/reply 	 12 B/op
BenchmarkDecode/bulk64/radix 	 10 	 100 ns/op 	 100 MB/s
BenchmarkDecode/bulk64/baton-frames-2 	 10 	 100 ns/op 	 300.5 MB/s
BenchmarkPath/baton-2 	 10 	 100 ns/op
PASS
`))
	require.NoError(t, err)
	require.Len(t, r, 3)
	assert.Equal(t, Cell{Scenario: "decode-bulk64", Driver: "baton-frames", Metrics: Metrics{"mbs": 200.5, "allocs": 0.5, "ns": 7}}, r[0])
	assert.Equal(t, "radix", r[1].Driver)
	assert.Equal(t, 1, r[2].Round)
	m, ok := r.median("decode-bulk64", "baton-frames", "mbs")
	assert.True(t, ok)
	assert.InDelta(t, 250.5, m, 1e-9)
	q, ok := r.ratio("decode-bulk64", "radix", "baton-frames", "mbs")
	assert.True(t, ok)
	assert.InDelta(t, 100/200.5, q, 1e-9, "of the same round")
}

func TestReadGoBenchRefusesWhatItCannotRead(t *testing.T) {
	_, err := readGoBench(strings.NewReader("BenchmarkDecode/bulk64/baton 10 x ns/op"))
	assert.ErrorContains(t, err, `figure "x"`)
	_, err = readGoBench(strings.NewReader("BenchmarkDecode/bulk64 10 1 ns/op"))
	assert.ErrorContains(t, err, "want stream and decoder")
}

package main

import (
	"strings"
	"testing"
	"testing/iotest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestSkipperWalksOverEveryKind(t *testing.T) {
	for _, c := range []struct {
		in        string
		n, inside int
	}{
		{"+OK\r\n", 2, 2}, {":42\r\n", 42, 0}, {"$5\r\nhello\r\n", 5, 5}, {"$-1\r\n", 0, 0}, {"_\r\n", 0, 0},
		{"*2\r\n$1\r\na\r\n$3\r\nbcd\r\n", 2, 4}, {"%1\r\n$1\r\nk\r\n*2\r\n$1\r\na\r\n$1\r\nb\r\n", 1, 3},
	} {
		sk := newSkipper(iotest.OneByteReader(strings.NewReader(c.in+"+next\r\n")), 64)
		n, inside, err := sk.reply()
		require.NoError(t, err, c.in)
		assert.Equal(t, c.n, n, c.in)
		assert.Equal(t, c.inside, inside, c.in)
		n, _, err = sk.reply()
		require.NoError(t, err, c.in)
		assert.Equal(t, 4, n, "stands behind %q", c.in)
	}
}

func TestSkipperReportsErrors(t *testing.T) {
	_, _, err := newSkipper(strings.NewReader("-ERR no\r\n"), 64).reply()
	assert.EqualError(t, err, "server: ERR no")
	_, _, err = newSkipper(strings.NewReader("$5\r\nhe"), 64).reply()
	assert.Error(t, err)
}

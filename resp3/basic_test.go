package resp3

import (
	"io"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/stretchr/testify/require"
)

// every is one frame of each form, in the spelling that AppendValue has.
var every = []string{
	"+OK\r\n", "+\r\n", "-ERR no\r\n", ":0\r\n", ":-12\r\n", ":9223372036854775807\r\n", ":-9223372036854775808\r\n",
	"$0\r\n\r\n", "$5\r\nhello\r\n", "$2\r\n\r\n\r\n", "$-1\r\n", "*-1\r\n", "_\r\n", "#t\r\n", "#f\r\n",
	",1.5\r\n", ",-2\r\n", ",1e10\r\n", ",inf\r\n", ",-inf\r\n", ",nan\r\n", "(123456789012345678901234567890\r\n", "(-1\r\n",
	"!7\r\nERR a\r\n\r\n", "=8\r\ntxt:text\r\n", "=4\r\nmkd:\r\n", "*0\r\n", "%0\r\n", "~0\r\n", ">0\r\n",
	"*2\r\n:1\r\n*1\r\n$1\r\na\r\n", "%2\r\n*1\r\n:1\r\n+x\r\n_\r\n%1\r\n:1\r\n:2\r\n", "~2\r\n#t\r\n,1\r\n",
	">2\r\n$3\r\nfoo\r\n:1\r\n", "|1\r\n+ttl\r\n:5\r\n$1\r\na\r\n", "|0\r\n|1\r\n:1\r\n:2\r\n*1\r\n|1\r\n:3\r\n|0\r\n:4\r\n_\r\n",
	"*3\r\n|1\r\n:1\r\n:2\r\n*2\r\n:3\r\n:4\r\n|1\r\n:5\r\n:6\r\n*0\r\n:7\r\n",
}

func TestEveryFrameReadsAndWritesBack(t *testing.T) {
	for _, f := range every {
		v, n, err := Decode(f)
		require.NoError(t, err, "%q", f)
		require.Equal(t, len(f), n, "%q", f)
		require.Equal(t, f, string(AppendValue(nil, v)))
		r := NewReader(iotest.OneByteReader(strings.NewReader(f+f)), Limits{})
		for range 2 {
			v, err := r.ReadValue()
			require.NoError(t, err, "%q", f)
			require.Equal(t, f, string(AppendValue(nil, v)))
		}
		_, err = r.ReadValue()
		require.ErrorIs(t, err, io.EOF)
		fr, err := NewReader(strings.NewReader(f), Limits{}).Next()
		require.NoError(t, err)
		require.Equal(t, f, string(AppendValue(nil, fr.Value())))
	}
}

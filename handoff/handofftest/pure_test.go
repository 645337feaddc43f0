package handofftest_test

import (
	"bytes"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/baton-go/baton/handoff/handofftest"
	"github.com/baton-go/baton/resp3"
)

func TestGlobMatchesAsRedisDoes(t *testing.T) {
	for _, tc := range []struct {
		pattern, s string
		want       bool
	}{
		{"*", "", true},
		{"", "", true},
		{"", "a", false},
		{"a*", "a", true},
		{"a*c", "abbbc", true},
		{"a*c", "abbb", false},
		{"*a*b*", "xxaxxbxx", true},
		{"a?c", "abc", true},
		{"a?c", "ac", false},
		{"[ab]", "b", true},
		{"[^ab]", "b", false},
		{"[a-c]x", "bx", true},
		{"[c-a]x", "bx", true},
		{"[a", "a", true},
		{`\*`, "*", true},
		{`\*`, "a", false},
		{`[\]]`, "]", true},
		{`a\`, `a\`, true},
	} {
		assert.Equal(t, tc.want, handofftest.GlobMatch(tc.pattern, tc.s), "%q in %q", tc.s, tc.pattern)
	}
}

func TestSecondsAreRoundedDown(t *testing.T) {
	now := time.Now()
	for left, want := range map[time.Duration]int64{
		15 * time.Second: 15, 14900 * time.Millisecond: 15, 14899 * time.Millisecond: 14, 899 * time.Millisecond: 0, 0: 0,
		-101 * time.Millisecond: -1, -time.Second: -1, -1101 * time.Millisecond: -2,
	} {
		assert.Equal(t, want, handofftest.SecondsUntil(now.Add(left), now), "%v", left)
	}
}

// FuzzSplitCommand checks that what is taken apart is what was there.
func FuzzSplitCommand(f *testing.F) {
	f.Add(resp3.AppendCommand(nil, "SET", "k", ""))
	f.Add([]byte("*1\r\n$-1\r\n"))
	f.Add([]byte("*2\r\n$1\r\na\r\n"))
	f.Add([]byte("*0\r\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		frame, err := resp3.NewReader(bytes.NewReader(b), resp3.Limits{}).Next()
		if err != nil {
			return // the server never sees it
		}
		args, ok := handofftest.SplitCommand(frame.Bytes, nil)
		if !ok {
			return
		}
		if want := frame.Value().Len(); want != len(args) {
			t.Fatalf("%q: %d arguments, want %d", frame.Bytes, len(args), want)
		}
		for i, a := range args {
			if want, err := frame.Value().Index(i).Bytes(); err != nil || !bytes.Equal(a, want) {
				t.Fatalf("%q: argument %d is %q, want %q (%v)", frame.Bytes, i, a, want, err)
			}
		}
	})
}

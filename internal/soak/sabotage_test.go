package soak

import (
	"context"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/baton-go/baton"
	"github.com/baton-go/baton/handoff/handofftest"
)

// The control of the oracle: it notices a server that drops or doubles.
func TestSoakNoticesASabotagedServer(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name     string
		sabotage func(admin *baton.Client) handofftest.Options
		seen     string // accused meanwhile; the accounts may hold the right sum again at the end, by chance
		says     []string
	}{
		{"drops", drops, "accounts that hold", []string{"counter count:1 answers 1 after", "elements are missing", "is missing", "although its accounts had changed"}},
		{"doubles", doubles, "", []string{"counter count:1 answers", "is there 2 times", "came twice", "was carried out 2 times"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s := newStage(t, tt.sabotage)
			l, f := play(t, s, baton.Options{}, func(l *ledger) {
				s.until("something has happened", func() (enough bool) {
					l.note(func() {
						enough = l.commands > 2000 && len(l.transfers) > 80 && strings.Contains(strings.Join(l.wrong, "\n"), tt.seen)
					})
					return enough
				})
			})
			wrong := strings.Join(l.check(f), "\n")
			for _, says := range tt.says {
				assert.True(t, strings.Contains(wrong, says), "the oracle does not say: %s", says)
			}
		})
	}
}

// drops answers some commands in the server's place: what was to be done is not.
func drops(*baton.Client) handofftest.Options {
	var mu sync.Mutex
	seen := map[string]int{}
	return handofftest.Options{Intercept: func(_ handofftest.ConnInfo, args [][]byte) ([]byte, bool) {
		name := strings.ToUpper(string(args[0]))
		switch {
		case name == "WATCH":
			return []byte("+OK\r\n"), true
		case name == "INCR" && string(args[1]) == "count:1", name == "RPUSH" && string(args[1]) == "pops", name == "PUBLISH":
			mu.Lock()
			defer mu.Unlock()
			seen[name]++
			return []byte(":1\r\n"), seen[name]%5 == 0
		}
		return nil, false
	}}
}

// doubles does everything twice that adds something.
func doubles(admin *baton.Client) handofftest.Options {
	return handofftest.Options{OnCommand: func(_ handofftest.ConnInfo, args [][]byte) {
		switch strings.ToUpper(string(args[0])) {
		case "INCR", "RPUSH", "PUBLISH":
			again := make([]any, len(args))
			for i, a := range args {
				again[i] = string(a)
			}
			_, _ = admin.Do(context.Background(), again...) // fails once the admin is closed
		}
	}}
}

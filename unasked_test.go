package baton_test

import (
	"context"
	"os"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/baton-go/baton"
	"github.com/baton-go/baton/handoff/handofftest"
)

// unlisted returns what was received, was not asked for, and is not in the first column of docs/unasked.md.
func unlisted(page string, received, asked map[string]bool) (out []string) {
	listed := map[string]bool{}
	for line := range strings.Lines(page) {
		if cells := strings.Split(line, "|"); len(cells) > 2 {
			for i, part := range strings.Split(cells[1], "`") {
				if words := strings.Fields(part); i%2 == 1 && len(words) > 0 {
					listed[words[0]] = true
					if len(words) > 1 {
						listed[words[0]+" "+words[1]] = true
					}
				}
			}
		}
	}
	for name := range received {
		if !listed[name] && !asked[name] {
			out = append(out, name)
		}
	}
	return out
}

func TestCommandsThatNobodyAskedForAreOnThePage(t *testing.T) { // H-106
	page, err := os.ReadFile("docs/unasked.md")
	require.NoError(t, err)
	asked := map[string]bool{"BLPOP": true, "XREAD": true, "SET": true, "WATCH": true, "EVALSHA": true}
	for _, proto := range []int{2, 3} {
		synctest.Test(t, func(t *testing.T) {
			var mu sync.Mutex
			received := map[string]bool{}
			p := newPair(t, handofftest.Options{OnCommand: func(_ handofftest.ConnInfo, args [][]byte) {
				mu.Lock()
				defer mu.Unlock()
				name := strings.ToUpper(string(args[0]))
				if name == "CLIENT" && len(args) > 1 {
					name += " " + strings.ToUpper(string(args[1]))
				}
				received[name] = true
			}})
			c := p.client(baton.Options{Protocol: proto, ClientName: "me", DB: 1})
			defer c.Close()
			short, cancel := context.WithTimeout(t.Context(), time.Second)
			defer cancel()
			_, _, _ = c.BLPop(short, 0, "list")
			_, _ = c.XRead(t.Context(), baton.ReadOptions{Streams: []string{"s"}, IDs: []baton.StreamID{"$"}, Block: true, Wait: time.Second})
			session, err := c.Conn(t.Context())
			require.NoError(t, err)
			_, err = session.Do(t.Context(), "WATCH", "k")
			require.NoError(t, err)
			session.Release()
			got := popLater(t.Context(), c, 0)
			if proto == 3 {
				sub, err := c.Subscribe(t.Context(), "news")
				require.NoError(t, err)
				defer sub.Close()
			}
			synctest.Wait()
			p.A.Moving(15*time.Second, p.B.Addr())
			<-time.After(time.Minute)
			_, err = c.RPush(t.Context(), "list", "x")
			require.NoError(t, err)
			<-got
			mu.Lock()
			defer mu.Unlock()
			delete(received, "RPUSH")
			assert.True(t, received["CLIENT UNBLOCK"] && received["UNWATCH"] && received["SELECT"])
			assert.Empty(t, unlisted(string(page), received, asked))
			assert.NotEmpty(t, unlisted("", received, asked), "the control: an empty page")
			for name := range received {
				if strings.HasPrefix(name, "CLIENT ") {
					without := strings.ReplaceAll(string(page), name, "")
					assert.Contains(t, unlisted(without, received, asked), name, "the control: a page without it")
				}
			}
		})
	}
}

package baton_test

import (
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/baton-go/baton"
	"github.com/baton-go/baton/handoff/handofftest"
	"github.com/baton-go/baton/pool"
)

func TestPipelineGoesOnBehindTheLastReply(t *testing.T) {
	tests := []struct {
		name  string
		rest  func(p *baton.Pipe) baton.Reply[string]
		fails bool
	}{
		{"reads are sent again", func(p *baton.Pipe) baton.Reply[string] { return p.Get("k") }, false},
		{"writes are not", func(p *baton.Pipe) baton.Reply[string] { r := p.Get("k"); p.Incr("m"); return r }, true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := newPair(t)
				c := p.client(baton.Options{})
				defer c.Close()
				p.Server.Conn(p.A.Conns()[0].ID).CutAfter(int64(len("+OK\r\n:1\r\n+PONG\r\n$1")))
				var n baton.Reply[int64]
				var s baton.Reply[string]
				err := c.Pipeline(t.Context(), func(p *baton.Pipe) error {
					p.Set("k", strings.Repeat("v", 10))
					n = p.Incr("n")
					p.Do("PING")
					s = tt.rest(p)
					return nil
				})
				i, nerr := n.Get()
				require.NoError(t, nerr, "it was answered")
				assert.EqualValues(t, 1, i)
				v, serr := s.Get()
				if tt.fails {
					var oe *baton.OpError
					require.ErrorAs(t, err, &oe)
					assert.True(t, oe.Sent)
					assert.Equal(t, err, serr)
				} else {
					require.NoError(t, err)
					require.NoError(t, serr)
					assert.Equal(t, strings.Repeat("v", 10), v)
				}
				got, _ := p.Server.Value("n")
				assert.Equal(t, "1", got, "executed once")
			})
		})
	}
}

func TestPipelineThatWasNotExecutedIsSentAgain(t *testing.T) {
	for _, last := range []int{1, 3} { // for so many attempts the server is loading
		synctest.Test(t, func(t *testing.T) {
			rounds := 0
			p := newPair(t, handofftest.Options{Intercept: func(_ handofftest.ConnInfo, args [][]byte) ([]byte, bool) {
				if string(args[0]) == "SET" {
					rounds++
				}
				if name := string(args[0]); (name == "SET" || name == "INCR") && rounds <= last {
					return []byte("-LOADING Redis is loading the dataset in memory\r\n"), true
				}
				return nil, false
			}})
			c := p.client(baton.Options{Retry: baton.RetryPolicy{For: -1}})
			defer c.Close()
			var n baton.Reply[int64]
			err := c.Pipeline(t.Context(), func(p *baton.Pipe) error { p.Set("k", "v"); n = p.Incr("n"); return nil })
			i, nerr := n.Get()
			if last == 3 {
				assert.ErrorContains(t, err, "command 1 of 2 in the pipeline, SET: ")
				assert.ErrorContains(t, nerr, "LOADING")
				return
			}
			require.NoError(t, err)
			require.NoError(t, nerr)
			assert.EqualValues(t, 1, i)
		})
	}
}

// Replies that came before a loss stay, and only the rest of the pipeline is judged by the attempts behind it.
func TestRestOfAPipelineIsSentAgainWhileItIsNotExecuted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		seen := map[string]int{}
		p := newPair(t, handofftest.Options{Intercept: func(_ handofftest.ConnInfo, args [][]byte) ([]byte, bool) {
			if string(args[0]) != "ECHO" {
				return nil, false
			}
			seen[string(args[1])]++
			return []byte("-LOADING Redis is loading the dataset in memory\r\n"), seen[string(args[1])] == 2
		}})
		c := p.client(baton.Options{})
		defer c.Close()
		p.Server.Conn(p.A.Conns()[0].ID).CutAfter(int64(len(":1\r\n$1\r\na\r\n$1")))
		var n baton.Reply[int64]
		var texts []baton.Reply[string]
		require.NoError(t, c.Pipeline(t.Context(), func(pipe *baton.Pipe) error {
			n = pipe.Incr("n")
			for _, text := range []string{"a", "b", "c"} {
				texts = append(texts, pipe.Echo(text))
			}
			return nil
		}))
		i, err := n.Get()
		require.NoError(t, err)
		assert.EqualValues(t, 1, i)
		for at, want := range []string{"a", "b", "c"} {
			got, err := texts[at].Get()
			require.NoError(t, err)
			assert.Equal(t, want, got)
		}
		assert.Equal(t, map[string]int{"a": 1, "b": 3, "c": 3}, seen, "answered commands are not sent again")
	})
}

// Interleaving: an attempt brings replies, and the next one finds no connection, or none that takes the call. It has brought no
// replies, and those of the attempt before must not count again: the rest would get replies that are not its own, and not be sent.
func TestRepliesCountOnceThoughTheNextAttemptIsNotMade(t *testing.T) {
	loading := "-LOADING " + strings.Repeat("x", 1000) + "\r\n"
	for name, loads := range map[string]bool{"the connection is lost": false, "the server is loading": true} {
		for _, n := range []int{6, 40} { // a block that is copied, and one that takes the memory of the call
			t.Run(fmt.Sprint(name, ", ", n), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					var p *pair
					seen := map[string]int{}
					refuse := sync.OnceFunc(func() {
						p.A.Refuse()
						time.AfterFunc(5*time.Second, func() { assert.NoError(t, p.A.Reopen()) })
					})
					p = newPair(t, handofftest.Options{Intercept: func(_ handofftest.ConnInfo, args [][]byte) ([]byte, bool) {
						if string(args[0]) != "ECHO" {
							return nil, false
						}
						go refuse() // no lock is held then
						seen[string(args[1])]++
						return []byte(loading), loads && seen[string(args[1])] == 1
					}})
					c := p.client(baton.Options{Retry: baton.RetryPolicy{For: time.Minute}, Pool: pool.Config{WaitTimeout: time.Second}})
					defer c.Close()
					if !loads {
						p.Server.Conn(p.A.Conns()[0].ID).CutAfter(int64(2*len("$500\r\n\r\n") + 2*500 + 20))
					}
					text := func(i int) string { return fmt.Sprintf("%0500d", i) }
					var texts []baton.Reply[string]
					assert.NoError(t, c.Pipeline(t.Context(), func(pipe *baton.Pipe) error {
						for i := range n {
							texts = append(texts, pipe.Echo(text(i)))
						}
						return nil
					}))
					for i := range texts {
						got, err := texts[i].Get()
						assert.NoError(t, err)
						assert.Equal(t, text(i), got)
					}
				})
			})
		}
	}
}

// An error may stand behind an attribute, in a pipeline as in a transaction.
func TestErrorBehindAnAttribute(t *testing.T) {
	const note = "|1\r\n+note\r\n+text\r\n"
	commands := map[string]string{
		"GET": note + "-WRONGTYPE Operation against a key\r\n", "MULTI": "+OK\r\n", "ECHO": "+QUEUED\r\n",
		"EXEC": "*2\r\n$1\r\na\r\n" + note + "-WRONGTYPE Operation against a key\r\n",
	}
	synctest.Test(t, func(t *testing.T) {
		p := newPair(t, handofftest.Options{Intercept: func(_ handofftest.ConnInfo, args [][]byte) ([]byte, bool) {
			reply, ok := commands[string(args[0])]
			return []byte(reply), ok
		}})
		c := p.client(baton.Options{})
		defer c.Close()
		var first, second baton.Reply[string]
		err := c.Pipeline(t.Context(), func(p *baton.Pipe) error { p.Do("PING"); second = p.Get("k"); return nil })
		assert.ErrorContains(t, err, "command 2 of 2 in the pipeline, GET: WRONGTYPE")
		_, err = second.Get()
		assert.ErrorContains(t, err, "WRONGTYPE")
		err = c.Tx(t.Context(), func(tx *baton.Tx) error {
			return tx.Exec(t.Context(), func(p *baton.Pipe) error { first, second = p.Echo("a"), p.Echo("b"); return nil })
		})
		assert.ErrorContains(t, err, "command 2 of 2 in the transaction, ECHO: WRONGTYPE")
		text, err := first.Get()
		assert.NoError(t, err)
		assert.Equal(t, "a", text)
		_, err = second.Get()
		assert.ErrorContains(t, err, "WRONGTYPE")
	})
}

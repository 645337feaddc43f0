package conn_test

import (
	"bufio"
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/baton-go/baton/conn"
	"github.com/baton-go/baton/handoff/handofftest"
	"github.com/baton-go/baton/resp3"
)

// corpus reads the frames of a file in testdata/resp3.
func corpus(t *testing.T, name string) (frames []string) {
	f, err := os.Open(filepath.Join("..", "testdata", "resp3", name))
	require.NoError(t, err)
	defer f.Close()
	s := bufio.NewScanner(f)
	s.Buffer(nil, 1<<20)
	for s.Scan() {
		if quoted, ok := strings.CutPrefix(s.Text(), "bytes: "); ok {
			frame, err := strconv.Unquote(strings.TrimSpace(quoted))
			require.NoError(t, err, quoted)
			frames = append(frames, frame)
		}
	}
	require.NotEmpty(t, frames)
	return frames
}

// No answer of a server makes the client panic, in no form in which the reply is wanted. The connection is in step afterwards, or closed.
func TestEveryFrameThroughALiveConnection(t *testing.T) {
	for _, file := range []string{"captured.txt", "legal.txt", "malformed.txt"} {
		frames := corpus(t, file)
		for mode := conn.Check; mode <= conn.Raw; mode++ {
			t.Run(file+"/"+strconv.Itoa(int(mode)), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					var answer string
					p := newPair(t, handofftest.Options{Intercept: func(_ handofftest.ConnInfo, args [][]byte) ([]byte, bool) {
						return []byte(answer), string(args[0]) == "FRAME"
					}})
					inStep := 0
					for _, answer = range frames {
						if p.frame(mode, answer) {
							inStep++
						}
					}
					if file == "malformed.txt" {
						assert.Less(t, inStep, len(frames)/4)
					} else {
						assert.Greater(t, inStep, len(frames)*3/4)
					}
				})
			})
		}
	}
}

// frame gets an answer on a connection of its own and reports whether that is in step afterwards.
func (p *pair) frame(mode conn.Mode, answer string) (inStep bool) {
	c := p.dial()
	defer c.Close()
	q := p.cfg.NewCall()
	defer q.Free()
	q.Mode, q.Timeout = mode, p.timeout
	q.Req = resp3.AppendCommand(q.Req, "FRAME")
	if err := c.Do(p.t.Context(), q); err != nil {
		return false
	}
	if errors.As(q.Err, new(*resp3.TypeError)) && c.Err() != nil { // it belongs to another command, so the connection is not
		assert.ErrorIs(p.t, c.Err(), conn.ErrOutOfStep, "%q", answer)
		return true
	}
	got, err := p.text(p.t.Context(), c, "ECHO", "sentinel")
	if err != nil {
		<-c.Done()
		return false
	}
	assert.Equal(p.t, "sentinel", got, "%q", answer)
	return true
}

package conn_test

import (
	"context"
	"errors"
	"net"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/baton-go/baton/conn"
	"github.com/baton-go/baton/resp3"
)

// asked is one call of a test, and how it ended.
type asked struct {
	q   *conn.Call
	err error
}

// askAll sends calls of modes one behind the other, so that all are owed before the server answers, and waits for all.
func (b *bare) askAll(t *testing.T, c *conn.Conn, modes ...conn.Mode) []asked {
	all := make([]asked, len(modes))
	done := make(chan struct{})
	for i, mode := range modes {
		q := b.cfg.NewCall()
		q.Mode, q.Timeout, q.Req = mode, 3*time.Second, resp3.AppendCommand(q.Req, "ASK")
		if all[i].q = q; mode == conn.Raw {
			q.Replies, q.Req = 2, resp3.AppendCommand(q.Req, "ASK")
		}
		go func() {
			all[i].err = c.Do(t.Context(), q)
			done <- struct{}{}
		}()
		synctest.Wait()
	}
	for range modes {
		<-done
	}
	return all
}

// answer waits for commands and then writes reply, in pieces of size bytes.
func answer(commands int, reply string, size int) func(nc net.Conn, commands *resp3.Reader) {
	return func(nc net.Conn, r *resp3.Reader) {
		for range commands {
			if _, err := r.ReadValue(); err != nil {
				return
			}
		}
		<-time.After(100 * time.Millisecond)
		for rest := reply; rest != ""; rest = rest[min(size, len(rest)):] {
			if _, err := nc.Write([]byte(rest[:min(size, len(rest))])); err != nil {
				return
			}
			if size < 100 {
				<-time.After(time.Millisecond)
			}
		}
		swallow(r)
	}
}

// One reply too many stands in front. RESP cannot show it, but the first reply of a kind that its command cannot have ends it:
// the calls behind it get an error and no value.
func TestCrossingEndsAtTheFirstImpossibleKind(t *testing.T) { // H-123
	big := "$20000\r\n" + strings.Repeat("x", 20000) + "\r\n"
	for _, x := range []struct {
		name    string
		modes   []conn.Mode
		replies string
		crossed int // calls that get somebody else's reply before it shows
	}{
		{"text for an integer", []conn.Mode{conn.Text, conn.Text, conn.Int, conn.Text, conn.Int, conn.Raw, conn.Value}, "+surplus\r\n$1\r\na\r\n$1\r\nb\r\n:1\r\n$1\r\nc\r\n:2\r\n+x\r\n+y\r\n", 2},
		{"integer for a text", []conn.Mode{conn.Text, conn.Text, conn.AppendText, conn.Text}, ":7\r\n$1\r\na\r\n$1\r\nb\r\n$1\r\nc\r\n", 0},
		{"integer for a status", []conn.Mode{conn.Int, conn.Check, conn.Int, conn.Check, conn.Text}, ":7\r\n:8\r\n+OK\r\n:9\r\n+OK\r\n", 1},
		{"text for a score", []conn.Mode{conn.Float, conn.Text, conn.Float}, "$4\r\nnone\r\n$1\r\n1\r\n$1\r\na\r\n", 0},
		{"map for a text", []conn.Mode{conn.Encoded, conn.Text, conn.Text}, "$1\r\na\r\n%1\r\n+a\r\n+b\r\n$1\r\na\r\n$1\r\nb\r\n", 1},
		{"large text for an integer", []conn.Mode{conn.Text, conn.Int, conn.Text, conn.Text}, "+surplus\r\n" + big + "$1\r\na\r\n", 1},
		{"large text for a truth", []conn.Mode{conn.Truth, conn.Text}, big + ":1\r\n$1\r\na\r\n", 0},
		{"behind a push", []conn.Mode{conn.Int, conn.Text}, ">1\r\n+x\r\n+surplus\r\n>1\r\n+x\r\n:1\r\n$1\r\na\r\n", 0},
		{"behind an attribute", []conn.Mode{conn.Int, conn.Text}, "|1\r\n+a\r\n:1\r\n+surplus\r\n:1\r\n$1\r\na\r\n", 0},
		{"within a pipeline's replies", []conn.Mode{conn.Raw, conn.Int, conn.Raw}, "+surplus\r\n+a\r\n+b\r\n:1\r\n+x\r\n+y\r\n", 1},
	} {
		for _, size := range []int{1 << 20, 1000, 1} {
			if size == 1 && len(x.replies) > 1000 {
				continue
			}
			t.Run(x.name, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					n := 0
					for _, m := range x.modes {
						if n++; m == conn.Raw {
							n++
						}
					}
					b := newBare(t, answer(n, x.replies, size))
					c := b.dial(t)
					defer b.close(c)
					for i, a := range b.askAll(t, c, x.modes...) {
						switch {
						case i < x.crossed:
							assert.NoError(t, a.err, "call %d", i)
							assert.NoError(t, a.q.Err, "call %d: this one cannot be seen", i)
						case i == x.crossed:
							assert.NoError(t, a.err, "call %d", i)
							assert.ErrorAs(t, a.q.Err, new(*resp3.TypeError), "call %d", i)
						default:
							assert.ErrorIs(t, a.err, conn.ErrOutOfStep, "call %d", i)
							assert.NotErrorAs(t, a.err, new(*resp3.TypeError), "call %d", i)
							var e *conn.Error
							require.ErrorAs(t, a.err, &e, "call %d", i)
							assert.True(t, e.Sent, "call %d", i)
							assert.Empty(t, a.q.Str+string(a.q.Dst)+string(a.q.Rep), "call %d", i)
							assert.Zero(t, a.q.Num, "call %d", i)
						}
						a.q.Free()
					}
					assert.ErrorIs(t, c.Err(), conn.ErrOutOfStep)
					_, err := b.ask(t.Context(), c, time.Second, "GET", "k")
					assert.ErrorIs(t, err, conn.ErrOutOfStep)
				})
			})
		}
	}
}

// The caller judges the replies that it decodes. The call knows its link until it is given back, and not longer.
func TestCallerCondemnsTheLinkThatAnswered(t *testing.T) { // H-123
	synctest.Test(t, func(t *testing.T) {
		b := newBare(t, answer(1, "*1\r\n:1\r\n", 100))
		c, other := b.dial(t), b.dial(t)
		defer b.close(c)
		defer other.Close()
		q := b.askAll(t, c, conn.Encoded)[0].q
		require.NoError(t, c.Err())
		late := make(chan error, 1)
		go func() {
			_, err := b.ask(t.Context(), c, time.Second, "GET", "k")
			late <- err
		}()
		synctest.Wait()
		q.Condemn(errors.New("list of 1, asked for 2"))
		err := <-late
		assert.ErrorIs(t, err, conn.ErrOutOfStep)
		assert.ErrorContains(t, err, "list of 1, asked for 2")
		<-c.Done()
		q.Free()

		q = b.askAll(t, other, conn.Encoded)[0].q
		q.Free()
		q.Condemn(errors.New("too late"))
		again := b.cfg.NewCall()
		again.Condemn(errors.New("not sent"))
		again.Free()
		assert.NoError(t, other.Err())
	})
}

// A context that ends, or a connection that closes, at the moment when the link is condemned: nobody is signalled twice or never.
func TestCondemningMeetsTheEndOfContexts(t *testing.T) { // H-123
	for range 20 {
		synctest.Test(t, func(t *testing.T) {
			b := newBare(t, answer(8, "+surplus\r\n:1\r\n+a\r\n+b\r\n+c\r\n+d\r\n+e\r\n+f\r\n", 1<<20))
			c := b.dial(t)
			defer b.close(c)
			done := make(chan error, 8)
			for i := range 8 {
				go func() {
					ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond) // when the answer comes
					defer cancel()
					q := b.cfg.NewCall()
					q.Mode, q.Timeout, q.Req = []conn.Mode{conn.Text, conn.Int}[i%2], time.Second, resp3.AppendCommand(q.Req, "ASK")
					err := c.Do(ctx, q)
					q.Free()
					done <- err
				}()
			}
			for range 8 {
				if err := <-done; err != nil && !errors.Is(err, context.DeadlineExceeded) {
					assert.ErrorIs(t, err, conn.ErrOutOfStep)
				}
			}
		})
	}
}

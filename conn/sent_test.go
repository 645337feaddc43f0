package conn_test

import (
	"context"
	"errors"
	"fmt"
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

// socket is a socket whose next writes a test decides upon.
type socket struct {
	net.Conn
	writes []func(b []byte) (int, error)
}

func (s *socket) Write(b []byte) (int, error) {
	if len(s.writes) == 0 {
		return s.Conn.Write(b)
	}
	f := s.writes[0]
	s.writes = s.writes[1:]
	return f(b)
}

// dialSocket dials node A on a socket whose writes can be decided upon.
func (p *pair) dialSocket() (*conn.Conn, *socket) {
	var s *socket
	dial := p.cfg.Dial
	p.cfg.Dial = func(ctx context.Context, network, addr string) (net.Conn, error) {
		nc, err := dial(ctx, network, addr)
		s = &socket{Conn: nc}
		return s, err
	}
	return p.dial(), s
}

// incr adds to a key n times in one unit.
func (p *pair) incr(c *conn.Conn, n int, key string, timeout time.Duration) error {
	q := p.cfg.NewCall()
	defer q.Free()
	q.Mode, q.Replies, q.Timeout = conn.Raw, n, timeout
	for range n {
		q.Req = resp3.AppendCommand(q.Req, "INCR", key)
	}
	return c.Do(p.t.Context(), q)
}

func isSent(t *testing.T, err error) bool {
	t.Helper()
	var e *conn.Error
	require.ErrorAs(t, err, &e)
	return e.Sent
}

func TestWriteErrorTellsWhetherAByteWasSent(t *testing.T) {
	for n, sent := range map[int]bool{0: false, 1: true, 10: true} {
		t.Run(fmt.Sprint(n), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := newPair(t)
				c, s := p.dialSocket()
				s.writes = append(s.writes, func([]byte) (int, error) { return n, errors.New("cable cut") })
				_, err := p.text(t.Context(), c, "ECHO", strings.Repeat("x", 100))
				assert.Equal(t, sent, isSent(t, err))
				assert.Contains(t, err.Error(), "cable cut")
			})
		})
	}
}

// Interleaving: two units are in one buffer. The socket takes the first and half of the second, the server answers the
// first, and then the write fails. The first has left the queue, so the sizes of the queue do not tell any more how far
// the bytes went: the second may have been executed in part.
func TestPartlyWrittenUnitMayHaveBeenExecuted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPair(t)
		c, s := p.dialSocket()
		hold, gate := make(chan struct{}), make(chan struct{})
		s.writes = []func([]byte) (int, error){
			func(b []byte) (int, error) { <-hold; return s.Conn.Write(b) },
			func(b []byte) (int, error) {
				n, _ := s.Conn.Write(b[:10_000])
				<-gate
				return n, errors.New("broken pipe")
			},
		}
		first, second, third := make(chan error, 1), make(chan error, 1), make(chan error, 1)
		go func() { first <- p.incr(c, 1, "first", 0) }()
		synctest.Wait()
		go func() { second <- p.incr(c, 1, "second", 0) }()
		synctest.Wait()
		go func() { third <- p.incr(c, 1000, "third", 0) }()
		synctest.Wait()
		close(hold)
		synctest.Wait()
		close(gate)
		assert.NoError(t, <-first)
		assert.NoError(t, <-second)
		err := <-third
		assert.Greater(t, p.Server.Executed("INCR"), int64(2), "part of it was executed")
		assert.True(t, isSent(t, err))
	})
}

func TestCallThatExpiresBeforeItIsWrittenIsWrittenAllTheSame(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPair(t)
		c, s := p.dialSocket()
		gate := make(chan struct{})
		s.writes = []func([]byte) (int, error){func(b []byte) (int, error) { <-gate; return s.Conn.Write(b) }}
		large := p.later(t.Context(), c, "SET", "large", strings.Repeat("x", 70_000))
		synctest.Wait()
		err := p.incr(c, 1, "n", time.Second)
		require.ErrorIs(t, err, conn.ErrTimeout)
		close(gate)
		require.NoError(t, (<-large).err)
		p.want(c, "1", "GET", "n")
		assert.True(t, isSent(t, err), "it was executed")
	})
}

func TestReaderKeepsItsOwnTimeoutWhileOtherBytesCome(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPair(t)
		c := p.dial()
		p.want(c, "x", "ECHO", "x")
		stop := make(chan struct{})
		defer close(stop)
		go func() {
			for range 5000 { // ten seconds
				select {
				case <-stop:
					return
				case <-time.After(2 * time.Millisecond):
					p.A.Push([]byte(">1\r\n+hello\r\n"))
				}
			}
		}()
		q := p.cfg.NewCall()
		defer q.Free()
		q.Timeout = time.Second
		q.Req = resp3.AppendCommand(q.Req, "PAUSE", "20000")
		begun := time.Now()
		require.ErrorIs(t, c.Do(context.Background(), q), conn.ErrTimeout)
		assert.InDelta(t, time.Second, time.Since(begun), float64(500*time.Millisecond))
	})
}

func TestSmallCallerDoesNotWriteALargeRequestOfAnother(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPair(t)
		c, s := p.dialSocket()
		hold := make(chan struct{})
		s.writes = []func([]byte) (int, error){
			func(b []byte) (int, error) { <-hold; return s.Conn.Write(b) },
			func(b []byte) (int, error) { <-time.After(10 * time.Second); return s.Conn.Write(b) }, // a peer that does not read
		}
		ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
		defer cancel()
		small := p.later(ctx, c, "ECHO", "small")
		synctest.Wait()
		large := make(chan error, 1)
		go func() {
			q := p.cfg.NewCall()
			defer q.Free()
			q.Req = resp3.AppendCommand(q.Req, "SET", "large", strings.Repeat("x", 5<<20))
			large <- c.Do(t.Context(), q)
		}()
		synctest.Wait()
		close(hold)
		out := <-small
		assert.LessOrEqual(t, out.took, 60*time.Millisecond)
		require.NoError(t, <-large)
	})
}

func TestContextCauseIsToldAndTheContextErrorToo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPair(t)
		c := p.dial()
		reason := errors.New("the user has left")
		ctx, cancel := context.WithTimeoutCause(t.Context(), 20*time.Millisecond, reason)
		defer cancel()
		_, err := p.text(ctx, c, "PAUSE", "1000")
		assert.ErrorIs(t, err, reason)
		assert.ErrorIs(t, err, context.DeadlineExceeded)
		var e *conn.Error
		require.ErrorAs(t, err, &e)
		assert.True(t, e.Timeout())
	})
}

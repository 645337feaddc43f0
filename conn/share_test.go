package conn_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/baton-go/baton/conn"
	"github.com/baton-go/baton/handoff/handofftest"
	"github.com/baton-go/baton/resp3"
)

func TestManyCallersShareOneSocketAndGetTheirOwnReplies(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPair(t)
		c := p.dial()
		begun := time.Now()
		done := make(chan error, 100)
		for i := range 100 {
			go func() {
				for n := range 50 {
					want := fmt.Sprintf("%d-%d", i, n)
					if got, err := p.text(t.Context(), c, "ECHO", want); err != nil || got != want {
						done <- fmt.Errorf("asked for %s, got %s: %w", want, got, err)
						return
					}
				}
				done <- nil
			}()
		}
		for range 100 {
			require.NoError(t, <-done)
		}
		assert.Zero(t, time.Since(begun), "nobody waits for the keeper's look: the reading is passed on")
		assert.EqualValues(t, 1, p.A.Stats().Accepted)
	})
}

func TestCancelledCallReturnsAtOnceAndItsReplyIsSwallowed(t *testing.T) {
	for _, role := range []string{"alone", "behind another", "after a slow one", "after an idle time"} {
		t.Run(role, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := newPair(t)
				c := p.dial()
				var first <-chan outcome
				switch role { // who reads at that moment: the caller, another, or the keeper
				case "behind another":
					first = p.later(t.Context(), c, "PAUSE", "500")
					synctest.Wait()
				case "after a slow one":
					p.want(c, "OK", "PAUSE", "300")
				case "after an idle time":
					<-time.After(time.Second)
				}
				ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
				defer cancel()
				begun := time.Now()
				_, err := p.text(ctx, c, "PAUSE", "1000")
				assert.ErrorIs(t, err, context.DeadlineExceeded)
				assert.LessOrEqual(t, time.Since(begun), 60*time.Millisecond, "within 10 ms")
				var e *conn.Error
				require.ErrorAs(t, err, &e)
				assert.True(t, e.Sent)
				p.want(c, "mine", "ECHO", "mine") // not the OK of the cancelled one
				if first != nil {
					assert.NoError(t, (<-first).err)
				}
				assert.EqualValues(t, 1, p.A.Stats().Accepted, "a cancelled call must not cost the connection")
			})
		})
	}
}

func TestThousandExpiredCallsCostNoConnection(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPair(t)
		c := p.dial()
		p.A.Delay(30 * time.Millisecond)
		late := 0
		results := make(chan error, 1000)
		for i := range 1000 {
			go func() {
				ctx, cancel := context.WithTimeout(t.Context(), time.Duration(1+i%50)*time.Millisecond)
				defer cancel()
				got, err := p.text(ctx, c, "ECHO", fmt.Sprint(i))
				if err == nil && got != fmt.Sprint(i) {
					err = errors.New("crossed: " + got)
				}
				results <- err
			}()
		}
		for range 1000 {
			err := <-results
			if err != nil {
				require.ErrorIs(t, err, context.DeadlineExceeded)
				late++
			}
		}
		assert.Positive(t, late)
		p.A.Delay(0)
		p.want(c, "still here", "ECHO", "still here")
		assert.EqualValues(t, 1, p.A.Stats().Accepted)
	})
}

func TestContextThatHasEndedSendsNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPair(t)
		c := p.dial()
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		_, err := p.text(ctx, c, "INCR", "n")
		var e *conn.Error
		require.ErrorAs(t, err, &e)
		assert.False(t, e.Sent)
		assert.Zero(t, p.Server.Executed("INCR"))
	})
}

func TestSilentPeerIsFoundAfterTheReadTimeout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPair(t)
		c := p.dial()
		p.A.Stall(true)
		r := <-p.later(t.Context(), c, "ECHO", "x")
		var e *conn.Error
		require.ErrorAs(t, r.err, &e)
		assert.True(t, e.Sent)
		assert.True(t, e.Timeout())
		assert.InDelta(t, 3*time.Second, r.took, float64(100*time.Millisecond))
		<-c.Done()
		assert.ErrorIs(t, c.Err(), conn.ErrDead)
	})
}

func TestSlowReplyTimesOutAloneWhileOthersAreAnswered(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPair(t)
		c := p.dial()
		q := p.cfg.NewCall()
		defer q.Free()
		q.Timeout = 100 * time.Millisecond
		q.Req = resp3.AppendCommand(q.Req, "PAUSE", "1000")
		other := make(chan outcome, 1)
		time.AfterFunc(10*time.Millisecond, func() {
			s, err := p.text(t.Context(), c, "ECHO", "other")
			other <- outcome{text: s, err: err}
		})
		begun := time.Now()
		err := c.Do(t.Context(), q)
		// Nothing came for its whole timeout: the link counts as dead, unless a call with more patience is older.
		require.ErrorIs(t, err, conn.ErrTimeout)
		assert.InDelta(t, 100*time.Millisecond, time.Since(begun), float64(50*time.Millisecond))
		<-other
	})
}

func TestRelaxedTimeoutReachesCallsThatWaitAlready(t *testing.T) {
	for _, relaxed := range []bool{true, false} { // without it is the control
		t.Run(fmt.Sprint(relaxed), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := newPair(t)
				var from time.Time
				p.cfg.Relaxed = func(_, now time.Time) time.Duration {
					if relaxed && !from.IsZero() && !now.Before(from) {
						return 10 * time.Second
					}
					return 0
				}
				c := p.dial()
				from = time.Now().Add(time.Second) // H-02: the opener comes while the command waits
				r := <-p.later(t.Context(), c, "PAUSE", "5000")
				if !relaxed {
					require.Error(t, r.err)
					return
				}
				require.NoError(t, r.err)
				assert.GreaterOrEqual(t, r.took, 5*time.Second)
			})
		})
	}
}

func TestIdleConnectionHearsPushesAndTheEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPair(t)
		c := p.dial()
		p.want(c, "x", "ECHO", "x")
		for range 3 { // idle for longer each time
			<-time.After(time.Second)
			before := len(p.heard())
			p.Server.Migrating(0, "1")
			<-time.After(100 * time.Millisecond)
			assert.Len(t, p.heard(), before+1)
		}
		p.A.Shut()
		<-time.After(100 * time.Millisecond)
		assert.Equal(t, conn.Closed, c.State())
		assert.Error(t, c.Err())
	})
}

func TestBusyConnectionHearsPushesBetweenReplies(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		push := ">2\r\n$4\r\nnews\r\n:1\r\n"
		p := newPair(t, handofftest.Options{Intercept: func(_ handofftest.ConnInfo, args [][]byte) ([]byte, bool) {
			if string(args[0]) == "NEWS" {
				return []byte(push + "+one\r\n" + push + push), true
			}
			return nil, false
		}})
		c := p.dial()
		for range 10 {
			p.want(c, "one", "NEWS")
			p.want(c, "two", "ECHO", "two")
		}
		assert.Len(t, p.heard(), 30)
	})
}

func TestReplyNobodyAskedForEndsTheLink(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPair(t, handofftest.Options{Intercept: func(_ handofftest.ConnInfo, args [][]byte) ([]byte, bool) {
			return []byte("+one\r\n+surplus\r\n"), string(args[0]) == "TWICE"
		}})
		c := p.dial()
		p.want(c, "one", "TWICE")
		_, err := p.text(t.Context(), c, "ECHO", "next")
		require.Error(t, err, "the surplus reply must not be taken for the next one's")
		assert.ErrorIs(t, c.Err(), conn.ErrSurplus)
	})
}

func TestGarbageEndsTheLinkAndNamesTheOffset(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPair(t, handofftest.Options{Intercept: func(_ handofftest.ConnInfo, args [][]byte) ([]byte, bool) {
			return []byte("*1000000000000\r\n"), string(args[0]) == "BAD"
		}})
		c := p.dial()
		_, err := p.text(t.Context(), c, "BAD")
		var se *resp3.SyntaxError
		require.ErrorAs(t, err, &se)
		assert.Contains(t, err.Error(), "1000000000000")
		assert.Equal(t, conn.Closed, c.State())
	})
}

func TestLostLinkTellsWhatMayHaveBeenExecuted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPair(t)
		c := p.dial()
		r := p.later(t.Context(), c, "PAUSE", "1000")
		synctest.Wait()
		p.A.Kill()
		out := <-r
		var e *conn.Error
		require.ErrorAs(t, out.err, &e)
		assert.True(t, e.Sent)
		_, err := p.text(t.Context(), c, "ECHO", "x")
		require.ErrorAs(t, err, &e)
		assert.False(t, e.Sent, "after the loss nothing can be sent")
	})
}

// The server answers before it reads on, as some do: with both directions full, a client that writes all before it reads
// would wait for ever.
func TestPipelineLargerThanAllBuffersDoesNotBlockItself(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPair(t)
		c := p.dial()
		q := p.cfg.NewCall()
		defer q.Free()
		const n, size = 64, 32 << 10 // network buffers of 64 KiB each way
		q.Mode, q.Replies, q.Timeout = conn.Raw, n, 3*time.Second
		for i := range n {
			q.Req = resp3.AppendCommand(q.Req, "ECHO", strings.Repeat(string(rune('a'+i%26)), size))
		}
		require.NoError(t, c.Do(t.Context(), q))
		rest := q.Block()
		for i := range n {
			v, k, err := resp3.Decode(rest)
			require.NoError(t, err)
			s, _ := v.Text()
			require.Equal(t, strings.Repeat(string(rune('a'+i%26)), size), s)
			rest = rest[k:]
		}
		assert.Empty(t, rest)
	})
}

func TestCancelWhileWritingALargePipeline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPair(t)
		c := p.dial()
		p.want(c, "OK", "PAUSE", "1")
		busy := p.later(t.Context(), c, "PAUSE", "1000") // the server does not read on
		synctest.Wait()
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
		defer cancel()
		begun := time.Now()
		_, err := p.text(ctx, c, "SET", "k", strings.Repeat("x", 1<<20))
		assert.ErrorIs(t, err, context.DeadlineExceeded)
		assert.LessOrEqual(t, time.Since(begun), 30*time.Millisecond)
		require.NoError(t, (<-busy).err)
		p.want(c, "after", "ECHO", "after")
	})
}

// A caller that reads is poked when its context ends. That says nothing about the server, so the pool must not open another
// lane for it: under random cancellations it did.
func TestCancelledReaderDoesNotMakeTheLinkSlow(t *testing.T) {
	for after, slow := range map[time.Duration]bool{time.Millisecond: false, 200 * time.Millisecond: true} {
		t.Run(after.String(), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := newPair(t)
				c := p.dial()
				ctx, cancel := context.WithCancel(t.Context())
				for range 3 { // the link knows the context now, and is poked at its end
					_, err := p.text(ctx, c, "ECHO", "x")
					require.NoError(t, err)
				}
				waits := p.later(ctx, c, "PAUSE", "500")
				<-time.After(after)
				cancel()
				assert.ErrorIs(t, (<-waits).err, context.Canceled)
				assert.Equal(t, slow, c.Slow(), "slow is what has been awaited for long")
			})
		})
	}
}

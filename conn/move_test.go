package conn_test

import (
	"context"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/baton-go/baton/conn"
	"github.com/baton-go/baton/handoff/handofftest"
	"github.com/baton-go/baton/resp3"
)

func (w *world) move(c *conn.Conn, drain time.Duration) error {
	return c.Move(w.t.Context(), conn.Target{Addr: addrB, Drain: time.Now().Add(drain)})
}

func TestMoveDeliversOwedReplyOnOldLink(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, handofftest.Options{})
		c := w.dial()
		defer w.close(c)
		slow := w.later(t.Context(), c, "PAUSE", "2000")
		synctest.Wait()
		require.NoError(t, w.move(c, 10*time.Second))
		assert.Equal(t, conn.Draining, c.State())
		assert.Equal(t, addrB, c.Peer())
		w.want(c, "new link", "ECHO", "new link") // not behind the slow one
		out := <-slow
		require.NoError(t, out.err)
		assert.Equal(t, 2*time.Second, out.took.Round(10*time.Millisecond))
		synctest.Wait()
		assert.Equal(t, conn.Ready, c.State())
		assert.Zero(t, w.a.Stats().Open, "the old link closes itself when it owes nothing")
		assert.Equal(t, 2, c.Info().Epoch)
		assert.Equal(t, "dialing>ready ready>moving moving>draining draining>ready", w.steps())
	})
}

func TestMoveOfIdleConnection(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, handofftest.Options{})
		c := w.dial()
		defer w.close(c)
		<-time.After(time.Second)
		require.NoError(t, w.move(c, 10*time.Second))
		synctest.Wait()
		assert.Equal(t, conn.Ready, c.State())
		assert.Zero(t, w.a.Stats().Open)
		w.srv.Migrating(0, "1")
		<-time.After(100 * time.Millisecond)
		assert.Equal(t, []string{addrB + " MIGRATING"}, w.heard())
	})
}

func TestDrainDeadlineEndsWhatIsStillOwed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, handofftest.Options{})
		w.timeout = 0
		c := w.dial()
		defer w.close(c)
		slow := w.later(t.Context(), c, "PAUSE", "60000")
		synctest.Wait()
		require.NoError(t, w.move(c, 4*time.Second))
		out := <-slow
		var e *conn.Error
		require.ErrorAs(t, out.err, &e)
		assert.ErrorIs(t, e, conn.ErrDrained)
		assert.True(t, e.Sent)
		assert.InDelta(t, 4*time.Second, out.took, float64(300*time.Millisecond))
		synctest.Wait()
		assert.Equal(t, conn.Ready, c.State())
	})
}

func TestFailedMoveLeavesTheOldLinkServing(t *testing.T) {
	tests := []struct {
		name    string
		prepare func(w *world)
		target  conn.Target
		is      error
	}{
		{"target refuses", func(w *world) { w.b.Refuse() }, conn.Target{Addr: addrB}, nil},
		{"target is silent", func(w *world) { w.b.Stall(true) }, conn.Target{Addr: addrB}, conn.ErrTimeout},
		{"target is the peer to avoid", func(*world) {}, conn.Target{Addr: addrA, Avoid: addrA}, conn.ErrSamePeer},
		{"target answers once too often", func(w *world) { w.b.SetTrouble(handofftest.Trouble{Surplus: true}) }, conn.Target{Addr: addrB}, conn.ErrSurplus},
		{"target is not to be had", func(*world) {}, conn.Target{Addr: "nonsense"}, nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t, handofftest.Options{})
				c := w.dial()
				defer w.close(c)
				tt.prepare(w)
				moved := make(chan error, 1)
				go func() { moved <- c.Move(t.Context(), tt.target) }()
				synctest.Wait()
				w.want(c, "x", "ECHO", "x") // also meanwhile
				err := <-moved
				require.Error(t, err)
				if tt.is != nil {
					assert.ErrorIs(t, err, tt.is)
				}
				assert.Equal(t, conn.Ready, c.State())
				w.want(c, "y", "ECHO", "y")
				assert.Equal(t, addrA, c.Peer())
				assert.EqualValues(t, 1, w.a.Stats().Open, "no socket is left over")
				w.b.Stall(false)
				synctest.Wait()
				assert.Zero(t, w.b.Stats().Open)
			})
		})
	}
}

func TestOneMoveAtATime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, handofftest.Options{})
		c := w.dial()
		defer w.close(c)
		w.b.Stall(true)
		first := make(chan error, 1)
		go func() { first <- w.move(c, time.Minute) }()
		synctest.Wait()
		assert.Equal(t, conn.Moving, c.State())
		assert.ErrorIs(t, w.move(c, time.Minute), conn.ErrMoving)
		w.b.Stall(false)
		assert.NoError(t, <-first)
	})
}

// Interleaving: the next link is being prepared, the serving one dies, a caller comes. Its command was not sent, so it
// waits for the next link instead of failing.
func TestCommandWaitsForTheNextLinkIfTheOldOneDiesFirst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, handofftest.Options{})
		c := w.dial()
		defer w.close(c)
		w.b.Stall(true)
		moved := make(chan error, 1)
		go func() { moved <- w.move(c, time.Minute) }()
		synctest.Wait()
		w.a.Shut()
		<-time.After(100 * time.Millisecond)
		waiting := w.later(t.Context(), c, "ECHO", "patient")
		ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
		defer cancel()
		hasty := <-w.later(ctx, c, "ECHO", "hasty")
		var e *conn.Error
		require.ErrorAs(t, hasty.err, &e)
		assert.False(t, e.Sent)
		assert.ErrorIs(t, e, context.DeadlineExceeded)
		w.b.Stall(false)
		require.NoError(t, <-moved)
		out := <-waiting
		require.NoError(t, out.err)
		assert.Equal(t, "patient", out.text)
		assert.Equal(t, conn.Ready, c.State())
	})
}

func TestConnectionEndsIfTheOldLinkDiesAndTheMoveFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, handofftest.Options{})
		c := w.dial()
		defer w.close(c)
		w.b.Stall(true)
		moved := make(chan error, 1)
		go func() { moved <- w.move(c, time.Minute) }()
		synctest.Wait()
		w.a.Shut()
		<-time.After(100 * time.Millisecond)
		waiting := w.later(t.Context(), c, "ECHO", "x")
		require.Error(t, <-moved)
		out := <-waiting
		var e *conn.Error
		require.ErrorAs(t, out.err, &e)
		assert.False(t, e.Sent)
		assert.Equal(t, conn.Closed, c.State())
	})
}

func TestCloseDuringMove(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, handofftest.Options{})
		c := w.dial()
		w.b.Stall(true)
		moved := make(chan error, 1)
		go func() { moved <- w.move(c, time.Minute) }()
		synctest.Wait()
		c.Close()
		assert.ErrorIs(t, <-moved, conn.ErrClosed)
		w.close()
		assert.Zero(t, w.b.Stats().Open)
	})
}

func TestMoveBackAndForthUnderLoadLosesAndCrossesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, handofftest.Options{})
		w.a.Delay(time.Millisecond)
		w.b.Delay(2 * time.Millisecond)
		c := w.dial()
		defer w.close(c)
		const workers, rounds = 20, 100
		done := make(chan error, workers)
		for i := range workers {
			go func() {
				for n := range rounds {
					want := fmt.Sprintf("%d-%d", i, n)
					if got, err := w.text(t.Context(), c, "ECHO", want); err != nil || got != want {
						done <- fmt.Errorf("asked for %s, got %q: %w", want, got, err)
						return
					}
					q := w.cfg.NewCall()
					q.Mode, q.Timeout, q.Req = conn.Int, w.timeout, resp3.AppendCommand(q.Req, "APPEND", "log", ".")
					if err := c.Do(t.Context(), q); err != nil {
						done <- err
						return
					}
					q.Free()
				}
				done <- nil
			}()
		}
		for i := range 20 {
			<-time.After(7 * time.Millisecond)
			err := c.Move(t.Context(), conn.Target{Addr: []string{addrB, addrA}[i%2], Drain: time.Now().Add(time.Second)})
			require.NoError(t, err)
		}
		for range workers {
			assert.NoError(t, <-done)
		}
		v, _ := w.srv.Value("log")
		assert.Len(t, v, workers*rounds)
	})
}

func TestRetiredConnectionDeliversWhatItOwes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, handofftest.Options{})
		c := w.dial()
		defer w.close(c)
		slow := w.later(t.Context(), c, "PAUSE", "1000")
		synctest.Wait()
		c.Retire(time.Now().Add(10 * time.Second))
		_, err := w.text(t.Context(), c, "ECHO", "late")
		var e *conn.Error
		require.ErrorAs(t, err, &e)
		assert.False(t, e.Sent)
		require.NoError(t, (<-slow).err)
		synctest.Wait()
		assert.Zero(t, w.a.Stats().Open)
	})
}

// Close has ended the move, its next link and the serving link by the time OnState learns of it, so OnState may wait for that.
func TestOnStateMayCloseTheConnectionThatCloses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, handofftest.Options{})
		w.cfg.OnState = func(c *conn.Conn, from, to conn.State) {
			if from == conn.Moving && to == conn.Closed {
				c.Close()
			}
		}
		for _, pinned := range []bool{false, true} {
			w.b.Stall(!pinned)
			c := w.dial()
			if pinned {
				c.Pin()
			}
			moved := make(chan error, 1)
			go func() { moved <- w.move(c, time.Minute) }()
			synctest.Wait()
			c.Close()
			assert.Error(t, <-moved)
		}
		w.close()
	})
}

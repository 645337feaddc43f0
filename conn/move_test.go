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

func (p *pair) move(c *conn.Conn, drain time.Duration) error {
	return c.Move(p.t.Context(), conn.Target{Addr: addrB, Drain: time.Now().Add(drain)})
}

func TestMoveDeliversOwedReplyOnOldLink(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPair(t)
		c := p.dial()
		slow := p.later(t.Context(), c, "PAUSE", "2000")
		synctest.Wait()
		require.NoError(t, p.move(c, 10*time.Second))
		assert.Equal(t, conn.Draining, c.State())
		assert.Equal(t, addrB, c.Peer())
		p.want(c, "new link", "ECHO", "new link") // not behind the slow one
		out := <-slow
		require.NoError(t, out.err)
		assert.Equal(t, 2*time.Second, out.took.Round(10*time.Millisecond))
		synctest.Wait()
		assert.Equal(t, conn.Ready, c.State())
		assert.Zero(t, p.A.Stats().Open, "the old link closes itself when it owes nothing")
		assert.Equal(t, 2, c.Info().Epoch)
		assert.Equal(t, "dialing>ready ready>moving moving>draining draining>ready", p.stateChanges())
	})
}

func TestMoveOfIdleConnection(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPair(t)
		c := p.dial()
		<-time.After(time.Second)
		require.NoError(t, p.move(c, 10*time.Second))
		synctest.Wait()
		assert.Equal(t, conn.Ready, c.State())
		assert.Zero(t, p.A.Stats().Open)
		p.Server.Migrating(0, "1")
		<-time.After(100 * time.Millisecond)
		assert.Equal(t, []string{addrB + " MIGRATING"}, p.heard())
	})
}

func TestDrainDeadlineEndsWhatIsStillOwed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPair(t)
		p.timeout = 0
		c := p.dial()
		slow := p.later(t.Context(), c, "PAUSE", "60000")
		synctest.Wait()
		require.NoError(t, p.move(c, 4*time.Second))
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
		prepare func(p *pair)
		target  conn.Target
		is      error
	}{
		{"target refuses", func(p *pair) { p.B.Refuse() }, conn.Target{Addr: addrB}, nil},
		{"target is silent", func(p *pair) { p.B.Stall(true) }, conn.Target{Addr: addrB}, conn.ErrTimeout},
		{"target is the peer to avoid", func(*pair) {}, conn.Target{Addr: addrA, Avoid: addrA}, conn.ErrSamePeer},
		{"target answers once too often", func(p *pair) { p.B.SetTrouble(handofftest.Trouble{Surplus: true}) }, conn.Target{Addr: addrB}, conn.ErrSurplus},
		{"target is not to be had", func(*pair) {}, conn.Target{Addr: "nonsense"}, nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := newPair(t)
				c := p.dial()
				tt.prepare(p)
				moved := make(chan error, 1)
				go func() { moved <- c.Move(t.Context(), tt.target) }()
				synctest.Wait()
				p.want(c, "x", "ECHO", "x") // also meanwhile
				err := <-moved
				require.Error(t, err)
				if tt.is != nil {
					assert.ErrorIs(t, err, tt.is)
				}
				assert.Equal(t, conn.Ready, c.State())
				p.want(c, "y", "ECHO", "y")
				assert.Equal(t, addrA, c.Peer())
				assert.EqualValues(t, 1, p.A.Stats().Open, "no socket is left over")
				p.B.Stall(false)
				synctest.Wait()
				assert.Zero(t, p.B.Stats().Open)
			})
		})
	}
}

func TestOneMoveAtATime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPair(t)
		c := p.dial()
		p.B.Stall(true)
		first := make(chan error, 1)
		go func() { first <- p.move(c, time.Minute) }()
		synctest.Wait()
		assert.Equal(t, conn.Moving, c.State())
		assert.ErrorIs(t, p.move(c, time.Minute), conn.ErrMoving)
		p.B.Stall(false)
		assert.NoError(t, <-first)
	})
}

// Interleaving: the next link is being prepared, the serving one dies, a caller comes. Its command was not sent, so it
// waits for the next link instead of failing.
func TestCommandWaitsForTheNextLinkIfTheOldOneDiesFirst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPair(t)
		c := p.dial()
		p.B.Stall(true)
		moved := make(chan error, 1)
		go func() { moved <- p.move(c, time.Minute) }()
		synctest.Wait()
		p.A.Shut()
		<-time.After(100 * time.Millisecond)
		waiting := p.later(t.Context(), c, "ECHO", "patient")
		ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
		defer cancel()
		hasty := <-p.later(ctx, c, "ECHO", "hasty")
		var e *conn.Error
		require.ErrorAs(t, hasty.err, &e)
		assert.False(t, e.Sent)
		assert.ErrorIs(t, e, context.DeadlineExceeded)
		p.B.Stall(false)
		require.NoError(t, <-moved)
		out := <-waiting
		require.NoError(t, out.err)
		assert.Equal(t, "patient", out.text)
		assert.Equal(t, conn.Ready, c.State())
	})
}

func TestConnectionEndsIfTheOldLinkDiesAndTheMoveFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPair(t)
		c := p.dial()
		p.B.Stall(true)
		moved := make(chan error, 1)
		go func() { moved <- p.move(c, time.Minute) }()
		synctest.Wait()
		p.A.Shut()
		<-time.After(100 * time.Millisecond)
		waiting := p.later(t.Context(), c, "ECHO", "x")
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
		p := newPair(t)
		c := p.dial()
		p.B.Stall(true)
		moved := make(chan error, 1)
		go func() { moved <- p.move(c, time.Minute) }()
		synctest.Wait()
		c.Close()
		assert.ErrorIs(t, <-moved, conn.ErrClosed)
		synctest.Wait()
		assert.Zero(t, p.B.Stats().Open)
	})
}

func TestMoveBackAndForthUnderLoadLosesAndCrossesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPair(t)
		p.A.Delay(time.Millisecond)
		p.B.Delay(2 * time.Millisecond)
		c := p.dial()
		const workers, rounds = 20, 100
		done := make(chan error, workers)
		for i := range workers {
			go func() {
				for n := range rounds {
					want := fmt.Sprintf("%d-%d", i, n)
					if got, err := p.text(t.Context(), c, "ECHO", want); err != nil || got != want {
						done <- fmt.Errorf("asked for %s, got %q: %w", want, got, err)
						return
					}
					q := p.cfg.NewCall()
					q.Mode, q.Timeout, q.Req = conn.Int, p.timeout, resp3.AppendCommand(q.Req, "APPEND", "log", ".")
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
		v, _ := p.Server.Value("log")
		assert.Len(t, v, workers*rounds)
	})
}

func TestRetiredConnectionDeliversWhatItOwes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPair(t)
		c := p.dial()
		slow := p.later(t.Context(), c, "PAUSE", "1000")
		synctest.Wait()
		c.Retire(time.Now().Add(10 * time.Second))
		_, err := p.text(t.Context(), c, "ECHO", "late")
		var e *conn.Error
		require.ErrorAs(t, err, &e)
		assert.False(t, e.Sent)
		require.NoError(t, (<-slow).err)
		synctest.Wait()
		assert.Zero(t, p.A.Stats().Open)
	})
}

// Close has ended the move, its next link and the serving link by the time OnState learns of it, so OnState may wait for that.
func TestOnStateMayCloseTheConnectionThatCloses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPair(t)
		p.cfg.OnState = func(c *conn.Conn, from, to conn.State) {
			if from == conn.Moving && to == conn.Closed {
				c.Close()
			}
		}
		for _, pinned := range []bool{false, true} {
			p.B.Stall(!pinned)
			c := p.dial()
			if pinned {
				c.Pin()
			}
			moved := make(chan error, 1)
			go func() { moved <- p.move(c, time.Minute) }()
			synctest.Wait()
			c.Close()
			assert.Error(t, <-moved)
		}
	})
}

package conn_test

import (
	"context"
	"errors"
	"net"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/baton-go/baton/conn"
	"github.com/baton-go/baton/handoff/handofftest"
	"github.com/baton-go/baton/resp3"
)

// pinned runs a command through p.
func (w *world) pinned(p *conn.Pin, args ...string) (string, error) {
	q := w.cfg.NewCall()
	defer q.Free()
	q.Mode, q.Timeout = conn.Text, w.timeout
	q.Req = resp3.AppendCommand(q.Req, args...)
	if err := p.Do(w.t.Context(), q); err != nil {
		return "", err
	}
	return q.Str, q.Err
}

func (w *world) wantMoved(err error) {
	w.t.Helper()
	var e *conn.Error
	require.ErrorAs(w.t, err, &e)
	assert.ErrorIs(w.t, err, conn.ErrMoved)
	assert.False(w.t, e.Sent)
}

func TestPinnedConnectionMovesWhenThePinIsGone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, handofftest.Options{})
		c := w.dial()
		defer w.close(c)
		p, second := c.Pin(), c.Pin()
		assert.EqualValues(t, w.a.Conns()[0].ID, p.Setup().ID)
		require.ErrorIs(t, w.move(c, 10*time.Second), conn.ErrPinned)
		assert.Equal(t, conn.Moving, c.State())
		assert.EqualValues(t, 1, w.b.Stats().Open, "the next link is ready")
		_, err := w.pinned(p, "ECHO", "old link")
		require.NoError(t, err)
		second.Unpin()
		<-time.After(5 * time.Second)
		assert.Equal(t, addrA, c.Peer())
		p.Unpin()
		p.Unpin()
		synctest.Wait()
		assert.Equal(t, addrB, c.Peer())
		assert.Equal(t, conn.Ready, c.State())
		assert.False(t, p.Moved(), "nobody lost anything")
		assert.Zero(t, w.a.Stats().Open)
		executed := w.srv.Executed("ECHO")
		_, err = w.pinned(p, "ECHO", "new link?")
		w.wantMoved(err)
		assert.Equal(t, executed, w.srv.Executed("ECHO"))
	})
}

// The last Unpin switches before anybody can pin again. When it left that to the goroutine of the waiting move, the next Pin could come
// first and bind the old link once more, again and again until the pins were broken.
func TestHeldMoveComesBetweenTwoPins(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for range 50 {
			w := newWorld(t, handofftest.Options{})
			c := w.dial()
			p := c.Pin()
			require.ErrorIs(t, w.move(c, 10*time.Second), conn.ErrPinned)
			p.Unpin()
			p = c.Pin()
			assert.Equal(t, addrB, p.Setup().Peer)
			_, err := w.pinned(p, "ECHO", "x")
			require.NoError(t, err)
			synctest.Wait() // the goroutine of the move has looked, too
			_, err = w.pinned(p, "ECHO", "y")
			require.NoError(t, err, "the link that serves is left alone")
			assert.False(t, p.Moved())
			p.Unpin()
			w.close(c)
		}
	})
}

// A next link that has died is not what the next pin gets.
func TestHeldMoveWithoutALinkLeavesTheNextPin(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, handofftest.Options{})
		c := w.dial()
		defer w.close(c)
		p := c.Pin()
		require.ErrorIs(t, w.move(c, 10*time.Second), conn.ErrPinned)
		w.b.Kill()
		<-time.After(time.Second) // until that is noticed
		p.Unpin()
		p = c.Pin()
		assert.Equal(t, addrA, p.Setup().Peer)
		_, err := w.pinned(p, "ECHO", "x")
		require.NoError(t, err)
		require.NoError(t, w.b.Reopen())
		<-time.After(time.Second)
		p.Unpin()
		p = c.Pin()
		assert.Equal(t, addrB, p.Setup().Peer)
		p.Unpin()
	})
}

// Interleaving: the next link is dead, but its death is not known yet when the last pin goes. The move dials again and switches as
// soon as it can: there is no pin left to wait for.
func TestMoveDoesNotWaitForPinsThatAreGoneWhenItsLinkDies(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, handofftest.Options{})
		var unpin func()
		dial := w.cfg.Dial
		w.cfg.Dial = func(ctx context.Context, network, addr string) (net.Conn, error) {
			nc, err := dial(ctx, network, addr)
			return closingConn{nc, func() {
				if addr == addrB {
					unpin()
				}
			}}, err
		}
		c := w.dial()
		defer w.close(c)
		p := c.Pin()
		unpin = sync.OnceFunc(func() {
			p.Unpin()
			synctest.Wait() // a goroutine that waits for the pin has looked
		})
		require.ErrorIs(t, w.move(c, 10*time.Second), conn.ErrPinned)
		w.b.Kill()
		require.NoError(t, w.b.Reopen())
		<-time.After(time.Second)
		assert.Equal(t, addrB, c.Peer())
		assert.Equal(t, conn.Ready, c.State())
		assert.False(t, p.Moved())
	})
}

// closingConn calls a function before it closes.
type closingConn struct {
	net.Conn
	before func()
}

func (c closingConn) Close() error {
	c.before()
	return c.Conn.Close()
}

func TestPinIsBrokenInTime(t *testing.T) {
	tests := []struct {
		name        string
		drain, hold time.Duration // of the target
		broken      time.Duration // expected
	}{
		{"a second before the end", 10 * time.Second, 0, 9 * time.Second},
		{"at half time if that is short", time.Second, 0, 500 * time.Millisecond},
		{"when the target says", 10 * time.Second, 3 * time.Second, 3 * time.Second},
		{"at once", 10 * time.Second, -time.Second, 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t, handofftest.Options{})
				c := w.dial()
				defer w.close(c)
				p := c.Pin()
				begun := time.Now()
				target := conn.Target{Addr: addrB, Drain: begun.Add(tt.drain)}
				if tt.hold != 0 {
					target.Hold = begun.Add(tt.hold)
				}
				if err := c.Move(t.Context(), target); tt.broken > 0 {
					require.ErrorIs(t, err, conn.ErrPinned)
				} else {
					require.NoError(t, err)
				}
				<-p.Broken()
				assert.Equal(t, tt.broken, time.Since(begun))
				synctest.Wait()
				assert.Equal(t, addrB, c.Peer())
				executed := w.srv.Executed("ECHO")
				_, err := w.pinned(p, "ECHO", "x")
				w.wantMoved(err)
				assert.Equal(t, executed, w.srv.Executed("ECHO"), "not on the new link either")
				p.Unpin()
				again := c.Pin()
				s, err := w.pinned(again, "ECHO", "fresh")
				require.NoError(t, err)
				assert.Equal(t, "fresh", s)
				again.Unpin()
			})
		})
	}
}

func TestCallOfABrokenPinIsStillDelivered(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, handofftest.Options{})
		c := w.dial()
		defer w.close(c)
		p := c.Pin()
		slow := make(chan error, 1)
		go func() { _, err := w.pinned(p, "PAUSE", "1500"); slow <- err }()
		synctest.Wait()
		require.ErrorIs(t, w.move(c, 2*time.Second), conn.ErrPinned)
		<-p.Broken()
		select {
		case <-slow:
			t.Fatal("too early")
		default:
		}
		assert.NoError(t, <-slow)
	})
}

func TestHeldMove(t *testing.T) {
	tests := []struct {
		name string
		then func(w *world, c *conn.Conn, p *conn.Pin)
		peer string
		lost bool // the pin
	}{
		{"gives way to a newer one", func(w *world, c *conn.Conn, p *conn.Pin) {
			third, err := w.srv.Listen("10.0.0.3:6379")
			require.NoError(w.t, err)
			require.ErrorIs(w.t, c.Move(w.t.Context(), conn.Target{Addr: third.Addr(), Drain: time.Now().Add(time.Minute)}), conn.ErrPinned)
			synctest.Wait()
			assert.Zero(w.t, w.b.Stats().Open)
			p.Unpin()
		}, "10.0.0.3:6379", false},
		{"outlives a newer one that fails", func(w *world, c *conn.Conn, p *conn.Pin) {
			require.Error(w.t, c.Move(w.t.Context(), conn.Target{Addr: "10.0.0.9:6379", Drain: time.Now().Add(time.Minute)}))
			assert.Equal(w.t, conn.Ready, c.State())
			p.Unpin()
		}, addrA, false},
		{"is called off", func(w *world, c *conn.Conn, p *conn.Pin) {
			c.Stay()
			c.Stay()
			synctest.Wait()
			assert.Equal(w.t, conn.Ready, c.State())
			assert.Zero(w.t, w.b.Stats().Open)
			_, err := w.pinned(p, "ECHO", "still here")
			require.NoError(w.t, err)
			p.Unpin()
		}, addrA, false},
		{"gets another link if its own dies", func(w *world, _ *conn.Conn, p *conn.Pin) {
			w.b.Kill()
			<-time.After(time.Second)
			require.NoError(w.t, w.b.Reopen())
			<-time.After(time.Second)
			p.Unpin()
		}, addrB, false},
		{"is given up if the target stays away", func(w *world, c *conn.Conn, p *conn.Pin) {
			w.b.Kill()
			<-time.After(10 * time.Second)
			assert.Equal(w.t, conn.Ready, c.State())
			_, err := w.pinned(p, "ECHO", "still here")
			require.NoError(w.t, err)
			p.Unpin()
		}, addrA, false},
		{"takes over at once if the old link dies", func(w *world, _ *conn.Conn, p *conn.Pin) {
			w.a.Kill()
			<-p.Broken()
		}, addrB, true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t, handofftest.Options{})
				c := w.dial()
				defer w.close(c)
				p := c.Pin()
				require.ErrorIs(t, w.move(c, 10*time.Second), conn.ErrPinned)
				tt.then(w, c, p)
				synctest.Wait()
				assert.Equal(t, tt.peer, c.Peer())
				assert.Equal(t, tt.lost, p.Moved())
				assert.Equal(t, conn.Ready, c.State())
				w.want(c, "x", "ECHO", "x")
			})
		})
	}
}

func TestCloseWhileAMoveIsHeld(t *testing.T) {
	for name, end := range map[string]func(c *conn.Conn){
		"close":  func(c *conn.Conn) { c.Close() },
		"retire": func(c *conn.Conn) { c.Retire(time.Now().Add(time.Minute)) },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t, handofftest.Options{})
				c := w.dial()
				defer w.close(c)
				p := c.Pin()
				require.ErrorIs(t, w.move(c, 10*time.Second), conn.ErrPinned)
				end(c)
				synctest.Wait()
				assert.Zero(t, w.b.Stats().Open)
				_, err := w.pinned(p, "ECHO", "x")
				var e *conn.Error
				require.ErrorAs(t, err, &e)
				assert.False(t, e.Sent)
				assert.ErrorIs(t, err, conn.ErrClosed)
				p.Unpin()
			})
		})
	}
}

// Interleaving: a session pins, watches a key, reads; the move swaps; the session sends its EXEC. It must never get to the
// new link, which knows of no watch. The moves fall on every step in turn, since each round begins them a bit later.
func TestNoCommandOfASessionReachesTheNextLink(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, handofftest.Options{})
		w.a.Delay(time.Millisecond)
		w.b.Delay(time.Millisecond)
		c := w.dial()
		defer w.close(c)
		broken := 0
		for round := range 60 {
			ctx, cancel := context.WithCancel(t.Context())
			moved := make(chan struct{})
			go func() {
				defer close(moved)
				<-time.After(time.Duration(round%20) * 100 * time.Microsecond)
				to := addrB
				if round%2 == 1 {
					to = addrA
				}
				_ = c.Move(ctx, conn.Target{Addr: to, Drain: time.Now().Add(time.Second), Hold: time.Now().Add(4 * time.Millisecond)})
			}()
			p := c.Pin()
			home := p.Setup().ID
			for range 8 {
				id, err := w.id(p)
				if err != nil {
					assert.ErrorIs(t, err, conn.ErrMoved)
					broken++
					break
				}
				assert.Equal(t, home, id)
			}
			p.Unpin()
			<-moved
			cancel()
			<-time.After(10 * time.Millisecond)
		}
		assert.Greater(t, broken, 20)
		assert.Less(t, broken, 61)
	})
}

func (w *world) id(p *conn.Pin) (int64, error) {
	q := w.cfg.NewCall()
	defer q.Free()
	q.Mode = conn.Int
	q.Req = resp3.AppendCommand(q.Req, "CLIENT", "ID")
	err := p.Do(w.t.Context(), q)
	return q.Num, errors.Join(err, q.Err)
}

// The last pin goes, and another move begins at once. The state belongs to one of the two at any time.
func TestHeldMoveThatWasReplacedDoesNotSwap(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, handofftest.Options{})
		third, err := w.srv.Listen("10.0.0.3:6379")
		require.NoError(t, err)
		for range 50 {
			c := w.dial()
			p := c.Pin()
			require.ErrorIs(t, w.move(c, 10*time.Second), conn.ErrPinned)
			p.Unpin()
			err := c.Move(t.Context(), conn.Target{Addr: third.Addr(), Drain: time.Now().Add(time.Minute)})
			if !errors.Is(err, conn.ErrMoving) {
				require.NoError(t, err)
				assert.Equal(t, third.Addr(), c.Peer())
			}
			c.Close()
		}
		w.close()
	})
}

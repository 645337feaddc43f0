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
	"github.com/baton-go/baton/resp3"
)

// pinned runs a command through p.
func (p *pair) pinned(pin *conn.Pin, args ...string) (string, error) {
	q := p.cfg.NewCall()
	defer q.Free()
	q.Mode, q.Timeout = conn.Text, p.timeout
	q.Req = resp3.AppendCommand(q.Req, args...)
	if err := pin.Do(p.t.Context(), q); err != nil {
		return "", err
	}
	return q.Str, q.Err
}

func (p *pair) wantMoved(err error) {
	p.t.Helper()
	var e *conn.Error
	require.ErrorAs(p.t, err, &e)
	assert.ErrorIs(p.t, err, conn.ErrMoved)
	assert.False(p.t, e.Sent)
}

func TestPinnedConnectionMovesWhenThePinIsGone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPair(t)
		c := p.dial()
		pin, second := c.Pin(), c.Pin()
		assert.EqualValues(t, p.A.Conns()[0].ID, pin.Setup().ID)
		require.ErrorIs(t, p.move(c, 10*time.Second), conn.ErrPinned)
		assert.Equal(t, conn.Moving, c.State())
		assert.EqualValues(t, 1, p.B.Stats().Open, "the next link is ready")
		_, err := p.pinned(pin, "ECHO", "old link")
		require.NoError(t, err)
		second.Unpin()
		<-time.After(5 * time.Second)
		assert.Equal(t, addrA, c.Peer())
		pin.Unpin()
		pin.Unpin()
		synctest.Wait()
		assert.Equal(t, addrB, c.Peer())
		assert.Equal(t, conn.Ready, c.State())
		assert.False(t, pin.Moved(), "nobody lost anything")
		assert.Zero(t, p.A.Stats().Open)
		executed := p.Server.Executed("ECHO")
		_, err = p.pinned(pin, "ECHO", "new link?")
		p.wantMoved(err)
		assert.Equal(t, executed, p.Server.Executed("ECHO"))
	})
}

// The last Unpin switches before anybody can pin again. When it left that to the goroutine of the waiting move, the next Pin could come
// first and bind the old link once more, again and again until the pins were broken.
func TestHeldMoveComesBetweenTwoPins(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPair(t)
		for range 50 {
			c := p.dial()
			pin := c.Pin()
			require.ErrorIs(t, p.move(c, 10*time.Second), conn.ErrPinned)
			pin.Unpin()
			pin = c.Pin()
			assert.Equal(t, addrB, pin.Setup().Peer)
			_, err := p.pinned(pin, "ECHO", "x")
			require.NoError(t, err)
			synctest.Wait() // the goroutine of the move has looked, too
			_, err = p.pinned(pin, "ECHO", "y")
			require.NoError(t, err, "the link that serves is left alone")
			assert.False(t, pin.Moved())
			pin.Unpin()
			c.Close()
		}
	})
}

// A next link that has died is not what the next pin gets.
func TestHeldMoveWithoutALinkLeavesTheNextPin(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPair(t)
		c := p.dial()
		pin := c.Pin()
		require.ErrorIs(t, p.move(c, 10*time.Second), conn.ErrPinned)
		p.B.Kill()
		<-time.After(time.Second) // until that is noticed
		pin.Unpin()
		pin = c.Pin()
		assert.Equal(t, addrA, pin.Setup().Peer)
		_, err := p.pinned(pin, "ECHO", "x")
		require.NoError(t, err)
		require.NoError(t, p.B.Reopen())
		<-time.After(time.Second)
		pin.Unpin()
		pin = c.Pin()
		assert.Equal(t, addrB, pin.Setup().Peer)
		pin.Unpin()
	})
}

// Interleaving: the next link is dead, but its death is not known yet when the last pin goes. The move dials again and switches as
// soon as it can: there is no pin left to wait for.
func TestMoveDoesNotWaitForPinsThatAreGoneWhenItsLinkDies(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPair(t)
		var unpin func()
		dial := p.cfg.Dial
		p.cfg.Dial = func(ctx context.Context, network, addr string) (net.Conn, error) {
			nc, err := dial(ctx, network, addr)
			return closingConn{nc, func() {
				if addr == addrB {
					unpin()
				}
			}}, err
		}
		c := p.dial()
		pin := c.Pin()
		unpin = sync.OnceFunc(func() {
			pin.Unpin()
			synctest.Wait() // a goroutine that waits for the pin has looked
		})
		require.ErrorIs(t, p.move(c, 10*time.Second), conn.ErrPinned)
		p.B.Kill()
		require.NoError(t, p.B.Reopen())
		<-time.After(time.Second)
		assert.Equal(t, addrB, c.Peer())
		assert.Equal(t, conn.Ready, c.State())
		assert.False(t, pin.Moved())
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
				p := newPair(t)
				c := p.dial()
				pin := c.Pin()
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
				<-pin.Broken()
				assert.Equal(t, tt.broken, time.Since(begun))
				synctest.Wait()
				assert.Equal(t, addrB, c.Peer())
				executed := p.Server.Executed("ECHO")
				_, err := p.pinned(pin, "ECHO", "x")
				p.wantMoved(err)
				assert.Equal(t, executed, p.Server.Executed("ECHO"), "not on the new link either")
				pin.Unpin()
				again := c.Pin()
				s, err := p.pinned(again, "ECHO", "fresh")
				require.NoError(t, err)
				assert.Equal(t, "fresh", s)
				again.Unpin()
			})
		})
	}
}

func TestCallOfABrokenPinIsStillDelivered(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPair(t)
		c := p.dial()
		pin := c.Pin()
		slow := make(chan error, 1)
		go func() { _, err := p.pinned(pin, "PAUSE", "1500"); slow <- err }()
		synctest.Wait()
		require.ErrorIs(t, p.move(c, 2*time.Second), conn.ErrPinned)
		<-pin.Broken()
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
		then func(p *pair, c *conn.Conn, pin *conn.Pin)
		peer string
		lost bool // the pin
	}{
		{"gives way to a newer one", func(p *pair, c *conn.Conn, pin *conn.Pin) {
			third, err := p.Server.Listen("10.0.0.3:6379")
			require.NoError(p.t, err)
			require.ErrorIs(p.t, c.Move(p.t.Context(), conn.Target{Addr: third.Addr(), Drain: time.Now().Add(time.Minute)}), conn.ErrPinned)
			synctest.Wait()
			assert.Zero(p.t, p.B.Stats().Open)
			pin.Unpin()
		}, "10.0.0.3:6379", false},
		{"outlives a newer one that fails", func(p *pair, c *conn.Conn, pin *conn.Pin) {
			require.Error(p.t, c.Move(p.t.Context(), conn.Target{Addr: "10.0.0.9:6379", Drain: time.Now().Add(time.Minute)}))
			assert.Equal(p.t, conn.Ready, c.State())
			pin.Unpin()
		}, addrA, false},
		{"is called off", func(p *pair, c *conn.Conn, pin *conn.Pin) {
			c.Stay()
			c.Stay()
			synctest.Wait()
			assert.Equal(p.t, conn.Ready, c.State())
			assert.Zero(p.t, p.B.Stats().Open)
			_, err := p.pinned(pin, "ECHO", "still here")
			require.NoError(p.t, err)
			pin.Unpin()
		}, addrA, false},
		{"gets another link if its own dies", func(p *pair, _ *conn.Conn, pin *conn.Pin) {
			p.B.Kill()
			<-time.After(time.Second)
			require.NoError(p.t, p.B.Reopen())
			<-time.After(time.Second)
			pin.Unpin()
		}, addrB, false},
		{"is given up if the target stays away", func(p *pair, c *conn.Conn, pin *conn.Pin) {
			p.B.Kill()
			<-time.After(10 * time.Second)
			assert.Equal(p.t, conn.Ready, c.State())
			_, err := p.pinned(pin, "ECHO", "still here")
			require.NoError(p.t, err)
			pin.Unpin()
		}, addrA, false},
		{"takes over at once if the old link dies", func(p *pair, _ *conn.Conn, pin *conn.Pin) {
			p.A.Kill()
			<-pin.Broken()
		}, addrB, true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := newPair(t)
				c := p.dial()
				pin := c.Pin()
				require.ErrorIs(t, p.move(c, 10*time.Second), conn.ErrPinned)
				tt.then(p, c, pin)
				synctest.Wait()
				assert.Equal(t, tt.peer, c.Peer())
				assert.Equal(t, tt.lost, pin.Moved())
				assert.Equal(t, conn.Ready, c.State())
				p.want(c, "x", "ECHO", "x")
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
				p := newPair(t)
				c := p.dial()
				pin := c.Pin()
				require.ErrorIs(t, p.move(c, 10*time.Second), conn.ErrPinned)
				end(c)
				synctest.Wait()
				assert.Zero(t, p.B.Stats().Open)
				_, err := p.pinned(pin, "ECHO", "x")
				var e *conn.Error
				require.ErrorAs(t, err, &e)
				assert.False(t, e.Sent)
				assert.ErrorIs(t, err, conn.ErrClosed)
				pin.Unpin()
			})
		})
	}
}

// Interleaving: a session pins, watches a key, reads; the move swaps; the session sends its EXEC. It must never get to the
// new link, which knows of no watch. The moves fall on every step in turn, since each round begins them a bit later.
func TestNoCommandOfASessionReachesTheNextLink(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPair(t)
		p.A.Delay(time.Millisecond)
		p.B.Delay(time.Millisecond)
		c := p.dial()
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
			pin := c.Pin()
			home := pin.Setup().ID
			for range 8 {
				id, err := p.id(pin)
				if err != nil {
					assert.ErrorIs(t, err, conn.ErrMoved)
					broken++
					break
				}
				assert.Equal(t, home, id)
			}
			pin.Unpin()
			<-moved
			cancel()
			<-time.After(10 * time.Millisecond)
		}
		assert.Greater(t, broken, 20)
		assert.Less(t, broken, 61)
	})
}

func (p *pair) id(pin *conn.Pin) (int64, error) {
	q := p.cfg.NewCall()
	defer q.Free()
	q.Mode = conn.Int
	q.Req = resp3.AppendCommand(q.Req, "CLIENT", "ID")
	err := pin.Do(p.t.Context(), q)
	return q.Num, errors.Join(err, q.Err)
}

// The last pin goes, and another move begins at once. The state belongs to one of the two at any time.
func TestHeldMoveThatWasReplacedDoesNotSwap(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPair(t)
		third, err := p.Server.Listen("10.0.0.3:6379")
		require.NoError(t, err)
		for range 50 {
			c := p.dial()
			pin := c.Pin()
			require.ErrorIs(t, p.move(c, 10*time.Second), conn.ErrPinned)
			pin.Unpin()
			err := c.Move(t.Context(), conn.Target{Addr: third.Addr(), Drain: time.Now().Add(time.Minute)})
			if !errors.Is(err, conn.ErrMoving) {
				require.NoError(t, err)
				assert.Equal(t, third.Addr(), c.Peer())
			}
			c.Close()
		}
	})
}

package baton_test

import (
	"bufio"
	"context"
	"errors"
	"net"
	"os"
	"slices"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/baton-go/baton"
	"github.com/baton-go/baton/conn"
	"github.com/baton-go/baton/handoff"
	"github.com/baton-go/baton/pool"
	"github.com/baton-go/baton/resp3"
)

// dialLog knows when a client dialled. While hostile is set it serves the connections itself.
type dialLog struct {
	next    func(ctx context.Context, network, addr string) (net.Conn, error)
	hostile atomic.Pointer[func(net.Conn)] // nil: next
	refuse  atomic.Bool

	mu sync.Mutex
	at []time.Time
	wg sync.WaitGroup
}

func (d *dialLog) dial(ctx context.Context, network, addr string) (net.Conn, error) {
	d.mu.Lock()
	d.at = append(d.at, time.Now())
	d.mu.Unlock()
	if d.refuse.Load() {
		return nil, &net.OpError{Op: "dial", Net: network, Err: os.NewSyscallError("connect", syscall.ECONNREFUSED)}
	}
	serve := d.hostile.Load()
	if serve == nil {
		return d.next(ctx, network, addr)
	}
	ours, theirs := net.Pipe()
	d.wg.Go(func() {
		defer theirs.Close()
		(*serve)(theirs)
	})
	return ours, nil
}

// worst is the most dials within a second, and in all, from a time on.
func (d *dialLog) worst(from time.Time) (second, all int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	at := slices.DeleteFunc(slices.Clone(d.at), func(t time.Time) bool { return t.Before(from) })
	for i, j := 0, 0; j < len(at); j++ {
		for at[j].Sub(at[i]) >= time.Second {
			i++
		}
		second = max(second, j-i+1)
	}
	return second, len(at)
}

// commands reads n commands and answers each with what reply says; n below 0: until the client has gone.
func commands(nc net.Conn, n int, reply func(name string) string) {
	r := resp3.NewReader(bufio.NewReader(nc), resp3.Limits{})
	for i := 0; i != n; i++ {
		f, err := r.Next()
		if err != nil {
			return
		}
		name, _ := f.Value().Index(0).Text()
		if _, err := nc.Write([]byte(reply(name))); err != nil {
			return
		}
	}
}

const hello = "%3\r\n+server\r\n+redis\r\n+version\r\n+7.0.0\r\n+proto\r\n:3\r\n"

// usual answers as a server without maintenance does.
func usual(name string) string {
	switch name {
	case "HELLO":
		return hello

	case "SUBSCRIBE":
		return ">3\r\n+subscribe\r\n$1\r\nc\r\n:1\r\n"
	case "SSUBSCRIBE":
		return ">3\r\n+ssubscribe\r\n$1\r\nc\r\n:1\r\n"
	}
	return "+OK\r\n"
}

// setUp is how many commands a set-up has: HELLO, and twice CLIENT SETINFO.
const setUp = 3

// enemies are ways in which a server that accepts does not serve.
var enemies = map[string]func(net.Conn){
	"accepts and closes":              func(net.Conn) {},
	"answers -ERR to HELLO":           func(nc net.Conn) { commands(nc, -1, func(string) string { return "-ERR no\r\n" }) },
	"closes right after the set-up":   func(nc net.Conn) { commands(nc, setUp, usual) },
	"closes after the first command":  func(nc net.Conn) { commands(nc, setUp+1, usual) },
	"closes a millisecond later":      closesAfter(time.Millisecond),
	"closes after half a second":      closesAfter(500 * time.Millisecond),
	"closes a little before a second": closesAfter(900 * time.Millisecond),
	"closes after a second":           closesAfter(time.Second),
	"closes after two seconds":        closesAfter(2 * time.Second),
	"closes after four seconds":       closesAfter(4 * time.Second),
	"is a replica":                    func(nc net.Conn) { commands(nc, -1, replica) },
	"has no room": func(nc net.Conn) {
		commands(nc, 1, func(string) string { return "-ERR max number of clients reached\r\n" })
	},
}

func replica(name string) string {
	switch name {
	case "SET", "BLPOP", "WATCH":
		return "-READONLY You can't write against a read only replica.\r\n"
	}
	return usual(name)
}

func closesAfter(d time.Duration) func(net.Conn) {
	return func(nc net.Conn) {
		time.AfterFunc(d, func() { nc.Close() })
		commands(nc, -1, usual)
	}
}

// load lets many callers use all that a client has, until the test is over: shared connections, leases, ones to block on.
func load(ctx context.Context, c *baton.Client, wg *sync.WaitGroup) {
	for range 12 {
		wg.Go(func() {
			for ctx.Err() == nil {
				_, _ = c.Set(ctx, "k", "v")
				sleepFor(ctx, 60*time.Millisecond)
			}
		})
		wg.Go(func() {
			for ctx.Err() == nil {
				if l, err := c.Conn(ctx); err == nil {
					_, _ = l.Set(ctx, "k", "v")
					l.Release()
				}
				sleepFor(ctx, 60*time.Millisecond)
			}
		})
		wg.Go(func() {
			for ctx.Err() == nil {
				_, _, _ = c.BLPop(ctx, 10*time.Millisecond, "k")
				sleepFor(ctx, 60*time.Millisecond)
			}
		})
	}
}

func sleepFor(ctx context.Context, d time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(d):
	}
}

// H-119. A client of 60 connections does not storm a server, whatever that does to connections it has accepted, and is back at once.
func TestHostileServerIsNotStormed(t *testing.T) {
	for name, serve := range enemies {
		most := 60
		if name == "is a replica" {
			most += 8 // all go at once, and then four lanes and four others in a second
		}
		for _, busy := range []bool{false, true} {
			t.Run(name+map[bool]string{false: ", without commands", true: ", with commands"}[busy], func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) { hostility(t, serve, busy, most) })
			})
		}
	}
	t.Run("refuses", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) { hostility(t, nil, true, 60) })
	})
}

func hostility(t *testing.T, serve func(net.Conn), busy bool, most int) {
	p := newPair(t)
	d := &dialLog{next: p.Network.DialContext}
	c := p.client(baton.Options{
		Pool:    pool.Config{Size: 48, MinIdle: 47, Blocking: 12},
		Dialer:  d.dial,
		Handoff: handoff.Config{Mode: handoff.ModeDisabled},
	})
	defer c.Close()
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	var wg sync.WaitGroup
	if busy {
		load(ctx, c, &wg)
	}
	<-time.After(6 * time.Second)
	if serve != nil {
		d.hostile.Store(&serve)
	} else {
		d.refuse.Store(true)
	}
	begun := time.Now()
	p.A.Shut()
	require.NoError(t, p.A.Reopen())
	<-time.After(10 * time.Second)
	steady := time.Now()
	<-time.After(30 * time.Second)
	_, later := d.worst(steady)
	second, all := d.worst(begun)
	t.Logf("%d dials in the first 10 s, %d in the 30 s after, at most %d in a second", all-later, later, second)
	assert.LessOrEqual(t, later, 300)
	assert.LessOrEqual(t, second, most)
	if busy || serve == nil {
		assert.Greater(t, later, 29, "it goes on trying")
	}

	d.hostile.Store(nil)
	d.refuse.Store(false)
	well := time.Now()
	for {
		if _, err := c.Set(ctx, "k", "v"); err == nil {
			break
		}
		<-time.After(time.Millisecond)
	}
	t.Logf("back after %v", time.Since(well))
	if busy {
		// The account's pause, and one of the caller's own between attempts.
		assert.LessOrEqual(t, time.Since(well), 500*time.Millisecond)
	}
	stop()
	wg.Wait()
	c.Close()
	d.wg.Wait()
}

// H-119. One subscription that the server ends again and again, or refuses, or whose connection it closes.
func TestSubscriptionsThatDoNotLastAreNotAStorm(t *testing.T) {
	var asked atomic.Int64
	leave := func(name string) string {
		if name == "SSUBSCRIBE" {
			asked.Add(1)
			return usual(name) + ">3\r\n+sunsubscribe\r\n$1\r\nc\r\n:0\r\n"
		}
		return usual(name)
	}
	deny := func(name string) string {
		if name == "SSUBSCRIBE" {
			asked.Add(1)
			return "-NOPERM no\r\n"
		}
		return usual(name)
	}
	tests := map[string]func(net.Conn){
		"ends the subscription":  func(nc net.Conn) { commands(nc, -1, leave) },
		"refuses it":             func(nc net.Conn) { commands(nc, -1, deny) },
		"closes after a second":  closesAfter(time.Second),
		"closes once subscribed": func(nc net.Conn) { commands(nc, setUp+2, usual) },
	}
	for name, serve := range tests {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := newPair(t)
				d := &dialLog{next: p.Network.DialContext}
				c := p.client(baton.Options{Dialer: d.dial, Handoff: handoff.Config{Mode: handoff.ModeDisabled}})
				defer c.Close()
				const subs = 20
				for range subs {
					_, err := c.SSubscribe(t.Context(), "c")
					require.NoError(t, err)
				}
				d.hostile.Store(&serve)
				asked.Store(0)
				p.A.Shut()
				require.NoError(t, p.A.Reopen())
				<-time.After(10 * time.Second)
				steady := time.Now()
				before := asked.Load()
				<-time.After(30 * time.Second)
				_, later := d.worst(steady)
				t.Logf("%d dials, %d times subscribed", later, asked.Load()-before)
				assert.LessOrEqual(t, later, 300)
				assert.LessOrEqual(t, asked.Load()-before, int64(300))

				d.hostile.Store(nil)
				p.A.Shut()
				require.NoError(t, p.A.Reopen())
				<-time.After(8 * time.Second)
				n := 0
				for i := range c.Conns() {
					if i.Role == pool.Subscribed {
						n++
					}
				}
				assert.Equal(t, subs, n)
				require.NoError(t, c.Close())
				d.wg.Wait()
			})
		})
	}
}

// H-141. A crash that nobody has announced: for a second there is nobody, then all is back.
func TestRestartOfASecondIsOverWhenTheServerIs(t *testing.T) {
	for name, age := range map[string]time.Duration{"of a client that has run for long": time.Minute, "of one that has just begun": time.Second} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := newPair(t)
				c := p.client(baton.Options{Pool: pool.Config{Size: 60, MinIdle: 59}, Handoff: handoff.Config{Mode: handoff.ModeDisabled}})
				defer c.Close()
				for range 20 {
					_, err := c.Subscribe(t.Context(), "c")
					require.NoError(t, err)
				}
				<-time.After(age)
				require.EqualValues(t, 80, p.A.Stats().Open)
				p.A.Kill()
				<-time.After(time.Second)
				require.NoError(t, p.A.Reopen())
				back := time.Now()
				for p.A.Stats().Open < 80 && time.Since(back) < 10*time.Second {
					go func() { _, _ = c.Get(t.Context(), "k") }()
					<-time.After(time.Millisecond)
				}
				t.Logf("all back after %v", time.Since(back))
				assert.LessOrEqual(t, time.Since(back), 300*time.Millisecond)
			})
		})
	}
}

// A cold start is not slowed, nor are many connections that come at once.
func TestManyConnectionsMayBeOpenedAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPair(t)
		c := p.client(baton.Options{Pool: pool.Config{Size: 300, MinIdle: 299}})
		defer c.Close()
		begun := time.Now()
		var wg sync.WaitGroup
		for range 200 {
			wg.Go(func() {
				_, err := c.Subscribe(t.Context(), "c")
				assert.NoError(t, err)
			})
		}
		wg.Wait()
		for p.A.Stats().Open < 500 && time.Since(begun) < time.Minute {
			<-time.After(time.Millisecond)
		}
		assert.LessOrEqual(t, time.Since(begun), 100*time.Millisecond)
	})
}

// The last resort: whatever makes dials, there is an end to it, which heeds contexts and Close.
func TestDialsOfAClientAreLimited(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPair(t)
		d := &dialLog{next: p.Network.DialContext}
		c := p.client(baton.Options{Dialer: d.dial})
		defer c.Close()
		ctx, stop := context.WithTimeout(t.Context(), 30*time.Second)
		defer stop()
		begun := time.Now()
		var wg sync.WaitGroup
		for range 20 {
			wg.Go(func() {
				for ctx.Err() == nil {
					s, err := c.Subscribe(ctx, "c")
					if err != nil {
						assert.ErrorIs(t, err, context.DeadlineExceeded)
						continue
					}
					s.Close()
				}
			})
		}
		wg.Wait()
		assert.Equal(t, 30*time.Second, time.Since(begun))
		_, all := d.worst(begun)
		assert.LessOrEqual(t, all, 30*10+2*21+32+1)
		assert.Greater(t, all, 250)

		go func() {
			for range 100 {
				_, err := c.Subscribe(t.Context(), "c")
				if err != nil {
					assert.True(t, errors.Is(err, baton.ErrClosed) || errors.Is(err, conn.ErrClosed), "%v", err)
					return
				}
			}
		}()
		<-time.After(20 * time.Millisecond)
		begun = time.Now()
		require.NoError(t, c.Close())
		assert.Less(t, time.Since(begun), 10*time.Millisecond)
	})
}

package baton_test

import (
	"bufio"
	"context"
	"fmt"
	"net"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/baton-go/baton"
	"github.com/baton-go/baton/handoff"
	"github.com/baton-go/baton/pool"
	"github.com/baton-go/baton/resp3"
)

const mebibyte = 1 << 20

// newSlowServer makes a server that replies after latency, to a key that begins with "big" with 1 MiB in 64 pieces, one every 10 ms, and
// to one that begins with "middling" with 20 kB after 10 ms more. LRANGE of a big key gives an array of 1 MiB.
func newSlowServer(t *testing.T, latency time.Duration) *bareServer {
	return newBareServer(t, func(_ int, nc net.Conn) { replySlowly(nc, latency) })
}

func replySlowly(nc net.Conn, latency time.Duration) {
	r := resp3.NewReader(bufio.NewReader(nc), resp3.Limits{})
	for {
		f, err := r.Next()
		if err != nil {
			return
		}
		v := f.Value()
		name, _ := v.Index(0).Text()
		key, _ := v.Index(1).Text()
		reply := usual(name)
		if name == "GET" || name == "LRANGE" {
			reply = "$1\r\nv\r\n"
		}
		if strings.HasPrefix(key, "middling") {
			reply = "$20000\r\n" + strings.Repeat("m", 20_000) + "\r\n"
			time.Sleep(10 * time.Millisecond)
		}
		if !strings.HasPrefix(key, "big") {
			time.Sleep(latency)
			if _, err := nc.Write([]byte(reply)); err != nil {
				return
			}
			continue
		}
		big := fmt.Sprintf("$%d\r\n%s\r\n", mebibyte, strings.Repeat("x", mebibyte))
		if name == "LRANGE" {
			big = "*1024\r\n" + strings.Repeat(fmt.Sprintf("$%d\r\n%s\r\n", 1024, strings.Repeat("y", 1024)), 1024)
		}
		for len(big) > 0 {
			n := min(len(big), mebibyte/64+1)
			time.Sleep(10 * time.Millisecond)
			if _, err := nc.Write([]byte(big[:n])); err != nil {
				return
			}
			big = big[n:]
		}
	}
}

// H-139. Callers of small values do not stand behind the large value of another, once it is known to be large, and hardly before.
func TestLargeRepliesHoldUpNobodyElse(t *testing.T) {
	get := func(ctx context.Context, c *baton.Client) error { _, err := c.Get(ctx, "big"); return err }
	tests := []struct {
		name  string
		large func(ctx context.Context, c *baton.Client) error
	}{
		{"value", get},
		{"list", func(ctx context.Context, c *baton.Client) error { _, err := c.LRange(ctx, "big", 0, -1); return err }},
		{"value by Do", func(ctx context.Context, c *baton.Client) error { _, err := c.Do(ctx, "GET", "big"); return err }},
		{"pipeline", func(ctx context.Context, c *baton.Client) error {
			return c.Pipeline(ctx, func(p *baton.Pipe) error {
				p.Get("small")
				p.Get("big")
				p.Get("small")
				return nil
			})
		}},
		{"pipeline of many", func(ctx context.Context, c *baton.Client) error {
			return c.Pipeline(ctx, func(p *baton.Pipe) error {
				for i := range 50 {
					p.Get(fmt.Sprint("middling", i))
				}
				return nil
			})
		}},
		{"given up in the middle", func(ctx context.Context, c *baton.Client) error {
			ctx, cancel := context.WithTimeout(ctx, 100*time.Millisecond)
			defer cancel()
			if _, err := c.Get(ctx, "big"); err == nil {
				return fmt.Errorf("not given up")
			}
			<-time.After(600 * time.Millisecond)
			return nil
		}},
	}
	for _, tt := range tests {
		for _, callers := range []int{10, 100} {
			if callers > 10 && tt.name != "value" && tt.name != "pipeline" {
				continue
			}
			t.Run(fmt.Sprintf("%s, %d callers", tt.name, callers), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					c := newSlowServer(t, 100*time.Microsecond).client(baton.Options{
						Pool: pool.Config{Size: 20}, Handoff: handoff.Config{Mode: handoff.ModeDisabled},
					})
					require.NoError(t, c.Ready(t.Context()))
					ctx, stop := context.WithCancel(t.Context())
					var wg sync.WaitGroup
					waits := make([][]time.Duration, callers)
					var settled atomic.Bool
					for i := range callers {
						wg.Go(func() {
							for ctx.Err() == nil {
								begun, counts := time.Now(), settled.Load()
								_, err := c.Get(t.Context(), fmt.Sprint("k", i))
								assert.NoError(t, err)
								if counts {
									waits[i] = append(waits[i], time.Since(begun))
								}
								<-time.After(time.Duration(1+i%7) * time.Millisecond)
							}
						})
					}
					<-time.After(50 * time.Millisecond)
					assert.NoError(t, tt.large(t.Context(), c))
					<-time.After(time.Second)
					settled.Store(true)
					for range 2 {
						assert.NoError(t, tt.large(t.Context(), c))
					}
					stop()
					wg.Wait()
					all := slices.Sorted(slices.Values(slices.Concat(waits...)))
					require.Greater(t, len(all), 500)
					t.Logf("p50 %v, p99 %v, p99.9 %v, longest %v, %d lanes", all[len(all)/2], all[len(all)*99/100], all[len(all)*999/1000], all[len(all)-1], c.Stats().Lanes)
					assert.LessOrEqual(t, all[len(all)-1]-all[len(all)/2], 3*time.Millisecond)
				})
			})
		}
	}
}

// slowClient is a client of a slow server, which is closed when the test ends.
func slowClient(t *testing.T, latency time.Duration, cfg pool.Config) *baton.Client {
	c := newSlowServer(t, latency).client(baton.Options{
		ReadTimeout: time.Minute, // the server answers one command after another
		Pool:        cfg, Handoff: handoff.Config{Mode: handoff.ModeDisabled},
	})
	require.NoError(t, c.Ready(t.Context()))
	return c
}

func roles(c *baton.Client) map[pool.Role]int {
	m := map[pool.Role]int{}
	for i := range c.Conns() {
		m[i.Role]++
	}
	return m
}

// H-139. A lane in the middle of a reply gets no new command, also if there are more of these replies than Lanes, and nobody knew
// that they would be large.
func TestLaneInTheMiddleOfAReplyGetsNoNewCommand(t *testing.T) {
	for _, command := range []string{"GET", "LRANGE"} {
		t.Run(command, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c := slowClient(t, 100*time.Microsecond, pool.Config{Size: 20, Lanes: 2})
				var wg sync.WaitGroup
				for i := range 6 {
					wg.Go(func() {
						_, err := c.Do(t.Context(), command, fmt.Sprint("big", i))
						assert.NoError(t, err)
					})
					<-time.After(100 * time.Millisecond)
					begun := time.Now()
					_, err := c.Get(t.Context(), "k")
					assert.NoError(t, err)
					assert.LessOrEqual(t, time.Since(begun), 10*time.Millisecond, "beside %d", i+1)
				}
				t.Log(roles(c))
				wg.Wait()
				assert.Greater(t, c.Stats().Lanes, 2)
				assert.LessOrEqual(t, c.Stats().Lanes, 10)
				<-time.After(30 * time.Minute)
				assert.Equal(t, 1, c.Stats().Lanes, "given up again")
			})
		})
	}
}

// A server that is far away, or slow as a whole, is no reason for more than Lanes. Most commands come while replies are awaited.
func TestSlowServerOpensNoMoreThanLanes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := slowClient(t, 100*time.Millisecond, pool.Config{Size: 20, Lanes: 3})
		var wg sync.WaitGroup
		for i := range 50 {
			wg.Go(func() {
				for range 20 {
					<-time.After(time.Duration(1+i%7) * 13 * time.Millisecond)
					_, err := c.Get(t.Context(), fmt.Sprint("k", i))
					assert.NoError(t, err)
				}
			})
		}
		wg.Wait()
		assert.Equal(t, map[pool.Role]int{pool.Lane: 3}, roles(c))
	})
}

// Connections apart are opened as they are needed, leave room for leases, and are given up again. A request whose reply has
// become small goes with the others again.
func TestConnectionsApartComeAndGo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := slowClient(t, 0, pool.Config{Size: 10})
		large := func(n int) {
			var wg sync.WaitGroup
			for range n {
				wg.Go(func() { _, err := c.Get(t.Context(), "big"); assert.NoError(t, err) })
				<-time.After(20 * time.Millisecond)
			}
			wg.Wait()
		}
		large(1)
		assert.Equal(t, map[pool.Role]int{pool.Lane: 1}, roles(c))
		large(1)
		assert.Equal(t, map[pool.Role]int{pool.Lane: 1, pool.Apart: 1}, roles(c))
		large(10)
		assert.Equal(t, map[pool.Role]int{pool.Lane: 1, pool.Apart: 5}, roles(c), "half of the size")
		assert.Equal(t, "apart", pool.Apart.String())
		assert.Equal(t, 6, c.Stats().Lanes)
		assert.Equal(t, 6, c.Stats().Open)

		var session []*baton.Conn
		for range 8 {
			l, err := c.Conn(t.Context())
			require.NoError(t, err)
			session = append(session, l)
		}
		assert.Equal(t, map[pool.Role]int{pool.Lane: 1, pool.Apart: 1, pool.Leased: 8}, roles(c), "leases come first")
		large(3)
		for _, l := range session {
			l.Release()
		}
		<-time.After(30 * time.Minute)
		assert.Equal(t, map[pool.Role]int{pool.Lane: 1}, roles(c))
	})
}

// The smallest pools have no room for it, and work.
func TestLargeRepliesInSmallPools(t *testing.T) {
	for size := 1; size <= 4; size++ {
		synctest.Test(t, func(t *testing.T) {
			c := slowClient(t, 0, pool.Config{Size: size})
			var wg sync.WaitGroup
			for i := range 12 {
				wg.Go(func() {
					s, err := c.Get(t.Context(), []string{"big", "small"}[i%2])
					assert.NoError(t, err)
					assert.Len(t, s, []int{mebibyte, 1}[i%2])
				})
				<-time.After(200 * time.Millisecond)
			}
			wg.Wait()
			assert.LessOrEqual(t, c.Stats().Open, size)
		})
	}
}

// Connections apart move as all others do.
func TestConnectionsApartMove(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPair(t)
		c := p.client(baton.Options{})
		defer c.Close()
		_, err := c.Set(t.Context(), "big", strings.Repeat("x", 100_000))
		require.NoError(t, err)
		for range 3 {
			_, err = c.Get(t.Context(), "big")
			require.NoError(t, err)
		}
		require.Equal(t, map[pool.Role]int{pool.Lane: 1, pool.Apart: 1}, roles(c))
		<-time.After(time.Second)
		p.A.Moving(10*time.Second, p.B.Addr())
		<-time.After(10 * time.Second)
		assert.Equal(t, map[string]int{p.B.Addr(): 2}, peers(c))
		p.A.Shut()
		for range 3 {
			s, err := c.Get(t.Context(), "big")
			require.NoError(t, err)
			assert.Len(t, s, 100_000)
		}
		assert.EqualValues(t, 2, p.B.Stats().Accepted)
	})
}

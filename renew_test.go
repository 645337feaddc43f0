package baton_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/baton-go/baton"
	"github.com/baton-go/baton/handoff/handofftest"
	"github.com/baton-go/baton/internal/redistest"
	"github.com/baton-go/baton/pool"
)

// issuer gives credentials that live for life and keeps them until so long before their end, as token caches do. The password
// tells when they expire.
type issuer struct {
	life, kept time.Duration

	mu    sync.Mutex
	until time.Time
	fail  error
	block bool
	asked int
}

func (creds *issuer) Credentials(ctx context.Context) (baton.Credentials, error) {
	creds.mu.Lock()
	defer creds.mu.Unlock()
	creds.asked++
	if creds.block {
		creds.mu.Unlock()
		<-ctx.Done()
		creds.mu.Lock()
		return baton.Credentials{}, ctx.Err()
	}
	if creds.fail != nil {
		return baton.Credentials{}, creds.fail
	}
	if now := time.Now(); now.After(creds.until.Add(-creds.kept)) {
		creds.until = now.Add(creds.life)
	}
	return baton.Credentials{Username: "default", Password: fmt.Sprint("until-", creds.until.UnixNano()), Expires: creds.until}, nil
}

func (creds *issuer) set(fail error, block bool) {
	creds.mu.Lock()
	defer creds.mu.Unlock()
	creds.fail, creds.block = fail, block
}

func (creds *issuer) count() int {
	creds.mu.Lock()
	defer creds.mu.Unlock()
	return creds.asked
}

// strict is a server that cuts connections when the credentials they used expire.
type strict struct {
	*pair
	logins, cut atomic.Int64
}

func newStrict(t *testing.T) *strict {
	s := &strict{}
	s.pair = newPair(t, handofftest.Options{OnCommand: func(c handofftest.ConnInfo, args [][]byte) {
		for _, a := range args {
			at, ok := strings.CutPrefix(string(a), "until-")
			if !ok {
				continue
			}
			s.logins.Add(1)
			ns, _ := strconv.ParseInt(at, 10, 64)
			time.AfterFunc(time.Until(time.Unix(0, ns)), func() {
				if cn := s.Server.Conn(c.ID); cn != nil {
					s.cut.Add(1)
					cn.Kill()
				}
			})
		}
	}})
	return s
}

// occupy uses connections in every way until it is stopped, and counts what failed.
func occupy(t *testing.T, c *baton.Client) (stop func() (done, failed int64)) {
	ctx, cancel := context.WithCancel(t.Context())
	var done, failed atomic.Int64
	var wg sync.WaitGroup
	loop := func(pause time.Duration, f func() error) {
		wg.Go(func() {
			for ctx.Err() == nil {
				if err := f(); err != nil {
					failed.Add(1)
					t.Log(err)
				}
				done.Add(1)
				select {
				case <-time.After(pause):
				case <-ctx.Done():
				}
			}
		})
	}
	var queued atomic.Int64
	loop(time.Second, func() error { _, err := c.Incr(t.Context(), "n"); return err })
	loop(3*time.Second, func() error { _, err := c.Do(t.Context(), "RPUSH", "queue", queued.Add(1)); return err })
	for range 2 {
		loop(0, func() error {
			_, _, err := c.BLPop(ctx, 0, "queue")
			if ctx.Err() != nil {
				return nil
			}
			return err
		})
		loop(5*time.Second, func() error {
			session, err := c.Conn(t.Context())
			if err != nil {
				return err
			}
			defer session.Release()
			for _, command := range []string{"MULTI", "PING", "EXEC"} {
				if _, err := session.Do(t.Context(), command); err != nil {
					return err
				}
				<-time.After(700 * time.Millisecond)
			}
			return nil
		})
	}
	return func() (int64, int64) { cancel(); wg.Wait(); return done.Load(), failed.Load() }
}

// A server ends connections whose credentials have expired (go-redis #4027, rueidis #1007, valkey-glide #5157).
func TestConnectionsAreAuthenticatedAnewAheadOfEachExpiry(t *testing.T) { // H-124
	protocols(t, func(t *testing.T, proto int) {
		for _, kept := range []time.Duration{time.Hour, 2 * time.Minute} { // the provider has newer ones at once, or late
			t.Run(fmt.Sprint(kept), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					p := newStrict(t)
					creds := &issuer{life: 20 * time.Minute, kept: kept}
					c := p.client(baton.Options{Protocol: proto, Credentials: creds, Pool: pool.Config{MinIdle: 15, Size: 40, MaxIdleTime: -1}})
					defer c.Close()
					s, err := c.Subscribe(t.Context(), "x", "beat")
					require.NoError(t, err)
					l := keep(s)
					stopWork, stopFeed := occupy(t, c), feed(p.Server, time.Second, "x")
					<-time.After(110 * time.Minute)
					n := stopFeed()
					<-time.After(time.Second)
					done, failed := stopWork()
					assert.Zero(t, failed)
					assert.Greater(t, done, int64(6000))
					assert.Zero(t, p.cut.Load())
					missing, doubled := l.missing(t, "x", n)
					assert.Zero(t, missing)
					assert.Zero(t, doubled)
					es := taken(s)
					assert.GreaterOrEqual(t, len(es), 6, "the subscription was authenticated anew as well")
					assert.Len(t, ofKind(es, baton.SubMoved), len(es)-1)
					assert.GreaterOrEqual(t, p.logins.Load(), int64(6*18))
					assert.Less(t, p.logins.Load(), int64(9*25), "and nobody more often than need be")
					assert.Zero(t, c.Stats().Lost)
				})
			})
		}
	})
}

// A provider that keeps giving what expires, fails, or blocks is asked again without haste, and harms nobody until the expiry.
func TestProviderWithoutNewCredentialsHarmsNobody(t *testing.T) { // H-124
	for name, set := range map[string]func(creds *issuer){
		"old":    func(creds *issuer) { creds.kept = 0 },
		"fails":  func(creds *issuer) { creds.set(errors.New("vault is sealed"), false) },
		"blocks": func(creds *issuer) { creds.set(nil, true) },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := newStrict(t)
				creds := &issuer{life: time.Hour, kept: time.Hour}
				c := p.client(baton.Options{Credentials: creds, Pool: pool.Config{MinIdle: 9}})
				defer c.Close()
				<-time.After(time.Minute)
				set(creds)
				before := creds.count()
				for range 59 * 2 {
					<-time.After(29 * time.Second)
					require.NoError(t, c.Ready(t.Context()))
				}
				assert.Greater(t, creds.count(), before+5)
				assert.Less(t, creds.count(), before+100)
				assert.EqualValues(t, 10, p.A.Stats().Accepted, "nothing is dialled for credentials that are no better")
				assert.Zero(t, p.cut.Load())
				creds.mu.Lock()
				creds.kept = time.Hour
				creds.mu.Unlock()
				creds.set(nil, false)
				<-time.After(10 * time.Minute)
				assert.Zero(t, p.cut.Load(), "in time all the same")
				assert.NoError(t, c.Ready(t.Context()))
			})
		})
	}
}

// Credentials that have expired when they come, or expire at once, cost no dial after dial.
func TestCredentialsThatExpireAtOnceAreNotRenewedInHaste(t *testing.T) { // H-124
	for _, life := range []time.Duration{-time.Hour, 0, time.Millisecond} {
		synctest.Test(t, func(t *testing.T) {
			p := newPair(t)
			c := p.client(baton.Options{Credentials: &issuer{life: life, kept: time.Hour}})
			defer c.Close()
			<-time.After(10 * time.Minute)
			assert.LessOrEqual(t, p.A.Stats().Accepted, int64(10*60*4+1), life)
			if life <= 0 {
				assert.LessOrEqual(t, p.A.Stats().Accepted, int64(30), life)
			}
			assert.NoError(t, c.Ready(t.Context()))
		})
	}
}

// Maintenance and an expiry at one time.
func TestExpiryDuringMaintenance(t *testing.T) { // H-124
	synctest.Test(t, func(t *testing.T) {
		p := newStrict(t)
		c := p.client(baton.Options{Credentials: &issuer{life: 2 * time.Minute, kept: time.Hour}, Pool: pool.Config{MinIdle: 9}})
		defer c.Close()
		s, err := c.Subscribe(t.Context(), "x", "beat")
		require.NoError(t, err)
		l := keep(s)
		stopWork, stopFeed := occupy(t, c), feed(p.Server, time.Second, "x")
		<-time.After(80 * time.Second)
		p.A.Moving(30*time.Second, p.B.Addr()) // the renewal begins ten seconds later; the name leads to the old node still
		<-time.After(30 * time.Second)
		assert.Zero(t, p.A.Shut())
		<-time.After(4 * time.Second)
		assert.Len(t, peers(c), 1)
		require.NoError(t, p.A.Reopen())
		<-time.After(10 * time.Minute)
		n := stopFeed()
		<-time.After(time.Second)
		_, failed := stopWork()
		assert.Zero(t, failed)
		assert.Zero(t, p.cut.Load())
		missing, doubled := l.missing(t, "x", n)
		assert.Zero(t, missing)
		assert.Zero(t, doubled)
	})
}

// disguised hides where a connection leads to, as a tunnel does.
type disguised struct{ net.Conn }

func (disguised) RemoteAddr() net.Addr { return &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 1080} }

// A renewal dials the configured endpoint: the peer's address may be that of a tunnel.
func TestConnectionsThroughATunnelAreRenewed(t *testing.T) { // H-124
	synctest.Test(t, func(t *testing.T) {
		p := newStrict(t)
		var wrong atomic.Int64
		c := p.client(baton.Options{Credentials: &issuer{life: time.Hour, kept: 2 * time.Hour}, Pool: pool.Config{MinIdle: 3, MaxIdleTime: -1},
			Dialer: func(ctx context.Context, network, addr string) (net.Conn, error) {
				if addr != p.A.Addr() {
					wrong.Add(1)
				}
				nc, err := p.Network.DialContext(ctx, network, addr)
				return disguised{nc}, err
			}})
		defer c.Close()
		s, err := c.Subscribe(t.Context(), "x")
		require.NoError(t, err)
		<-time.After(10 * time.Hour)
		assert.Zero(t, wrong.Load())
		assert.Zero(t, p.cut.Load())
		assert.Len(t, ofKind(taken(s), baton.SubMoved), int(p.logins.Load()/5)-1)
		assert.NoError(t, c.Ready(t.Context()))
	})
}

// A session that ends in time is waited for. One that does not is broken before the server would break it, and told so.
func TestSessionsAreWaitedForAheadOfAnExpiry(t *testing.T) { // H-124
	for _, long := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			p := newStrict(t)
			c := p.client(baton.Options{Credentials: &issuer{life: time.Hour, kept: 2 * time.Hour}, Pool: pool.Config{MaxIdleTime: -1}})
			defer c.Close()
			session, err := c.Conn(t.Context())
			require.NoError(t, err)
			defer session.Release()
			<-time.After(50 * time.Minute)
			_, err = session.Do(t.Context(), "WATCH", "k")
			require.NoError(t, err)
			<-time.After(6 * time.Minute) // the renewal began a minute ago
			if long {
				<-time.After(3 * time.Minute)
			}
			_, err = session.Do(t.Context(), "MULTI")
			if long {
				require.ErrorIs(t, err, baton.ErrMoved)
				assert.Zero(t, p.cut.Load())
				return
			}
			require.NoError(t, err)
			_, err = session.Do(t.Context(), "EXEC")
			require.NoError(t, err)
			<-time.After(10 * time.Minute)
			assert.Zero(t, p.cut.Load())
		})
	}
}

func TestCloseDuringARenewalLeavesNothing(t *testing.T) { // H-124
	for _, after := range []time.Duration{14*time.Minute + 59*time.Second, 15 * time.Minute, 15*time.Minute + 10*time.Millisecond, 16 * time.Minute} {
		for _, block := range []bool{false, true} {
			synctest.Test(t, func(t *testing.T) {
				p := newPair(t)
				creds := &issuer{life: 20 * time.Minute, kept: time.Hour}
				c := p.client(baton.Options{Credentials: creds, Pool: pool.Config{MinIdle: 9}})
				stop := occupy(t, c)
				_, err := c.Subscribe(t.Context(), "x")
				require.NoError(t, err)
				<-time.After(after - time.Second)
				creds.set(nil, block)
				p.A.Delay(20 * time.Millisecond)
				<-time.After(time.Second)
				stop()
				c.Close()
				synctest.Wait()
				assert.Zero(t, p.A.Stats().Open)
			})
		}
	}
}

// lookedUp gives what stands there now.
type lookedUp struct{ v atomic.Value }

func (p *lookedUp) Credentials(context.Context) (baton.Credentials, error) {
	return p.v.Load().(baton.Credentials), nil
}

// A user of a real server whose password changes: connections go over to the new one, and the old one may go.
func TestRealConnectionsAreAuthenticatedAnew(t *testing.T) { // H-124
	protocols(t, func(t *testing.T, proto int) {
		addr := redistest.Start(t)
		ctx := t.Context()
		admin := open(t, baton.Options{Addr: addr})
		set := func(rules ...any) {
			_, err := admin.Do(ctx, append([]any{"ACL", "SETUSER", "u", "on", "+@all", "~*", "&*"}, rules...)...)
			require.NoError(t, err)
		}
		set(">p0")
		p := &lookedUp{}
		p.v.Store(baton.Credentials{Username: "u", Password: "p0", Expires: time.Now().Add(2 * time.Second)})
		c := open(t, baton.Options{Addr: addr, Protocol: proto, ClientName: "mine", Credentials: p, Pool: pool.Config{MinIdle: 3}})
		s, err := c.Subscribe(ctx, "x")
		require.NoError(t, err)
		ids := func() map[string]bool {
			list, err := baton.As[string](admin.Do(ctx, "CLIENT", "LIST"))
			require.NoError(t, err)
			m := map[string]bool{}
			for line := range strings.Lines(list) {
				if strings.Contains(line, " name=mine ") {
					m[strings.Fields(line)[0]] = true
				}
			}
			return m
		}
		require.NoError(t, c.Ready(ctx))
		require.Eventually(t, func() bool { return len(ids()) == 5 }, time.Minute, 10*time.Millisecond)
		stop := occupy(t, c)
		before := ids()
		set(">p1")
		p.v.Store(baton.Credentials{Username: "u", Password: "p1"}) // for ever
		require.Eventually(t, func() bool {
			now := ids()
			for id := range before {
				if now[id] {
					return false
				}
			}
			return len(now) >= 5
		}, time.Minute, 10*time.Millisecond)
		set("<p0")
		n, err := baton.As[int](admin.Do(ctx, "PUBLISH", "x", "y"))
		require.NoError(t, err)
		assert.Equal(t, 1, n)
		receive(t, s, 1)
		_, failed := stop()
		assert.Zero(t, failed)
		assert.Zero(t, c.Stats().Lost)
	})
}

package baton_test

import (
	"context"
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
	"github.com/baton-go/baton/handoff"
	"github.com/baton-go/baton/handoff/handofftest"
	"github.com/baton-go/baton/pool"
)

// questions counts the opt-ins a server is sent, whatever it answers.
type questions struct{ n atomic.Int64 }

func (q *questions) see(_ handofftest.ConnInfo, args [][]byte) {
	if isOptIn(args) {
		q.n.Add(1)
	}
}

func isOptIn(args [][]byte) bool {
	return len(args) > 1 && strings.EqualFold(string(args[1]), "MAINT_NOTIFICATIONS")
}

// Connections dialled together put one question; a server that does not call itself redis is not asked at all.
func TestQuestionsPerEndpoint(t *testing.T) { // H-77, H-78, H-78a
	for name, x := range map[string]struct {
		server     string
		maint      handofftest.Maintenance
		mode       handoff.Mode
		asked      int64
		capability handoff.Capability
	}{
		"redis with the feature: all ask": {"redis", handofftest.MaintenanceOn, handoff.ModeAuto, 10, handoff.CapabilitySupported},
		"redis without it: one asks":      {"redis", handofftest.MaintenanceUnknown, handoff.ModeAuto, 1, handoff.CapabilityRefused},
		"redis, switched off: one asks":   {"redis", handofftest.MaintenanceOff, handoff.ModeAuto, 1, handoff.CapabilityRefused},
		"valkey: nobody":                  {"valkey", handofftest.MaintenanceUnknown, handoff.ModeAuto, 0, handoff.CapabilityRefused},
		"disabled: nobody":                {"redis", handofftest.MaintenanceOn, handoff.ModeDisabled, 0, handoff.CapabilityUnknown},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				q := &questions{}
				p := newPair(t, handofftest.Options{ServerName: x.server, Maintenance: x.maint, OnCommand: q.see})
				p.A.Delay(time.Millisecond) // so that all are dialled before the first has its answer
				tr := &tracer{}
				c := p.client(baton.Options{Pool: pool.Config{MinIdle: 9}, Tracer: tr, Handoff: handoff.Config{Mode: x.mode}})
				defer c.Close()
				<-time.After(time.Second)
				require.Equal(t, map[string]int{p.A.Addr(): 10}, peers(c))
				assert.Equal(t, x.asked, q.n.Load())
				assert.Equal(t, x.capability, c.Handoffs().Stats().Capability)
				assert.Zero(t, c.Stats().DialErrors, "a refusal is no failure")
				assert.Zero(t, c.Stats().Lost)
				assert.Equal(t, []string{"start PING", "end PING 1 1 <nil>"}, tr.log, "no set-up traffic")
			})
		})
	}
}

// The user may not run CLIENT: a refusal like any other, and no other form of the question is tried.
func TestDeniedOptInIsARefusal(t *testing.T) { // H-79
	synctest.Test(t, func(t *testing.T) {
		q := &questions{}
		p := newPair(t, handofftest.Options{OnCommand: q.see, Intercept: func(_ handofftest.ConnInfo, args [][]byte) ([]byte, bool) {
			return []byte("-NOPERM User default has no permissions to run the 'client' command\r\n"), strings.EqualFold(string(args[0]), "CLIENT")
		}})
		c := p.client(baton.Options{Pool: pool.Config{MinIdle: 4}})
		defer c.Close()
		<-time.After(time.Second)
		assert.EqualValues(t, 1, q.n.Load())
		assert.Len(t, peers(c), 1)
	})
}

// HELLO is answered in RESP2: auto goes on without the feature, enabled says why it cannot.
func TestServerThatStaysInRESP2(t *testing.T) { // H-71, H-72
	for _, mode := range []handoff.Mode{handoff.ModeAuto, handoff.ModeEnabled} {
		synctest.Test(t, func(t *testing.T) {
			q := &questions{}
			p := newPair(t, handofftest.Options{OnCommand: q.see})
			p.A.SetTrouble(handofftest.Trouble{Resp2Hello: true})
			c, err := baton.New(baton.Options{Addr: p.A.Addr(), Dialer: p.Network.DialContext, Handoff: handoff.Config{Mode: mode}})
			require.NoError(t, err)
			defer c.Close()
			err = c.Ready(t.Context())
			if mode == handoff.ModeEnabled {
				var why *handoff.OptInError
				require.ErrorAs(t, err, &why)
				assert.Contains(t, err.Error(), "RESP3 was not granted")
				return
			}
			require.NoError(t, err)
			assert.Equal(t, handoff.CapabilityRefused, c.Handoffs().Stats().Capability)
			assert.Zero(t, q.n.Load(), "there it would be accepted, and nothing would ever come")
		})
	}
}

// A client that was promised notifications keeps working with a server that loses the feature, and finds it again.
func TestFeatureThatComesAndGoes(t *testing.T) { // H-74
	synctest.Test(t, func(t *testing.T) {
		q := &questions{}
		p := newPair(t, handofftest.Options{OnCommand: q.see})
		c := p.client(baton.Options{})
		defer c.Close()
		for _, x := range []struct {
			now  handofftest.Maintenance
			wait time.Duration
			is   handoff.Capability
		}{
			{handofftest.MaintenanceOff, 0, handoff.CapabilityRefused},
			{handofftest.MaintenanceOn, 0, handoff.CapabilityRefused}, // not asked again so soon
			{handofftest.MaintenanceOn, time.Minute, handoff.CapabilitySupported},
		} {
			<-time.After(x.wait)
			p.Server.SetMaintenance(x.now)
			p.A.Kill()
			require.NoError(t, p.A.Reopen())
			<-time.After(100 * time.Millisecond)
			require.NoError(t, c.Ready(t.Context()))
			assert.Equal(t, x.is, c.Handoffs().Stats().Capability)
		}
		assert.EqualValues(t, 3, q.n.Load())
	})
}

// countingResolver counts look-ups.
type countingResolver struct {
	baton.Resolver
	n atomic.Int64
}

func (r *countingResolver) LookupHost(ctx context.Context, host string) ([]string, error) {
	r.n.Add(1)
	return r.Resolver.LookupHost(ctx, host)
}

// The endpoint type follows from the connected peer: nothing is resolved for it, in no mode.
func TestNothingIsResolvedForDetection(t *testing.T) { // H-79a, H-80
	for _, mode := range []handoff.Mode{handoff.ModeAuto, handoff.ModeEnabled, handoff.ModeDisabled} {
		synctest.Test(t, func(t *testing.T) {
			p := newPair(t)
			r := &countingResolver{Resolver: p.Network}
			c, err := baton.New(baton.Options{Addr: handofftest.PairName + ":6379", Resolver: r, Dialer: p.Network.DialContext, Handoff: handoff.Config{Mode: mode}})
			require.NoError(t, err)
			defer c.Close()
			assert.Zero(t, r.n.Load(), "New does no I/O")
			require.NoError(t, c.Ready(t.Context()))
			assert.EqualValues(t, 1, r.n.Load(), "the dial's")
		})
	}
}

// There is one wiring, and both ways to make a client go through it.
func TestEveryConstructorAsksForNotifications(t *testing.T) { // H-49, H-67
	srv, n := newLoopback(t, handofftest.Options{})
	c, err := baton.Dial(t.Context(), "redis://"+n.Addr())
	require.NoError(t, err)
	defer c.Close()
	assert.EqualValues(t, 1, srv.OptIns())
	d := open(t, baton.Options{Addr: n.Addr(), Pool: pool.Config{MinIdle: 2, Lanes: 1}})
	_, err = d.Do(t.Context(), "BLPOP", "none", "0.01")
	require.NoError(t, err)
	st := n.Stats()
	assert.Equal(t, st.Open, st.OptedIn, "shared and leased connections alike")
	off := open(t, baton.Options{Addr: n.Addr(), Handoff: handoff.Config{Mode: handoff.ModeDisabled}})
	require.NoError(t, off.Ready(t.Context()))
	assert.Equal(t, n.Stats().Open, n.Stats().OptedIn+1, "control")
}

// A connection is dialled, the announcement comes, the dial ends at the peer that retires: it is moved all the same.
func TestDialThatCrossesTheAnnouncement(t *testing.T) { // H-36, H-54
	synctest.Test(t, func(t *testing.T) {
		p := newPair(t, handofftest.Options{CatchUp: time.Hour}) // the late one is told nothing
		hold := make(chan struct{})
		var dials atomic.Int64
		c := p.client(baton.Options{Dialer: func(ctx context.Context, network, addr string) (net.Conn, error) {
			switch n := dials.Add(1); {
			case n == 2:
				<-hold
			case n > 2:
				<-time.After(time.Millisecond) // else the move may be over before the command is there
			}
			return p.Network.DialContext(ctx, network, addr)
		}})
		defer c.Close()
		var wg sync.WaitGroup
		wg.Go(func() { // needs a second connection, and blocks there from 3 s to 8 s
			_, err := c.Do(t.Context(), "BLPOP", "queue", "5")
			assert.NoError(t, err)
		})
		synctest.Wait()
		require.EqualValues(t, 2, dials.Load())
		p.A.Moving(15*time.Second, p.B.Addr())
		<-time.After(3 * time.Second)
		require.Equal(t, map[string]int{p.B.Addr(): 1}, peers(c))
		close(hold)
		<-time.After(2 * time.Second)
		assert.Equal(t, map[string]int{p.A.Addr(): 1, p.B.Addr(): 1}, peers(c))
		wg.Wait()
		synctest.Wait()
		assert.Equal(t, map[string]int{p.B.Addr(): 2}, peers(c), "as soon as it has its reply")
	})
}

// A proxy that knows HELLO and closes at CLIENT (go-redis #2616, StackExchange.Redis #3175).
func TestProxyThatClosesAtClientCommands(t *testing.T) { // H-127
	for _, disable := range []bool{true, false} { // the second is the control
		synctest.Test(t, func(t *testing.T) {
			var p *pair
			p = newPair(t, handofftest.Options{Password: "secret", Intercept: func(c handofftest.ConnInfo, args [][]byte) ([]byte, bool) {
				if string(args[0]) == "CLIENT" {
					p.Server.Conn(c.ID).Shut()
				}
				return nil, string(args[0]) == "CLIENT"
			}})
			o, err := baton.ParseURL("redis://default:secret@" + p.A.Addr() + "?client_name=me&maint=disabled&disable_identity=" + strconv.FormatBool(disable))
			require.NoError(t, err)
			o.Dialer = p.Network.DialContext
			c, err := baton.New(o)
			require.NoError(t, err)
			defer c.Close()
			err = c.Ready(t.Context())
			if !disable {
				assert.ErrorContains(t, err, "set up (CLIENT SETINFO)")
				assert.ErrorContains(t, err, "Options.DisableIdentity")
				return
			}
			require.NoError(t, err)
			s, err := c.Subscribe(t.Context(), "c")
			require.NoError(t, err)
			p.Server.Publish("c", "x")
			receive(t, s, 1)
			assert.Equal(t, 3, p.A.Conns()[0].Proto)
			assert.Equal(t, "me", p.A.Conns()[0].Name)
		})
	}
}

// A proxy that closes at all but a few commands is usable with Protocol 2.
func TestProxyThatClosesAtUnknownCommands(t *testing.T) { // H-127
	known := map[string]bool{"GET": true, "SET": true, "DEL": true, "AUTH": true, "PING": true, "MGET": true}
	for _, password := range []string{"", "secret"} {
		synctest.Test(t, func(t *testing.T) {
			var p *pair
			closed := map[string]int{}
			p = newPair(t, handofftest.Options{Password: password, Intercept: func(c handofftest.ConnInfo, args [][]byte) ([]byte, bool) {
				name := string(args[0])
				if !known[name] {
					closed[name]++
					p.Server.Conn(c.ID).Shut()
				}
				return nil, !known[name]
			}})
			c := p.client(baton.Options{Protocol: 2, Password: password, Pool: pool.Config{MinIdle: 2}})
			defer c.Close()
			_, err := c.Set(t.Context(), "k", "v")
			require.NoError(t, err)
			v, err := c.Get(t.Context(), "k")
			require.NoError(t, err)
			assert.Equal(t, "v", v)
			<-time.After(time.Hour)
			n, err := c.Del(t.Context(), "k")
			require.NoError(t, err)
			assert.EqualValues(t, 1, n)
			assert.Empty(t, closed)
		})
	}
}

// A command that blocks passes a proxy that closes at INFO or CLIENT, also when it is given up.
func TestCommandThatBlocksThroughAProxyThatClosesAtUnknownCommands(t *testing.T) { // H-127
	for name, o := range map[string]baton.Options{
		"INFO in RESP2":   {Protocol: 2},
		"INFO at all":     {Protocol: 2, DisableIdentity: true},
		"INFO in RESP3":   {DisableIdentity: true, Handoff: handoff.Config{Mode: handoff.ModeDisabled}},
		"CLIENT in RESP2": {Protocol: 2},
	} {
		synctest.Test(t, func(t *testing.T) {
			var p *pair
			closed := 0
			p = newPair(t, handofftest.Options{Intercept: func(c handofftest.ConnInfo, args [][]byte) ([]byte, bool) {
				switch what := string(args[0]); {
				case what == "BLPOP" && string(args[1]) == "q":
					return []byte("*2\r\n$1\r\nq\r\n$1\r\nv\r\n"), true
				case strings.HasPrefix(name, what+" "):
					closed++
					p.Server.Conn(c.ID).Shut()
					return nil, true
				}
				return nil, false
			}})
			c := p.client(o)
			defer c.Close()
			for range 3 {
				_, v, err := c.BLPop(t.Context(), time.Second, "q")
				require.NoError(t, err, name)
				assert.Equal(t, "v", v)
			}
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			defer cancel()
			_, _, err := c.BLPop(ctx, time.Minute, "none")
			assert.ErrorIs(t, err, context.DeadlineExceeded, name)
			if o.DisableIdentity {
				assert.Zero(t, closed, name)
			}
			assert.LessOrEqual(t, closed, 1, name)
		})
	}
}

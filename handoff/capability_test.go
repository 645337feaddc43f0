package handoff

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/baton-go/baton/conn"
	"github.com/baton-go/baton/resp3"
	"github.com/stretchr/testify/assert"
)

func capabilityOf(cfg Config) *capability {
	cfg = cfg.WithDefaults(10, 0)
	return &capability{cfg: &cfg, optIns: memory[string]{}}
}

// asks is ask behind the HELLO of a Redis.
func asks(c *capability, peer string, tls bool, now time.Time) string {
	return c.ask(context.Background(), conn.Facts{Peer: peer, TLS: tls, Greeted: true, Server: "redis"}, now)
}

var (
	unknownCommand = &resp3.Error{Code: "ERR", Message: "unknown subcommand 'maint_notifications'. Try CLIENT HELP."}
	granted        = conn.Setup{Peer: nodeA, Server: "redis", Proto: 3, Asked: "internal-ip"}
	refusal        = conn.Setup{Peer: nodeA, Server: "redis", Proto: 3, Asked: "internal-ip", Refused: unknownCommand}
	onRESP2        = conn.Setup{Peer: nodeA, Proto: 2, Refused: conn.ErrProtocol}
)

// H-74, H-78; go-redis #3853.
func TestAutoRemembersARefusalAndAsksAgainLater(t *testing.T) {
	c := capabilityOf(Config{})
	assert.Equal(t, "internal-ip", asks(c, nodeA, false, t0))
	news, err := c.learn(refusal, t0)
	assert.NoError(t, err)
	assert.True(t, news)
	assert.Equal(t, CapabilityRefused, c.get())
	assert.Empty(t, asks(c, nodeA, false, at(59)))
	news, err = c.learn(conn.Setup{Peer: nodeA, Server: "redis", Proto: 3}, at(59))
	assert.NoError(t, err)
	assert.False(t, news, "was not asked")
	assert.Equal(t, "internal-ip", asks(c, nodeA, false, at(60)), "one connection asks again")
	assert.Empty(t, asks(c, nodeA, false, at(60)), "the others do not")
	_, _ = c.learn(granted, at(60))
	assert.Equal(t, CapabilitySupported, c.get())
	assert.Equal(t, "external-fqdn", asks(c, "54.78.247.156:1", true, at(61)))
	news, _ = c.learn(refusal, at(62)) // a roll-back of the server
	assert.True(t, news)
	assert.Empty(t, asks(c, nodeA, false, at(63)))
}

func TestAutoNeverAsksAgainIfToldSo(t *testing.T) {
	c := capabilityOf(Config{Reprobe: -1})
	_, _ = c.learn(refusal, t0)
	assert.Empty(t, asks(c, nodeA, false, at(1e6)))
}

func TestAutoDoesNotAskAnotherKindOfServer(t *testing.T) {
	for _, reprobe := range []time.Duration{0, -1} {
		c := capabilityOf(Config{Reprobe: reprobe})
		valkey := conn.Facts{Peer: nodeA, Greeted: true, Server: "valkey"}
		assert.Empty(t, c.ask(t.Context(), conn.Facts{Peer: nodeA}, t0), "before HELLO nobody knows who answers")
		assert.Empty(t, c.ask(t.Context(), valkey, t0), "not even once")
		for i := range 3 {
			news, err := c.learn(conn.Setup{Peer: nodeA, Server: "valkey", Proto: 3}, t0)
			assert.NoError(t, err)
			assert.Equal(t, i == 0, news, "told once")
		}
		assert.Equal(t, CapabilityRefused, c.get())
		assert.Empty(t, c.ask(t.Context(), valkey, at(1e6)))
		assert.NotEmpty(t, asks(c, nodeA, false, at(1)), "a server of the right kind took over: nobody has asked that one")
		_, _ = c.learn(granted, at(1))
		assert.NotEmpty(t, c.ask(t.Context(), conn.Facts{Peer: nodeA}, at(2)), "known: with the first write")
	}
	e := capabilityOf(Config{Mode: ModeEnabled})
	assert.NotEmpty(t, e.ask(t.Context(), conn.Facts{Peer: nodeA}, t0), "enabled asks whoever it is")
}

// Connections dialled together: one asks, the others wait for its answer.
func TestConnectionsDialledTogetherAskOnce(t *testing.T) {
	for name, x := range map[string]struct {
		answer conn.Setup
		asked  int
	}{"granted": {granted, 10}, "refused": {refusal, 1}, "no answer": {asked: 10}} {
		bubble(t, func(t *testing.T) {
			c := capabilityOf(Config{})
			var asked atomic.Int64
			var wg sync.WaitGroup
			for range 10 {
				wg.Go(func() {
					if asks(c, nodeA, false, time.Now()) == "" {
						return
					}
					if asked.Add(1) == 1 && x.answer.Proto != 0 {
						time.Sleep(50 * time.Millisecond) // fake
						_, _ = c.learn(x.answer, time.Now())
					}
				})
			}
			wg.Wait()
			assert.EqualValues(t, x.asked, asked.Load(), name)
			if x.answer.Proto != 0 {
				return
			}
			time.Sleep(answerTimeout)
			assert.NotEmpty(t, asks(c, nodeA, false, time.Now()), "somebody asks anew")
			ctx, cancel := context.WithCancel(t.Context())
			cancel()
			begun := time.Now()
			c.ask(ctx, conn.Facts{Greeted: true}, begun)
			assert.Zero(t, time.Since(begun), "who gives up does not wait")
		})
	}
}

func TestAutoOnRESP2IsARefusal(t *testing.T) {
	c := capabilityOf(Config{})
	news, err := c.learn(onRESP2, t0)
	assert.True(t, news)
	assert.NoError(t, err)
	assert.Empty(t, asks(c, nodeA, false, at(1)))
}

// H-71, H-72, H-79: enabled insists, and says why it fails.
func TestEnabledFailsWithTheReason(t *testing.T) {
	c := capabilityOf(Config{Mode: ModeEnabled})
	_, err := c.learn(granted, t0)
	assert.NoError(t, err)
	for _, x := range []struct {
		s    conn.Setup
		want string
	}{
		{refusal, "refused for endpoint type internal-ip: ERR unknown subcommand"},
		{onRESP2, "RESP3 was not granted (protocol is 2)"},
		{conn.Setup{Peer: nodeA, Proto: 2, Asked: "none"}, "RESP3 was not granted (protocol is 2)"}, // +OK on RESP2, and then silence
		{conn.Setup{Peer: nodeA, Proto: 3}, "was not asked"},
	} {
		assert.Equal(t, "internal-ip", asks(c, nodeA, false, t0), "enabled always asks")
		_, err := c.learn(x.s, t0)
		var typed *OptInError
		assert.ErrorAs(t, err, &typed)
		assert.ErrorContains(t, err, x.want)
		assert.ErrorContains(t, err, nodeA)
	}
	_, err = c.learn(refusal, t0)
	var answer *resp3.Error
	assert.True(t, errors.As(err, &answer), "the server's answer is the cause")
}

func TestEndpointTypeIsConfigurable(t *testing.T) {
	assert.Equal(t, "none", asks(capabilityOf(Config{EndpointType: EndpointTypeNone}), nodeA, true, t0))
	assert.Equal(t, "none", asks(capabilityOf(Config{}), "", true, t0), "unix socket")
	assert.Empty(t, asks(capabilityOf(Config{Mode: ModeDisabled}), nodeA, true, t0))
}

func TestFreshness(t *testing.T) {
	c := capabilityOf(Config{Mode: ModeEnabled})
	assert.False(t, c.justOptedIn(nodeA, t0))
	asks(c, nodeA, false, t0)
	assert.True(t, c.justOptedIn(nodeA, at(0.9)), "from the question on: what was kept may stand right behind the answer")
	assert.False(t, c.justOptedIn(nodeA, at(1)))
	assert.False(t, c.justOptedIn(nodeB, t0))
	for i := range 4_000 {
		asks(c, time.Duration(i).String(), false, t0)
	}
	assert.LessOrEqual(t, len(c.optIns), maxMemory)
}

// The whole of it through the Manager: one event, no log line.
func TestRefusalIsQuiet(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log := &lines{}
		r := newRig(t, Config{}, byIP, func(w *Wiring) { w.Logger = log.logger() })
		for range 50 {
			if r.e.OptIn(t.Context(), conn.Facts{Peer: nodeA, Greeted: true}) != "" {
				assert.NoError(t, r.e.OptedIn(refusal))
			}
		}
		synctest.Wait()
		assert.EqualValues(t, 1, r.m.Stats().Refusals)
		assert.Equal(t, CapabilityRefused, r.m.Stats().Capability)
		assert.Equal(t, "refused", r.m.Stats().Capability.String())
		r.e.Close()
		assert.Empty(t, log.all())
	})
}

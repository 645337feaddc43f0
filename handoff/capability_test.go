package handoff

import (
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/baton-go/baton/conn"
	"github.com/baton-go/baton/resp3"
	"github.com/stretchr/testify/assert"
)

func capabilityOf(cfg Config) *capability {
	cfg = cfg.WithDefaults(10, 0)
	return &capability{cfg: &cfg}
}

var (
	unknownCommand = &resp3.Error{Code: "ERR", Message: "unknown subcommand 'maint_notifications'. Try CLIENT HELP."}
	granted        = conn.Setup{Peer: nodeA, Server: "redis", Proto: 3, Asked: "internal-ip"}
	refusal        = conn.Setup{Peer: nodeA, Server: "redis", Proto: 3, Asked: "internal-ip", Refused: unknownCommand}
	onRESP2        = conn.Setup{Peer: nodeA, Proto: 2, Refused: conn.ErrProtocol}
)

// Protocol notes 1.5, pitfalls 1 and 2; H-74, H-78.
func TestAutoRemembersARefusalAndAsksAgainLater(t *testing.T) {
	c := capabilityOf(Config{})
	assert.Equal(t, "internal-ip", c.ask(nodeA, false, t0))
	news, err := c.learn(refusal, t0)
	assert.NoError(t, err)
	assert.True(t, news)
	assert.Equal(t, CapabilityRefused, c.get())
	assert.Empty(t, c.ask(nodeA, false, at(59)))
	news, err = c.learn(conn.Setup{Peer: nodeA, Server: "redis", Proto: 3}, at(59))
	assert.NoError(t, err)
	assert.False(t, news, "was not asked")
	assert.Equal(t, "internal-ip", c.ask(nodeA, false, at(60)), "one connection asks again")
	assert.Empty(t, c.ask(nodeA, false, at(60)), "the others do not")
	_, _ = c.learn(granted, at(60))
	assert.Equal(t, CapabilitySupported, c.get())
	assert.Equal(t, "external-fqdn", c.ask("54.78.247.156:1", true, at(61)))
	news, _ = c.learn(refusal, at(62)) // a roll-back of the server
	assert.True(t, news)
	assert.Empty(t, c.ask(nodeA, false, at(63)))
}

func TestAutoNeverAsksAgainIfToldSo(t *testing.T) {
	c := capabilityOf(Config{Reprobe: -1})
	_, _ = c.learn(refusal, t0)
	assert.Empty(t, c.ask(nodeA, false, at(1e6)))
}

func TestAutoDoesNotAskAnotherKindOfServer(t *testing.T) {
	c := capabilityOf(Config{})
	valkey := refusal
	valkey.Server = "valkey"
	_, _ = c.learn(valkey, t0)
	assert.Empty(t, c.ask(nodeA, false, at(1e6)))
	_, _ = c.learn(conn.Setup{Peer: nodeA, Server: "redis", Proto: 3}, at(1e6)) // a server of the right kind took over
	assert.NotEmpty(t, c.ask(nodeA, false, at(1e6)))
	valkey.Refused = nil
	_, _ = c.learn(valkey, at(1e6))
	assert.NotEmpty(t, c.ask(nodeA, false, at(1e6)), "one that grants it may call itself what it likes")
}

func TestAutoOnRESP2IsARefusal(t *testing.T) {
	c := capabilityOf(Config{})
	news, err := c.learn(onRESP2, t0)
	assert.True(t, news)
	assert.NoError(t, err)
	assert.Empty(t, c.ask(nodeA, false, at(1)))
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
		assert.Equal(t, "internal-ip", c.ask(nodeA, false, t0), "enabled always asks")
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
	assert.Equal(t, "none", capabilityOf(Config{EndpointType: EndpointTypeNone}).ask(nodeA, true, t0))
	assert.Equal(t, "none", capabilityOf(Config{}).ask("", true, t0), "unix socket")
	assert.Empty(t, capabilityOf(Config{Mode: ModeDisabled}).ask(nodeA, true, t0))
}

func TestFreshness(t *testing.T) {
	c := capabilityOf(Config{})
	assert.False(t, c.isFresh(nodeA, t0))
	c.ask(nodeA, false, t0)
	assert.True(t, c.isFresh(nodeA, at(0.9)), "from the question on: what was kept may stand right behind the answer")
	assert.False(t, c.isFresh(nodeA, at(1)))
	assert.False(t, c.isFresh(nodeB, t0))
	for i := range 1_000 {
		c.ask(time.Duration(i).String(), false, t0)
	}
	assert.LessOrEqual(t, len(c.fresh), maxFresh)
}

// The whole of it through the Manager: one event, no log line (design, section 2, quiet).
func TestRefusalIsQuiet(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log := &lines{}
		r := newRig(t, Config{}, byIP, func(w *Wiring) { w.Logger = log.logger() })
		for range 50 {
			if r.m.OptIn(conn.Facts{Peer: nodeA}) != "" {
				assert.NoError(t, r.m.OptedIn(refusal))
			}
		}
		synctest.Wait()
		assert.EqualValues(t, 1, r.m.Stats().Refusals)
		assert.Equal(t, CapabilityRefused, r.m.Stats().Capability)
		assert.Equal(t, "refused", r.m.Stats().Capability.String())
		r.m.Close()
		assert.Empty(t, log.all())
	})
}

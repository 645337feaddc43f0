package conn_test

import (
	"strings"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/baton-go/baton/conn"
	"github.com/baton-go/baton/handoff/handofftest"
)

// commandsOf notes the set-up commands that the server gets, without what follows the second word.
func commandsOf(o *handofftest.Options) *[]string {
	var got []string
	o.OnCommand = func(_ handofftest.ConnInfo, args [][]byte) {
		words := string(args[0])
		if len(args) > 1 && (words == "CLIENT" || words == "HELLO") {
			words += " " + string(args[1])
		}
		got = append(got, words)
	}
	return &got
}

// Servers and proxies refuse HELLO in many ways (go-redis #2515, #2462; envoy #17571; redis-cluster-proxy #102; pikiwidb #1244).
func TestHelloRefusedInAnyWordsLeavesRESP2(t *testing.T) { // H-126
	for _, text := range []string{
		"ERR unknown command `HELLO`, with args beginning with: `3`, ", "ERR Protocol version is not an integer or out of range",
		"NOPROTO unsupported protocol version", "ERR HELLO is not supported", "ERR invalid command", "DENIED", "BADREQUEST",
		"ERR wrong number of arguments for 'hello' command", "ERR command HELLO is not allowed by proxy", "ERR unsupported",
		"ERR syntax error in HELLO option 'setname'", "NOPERM this user has no permissions to run the 'hello' command",
		"NOAUTH HELLO must be called with the client already authenticated, otherwise the HELLO AUTH <user> <pass> option can be used",
	} {
		for _, password := range []string{"", secret} {
			if password == "" && strings.HasPrefix(text, "NOAUTH") {
				continue
			}
			synctest.Test(t, func(t *testing.T) {
				o := handofftest.Options{Password: password, Intercept: func(_ handofftest.ConnInfo, args [][]byte) ([]byte, bool) {
					return []byte("-" + text + "\r\n"), string(args[0]) == "HELLO"
				}}
				p := newPair(t, o)
				p.cfg.Credentials, p.cfg.ClientName, p.cfg.DB = credentials("", password), "me", 2
				c := p.dial()
				assert.Equal(t, 2, c.Info().Setup.Proto)
				assert.Equal(t, "me", p.A.Conns()[0].Name)
				p.want(c, "x", "ECHO", "x")

				p.cfg.Protocol = 3
				_, err := conn.Dial(t.Context(), p.cfg, addrA)
				require.ErrorIs(t, err, conn.ErrProtocol)
				assert.ErrorContains(t, err, text[:min(len(text), 20)], "it says what the server said")
				assert.NotContains(t, err.Error(), secret)
			})
		}
	}
}

// A refusal that a later attempt may mend, or nothing can, is not tried again in RESP2: the password goes out once.
func TestHelloRefusedForGoodIsNotTriedInRESP2(t *testing.T) { // H-126
	for _, text := range []string{
		"WRONGPASS invalid username-password pair or user is disabled.", "ERR invalid password", "ERR max number of clients reached",
		"LOADING Redis is loading the dataset in memory", "MASTERDOWN Link with MASTER is down", "BUSY Redis is busy running a script",
	} {
		synctest.Test(t, func(t *testing.T) {
			o := handofftest.Options{Intercept: func(_ handofftest.ConnInfo, args [][]byte) ([]byte, bool) {
				return []byte("-" + text + "\r\n"), string(args[0]) == "HELLO"
			}}
			got := commandsOf(&o)
			p := newPair(t, o)
			p.cfg.Credentials = credentials("", secret)
			_, err := conn.Dial(t.Context(), p.cfg, addrA)
			require.ErrorContains(t, err, text)
			assert.NotContains(t, *got, "AUTH")
		})
	}
}

// A proxy that knows HELLO 3 but not its options is asked again behind AUTH and CLIENT SETNAME's place.
func TestHelloRefusedForItsOptionsStillGrantsRESP3(t *testing.T) { // H-126
	for _, proto := range []int{0, 3} {
		synctest.Test(t, func(t *testing.T) {
			o := handofftest.Options{Password: secret, Intercept: func(_ handofftest.ConnInfo, args [][]byte) ([]byte, bool) {
				return []byte("-ERR syntax error in HELLO option 'AUTH'\r\n"), string(args[0]) == "HELLO" && len(args) > 2
			}}
			got := commandsOf(&o)
			p := newPair(t, o)
			p.cfg.Credentials, p.cfg.ClientName, p.cfg.Protocol = credentials("", secret), "me", proto
			c := p.dial()
			s := c.Info().Setup
			assert.Equal(t, 3, s.Proto)
			assert.NoError(t, s.Refused, "and notifications")
			assert.NotZero(t, s.ID)
			assert.Equal(t, "me", p.A.Conns()[0].Name)
			assert.True(t, p.A.Conns()[0].OptedIn)
			assert.Equal(t, []string{"HELLO 3", "CLIENT SETINFO", "CLIENT SETINFO", "CLIENT MAINT_NOTIFICATIONS",
				"AUTH", "HELLO 3", "CLIENT SETNAME", "CLIENT MAINT_NOTIFICATIONS"}, *got)
		})
	}
}

// Some say so and close.
func TestHelloRefusedAndClosedSaysBoth(t *testing.T) { // H-126, H-127
	synctest.Test(t, func(t *testing.T) {
		var p *pair
		p = newPair(t, handofftest.Options{Intercept: func(c handofftest.ConnInfo, args [][]byte) ([]byte, bool) {
			p.Server.Conn(c.ID).Shut()
			return []byte("-ERR unsupported command\r\n"), string(args[0]) == "HELLO"
		}})
		_, err := conn.Dial(t.Context(), p.cfg, addrA)
		require.ErrorContains(t, err, "unsupported command")
		assert.ErrorContains(t, err, "Options.Protocol to 2")
	})
}

// A proxy that closes at commands it does not know, as twemproxy does (go-redis #2616, twemproxy #460).
func closesAt(p **pair, refused func(name string) bool) handofftest.Options {
	return handofftest.Options{Password: secret, Intercept: func(c handofftest.ConnInfo, args [][]byte) ([]byte, bool) {
		if refused(string(args[0])) {
			(*p).Server.Conn(c.ID).Shut()
			return nil, true
		}
		return nil, false
	}}
}

func TestRESP2SendsNothingThatAProxyMayNotKnow(t *testing.T) { // H-127
	known := map[string]bool{"GET": true, "SET": true, "DEL": true, "AUTH": true, "PING": true, "ECHO": true}
	for _, x := range []struct {
		name string
		set  func(c *conn.Config)
		want []string
	}{
		{"password", func(c *conn.Config) { c.Credentials = credentials("", secret) }, []string{"AUTH"}},
		{"nothing", func(*conn.Config) {}, []string{"PING"}},
		{"database and name", func(c *conn.Config) { c.Credentials = credentials("", secret); c.DB = 1; c.ClientName = "me" },
			[]string{"AUTH", "CLIENT SETNAME", "SELECT"}},
		{"name", func(c *conn.Config) { c.ClientName = "me" }, []string{"CLIENT SETNAME", "PING"}},
	} {
		t.Run(x.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var p *pair
				o := closesAt(&p, func(name string) bool { return !known[name] && x.want[0] == "AUTH" && len(x.want) == 1 })
				if x.want[0] != "AUTH" {
					o.Password = ""
				}
				got := commandsOf(&o)
				p = newPair(t, o)
				x.set(p.cfg)
				p.cfg.Protocol = 2
				c := p.dial()
				assert.Equal(t, x.want, *got)
				p.want(c, "OK", "SET", "k", "v")
				p.want(c, "v", "GET", "k")
			})
		})
	}
}

func TestEndInTheSetUpNamesTheStepAndWhatMayHelp(t *testing.T) { // H-127
	for step, x := range map[string]struct {
		at   string
		help string
	}{
		"set up (HELLO)":                      {"HELLO", "Options.Protocol to 2"},
		"set up (CLIENT SETINFO)":             {"SETINFO", "Options.DisableIdentity"},
		"set up (CLIENT MAINT_NOTIFICATIONS)": {"MAINT_NOTIFICATIONS", "Options.Handoff.Mode to disabled"},
	} {
		synctest.Test(t, func(t *testing.T) {
			var p *pair
			p = newPair(t, handofftest.Options{Intercept: func(c handofftest.ConnInfo, args [][]byte) ([]byte, bool) {
				if string(args[0]) == x.at || len(args) > 1 && string(args[1]) == x.at {
					p.Server.Conn(c.ID).Shut()
					return nil, true
				}
				return nil, false
			}})
			_, err := conn.Dial(t.Context(), p.cfg, addrA)
			require.ErrorContains(t, err, step)
			assert.ErrorContains(t, err, x.help)
		})
	}
}

func TestPasswordThatIsMissingIsFoundInRESP2(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPair(t, handofftest.Options{Password: secret})
		p.cfg.Protocol, p.cfg.ClientName = 2, "me"
		_, err := conn.Dial(t.Context(), p.cfg, addrA)
		require.ErrorContains(t, err, "NOAUTH")
	})
}

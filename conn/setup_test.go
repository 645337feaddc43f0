package conn_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/baton-go/baton/conn"
	"github.com/baton-go/baton/handoff/handofftest"
)

const secret = "s3cr3t-word"

func credentials(user, pass string) func(context.Context) (string, string, time.Time, error) {
	return func(context.Context) (string, string, time.Time, error) { return user, pass, time.Time{}, nil }
}

func TestSetUp(t *testing.T) {
	tests := []struct {
		name   string
		server handofftest.Options
		client func(c *conn.Config)
		wrong  string // part of the error; "" for success
		want   conn.Setup
	}{
		{name: "plain", want: conn.Setup{Server: "redis", Version: "7.4.0", Proto: 3, Asked: "internal-ip"}},
		{name: "password", server: handofftest.Options{Password: secret},
			client: func(c *conn.Config) { c.Credentials = credentials("", secret); c.ClientName = "me"; c.DB = 3 },
			want:   conn.Setup{Server: "redis", Version: "7.4.0", Proto: 3, Asked: "internal-ip"}},
		{name: "wrong password", server: handofftest.Options{Password: secret},
			client: func(c *conn.Config) { c.Credentials = credentials("", secret+"x") }, wrong: "WRONGPASS"},
		{name: "no password", server: handofftest.Options{Password: secret}, wrong: "NOAUTH"},
		{name: "provider fails", client: func(c *conn.Config) {
			c.Credentials = func(context.Context) (string, string, time.Time, error) {
				return "", "", time.Time{}, errors.New("vault is sealed")
			}
		}, wrong: "vault is sealed"},
		{name: "no HELLO", server: handofftest.Options{Resp2Only: true, Password: secret},
			client: func(c *conn.Config) { c.Credentials = credentials("", secret); c.DB = 1; c.ClientName = "me" },
			want:   conn.Setup{Proto: 2, Asked: "internal-ip", Refused: conn.ErrProtocol}},
		{name: "no HELLO, wrong password", server: handofftest.Options{Resp2Only: true, Password: secret},
			client: func(c *conn.Config) { c.Credentials = credentials("", secret+"x") }, wrong: "AUTH"},
		{name: "no HELLO, RESP3 demanded", server: handofftest.Options{Resp2Only: true},
			client: func(c *conn.Config) { c.Protocol = 3 }, wrong: "protocol version not granted"},
		{name: "RESP2 wanted", client: func(c *conn.Config) { c.Protocol = 2 },
			want: conn.Setup{Proto: 2, Refused: conn.ErrProtocol}},
		{name: "feature off", server: handofftest.Options{Maintenance: handofftest.MaintenanceOff},
			want: conn.Setup{Server: "redis", Version: "7.4.0", Proto: 3, Asked: "internal-ip"}},
		{name: "feature unknown", server: handofftest.Options{Maintenance: handofftest.MaintenanceUnknown},
			want: conn.Setup{Server: "redis", Version: "7.4.0", Proto: 3, Asked: "internal-ip"}},
		{name: "not asked", client: func(c *conn.Config) { c.OptIn = nil },
			want: conn.Setup{Server: "redis", Version: "7.4.0", Proto: 3}},
		{name: "pushes between all replies", server: handofftest.Options{SetupPush: []byte(">1\r\n$4\r\nnews\r\n")},
			want: conn.Setup{Server: "redis", Version: "7.4.0", Proto: 3, Asked: "internal-ip"}},
		{name: "one byte at a time", server: handofftest.Options{ByteByByte: true, SetupPush: []byte(">1\r\n$4\r\nnews\r\n")},
			want: conn.Setup{Server: "redis", Version: "7.4.0", Proto: 3, Asked: "internal-ip"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := newPair(t, tt.server)
				var got conn.Setup
				p.cfg.OptedIn = func(s conn.Setup) error { got = s; return nil }
				if tt.client != nil {
					tt.client(p.cfg)
				}
				c, err := conn.Dial(t.Context(), p.cfg, addrA)
				if tt.wrong != "" {
					require.ErrorContains(t, err, tt.wrong)
					assert.NotContains(t, err.Error(), secret)
					synctest.Wait()
					assert.Zero(t, p.A.Stats().Open)
					return
				}
				require.NoError(t, err)
				refused := got.Refused
				assert.Equal(t, tt.server.Maintenance != handofftest.MaintenanceOn, tt.want.Refused == nil && refused != nil)
				tt.want.Peer, tt.want.RTT, tt.want.Began = addrA, got.RTT, got.Began
				if tt.want.Server != "" { // HELLO told it
					tt.want.ID = int64(p.A.Conns()[0].ID)
				}
				if tt.want.Refused == nil {
					tt.want.Refused = refused
				}
				assert.Equal(t, tt.want, got)
				p.want(c, "x", "ECHO", "x")
				c.Close()
			})
		})
	}
}

func TestSetUpGoesOutInOneWrite(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPair(t, handofftest.Options{Password: secret})
		p.cfg.Credentials, p.cfg.ClientName, p.cfg.DB = credentials("default", secret), "me", 2
		writes := p.countWrites()
		p.dial()
		assert.EqualValues(t, 1, writes.Load())
	})
}

func TestRefusedClientInfoIsNotSentAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		asked := 0
		p := newPair(t, handofftest.Options{Intercept: func(_ handofftest.ConnInfo, args [][]byte) ([]byte, bool) {
			if len(args) > 1 && string(args[1]) == "SETINFO" {
				asked++
				return []byte("-ERR unknown subcommand\r\n"), true
			}
			return nil, false
		}})
		p.dial()
		p.dial()
		assert.Equal(t, 2, asked, "two for the first connection, none for the second")
	})
}

func TestRefusalByTheOwnerOfTheFeatureFailsTheConnection(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPair(t, handofftest.Options{Maintenance: handofftest.MaintenanceOff})
		p.cfg.OptedIn = func(s conn.Setup) error { return s.Refused }
		_, err := conn.Dial(t.Context(), p.cfg, addrA)
		require.ErrorContains(t, err, "maintenance notifications are disabled on this server")
		synctest.Wait()
		assert.Zero(t, p.A.Stats().Open)
	})
}

func TestAnswerThatIsNeitherYesNorNoFailsTheConnection(t *testing.T) {
	for _, name := range []string{"MAINT_NOTIFICATIONS", "SETINFO"} {
		synctest.Test(t, func(t *testing.T) {
			p := newPair(t, handofftest.Options{Intercept: func(_ handofftest.ConnInfo, args [][]byte) ([]byte, bool) {
				return []byte(":7\r\n"), len(args) > 1 && string(args[1]) == name
			}})
			_, err := conn.Dial(t.Context(), p.cfg, addrA)
			require.ErrorContains(t, err, name)
		})
	}
}

// Nothing is asked before HELLO has told who answers; the question then goes out alone, and a push right behind its answer is heard.
func TestOptInThatWaitsForHello(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPair(t)
		p.A.Moving(15*time.Second, addrB)
		var asked []conn.Facts
		var found conn.Setup
		p.cfg.OptIn = func(_ context.Context, f conn.Facts) string {
			if asked = append(asked, f); f.Greeted {
				return "internal-ip"
			}
			return ""
		}
		p.cfg.OptedIn = func(s conn.Setup) error { found = s; return nil }
		writes := p.countWrites()
		p.dial()
		assert.Equal(t, []conn.Facts{{Peer: addrA}, {Peer: addrA, Greeted: true, Server: "redis"}}, asked)
		assert.Equal(t, "internal-ip", found.Asked)
		assert.NoError(t, found.Refused)
		assert.EqualValues(t, 2, writes.Load())
		<-time.After(100 * time.Millisecond)
		assert.Equal(t, []string{addrA + " MOVING"}, p.heard())
	})
}

func TestServerThatNeverAnswersHello(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPair(t)
		p.A.Stall(true)
		begun := time.Now()
		_, err := conn.Dial(t.Context(), p.cfg, addrA)
		assert.ErrorIs(t, err, conn.ErrTimeout)
		assert.Equal(t, 5*time.Second, time.Since(begun))

		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
		defer cancel()
		begun = time.Now()
		_, err = conn.Dial(ctx, p.cfg, addrA)
		assert.ErrorIs(t, err, context.DeadlineExceeded)
		assert.LessOrEqual(t, time.Since(begun), 30*time.Millisecond)
	})
}

func TestPushRightBehindTheOptInIsHeard(t *testing.T) { // H-65
	synctest.Test(t, func(t *testing.T) {
		p := newPair(t)
		p.A.Moving(15*time.Second, addrB)
		p.dial()
		<-time.After(100 * time.Millisecond)
		assert.Equal(t, []string{addrA + " MOVING"}, p.heard())
	})
}

// A server that does not know AUTH repeats the beginning of what it was sent; a token is longer than that.
func TestRefusalDoesNotTellTheBeginningOfASecret(t *testing.T) {
	token := strings.Repeat("eyJhbGciOi", 30)
	for _, text := range []string{
		"ERR unknown command 'AUTH', with args beginning with: 'bob' '" + token[:117] + "'", "WRONGPASS no " + token[:20], token,
	} {
		for _, proto := range []int{0, 2, 3} {
			synctest.Test(t, func(t *testing.T) {
				p := newPair(t, handofftest.Options{Intercept: func(_ handofftest.ConnInfo, args [][]byte) ([]byte, bool) {
					if proto == 0 && string(args[0]) == "HELLO" {
						return []byte("-ERR unknown command 'HELLO'\r\n"), true
					}
					return []byte("-" + text + "\r\n"), true
				}})
				p.cfg.Credentials, p.cfg.Protocol = credentials("bob", token), proto
				_, err := conn.Dial(t.Context(), p.cfg, addrA)
				require.Error(t, err)
				assert.NotContains(t, err.Error(), token[:9])
			})
		}
	}
}

// Errors of moves are kept on a timeline.
func TestRefusalIsCutToALengthThatMayBeKept(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPair(t, handofftest.Options{Intercept: func(handofftest.ConnInfo, [][]byte) ([]byte, bool) {
			return []byte("-DENIED since " + strings.Repeat("so ", 100000) + "\r\n"), true
		}})
		_, err := conn.Dial(t.Context(), p.cfg, addrA)
		require.ErrorContains(t, err, "DENIED since so so")
		assert.Less(t, len(err.Error()), 700)
	})
}

package handofftest_test

import (
	"context"
	"errors"
	"net"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/baton-go/baton/handoff/handofftest"
	"github.com/baton-go/baton/resp3"
)

// toy is a client of one connection, which it changes when it reads a MOVING, and what may be wrong with it.
type toy struct {
	st   *handofftest.Stage
	turn chan struct{} // held by who uses the connection
	conn net.Conn
	r    *resp3.Reader

	mu    sync.Mutex // guards what the player asks for
	peer  string
	moves []string

	deaf    bool // does not follow
	silent  bool // does not ask for notifications
	talker  bool // asks although the feature is to be off
	doubles bool // sends increments twice
	crosses bool // gives values of another key
	leaks   bool // forgets to close
}

func (c *toy) open(st *handofftest.Stage) (*handofftest.Client, error) {
	if _, odd := st.Settings["odd"]; odd {
		return nil, errors.New("unknown client setting odd")
	}
	c.st, c.turn, c.moves = st, make(chan struct{}, 1), nil
	return &handofftest.Client{
		Do:     c.do,
		Peers:  func() map[string]int { c.mu.Lock(); defer c.mu.Unlock(); return map[string]int{c.peer: 1} },
		Events: func() []string { c.mu.Lock(); defer c.mu.Unlock(); return slices.Clone(c.moves) },
		Facts:  func() map[string]string { return map[string]string{"mood": "fine", "patience": "3s"} },
		Close: func() error {
			if c.conn == nil || c.leaks {
				return nil
			}
			return c.conn.Close()
		},
	}, c.dial(st.Addr)
}

func (c *toy) dial(addr string) (err error) {
	if c.conn != nil {
		_ = c.conn.Close()
	}
	if c.conn, err = c.st.DialContext(context.Background(), "tcp", addr); err != nil {
		return err
	}
	c.r = resp3.NewReader(c.conn, resp3.Limits{})
	c.mu.Lock()
	c.peer = addr
	c.mu.Unlock()
	if _, _, err = c.ask("HELLO", "3"); err != nil || c.silent || c.st.Off && !c.talker {
		return err
	}
	_, _, err = c.ask("CLIENT", "MAINT_NOTIFICATIONS", "ON", "moving-endpoint-type", "internal-ip")
	return err
}

// ask sends a command and reads up to its reply; target is that of a MOVING in front of it.
func (c *toy) ask(args ...string) (reply resp3.Value, target string, err error) {
	if _, err = c.conn.Write(resp3.AppendCommand(nil, args...)); err != nil {
		return
	}
	for {
		if reply, err = c.r.ReadValue(); err != nil || reply.Kind() != resp3.Push {
			return
		}
		target, _ = reply.Index(reply.Len() - 1).Text()
	}
}

func (c *toy) do(_ context.Context, args ...string) (string, error) {
	c.turn <- struct{}{}
	defer func() { <-c.turn }()
	if c.doubles && args[0] == "INCR" {
		_, _, _ = c.ask(args...)
	}
	v, target, err := c.ask(args...)
	if err != nil {
		return "", err
	}
	if target != "" && !c.deaf {
		c.mu.Lock()
		c.moves = append(c.moves, "moved to "+target)
		c.mu.Unlock()
		if err := c.dial(target); err != nil {
			return "", err
		}
	}
	if v.IsNull() {
		return "", nil
	}
	text, err := v.Text()
	if c.crosses && args[0] == "GET" {
		text += "?"
	}
	return text, errors.Join(err, v.Err())
}

const moveScript = goodHead + `
at 0s   load 2 20ms
at 1s   MOVING A 15 B
by 2s   expect on B = 1
at 2s   expect open A = 0
at 2s   expect dials B = 1
at 2s   expect asked B = internal-ip
at 2s   expect probes A = 1
at 2s   expect told A = 1
at 2s   expect event "moved to 10.0.0.2" = 1
at 2s   expect mood = fine
at 2s   expect patience < 1m
until 5s expect patience != 4s
at 5s   call c SET k v
by 6s   expect call c ~ OK
at 6s   expect took c <= 0s
at 16s  shut A
at 17s  expect failed = 0
at 17s  expect done > 100
at 17s  off failed > 0
at 17s  off event "moved" = 0
`

func playToy(t *testing.T, c *toy, text string, off bool) (err error) {
	s, perr := handofftest.ParseScript("toy.txt", text)
	require.NoError(t, perr)
	synctest.Test(t, func(t *testing.T) {
		err = handofftest.Player{Open: c.open, Settle: synctest.Wait, Off: off}.Play(t.Context(), s)
		if c.leaks {
			_ = c.conn.Close()
		}
	})
	return err
}

func TestPlayerHoldsAClientToItsScript(t *testing.T) {
	for _, tt := range []struct {
		name   string
		client *toy
		off    bool
		want   string // "" for a pass
	}{
		{"good", &toy{}, false, ""},
		{"good, feature off", &toy{}, true, ""},
		{"does not follow", &toy{deaf: true}, false, `toy.txt:6: by 2s expect on B = 1: it is "0"`},
		{"does not ask", &toy{silent: true, deaf: true}, false, "never asked for notifications"},
		{"asks with the feature off", &toy{talker: true, deaf: true}, true, "the feature is off, and the client has asked for notifications 1 times"},
		{"sends twice", &toy{doubles: true}, false, "the counter is"},
		{"crosses replies", &toy{crosses: true}, false, "replies belong to other commands"},
		{"leaves a socket", &toy{leaks: true}, false, "1 connections to B are open after the client was closed"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			err := playToy(t, tt.client, moveScript, tt.off)
			if tt.want == "" {
				assert.NoError(t, err)
				return
			}
			assert.ErrorContains(t, err, tt.want)
			assert.ErrorContains(t, err, "about: this")
		})
	}
}

func TestPlayerReportsWrongExpectations(t *testing.T) {
	for _, tt := range []struct{ steps, want string }{
		{"at 1s expect open A = 2\n", `toy.txt:3: at 1s expect open A = 2: it is "1"`},
		{"by 9s expect open A > 1\n", `toy.txt:3: by 9s expect open A > 1: it is "1"`},
		{"at 1s expect open A < 1\n", `it is "1"`},
		{"at 1s expect open A >= 2\n", `it is "1"`},
		{"at 1s expect open A <= 0\n", `it is "1"`},
		{"at 1s expect open A != 1\n", `it is "1"`},
		{"at 1s expect mood ~ bad\n", `it is "fine"`},
		{"at 1s expect mood > 3\n", `"fine" and "3" cannot be ordered`},
		{"at 1s expect luck = 3\n", `neither player nor client know "luck"`},
		{"at 1s call c GET k\nuntil 2s expect call c = pending\n", `it is "\"\"" after`},
		{"at 1s call c NONSENSE\nat 2s expect call c = OK\n", `it is "failed: ERR unknown command`},
		{"at 1s push B x\nat 1s expect open A = 1\n", "toy.txt:3: at 1s push B x: nobody at B has opted in"},
		{"at 1s tls B wrong\nat 1s expect open A = 1\n", "toy.txt:3: at 1s tls B wrong: tls needs a stage with server: tls=yes"},
	} {
		assert.ErrorContains(t, playToy(t, &toy{}, goodHead+tt.steps, false), tt.want, tt.steps)
	}
}

func TestPlayerRefusesWhatItCannotPlay(t *testing.T) {
	plain := goodHead + "at 1s expect open A = 1\n"
	assert.ErrorContains(t, playToy(t, &toy{}, plain, true), "toy.txt: says nothing about a client with the feature off")
	assert.ErrorContains(t, playToy(t, &toy{}, goodHead+"client: odd=yes\nat 1s expect open A = 1\n", false), "toy.txt: open the client: unknown client setting odd")
	assert.ErrorContains(t, playToy(t, &toy{}, goodHead+"client: addr=Z\nat 1s expect open A = 1\n", false), "addr=Z is neither a node nor name")
	s, err := handofftest.ParseScript("s.txt", plain)
	require.NoError(t, err)
	c := &toy{}
	err = handofftest.Player{Open: c.open, Backend: "127.0.0.1:1"}.Play(t.Context(), s)
	assert.ErrorContains(t, err, "s.txt: is not made for real sockets")
}

// TestVerbsDoWhatTheySay plays each verb once and looks at what a client of one connection sees of it.
func TestVerbsDoWhatTheySay(t *testing.T) {
	for name, steps := range map[string]string{
		"server announcements": `
at 1s MIGRATING 2 21
at 1s FAILING_OVER 2
at 1s SMIGRATING 1-5
at 1s SMIGRATED A B 1-5
at 1s MIGRATED 21
at 1s FAILED_OVER
at 1s seq 9
at 1s MOVING A 2 null
at 1s remind A
at 1s expect told A = 8
at 1s end-moving A
at 1s remind A
at 1s expect told A = 8
at 1s push A ">2\r\n$1\r\nx\r\n{B}"
at 1s push-one A ">1\r\n$1\r\nx\r\n"
at 2s call c GET k
at 2s expect call c = "\"\""
`,
		"nodes that go": `
at 1s refuse B
at 1s expect open A = 1
at 2s drop-one A
by 4s expect open A = 0     # the client does not look, so that the server closes in the end
at 5s shut A
at 5s reopen A
at 5s kill A
at 5s reopen A
at 5s drop A
at 5s close
`,
		"slow nodes": `
at 1s stall A on
at 1s call c GET k
at 5s expect call c = pending
at 5s stall A off
by 5s expect call c = "\"\""
at 5s expect took c = 4s
at 6s delay A 3s
at 6s call d GET k
at 8s expect call d = pending
by 9s expect call d = "\"\""
`,
		"answers": `
at 1s name B node-b.example.com
at 1s dns B
at 1s dns
at 1s feature off
at 1s trouble B mute
at 1s swallow B on
at 1s expect lookups = 0
at 1s expect accepted A = 1
at 1s expect optins A = 1
`,
	} {
		assert.NoError(t, playToy(t, &toy{deaf: true}, goodHead+steps, false), name)
	}
}

func TestPlayerOnRealSockets(t *testing.T) {
	// The backend is a server of the kit as well: what is looked at here is the player.
	back := handofftest.NewServer(handofftest.Options{})
	defer back.Close()
	n, err := back.Listen("127.0.0.1:0")
	require.NoError(t, err)
	play := func(last string) error {
		s, err := handofftest.ParseScript("real.txt", goodHead+"real: yes\nat 0s load 1 5ms\nat 1s MOVING A 15 B\n"+
			"by 2s expect on B = 1\nat 3s shut A\nby 4s expect done > 20\nat 4s stop\nat 4s call c INCR @n\n"+last)
		require.NoError(t, err)
		c := &toy{}
		p := handofftest.Player{Open: c.open, Backend: n.Addr(), Scale: 0.01, ReplyTimeout: time.Minute}
		if last != "" {
			p.ReplyTimeout = 50 * time.Millisecond
		}
		return p.Play(t.Context(), s)
	}
	assert.NoError(t, play(""))
	assert.ErrorContains(t, play("by 5s expect failed = 7\n"), "real.txt:11:", "the control")
}

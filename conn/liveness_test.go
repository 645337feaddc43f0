package conn_test

import (
	"context"
	"fmt"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/baton-go/baton/conn"
	"github.com/baton-go/baton/handoff/handofftest"
	"github.com/baton-go/baton/resp3"
)

// bare is a server that a test writes itself: it answers the PING of the set-up, and serve does the rest with the socket.
type bare struct {
	cfg  *conn.Config
	l    net.Listener
	work sync.WaitGroup
}

func newBare(t *testing.T, serve func(nc net.Conn, commands *resp3.Reader)) *bare {
	t.Helper()
	network := handofftest.NewNetwork()
	l, err := network.Listen(addrA)
	require.NoError(t, err)
	b := &bare{cfg: &conn.Config{Dial: network.DialContext, Protocol: 2, DialTimeout: 5 * time.Second}, l: l}
	b.work.Go(func() {
		for {
			nc, err := l.Accept()
			if err != nil {
				return
			}
			b.work.Go(func() {
				defer nc.Close()
				commands := resp3.NewReader(nc, resp3.Limits{})
				if _, err := commands.ReadValue(); err == nil {
					nc.Write([]byte("+PONG\r\n"))
					serve(nc, commands)
				}
			})
		}
	})
	return b
}

func (b *bare) dial(t *testing.T) *conn.Conn {
	c, err := conn.Dial(t.Context(), b.cfg, addrA)
	require.NoError(t, err)
	return c
}

func (b *bare) close(c *conn.Conn) {
	c.Close()
	b.l.Close()
	b.work.Wait()
}

// ask sends one command and returns its text.
func (b *bare) ask(ctx context.Context, c *conn.Conn, timeout time.Duration, args ...string) (string, error) {
	q := b.cfg.NewCall()
	defer q.Free()
	q.Mode, q.Timeout = conn.Text, timeout
	q.Req = resp3.AppendCommand(q.Req, args...)
	if err := c.Do(ctx, q); err != nil {
		return "", err
	}
	return q.Str, q.Err
}

// swallow reads commands without answering until the socket ends.
func swallow(commands *resp3.Reader) {
	for {
		if _, err := commands.ReadValue(); err != nil {
			return
		}
	}
}

// meanwhile swallows commands while do runs.
func meanwhile(commands *resp3.Reader, do func()) {
	var work sync.WaitGroup
	work.Go(do)
	swallow(commands)
	work.Wait()
}

// drip writes text again and again, size bytes at a time, until the socket ends; all of it at once if size is 0.
func drip(nc net.Conn, head, text string, size int, every time.Duration) {
	if size == 0 {
		size = len(text)
	}
	if _, err := nc.Write([]byte(head)); err != nil {
		return
	}
	for text = strings.Repeat(text, size); ; text = text[size:] + text[:size] {
		<-time.After(every)
		if _, err := nc.Write([]byte(text[:size])); err != nil {
			return
		}
	}
}

// noise is what a server can send for ever without answering anything.
var noise = []struct {
	name, head, text string
	size             int
	every            time.Duration
}{
	{"a push every 200 ms", "", ">2\r\n$5\r\nhello\r\n:1\r\n", 0, 200 * time.Millisecond},
	{"a push every millisecond", "", ">2\r\n$5\r\nhello\r\n:1\r\n", 0, time.Millisecond},
	{"pushes cut at every byte", "", ">2\r\n$5\r\nhello\r\n:1\r\n", 1, 50 * time.Millisecond},
	{"pushes cut across reads", "", ">2\r\n$5\r\nhello\r\n:1\r\n", 13, 50 * time.Millisecond},
	{"half a push that drips", ">2\r\n$5\r\nhello\r\n$1000000\r\n", "x", 1, 100 * time.Millisecond},
	{"a push of many elements that drips", ">100000\r\n", ":1\r\n", 3, 100 * time.Millisecond},
	{"half a push", ">2\r\n$5\r\nhel", ">2\r\n", 0, time.Hour},
	{"attributes without end", "", "|1\r\n+key\r\n:1\r\n", 0, 100 * time.Millisecond},
	{"empty attributes without end", "", "|0\r\n", 0, 20 * time.Millisecond},
	{"attributes byte by byte", "", "|1\r\n+key\r\n:1\r\n", 1, 30 * time.Millisecond},
	{"a long attribute byte by byte", "|1\r\n+key\r\n$100000\r\n", "x", 1, 30 * time.Millisecond},
	{"a push behind attributes", "|1\r\n+key\r\n:1\r\n>100000\r\n", ":1\r\n", 1, 30 * time.Millisecond},
	{"pushes with attributes", "", "|1\r\n+key\r\n:1\r\n>1\r\n+x\r\n", 7, 30 * time.Millisecond},
}

// Callers keep coming while the server sends everything but an answer: the connection is given up at about the timeout of the
// oldest call, no matter which goroutine reads.
func TestServerThatSendsAndAnswersNothingIsDead(t *testing.T) { // H-115, H-117
	const timeout = time.Second
	for _, n := range noise {
		for _, callers := range []string{"without contexts", "with one context", "with a context each", "given up soon", "behind an idle time", "that listens"} {
			t.Run(n.name+"/"+callers, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					b := newBare(t, func(nc net.Conn, commands *resp3.Reader) {
						meanwhile(commands, func() { drip(nc, n.head, n.text, n.size, n.every) })
					})
					b.cfg.Listen = callers == "that listens"
					c := b.dial(t)
					defer b.close(c)
					if callers == "behind an idle time" {
						<-time.After(3 * time.Second)
					}
					shared, stop := context.WithCancel(t.Context())
					defer stop()
					begun := time.Now()
					over := make(chan error, 8)
					for range cap(over) {
						go func() {
							for c.Err() == nil {
								ctx, cancel := context.Background(), func() {}
								switch callers {
								case "with one context":
									ctx = shared
								case "with a context each":
									ctx, cancel = context.WithCancel(t.Context())
								case "given up soon":
									ctx, cancel = context.WithTimeout(t.Context(), 30*time.Millisecond)
								}
								_, err := b.ask(ctx, c, timeout, "GET", "k")
								cancel()
								if err == nil {
									over <- fmt.Errorf("an answer")
									return
								}
							}
							over <- nil
						}()
					}
					<-c.Done()
					assert.ErrorIs(t, c.Err(), conn.ErrDead)
					assert.InDelta(t, timeout, time.Since(begun), float64(400*time.Millisecond))
					for range cap(over) {
						require.NoError(t, <-over)
					}
				})
			})
		}
	}
}

// On a connection that is there for messages the reply to a PING stands behind them: while they come, or one of them does piece by
// piece, the connection lives. Everything else that is no reply is no sign of life there either.
func TestMessagesAreASignOfLifeWhereTheyAreListenedTo(t *testing.T) { // H-115
	message, big := ">3\r\n$7\r\nmessage\r\n$1\r\nc\r\n$1\r\nx\r\n", ">3\r\n$7\r\nmessage\r\n$1\r\nc\r\n$1000000\r\n"
	signs := noise[:0:0]
	for _, m := range []string{message, ">4\r\n$8\r\npmessage\r\n$1\r\n*\r\n$1\r\nc\r\n$1\r\nx\r\n", message[:1] + "3\r\n$8\r\nsmessage" + message[15:], "*" + message[1:]} {
		for _, size := range []int{0, 7, 29} {
			n := noise[0]
			n.name, n.text, n.size = fmt.Sprintf("%q by %d", m, size), m, size
			signs = append(signs, n)
		}
	}
	dripping := noise[4]
	dripping.name, dripping.head = "a message that drips", big
	signs = append(signs, dripping)
	for i, x := range append(signs, noise...) {
		t.Run(x.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := newBare(t, func(nc net.Conn, commands *resp3.Reader) {
					commands.ReadValue()
					meanwhile(commands, func() { drip(nc, x.head, x.text, x.size, x.every) })
				})
				b.cfg.Listen = true
				c := b.dial(t)
				defer b.close(c)
				ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
				defer cancel()
				_, err := b.ask(ctx, c, time.Second, "PING")
				assert.Error(t, err)
				<-time.After(5 * time.Second)
				if i < len(signs) {
					assert.NoError(t, c.Err())
				} else {
					assert.ErrorIs(t, c.Err(), conn.ErrDead)
				}
			})
		})
	}
}

// The relaxed timeout counts here too, and a call without a timeout is waited for.
func TestPatienceWithAServerThatOnlyPushes(t *testing.T) { // H-115
	for _, x := range []struct{ timeout, relaxed, want time.Duration }{
		{time.Second, 0, time.Second}, {time.Second, 4 * time.Second, 4 * time.Second}, {0, 0, 0},
	} {
		synctest.Test(t, func(t *testing.T) {
			b := newBare(t, func(nc net.Conn, commands *resp3.Reader) {
				meanwhile(commands, func() { drip(nc, "", ">1\r\n+x\r\n", 0, 200*time.Millisecond) })
			})
			b.cfg.Relaxed = func(time.Time, time.Time) time.Duration { return x.relaxed }
			c := b.dial(t)
			defer b.close(c)
			begun := time.Now()
			go b.ask(t.Context(), c, x.timeout, "GET", "k")
			select {
			case <-c.Done():
				assert.InDelta(t, x.want, time.Since(begun), float64(400*time.Millisecond))
			case <-time.After(time.Minute):
				assert.Zero(t, x.want)
			}
		})
	}
}

// Replies of calls that were given up are owed like others: they are a sign of life, and their absence is none.
func TestRepliesOfAbandonedCallsAreOwed(t *testing.T) { // H-115
	for _, answers := range []bool{true, false} {
		synctest.Test(t, func(t *testing.T) {
			b := newBare(t, func(nc net.Conn, commands *resp3.Reader) {
				if !answers {
					meanwhile(commands, func() { drip(nc, "", ">1\r\n+x\r\n", 3, 100*time.Millisecond) })
					return
				}
				for {
					if _, err := commands.ReadValue(); err != nil {
						return
					}
					<-time.After(700 * time.Millisecond)
					nc.Write([]byte(">1\r\n+x\r\n+late\r\n>1\r\n+x\r\n"))
				}
			})
			c := b.dial(t)
			defer b.close(c)
			for range 5 {
				ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
				_, err := b.ask(ctx, c, time.Second, "GET", "k")
				assert.ErrorIs(t, err, context.DeadlineExceeded)
				cancel()
			}
			<-time.After(1500 * time.Millisecond)
			if !answers {
				assert.ErrorIs(t, c.Err(), conn.ErrDead)
				return
			}
			assert.NoError(t, c.Err())
			<-time.After(3 * time.Second)
			got, err := b.ask(t.Context(), c, time.Second, "GET", "k")
			require.NoError(t, err)
			assert.Equal(t, "late", got)
		})
	}
}

// A reply is waited for as long as bytes of it come, however slowly, with or without pushes and attributes in front.
func TestReplyThatDripsIsWaitedFor(t *testing.T) { // H-117
	const timeout = time.Second
	big := strings.Repeat("b", 40_000)
	for _, x := range []struct {
		name, reply, want string
		size              int
	}{
		{"bulk", "$10\r\n0123456789\r\n", "0123456789", 1},
		{"pushes in front", ">1\r\n+x\r\n>1\r\n+x\r\n$100\r\n" + strings.Repeat("h", 100) + "\r\n", strings.Repeat("h", 100), 17},
		{"attribute in front", "|1\r\n+a\r\n:1\r\n+behind\r\n", "behind", 20},
		{"verbatim", "=15\r\ntxt:Some string\r\n", "Some string", 1},
		{"streamed to where it is wanted", fmt.Sprintf("$%d\r\n%s\r\n", len(big), big), big, 1500},
		{"streamed string", "$?\r\n;4\r\nabcd\r\n;2\r\nef\r\n;0\r\n", "abcdef", 1},
		{"simple", "+a line that takes its time\r\n", "a line that takes its time", 2},
	} {
		for _, cancellable := range []bool{false, true} {
			t.Run(fmt.Sprint(x.name, cancellable), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					b := newBare(t, func(nc net.Conn, commands *resp3.Reader) {
						commands.ReadValue()
						for rest := x.reply; rest != ""; rest = rest[min(x.size, len(rest)):] {
							if _, err := nc.Write([]byte(rest[:min(x.size, len(rest))])); err != nil {
								return
							}
							<-time.After(timeout - 100*time.Millisecond)
						}
						swallow(commands)
					})
					c := b.dial(t)
					defer b.close(c)
					ctx := context.Background()
					if cancellable {
						var cancel func()
						ctx, cancel = context.WithCancel(ctx)
						defer cancel()
					}
					got, err := b.ask(ctx, c, timeout, "GET", "k")
					require.NoError(t, err)
					assert.Equal(t, x.want, got)
				})
			})
		}
	}
}

// Pushes and the reply of another call do not begin the timeout of a call anew.
func TestTimeoutOfACallIsNotBegunAnewByPushes(t *testing.T) { // H-117
	synctest.Test(t, func(t *testing.T) {
		b := newBare(t, func(nc net.Conn, commands *resp3.Reader) {
			commands.ReadValue()
			nc.Write([]byte("+first\r\n>2\r\n+half"))
			<-time.After(700 * time.Millisecond)
			nc.Write([]byte("\r\n+"))
			swallow(commands)
		})
		c := b.dial(t)
		defer b.close(c)
		var n atomic.Int32
		for range 2 {
			go func() {
				begun := time.Now()
				_, err := b.ask(t.Context(), c, time.Second, "GET", "k")
				if err != nil {
					n.Add(1)
					assert.InDelta(t, time.Second, time.Since(begun), float64(400*time.Millisecond))
				}
			}()
		}
		<-time.After(3 * time.Second)
		assert.EqualValues(t, 1, n.Load())
	})
}

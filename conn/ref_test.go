package conn_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"runtime"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/baton-go/baton/conn"
	"github.com/baton-go/baton/resp3"
)

// peer accepts one connection over real TCP. It reads nothing before start.
type peer struct {
	t        *testing.T
	cfg      *conn.Config
	c        *conn.Conn
	nc       net.Conn
	commands chan [][]byte // what it has read, if it is wanted
}

// dialPeer connects by cfg, and answers the set-up.
func dialPeer(t *testing.T, cfg *conn.Config) *peer {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer l.Close()
	cfg.Protocol = 2
	p := &peer{t: t, cfg: cfg, commands: make(chan [][]byte, 10_000)}
	accepted := make(chan net.Conn)
	go func() {
		nc, err := l.Accept()
		assert.NoError(t, err)
		_, err = io.ReadFull(nc, make([]byte, len("*1\r\n$4\r\nPING\r\n")))
		assert.NoError(t, err)
		_, err = nc.Write([]byte("+PONG\r\n"))
		assert.NoError(t, err)
		accepted <- nc
	}()
	p.c, err = conn.Dial(t.Context(), cfg, l.Addr().String())
	require.NoError(t, err)
	t.Cleanup(func() { p.c.Close() })
	p.nc = <-accepted
	p.nc.(*net.TCPConn).SetReadBuffer(64 << 10) // so that writers have to wait
	t.Cleanup(func() { p.nc.Close() })
	return p
}

// start answers OK to every command.
func (p *peer) start() {
	go func() {
		rd := resp3.NewReader(p.nc, resp3.Limits{})
		for {
			v, err := rd.ReadValue()
			if err != nil {
				return
			}
			var args [][]byte
			for i := range v.Len() {
				s, _ := v.Index(i).Text()
				args = append(args, []byte(s))
			}
			p.commands <- args
			if _, err := p.nc.Write([]byte("+OK\r\n")); err != nil {
				return
			}
		}
	}()
}

// wrapped hides what kind of connection it is, as a dialer of the user's may.
type wrapped struct{ net.Conn }

func configs() map[string]*conn.Config {
	return map[string]*conn.Config{
		"tcp": {},
		"other": {Dial: func(ctx context.Context, network, addr string) (net.Conn, error) {
			nc, err := conn.DialNet(ctx, network, addr)
			return wrapped{nc}, err
		}},
	}
}

// call makes a call of one command whose first arguments are texts and whose last may be bytes of the caller.
func call(cfg *conn.Config, texts []string, own []byte) *conn.Call {
	q := cfg.NewCall()
	n := len(texts)
	if own != nil {
		n++
	}
	q.Req = resp3.AppendHeader(q.Req, resp3.Array, n)
	for _, s := range texts {
		if len(s) >= conn.RefAbove {
			q.ReferString(len(q.Req), s)
			s = ""
		}
		q.Req = resp3.AppendBulkString(q.Req, s)
	}
	if own != nil {
		if len(own) >= conn.RefAbove {
			q.ReferBytes(len(q.Req), own)
			own = nil
		}
		q.Req = resp3.AppendBulkString(q.Req, own)
	}
	return q
}

func randomText(r *rand.Rand) string {
	sizes := []int{0, 1, 10, conn.RefAbove - 1, conn.RefAbove, conn.RefAbove + 1, 64 << 10, 300_000}
	return strings.Repeat(string(rune('a'+r.IntN(26))), sizes[r.IntN(len(sizes))])
}

// Many callers write requests of all sizes at once: each arrives whole, and as it was when it was sent.
func TestLargeArgumentsArriveWhole(t *testing.T) {
	for name, cfg := range configs() {
		t.Run(name, func(t *testing.T) {
			p := dialPeer(t, cfg)
			p.start()
			var want sync.Map
			var callers sync.WaitGroup
			for i := range 8 {
				callers.Go(func() {
					r := rand.New(rand.NewPCG(1, uint64(i)))
					own := []byte{}
					for j := range 20 {
						id := fmt.Sprint(i, ".", j)
						texts := []string{id}
						for range r.IntN(4) {
							texts = append(texts, randomText(r))
						}
						own = append(own[:0], randomText(r)...)
						whole := resp3.AppendCommand(nil, append(texts, string(own))...)
						q := call(p.cfg, texts, own)
						assert.True(t, bytes.Equal(whole, q.AppendWire(nil)))
						want.Store(id, append(texts, string(own)))
						assert.NoError(t, p.c.Do(t.Context(), q))
						q.Free()
						for k := range own { // it is the caller's again
							own[k] = '!'
						}
					}
				})
			}
			callers.Wait()
			for range 8 * 20 {
				got := <-p.commands
				texts, ok := want.LoadAndDelete(string(got[0]))
				require.True(t, ok, "%s", got[0])
				require.Len(t, got, len(texts.([]string)))
				for k, s := range texts.([]string) {
					require.True(t, s == string(got[k]), "argument %d of %s", k, got[0])
				}
			}
		})
	}
}

// Interleaving: a caller writes straight from its slice and the peer does not read. The caller is cancelled, and changes
// the slice while the rest of it has still to be written.
// Negative control of the two tests: with load.own, or the copy behind another writer, left out, the changed bytes are sent.
func TestBytesOfACallThatWasGivenUpMayChange(t *testing.T) {
	for name, cfg := range configs() {
		for _, behind := range []bool{false, true} {
			t.Run(fmt.Sprint(name, " behind another ", behind), func(t *testing.T) {
				p := dialPeer(t, cfg)
				var others sync.WaitGroup
				if behind { // somebody else's request fills the buffers of both sockets
					others.Go(func() {
						q := call(p.cfg, []string{"OTHER", strings.Repeat("o", 8<<20)}, nil)
						defer q.Free()
						assert.NoError(t, p.c.Do(t.Context(), q))
					})
					for p.c.Owes() == 0 {
						runtime.Gosched()
					}
				}
				own := bytes.Repeat([]byte("x"), 8<<20)
				ctx, cancel := context.WithCancel(t.Context())
				q := call(p.cfg, []string{"SET", "k"}, own)
				given := make(chan error)
				go func() { given <- p.c.Do(ctx, q) }()
				for p.c.Owes() == 0 || behind && p.c.Owes() == 1 {
					runtime.Gosched()
				}
				cancel()
				err := <-given
				require.ErrorIs(t, err, context.Canceled)
				q.Free()
				for i := range own {
					own[i] = '!'
				}
				p.start()
				if behind {
					<-p.commands
				}
				got := <-p.commands
				assert.Len(t, got, 3)
				assert.Zero(t, bytes.Count(got[2], []byte("!")), "bytes that the caller has changed were sent")
				assert.Len(t, got[2], len(own))
				others.Wait()
			})
		}
	}
}

func TestLargeArgumentThatIsCutWasSent(t *testing.T) {
	p := dialPeer(t, &conn.Config{})
	q := call(p.cfg, []string{"SET", "k"}, bytes.Repeat([]byte("x"), 8<<20))
	defer q.Free()
	failed := make(chan error)
	go func() { failed <- p.c.Do(t.Context(), q) }()
	_, err := io.ReadFull(p.nc, make([]byte, 1000))
	require.NoError(t, err)
	p.nc.Close()
	err = <-failed
	require.Error(t, err)
	assert.True(t, isSent(t, err))
	assert.False(t, errors.Is(err, context.Canceled))
}

func TestCommandsInFrontLeaveWithTheirLargeArguments(t *testing.T) {
	cfg := &conn.Config{}
	long := func(c string) string { return strings.Repeat(c, conn.RefAbove) }
	q := call(cfg, []string{"SET", "a", long("a")}, nil)
	first := len(q.Req)
	for _, k := range []string{"b", "c"} {
		start := len(q.Req)
		q.Req = resp3.AppendCommand(q.Req, "SET", k, "")
		q.ReferString(len(q.Req)-len("$0\r\n\r\n"), long(k))
		q.InsertAt(start, nil)
	}
	two := append(resp3.AppendCommand(nil, "SET", "b", long("b")), resp3.AppendCommand(nil, "SET", "c", long("c"))...)
	assert.Equal(t, append(resp3.AppendCommand(nil, "SET", "a", long("a")), two...), q.AppendWire(nil))
	refs := q.Refs
	q.DropFront(first)
	assert.Zero(t, refs[len(q.Refs)], "nothing of an answered command is kept")
	assert.Equal(t, two, q.AppendWire(nil))
	q.InsertAt(0, resp3.AppendCommand(nil, "PING"))
	assert.Equal(t, append(resp3.AppendCommand(nil, "PING"), two...), q.AppendWire(nil))
	q.Free()
}

func TestCallIsSentAgainWithItsLargeArguments(t *testing.T) {
	p := dialPeer(t, &conn.Config{})
	p.start()
	q := call(p.cfg, []string{"SET", strings.Repeat("k", conn.RefAbove)}, bytes.Repeat([]byte("x"), 1<<20))
	defer q.Free()
	for range 3 {
		require.NoError(t, p.c.Do(t.Context(), q))
		got := <-p.commands
		require.Len(t, got, 3)
		assert.Len(t, got[1], conn.RefAbove)
		assert.Len(t, got[2], 1<<20)
	}
}

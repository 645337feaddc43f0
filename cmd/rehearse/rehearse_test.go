package main

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/baton-go/baton/internal/redistest"
)

// short are the phases of a test run; a later flag wins.
var short = []string{"-before", "200ms", "-grace", "2s", "-after", "200ms", "-workers", "8", "-rate", "800"}

// play runs the program and checks that it leaves no goroutine behind.
func play(t *testing.T, args ...string) (exit int, stdout, stderr string) {
	t.Helper()
	base := runtime.NumGoroutine()
	var out, errs bytes.Buffer
	exit = run(t.Context(), slices.Concat(short, args), &out, &errs)
	requireGone(t, base)
	return exit, out.String(), errs.String()
}

func requirePass(t *testing.T, args ...string) (stdout string) {
	t.Helper()
	exit, out, errs := play(t, args...)
	require.Equal(t, exitPass, exit, "%s%s", out, errs)
	require.Empty(t, errs)
	require.Contains(t, out, "\nPASS\n")
	return out
}

// requireGone waits until no more goroutines than base are left. Else the test runs into its time limit, which shows who is.
func requireGone(t *testing.T, base int) {
	t.Helper()
	for runtime.NumGoroutine() > base {
		require.NoError(t, t.Context().Err())
		runtime.Gosched()
	}
}

func TestEmbeddedRunPasses(t *testing.T) {
	out := requirePass(t, "-v", "-moves", "2", "-quiet", "1", "-idle", "8")
	for _, part := range []string{"rehearsal: embedded", "-- MOVING", "commands/s", "timeline of the client", "move succeeded", "move 2 ",
		"reports of the client", " connections moved", " connections dialled", "p99.9 of 1 windows without a move", "p99.9 of 2 windows with a move"} {
		require.Contains(t, out, part)
	}
}

func TestControlSuffers(t *testing.T) {
	exit, out, errs := play(t, "-off", "-grace", "1s", "-json")
	require.Equal(t, exitPass, exit, "%s%s", out, errs)
	require.Contains(t, errs, "-- closed")
	report := struct {
		*verdict
		*outcome
	}{&verdict{}, &outcome{}}
	require.NoError(t, json.Unmarshal([]byte(out), &report))
	require.True(t, report.Control)
	require.Positive(t, report.Failed)
	require.Zero(t, report.OptIns)
	require.Zero(t, report.Lost+report.Doubled+report.Crossed)

	report.Control = false
	v := judge(report.outcome)
	require.False(t, v.Pass, "what the control suffers is a failure with the feature on")
	require.Equal(t, exitFail, v.Exit)
}

func TestRunWithoutTargetPasses(t *testing.T) {
	require.Contains(t, requirePass(t, "-null"), "no target named")
}

func TestRealServerPassesAndIsLeftClean(t *testing.T) {
	addr := redistest.Start(t, "--requirepass", "hush-hush")
	url := "redis://:hush-hush@" + addr + "/2"
	out := requirePass(t, "-redis", url)
	require.NotContains(t, out, "hush-hush")
	requireEmpty(t, addr)

	exit, out, errs := play(t, "-redis", url, "-off", "-grace", "1s")
	require.Equal(t, exitPass, exit, "%s%s", out, errs)
	require.Contains(t, out, "negative control: errors appeared, as they must")
	requireEmpty(t, addr)

	exit, _, errs = play(t, "-redis", "redis://:wrong-one@"+addr)
	require.Equal(t, exitNothing, exit)
	require.Contains(t, errs, "WRONGPASS")
	require.NotContains(t, errs, "wrong-one")
	exit, _, errs = play(t, "-redis", addr)
	require.Equal(t, exitNothing, exit)
	require.Contains(t, errs, "NOAUTH")
}

func requireEmpty(t *testing.T, addr string) {
	t.Helper()
	c, err := dialRaw(t.Context(), addr, login{password: "hush-hush", db: 2})
	require.NoError(t, err)
	defer c.close()
	v, err := c.do("DBSIZE")
	require.NoError(t, err)
	n, err := v.Int()
	require.NoError(t, err)
	require.Zero(t, n)
}

func TestServerThatCannotBeUsed(t *testing.T) {
	refused, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	require.NoError(t, refused.Close())
	exit, _, errs := play(t, "-redis", refused.Addr().String())
	require.Equal(t, exitNothing, exit)
	require.Contains(t, errs, "connection refused")

	old := answering(t, "-ERR unknown command 'HELLO'\r\n")
	exit, _, errs = play(t, "-redis", old)
	require.Equal(t, exitNothing, exit)
	require.Contains(t, errs, "need RESP3, Redis 6 or later")

	exit, _, errs = play(t, "-redis", answering(t, ""))
	require.Equal(t, exitNothing, exit)
	require.Contains(t, errs, "timeout")
}

// answering is a server that gives the same answer to whatever comes, or none if that is empty.
func answering(t *testing.T, reply string) (addr string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	var work sync.WaitGroup
	work.Go(func() {
		for {
			nc, err := l.Accept()
			if err != nil {
				return
			}
			work.Go(func() {
				defer nc.Close()
				buf := make([]byte, 1024)
				for {
					if _, err := nc.Read(buf); err != nil {
						return
					}
					_, _ = io.WriteString(nc, reply)
				}
			})
		}
	})
	t.Cleanup(func() {
		l.Close()
		work.Wait()
	})
	return l.Addr().String()
}

// cutAt cancels when a line with the word is written.
type cutAt struct {
	bytes.Buffer
	word   string
	cancel context.CancelFunc
}

func (c *cutAt) Write(b []byte) (int, error) {
	if strings.Contains(string(b), c.word) {
		c.cancel()
	}
	return c.Buffer.Write(b)
}

func TestInterruptLeavesNothingBehind(t *testing.T) {
	addr := redistest.Start(t, "--requirepass", "hush-hush")
	base := runtime.NumGoroutine()
	ctx, cancel := context.WithCancel(t.Context())
	out := &cutAt{word: "-- MOVING", cancel: cancel}
	var errs bytes.Buffer
	args := append(slices.Clone(short), "-redis", "redis://:hush-hush@"+addr+"/2")
	require.Equal(t, exitNothing, run(ctx, args, out, &errs))
	require.Contains(t, errs.String(), "interrupted")
	require.NotContains(t, out.String(), "PASS")
	requireEmpty(t, addr)
	requireGone(t, base)
}

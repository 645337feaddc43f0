// Package redistest starts a redis-server of its own for a test and stops it
// afterwards; it is killed if the test binary is. A machine without redis-server
// fails the test, because a test that silently proved nothing is worse than a red
// one; only who asks for it with "go test -short" has it skipped there.
//
// The environment variable BATON_SERVER names another server, by its path or by a
// name that is looked up: a newer Redis, or Valkey.
package redistest

import (
	"bufio"
	"cmp"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/baton-go/baton/internal/child"
)

// startTimeout is how long a fresh server may take until it accepts.
const startTimeout = 2 * time.Minute

// attempts is how often another port is tried: between our picking a free port
// and the server's binding it, somebody else may have taken it.
const attempts = 5

// Start runs a redis-server without persistence on a free loopback port, stops
// it when the test ends, and returns its "host:port". extra is appended to the
// server's arguments ("--requirepass", "x"). It fails t if no server comes up.
func Start(t testing.TB, extra ...string) (addr string) {
	t.Helper()
	addr, _ = StartServer(t, extra...)
	return addr
}

// StartServer is Start for tests in which the server ends earlier. stop ends it by
// its process id and returns when it is gone; it may be called more than once.
func StartServer(t testing.TB, extra ...string) (addr string, stop func()) {
	t.Helper()
	addr, stop, err := start(extra)
	switch {
	case errors.Is(err, errMissing) && testing.Short():
		t.Skipf("redistest: %v", err)
	case err != nil:
		t.Fatalf("redistest: %v", err)
	}
	t.Cleanup(stop)
	return addr, stop
}

var errMissing = errors.New(`redis-server is not in the path: install it, or leave the tests that need it out with "go test -short"`)

// serverVar is the environment variable that names another server.
const serverVar = "BATON_SERVER"

// binary is the path of the server that is started. A server that was asked for by
// name must be there, with -short too.
func binary() (string, error) {
	asked := os.Getenv(serverVar)
	path, err := exec.LookPath(cmp.Or(asked, "redis-server"))
	switch {
	case err == nil:
		return filepath.Abs(path) // servers run in directories of their own
	case asked != "":
		return "", fmt.Errorf("%s: %w", serverVar, err)
	}
	return "", errMissing
}

func start(extra []string) (addr string, stop func(), err error) {
	path, err := binary()
	if err != nil {
		return "", nil, err
	}
	for range attempts {
		addr, stop, err = startOnce(path, extra)
		if err == nil {
			return addr, stop, nil
		}
	}
	return "", nil, fmt.Errorf("start redis-server (%d attempts): %w", attempts, err)
}

// startOnce runs one server on a port that was free a moment ago.
func startOnce(path string, extra []string) (string, func(), error) {
	addr, err := freeAddr()
	if err != nil {
		return "", nil, err
	}
	dir, err := os.MkdirTemp("", "redistest")
	if err != nil {
		return "", nil, err
	}
	_, port, _ := net.SplitHostPort(addr)
	args := append([]string{
		"--port", port, "--bind", "127.0.0.1", "--save", "", "--appendonly", "no",
		"--dir", dir, "--daemonize", "no",
	}, extra...)
	cmd := exec.Command(path, args...)
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		return "", nil, errors.Join(err, os.RemoveAll(dir))
	}
	cmd.Stderr = cmd.Stdout // the same pipe: refused arguments are reported there
	wait, err := child.Start(cmd)
	if err != nil {
		return "", nil, errors.Join(err, os.RemoveAll(dir))
	}
	p := &process{cmd: cmd, wait: wait, dir: dir, ready: make(chan error, 1), gone: make(chan struct{})}
	go p.watch(stdout)
	if err := p.waitReady(); err != nil {
		p.stop()
		return "", nil, err
	}
	return addr, p.stop, nil
}

// freeAddr picks a loopback port nobody listens on.
func freeAddr() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	addr := l.Addr().String()
	return addr, l.Close()
}

// process is one running server.
type process struct {
	cmd   *exec.Cmd
	wait  func() error
	dir   string
	ready chan error    // one value: nil once it accepts, or why it never will
	gone  chan struct{} // closed when the process has been waited for
}

// watch reads the server's log until it ends: the log says when it accepts, and
// a log that nobody reads would block the server.
func (p *process) watch(log io.Reader) {
	defer close(p.gone)
	sc := bufio.NewScanner(log)
	var last string
	told := false
	for sc.Scan() {
		last = sc.Text()
		if !told && strings.Contains(strings.ToLower(last), "ready to accept connections") {
			p.ready <- nil
			told = true
		}
	}
	_, _ = io.Copy(io.Discard, log) // a line too long ends the scanner, not the server
	err := p.wait()
	if !told {
		p.ready <- fmt.Errorf("redis-server ended before it accepted: %v; last line %q", err, last)
	}
}

func (p *process) waitReady() error {
	timer := time.NewTimer(startTimeout)
	defer timer.Stop()
	select {
	case err := <-p.ready:
		return err
	case <-timer.C:
		return fmt.Errorf("redis-server (pid %d) does not accept within %v", p.cmd.Process.Pid, startTimeout)
	}
}

// stop kills the server, which has nothing to save, and removes its directory.
func (p *process) stop() {
	_ = p.cmd.Process.Kill() // already gone: nothing to do
	<-p.gone
	_ = os.RemoveAll(p.dir)
}

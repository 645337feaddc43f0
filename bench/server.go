package main

import (
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/baton-go/baton/internal/child"
)

// server is the redis-server of one run of the benchmark.
type server struct {
	cmd     *exec.Cmd
	wait    func() error
	dir     string
	TCP     string
	Unix    string
	TLS     string // host and port, "" without TLS
	Roots   string // file with the certificate to trust
	Version string
}

// addr is where the server listens on a network: "tcp", "unix" or "tls".
func (s *server) addr(network string) string {
	switch network {
	case "unix":
		return s.Unix
	case "tls":
		return s.TLS
	}
	return s.TCP
}

// startServer starts a server without persistence on a free loopback port and on a unix socket in a directory of its own, with
// a second port for TLS if that is wanted, and fills it with the values that the scenarios read.
func startServer(binary string, withTLS bool) (*server, error) {
	dir, err := os.MkdirTemp("", "baton-bench-")
	if err != nil {
		return nil, err
	}
	port, err := freePort()
	if err != nil {
		os.RemoveAll(dir)
		return nil, err
	}
	s := &server{dir: dir, TCP: "127.0.0.1:" + strconv.Itoa(port), Unix: filepath.Join(dir, "redis.sock")}
	args := []string{"--bind", "127.0.0.1", "--port", strconv.Itoa(port), "--unixsocket", s.Unix,
		"--save", "", "--appendonly", "no", "--dir", dir, "--maxclients", "10000", "--tcp-backlog", "4096", "--loglevel", "warning"}
	if withTLS {
		more, err := s.secure()
		if err != nil {
			os.RemoveAll(dir)
			return nil, err
		}
		args = append(args, more...)
	}
	s.cmd = exec.Command(binary, args...)
	if s.wait, err = child.Start(s.cmd); err != nil {
		os.RemoveAll(dir)
		return nil, fmt.Errorf("start the server to measure against (-server): %w", err)
	}
	if err := s.fill(); err != nil {
		s.stop()
		return nil, err
	}
	return s, nil
}

// stop ends the server that startServer started, and only that one.
func (s *server) stop() {
	s.cmd.Process.Signal(os.Interrupt)
	s.wait()
	os.RemoveAll(s.dir)
}

// fill waits until the server answers and writes the values.
func (s *server) fill() error {
	c, err := awaitControl(s.TCP)
	if err != nil {
		return err
	}
	defer c.close()
	pid, err := c.info("server", "process_id")
	if err != nil {
		return err
	}
	if int(pid) != s.cmd.Process.Pid { // somebody took the port first; nothing may be written there
		return fmt.Errorf("server at %s is process %.0f and not ours, %d", s.TCP, pid, s.cmd.Process.Pid)
	}
	text, err := c.do("INFO", "server")
	if err != nil {
		return err
	}
	for line := range strings.Lines(text) {
		if v, ok := strings.CutPrefix(strings.TrimSpace(line), "redis_version:"); ok {
			s.Version = v
		}
	}
	for _, cmd := range dataset() {
		if _, err := c.do(cmd...); err != nil {
			return err
		}
	}
	return nil
}

// awaitControl connects as soon as the server accepts, for at most a minute.
func awaitControl(addr string) (*control, error) {
	var last error
	for end := time.Now().Add(time.Minute); time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
		c, err := dialControl("tcp", addr)
		if err == nil {
			_, err = c.do("PING")
			if err == nil {
				return c, nil
			}
			c.close()
		}
		last = err
	}
	return nil, fmt.Errorf("server at %s does not answer: %w", addr, last)
}

func freePort() (int, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	defer l.Close()
	a, ok := l.Addr().(*net.TCPAddr)
	if !ok {
		return 0, errors.New("listener without a port")
	}
	return a.Port, nil
}

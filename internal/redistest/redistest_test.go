package redistest

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

const helperVar = "REDISTEST_HELPER"

// As a helper the binary starts a server, says where, and waits to be killed.
func TestMain(m *testing.M) {
	if os.Getenv(helperVar) == "" {
		os.Exit(m.Run())
	}
	addr, _, err := start(nil)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	fmt.Println(addr)
	_, _ = io.Copy(io.Discard, os.Stdin)
}

func say(addr, command string) (string, error) {
	c, err := net.Dial("tcp", addr)
	if err != nil {
		return "", err
	}
	defer c.Close()
	if _, err := c.Write([]byte(command + "\r\n")); err != nil {
		return "", err
	}
	return bufio.NewReader(c).ReadString('\n')
}

func TestStartedServerAnswers(t *testing.T) {
	got, err := say(Start(t), "PING")
	if err != nil || got != "+PONG\r\n" {
		t.Fatalf("PING: got %q, %v", got, err)
	}
}

func TestStoppedServerIsGone(t *testing.T) {
	addr, stop := StartServer(t)
	if got, err := say(addr, "SET ours 1"); err != nil || got != "+OK\r\n" {
		t.Fatalf("SET: got %q, %v", got, err)
	}
	if got, err := say(addr, "GET ours"); err != nil || got != "$1\r\n" {
		t.Fatalf("GET: got %q, %v", got, err)
	}
	stop()
	stop()                                                                // a second call is harmless
	if got, err := say(addr, "GET ours"); err == nil && got == "$1\r\n" { // else it is somebody else's, at a port that was free again
		t.Fatalf("GET after stop: got %q, want an error", got)
	}
}

func TestRefusedArgumentsAreReported(t *testing.T) {
	Start(t) // where there is none, this says so
	_, _, err := start([]string{"--no-such-option", "1"})
	if err == nil || errors.Is(err, errMissing) {
		t.Fatalf("got %v, want what redis-server says of an option that it does not know", err)
	}
}

func TestMissingServerIsSaid(t *testing.T) {
	t.Setenv(serverVar, "")
	t.Setenv("PATH", t.TempDir())
	_, _, err := start(nil)
	if !errors.Is(err, errMissing) {
		t.Fatalf("got %v, want %v", err, errMissing)
	}
}

func TestServerThatWasAskedForIsStarted(t *testing.T) {
	real, err := binary()
	if errors.Is(err, errMissing) && testing.Short() {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	mark := filepath.Join(t.TempDir(), "mark")
	mine := filepath.Join(t.TempDir(), "my-server")
	script := fmt.Sprintf("#!/bin/sh\n: >'%s'\nexec '%s' \"$@\"\n", mark, real)
	if err := os.WriteFile(mine, []byte(script), 0o755); err != nil {
		t.Fatal(err)
	}
	t.Setenv(serverVar, mine)
	if got, err := say(Start(t), "PING"); err != nil || got != "+PONG\r\n" {
		t.Fatalf("PING: got %q, %v", got, err)
	}
	if _, err := os.Stat(mark); err != nil {
		t.Fatalf("another server was started: %v", err)
	}
}

// One that was asked for is never passed over.
func TestServerThatWasAskedForAndIsMissingIsAnError(t *testing.T) {
	t.Setenv(serverVar, "no-such-server")
	_, _, err := start(nil)
	if err == nil || errors.Is(err, errMissing) || !strings.Contains(err.Error(), "no-such-server") {
		t.Fatalf("got %v, want that no-such-server is missing", err)
	}
}

// Nobody stops the server of a binary that is killed.
func TestServerEndsWithAKilledTestBinary(t *testing.T) {
	Start(t) // where there is none, this says so
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), helperVar+"=1")
	cmd.Stderr = os.Stderr
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	defer stdin.Close()
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	line, err := bufio.NewReader(stdout).ReadString('\n')
	addr := strings.TrimSpace(line)
	if err != nil {
		t.Fatalf("the helper said %q: %v", line, err)
	}
	c, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait()
	if n, err := c.Read(make([]byte, 1)); err == nil { // waits until the server closes the connection, as it does when it ends
		t.Fatalf("got %d bytes from a server that nobody asked", n)
	}
}

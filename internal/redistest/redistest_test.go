package redistest

import (
	"bufio"
	"errors"
	"net"
	"testing"
)

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
	t.Setenv("PATH", t.TempDir())
	_, _, err := start(nil)
	if !errors.Is(err, errMissing) {
		t.Fatalf("got %v, want %v", err, errMissing)
	}
}

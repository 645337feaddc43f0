package redistest

import (
	"bufio"
	"errors"
	"net"
	"testing"
)

func ping(addr string) (string, error) {
	c, err := net.Dial("tcp", addr)
	if err != nil {
		return "", err
	}
	defer c.Close()
	if _, err := c.Write([]byte("PING\r\n")); err != nil {
		return "", err
	}
	return bufio.NewReader(c).ReadString('\n')
}

func TestStartedServerAnswers(t *testing.T) {
	got, err := ping(Start(t))
	if err != nil || got != "+PONG\r\n" {
		t.Fatalf("PING: got %q, %v", got, err)
	}
}

func TestStoppedServerIsGone(t *testing.T) {
	addr, stop := StartServer(t)
	stop()
	stop() // a second call is harmless
	if got, err := ping(addr); err == nil {
		t.Fatalf("PING after stop: got %q, want an error", got)
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

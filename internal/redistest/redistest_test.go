package redistest

import (
	"bufio"
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
	addr, stop, err := StartServer()
	if err != nil {
		t.Fatal(err)
	}
	stop()
	stop() // a second call is harmless
	if got, err := ping(addr); err == nil {
		t.Fatalf("PING after stop: got %q, want an error", got)
	}
}

func TestRefusedArgumentsAreReported(t *testing.T) {
	_, _, err := StartServer("--no-such-option", "1")
	if err == nil {
		t.Fatal("no error for an option redis-server does not know")
	}
}

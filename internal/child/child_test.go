package child

import (
	"bufio"
	"errors"
	"io"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"
)

const helperVar = "CHILD_HELPER"

// As a helper the binary starts a child that would live for ever, and waits to be killed.
func TestMain(m *testing.M) {
	if os.Getenv(helperVar) == "" {
		os.Exit(m.Run())
	}
	cmd := exec.Command("sh", "-c", "echo begun; exec sleep 1000000")
	cmd.Stdout = os.Stdout
	if _, err := Start(cmd); err != nil {
		panic(err)
	}
	_, _ = io.Copy(io.Discard, os.Stdin)
}

func TestChildEndsWhenItsParentIsKilled(t *testing.T) {
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), helperVar+"=1")
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	defer stdin.Close()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	cmd.Stdout = w
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	w.Close()
	out := bufio.NewReader(r)
	if line, err := out.ReadString('\n'); err != nil {
		t.Fatalf("the child said %q: %v", line, err)
	}
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait()
	if rest, err := io.ReadAll(out); err != nil || len(rest) > 0 { // the end comes when nobody holds the pipe any more
		t.Fatalf("got %q, %v, want the end", rest, err)
	}
}

func TestChildIsTheProgramItself(t *testing.T) {
	cmd := exec.Command("sh", "-c", `echo $$ "$1"; exit 3`, "sh", "two words")
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	wait, err := Start(cmd)
	if err != nil {
		t.Fatal(err)
	}
	all, err := io.ReadAll(out)
	if want := strconv.Itoa(cmd.Process.Pid) + " two words"; err != nil || strings.TrimSpace(string(all)) != want {
		t.Errorf("got %q, %v, want its process id and argument, %q", all, err, want)
	}
	var exit *exec.ExitError
	if err := wait(); !errors.As(err, &exit) || exit.ExitCode() != 3 {
		t.Errorf("got %v, want exit status 3", err)
	}
}

func TestMissingProgramIsAnError(t *testing.T) {
	if _, err := Start(exec.Command("no-such-program")); !errors.Is(err, exec.ErrNotFound) {
		t.Fatalf("got %v, want %v", err, exec.ErrNotFound)
	}
}

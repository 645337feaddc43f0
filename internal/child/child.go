// Package child starts processes that end with the one that started them, however that one ends.
package child

import (
	"os"
	"os/exec"
)

// guard runs beside the program and kills it when its pipe ends without a line: the writer of that pipe was us. The program
// takes the place of the shell, so that it has the process id that the shell was started with.
const guard = `exec 3<&0 </dev/null
(read -r line <&3 || kill -9 $$) >/dev/null 2>&1 &
exec "$@" 3<&-`

// Start starts cmd, which must have no Stdin, and returns the function that waits for its end as cmd.Wait does; it has to be
// called. If this process ends before, by a signal that nobody can catch too, cmd is killed. It needs a POSIX shell in the path.
func Start(cmd *exec.Cmd) (wait func() error, err error) {
	if cmd.Err != nil {
		return nil, cmd.Err
	}
	shell, err := exec.LookPath("sh")
	if err != nil {
		return nil, err
	}
	r, w, err := os.Pipe() // whose writing end no other child inherits
	if err != nil {
		return nil, err
	}
	defer r.Close()
	cmd.Args = append([]string{"sh", "-c", guard, "sh", cmd.Path}, cmd.Args[1:]...)
	cmd.Path, cmd.Stdin = shell, r
	if err := cmd.Start(); err != nil {
		w.Close()
		return nil, err
	}
	return func() error {
		err := cmd.Wait()
		_, _ = w.WriteString("\n") // nobody is to be killed: the process id may be somebody else's now
		w.Close()
		return err
	}, nil
}

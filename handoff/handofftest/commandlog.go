package handofftest

import (
	"sync"
	"time"
)

// Bounds of the command log.
const (
	logSize  = 4096 // commands
	logArgs  = 16   // arguments of one command
	logBytes = 256  // bytes of one command
)

// Command is one command as it was received. Long ones are shortened.
type Command struct {
	Conn uint64
	Node string
	Time time.Time
	Args []string // the first sixteen, as far as they fit 256 bytes; "***" for a password
}

// commandLog is a ring of the latest commands. Its slots keep their memory, so that
// logging costs a command next to nothing.
type commandLog struct {
	mu    sync.Mutex // memory only
	slots []logSlot
	next  int
}

// logSlot is one command: its arguments one behind the other, and where each ends.
type logSlot struct {
	conn uint64
	node string
	at   time.Time
	text []byte
	ends []int
}

func (l *commandLog) add(c *Conn, args [][]byte) {
	now := time.Now()
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.slots) < logSize {
		l.slots = append(l.slots, logSlot{})
	}
	s := &l.slots[l.next]
	l.next = (l.next + 1) % logSize
	s.conn, s.node, s.at = c.id, c.node.addr, now
	s.text, s.ends = s.text[:0], s.ends[:0]
	from, to := secrets(args)
	for i, a := range args[:min(len(args), logArgs)] {
		if from <= i && i < to {
			a = []byte("***")
		}
		room := logBytes - len(s.text)
		if room == 0 {
			break
		}
		s.text = append(s.text, a[:min(len(a), room)]...)
		s.ends = append(s.ends, len(s.text))
	}
}

// secrets is the range of arguments that must not be kept: all of AUTH, and what
// follows the word AUTH in HELLO.
func secrets(args [][]byte) (from, to int) {
	if equalFold(args[0], "AUTH") {
		return 1, len(args)
	}
	if equalFold(args[0], "HELLO") {
		for i, a := range args {
			if equalFold(a, "AUTH") {
				return i + 1, min(i+3, len(args))
			}
		}
	}
	return 0, 0
}

// list copies the log, oldest first.
func (l *commandLog) list() []Command {
	l.mu.Lock()
	defer l.mu.Unlock()
	cmds := make([]Command, 0, len(l.slots))
	first := 0
	if len(l.slots) == logSize {
		first = l.next
	}
	for i := range l.slots {
		s := &l.slots[(first+i)%len(l.slots)]
		cmd := Command{Conn: s.conn, Node: s.node, Time: s.at}
		begin := 0
		for _, end := range s.ends {
			cmd.Args = append(cmd.Args, string(s.text[begin:end]))
			begin = end
		}
		cmds = append(cmds, cmd)
	}
	return cmds
}

package facts

import (
	"strings"
	"time"
)

// Wait says where a command that may block has its wait. Places count from the name of the command, which is 0; 0 is none.
type Wait struct {
	At        int
	Unit      time.Duration // of the wait on the wire
	Key       int           // the first key
	LastIDs   []int         // XREAD: ids that are "$", the last entry when the command is first issued
	OwnWrites bool          // the command waits for what was written on its own connection before
}

// waits lists the commands whose wait has a fixed place. One below 0 counts from the end.
var waits = map[string]Wait{
	"BLPOP":      {At: -1, Unit: time.Second, Key: 1},
	"BRPOP":      {At: -1, Unit: time.Second, Key: 1},
	"BLMOVE":     {At: -1, Unit: time.Second, Key: 1},
	"BRPOPLPUSH": {At: -1, Unit: time.Second, Key: 1},
	"BZPOPMIN":   {At: -1, Unit: time.Second, Key: 1},
	"BZPOPMAX":   {At: -1, Unit: time.Second, Key: 1},
	"BLMPOP":     {At: 1, Unit: time.Second, Key: 3},
	"BZMPOP":     {At: 1, Unit: time.Second, Key: 3},
	"WAIT":       {At: -1, Unit: time.Millisecond, OwnWrites: true},
	"WAITAOF":    {At: -1, Unit: time.Millisecond, OwnWrites: true},
}

// WaitOf finds the wait in a command. Places may lie outside of args: the server will refuse the command.
func WaitOf(args []string) Wait {
	name := strings.ToUpper(args[0])
	w := waits[name]
	if w.At < 0 {
		w.At += len(args)
	}
	s := syntaxes[name]
	if s == nil || s.options["BLOCK"] == nil {
		return w
	}
	encoded := make([][]byte, len(args))
	for i, arg := range args {
		encoded[i] = []byte(arg)
	}
	for i, o := range s.in(encoded) {
		switch {
		case o == nil:
		case o == s.options["BLOCK"]:
			w.At, w.Unit = i+1, time.Millisecond
		case o.takes == allOfThem: // STREAMS: keys, and as many ids
			w.Key = i + 1
			for id := w.Key + (len(args)-w.Key)/2; id < len(args); id++ {
				if args[id] == "$" && name == "XREAD" { // XREADGROUP does not take it
					w.LastIDs = append(w.LastIDs, id)
				}
			}
		}
	}
	return w
}

// Package facts has what the client must know of each command: what a second execution does, what kind of connection it
// needs, where it has its wait, and whether its errors may be somebody else's text.
package facts

// Class says what happens if a command is executed twice.
type Class uint8

// The classes, from harmless to harmful.
const (
	Read            Class = iota // changes nothing
	WriteOnce                    // the second time changes nothing, and only the answer differs: DEL, EXPIRE
	WriteLastWins                // may undo what another wrote in between: SET, HSET
	WriteAccumulate              // changes again, or answers as if it had failed: INCR, LPUSH, SET NX
	Never                        // is never repeated
)

// Use says what kind of connection a command needs.
type Use uint8

const (
	Shared  Use = iota // may share a lane
	Blocks             // the server may let it wait: needs a lease
	Session            // changes the state of the connection: only on one that the caller has for itself
	Refused            // is answered by none or many replies, or ends the connection: not through Do
)

// Fact is what the client knows of a command with its arguments.
type Fact struct {
	Class Class
	Use   Use
}

// Of looks up the command that req begins with, and returns the requests behind it. Names and options match in any case. A
// command that is not listed is an accumulating write that may share a lane: the careful guess.
func Of(req []byte) (f Fact, rest []byte) {
	var room [16][]byte
	args, rest := split(room[:0], req)
	if len(args) == 0 {
		return Fact{Class: Never}, nil // not from our encoder
	}
	var buf [64]byte
	name := appendUpper(buf[:0], args[0])
	f, known := table[string(name)]
	if !known {
		return Fact{Class: WriteAccumulate}, rest
	}
	s := syntaxes[string(name)]
	if len(args) > 1 {
		whole := appendUpper(append(name, ' '), args[1])
		if sub, ok := table[string(whole)]; ok {
			f, s = sub, syntaxes[string(whole)]
		}
	}
	if s != nil {
		f = s.apply(f, args)
	}
	return f, rest
}

// ClassOf returns the most harmful class among encoded commands.
func ClassOf(req []byte) Class {
	worst := Read
	for len(req) > 0 {
		var f Fact
		f, req = Of(req)
		worst = max(worst, f.Class)
	}
	return worst
}

// Skip returns what stands behind the first n commands of req.
func Skip(req []byte, n int) []byte {
	var room [16][]byte
	for range n {
		_, req = split(room[:0], req)
	}
	return req
}

// relays are listed commands that may pass on an error text of a script, of another server, or of the caller.
var relays = map[string]bool{
	"EVAL": true, "EVALSHA": true, "FCALL": true, "EVAL_RO": true, "EVALSHA_RO": true, "FCALL_RO": true,
	"FUNCTION": true, "MIGRATE": true, "DEBUG": true,
}

// Relays reports whether an error that answers the command that req begins with may be the text of somebody else, which proves
// nothing. A command that is not listed may be a module's.
func Relays(req []byte) bool {
	args, _ := split(nil, req)
	if len(args) == 0 {
		return true
	}
	var buf [32]byte
	name := appendUpper(buf[:0], args[0])
	_, known := table[string(name)]
	return !known || relays[string(name)]
}

// split appends the arguments of the first command in req to args, none if it is not from our encoder.
func split(args [][]byte, req []byte) (_ [][]byte, rest []byte) {
	n, rest := cutLength(req, '*')
	for range n {
		size, body := cutLength(rest, '$')
		if size < 0 || len(body) < size+2 {
			return nil, nil
		}
		args, rest = append(args, body[:size:size]), body[size+2:]
	}
	return args, rest
}

// cutLength reads a header of the encoder, "$5\r\n". It returns -1 if there is none.
func cutLength(b []byte, kind byte) (n int, rest []byte) {
	if len(b) < 4 || b[0] != kind {
		return -1, nil
	}
	for i, c := range b[1:] {
		switch {
		case c-'0' <= 9:
			n = n*10 + int(c-'0')
		case c == '\r' && len(b) > i+2:
			return n, b[i+3:]
		default:
			return -1, nil
		}
	}
	return -1, nil
}

// appendUpper appends a name in upper case, as far as a name can be long.
func appendUpper(dst, name []byte) []byte {
	for _, c := range name[:min(len(name), 31)] {
		if c >= 'a' && c <= 'z' {
			c -= 'a' - 'A'
		}
		dst = append(dst, c)
	}
	return dst
}

package baton

// fact is what the client has to know of a command.
type fact struct {
	class Class
	use   use
}

// use says what kind of connection a command needs.
type use uint8

const (
	shared   use = iota // may share a lane
	blocks              // the server may let it wait: needs a lease
	heldOnly            // changes the state of the connection: only on one that the caller holds
	refused             // is answered by none or many replies, or ends the connection: not through Do
)

// facts has a row for each command and for each subcommand that matters, "CONFIG GET". What is not listed is an
// accumulating write that may share a lane: the careful guess.
var facts = buildFacts()

// classOf returns the class of encoded commands: of the most harmful of them.
func classOf(req []byte) Class {
	worst := Read
	for len(req) > 0 {
		var f fact
		f, req = factOf(req)
		worst = max(worst, f.class)
	}
	return worst
}

// factOf looks up the command that req begins with and returns what stands behind it. Names and words are matched without
// regard to case. A retry and a raw command need it, and nothing else, so that it may take its time.
func factOf(req []byte) (fact, []byte) {
	n, args := cutLength(req, '*')
	rest := args
	var first [2][]byte
	for i := range n {
		var arg []byte
		if arg, rest = cutBulk(rest); arg == nil {
			return fact{class: Never}, nil // not from our encoder
		}
		if i < len(first) {
			first[i] = arg
		}
	}
	if n < 1 {
		return fact{class: Never}, nil
	}
	var buf [64]byte
	name := appendUpper(buf[:0], first[0])
	f, known := facts[string(name)]
	if !known {
		return fact{class: WriteAccumulate}, rest
	}
	s := syntaxes[string(name)]
	if n > 1 {
		whole := appendUpper(append(name, ' '), first[1])
		if sub, ok := facts[string(whole)]; ok {
			f, s = sub, syntaxes[string(whole)]
		}
	}
	if s != nil {
		f = s.decide(f, n, args)
	}
	return f, rest
}

// cutBulk reads an argument as the encoder writes it, "$3\r\nGET\r\n". It returns nil if there is none.
func cutBulk(b []byte) (arg, rest []byte) {
	size, body := cutLength(b, '$')
	if size < 0 || len(body) < size+2 {
		return nil, nil
	}
	return body[:size:size], body[size+2:]
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

package baton

import "strings"

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

// exceptions lists by command the arguments that change its row.
var exceptions = buildExceptions()

// exception is a row that holds instead if one of words is among the arguments from up to, but not including, to; the
// command's name is argument 0.
type exception struct {
	from, to int
	words    []string
	fact     fact
}

// factArgs is how many arguments are looked at. Words behind them count as present in an exception that reaches so far.
const factArgs = 16

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
	careful := fact{class: WriteAccumulate}
	var args [factArgs][]byte
	n, rest := cutLength(req, '*')
	for i := range n {
		size, body := cutLength(rest, '$')
		if size < 0 || len(body) < size+2 {
			return fact{class: Never}, nil // not from our encoder
		}
		if i < factArgs {
			args[i] = body[:size]
		}
		rest = body[size+2:]
	}
	if n < 1 {
		return fact{class: Never}, nil
	}
	var buf [64]byte
	name := appendUpper(buf[:0], args[0])
	f, known := facts[string(name)]
	if !known {
		return careful, rest
	}
	rules := exceptions[string(name)]
	if n > 1 {
		whole := appendUpper(append(name, ' '), args[1])
		if sub, ok := facts[string(whole)]; ok {
			f, rules = sub, exceptions[string(whole)]
		}
	}
	for _, e := range rules {
		if e.applies(args[:min(n, factArgs)], n) {
			f = e.fact
		}
	}
	return f, rest
}

func (e exception) applies(args [][]byte, n int) bool {
	if n > factArgs && e.to > factArgs {
		return true
	}
	for i := e.from; i < min(e.to, len(args)); i++ {
		for _, w := range e.words {
			if strings.EqualFold(w, string(args[i])) {
				return true
			}
		}
	}
	return false
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

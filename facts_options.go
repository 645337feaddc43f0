package baton

import (
	"bytes"
	"slices"
	"strconv"
	"strings"
)

// syntax says where the options of a command stand, so that a key, a value or a member that is called like one is not
// taken for it, and what they make of the command's fact.
type syntax struct {
	from    int // the first argument that may be an option; the command's name is argument 0
	options map[string]*option
	open    bool // what is no option is the first of other arguments; else it is an option that nobody here knows
	target  int  // the key that is written; if a later argument names it too, it is read as well. 0: does not matter
}

// option is one word and what belongs to it.
type option struct {
	takes   int // so many arguments; allOfThem: the rest of the command
	each    int // not 0: the next argument is a number, and so many times that many follow it
	decides bool
	fact    fact      // of the command with this option, if it decides
	clashes []*option // which make it a condition that the command itself ends
}

const allOfThem = -1

// syntaxes has a row for each command whose options matter.
var syntaxes = buildSyntaxes()

// decide returns the fact of a command that has f without options. The n arguments, with the command's name, stand in args.
func (s *syntax) decide(f fact, n int, args []byte) fact {
	var room [8]*option
	seen := room[:0]
	var target []byte
	careful, again := false, false
	sc := scanner{syntax: s}
	for i := range n {
		var arg []byte
		arg, args = cutBulk(args)
		if i == s.target {
			target = arg
		}
		again = again || i > s.target && s.target > 0 && bytes.Equal(arg, target)
		if o, is := sc.see(arg); o != nil {
			seen = append(seen, o)
		} else if is {
			careful = true
		}
	}
	decided := false
	for _, o := range seen {
		switch {
		case !o.decides:
		case decided:
			f = fact{max(f.class, o.fact.class), max(f.use, o.fact.use)}
		default:
			f, decided = o.fact, true
		}
		careful = careful || slices.ContainsFunc(o.clashes, func(c *option) bool { return slices.Contains(seen, c) })
	}
	if careful || again && f.class > Read {
		f.class = max(f.class, WriteAccumulate)
	}
	return f
}

// scanner finds the options of a command, whose arguments it is shown one by one.
type scanner struct {
	syntax *syntax
	at     int  // arguments seen
	skip   int  // so many belong to the option before
	each   int  // the next argument says how many more, times this
	ended  bool // there are no further options
}

// see reports whether arg, the next argument, is an option, and which. It is nil for one that is not in the syntax.
func (s *scanner) see(arg []byte) (o *option, is bool) {
	s.at++
	switch {
	case s.at <= s.syntax.from || s.ended:
		return nil, false
	case s.each > 0:
		n, err := strconv.ParseUint(string(arg[:min(len(arg), 10)]), 10, 31)
		s.skip, s.each, s.ended = int(n)*s.each, 0, err != nil
		return nil, false
	case s.skip > 0:
		s.skip--
		return nil, false
	}
	var buf [32]byte
	found, known := s.syntax.options[string(appendUpper(buf[:0], arg))]
	if !known {
		s.ended = s.syntax.open
		return nil, !s.syntax.open
	}
	s.skip, s.each, s.ended = found.takes, found.each, found.takes == allOfThem
	return found, true
}

func buildSyntaxes() map[string]*syntax {
	m := map[string]*syntax{}
	for _, row := range optionRows {
		s := &syntax{from: row.from, target: row.target, options: map[string]*option{}}
		for _, word := range strings.Fields(row.words) {
			if word == "..." {
				s.open = true
				continue
			}
			name, arity, _ := strings.Cut(word, ":")
			s.options[name] = optionOf(arity)
		}
		for _, d := range row.decide {
			for _, name := range strings.Fields(d.words) {
				o := s.options[name]
				o.decides, o.fact = true, d.fact
			}
		}
		for word, o := range s.options {
			if strings.HasSuffix(word, "XX") && s.options["EXAT"] != nil {
				o.clashes = []*option{s.options["EX"], s.options["PX"], s.options["EXAT"], s.options["PXAT"]}
			}
		}
		for _, name := range strings.Split(row.names, ",") {
			m[name] = s
		}
	}
	return m
}

// optionOf reads what stands behind an option in the table: "" or a number of arguments, "n" or "2n" for what a number
// in front of them counts, "all".
func optionOf(arity string) *option {
	switch arity {
	case "":
		return &option{}
	case "n":
		return &option{each: 1}
	case "2n":
		return &option{each: 2}
	case "all":
		return &option{takes: allOfThem}
	}
	n, err := strconv.Atoi(arity)
	if err != nil {
		panic("baton: table of options: " + arity)
	}
	return &option{takes: n}
}

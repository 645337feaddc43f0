package facts

import (
	"bytes"
	"iter"
	"slices"
	"strconv"
	"strings"
)

// syntax says where the options of a command stand, so that a key, a value or a member that is called like one is not
// taken for it, and what they make of the command's fact.
type syntax struct {
	from    int // the first argument that may be an option; the command's name is argument 0
	options map[string]*option
	open    bool // an argument that is no option ends them; else it is an option that nobody here knows
	target  int  // the key that is written; if a later argument names it too, it is read as well. 0: does not matter
}

// option is one word and what belongs to it.
type option struct {
	takes   int // so many arguments; allOfThem: the rest of the command
	each    int // not 0: the next argument is a number, and so many times that many follow it
	decides bool
	fact    Fact // of the command with this option, if it decides
	exists  bool // a condition that an expiry of the same command may end
	expires bool
}

const allOfThem = -1

// syntaxes has a row for each command whose options matter.
var syntaxes = buildSyntaxes()

// in yields the options among the arguments of a command, with their places. An option that is not in the syntax is nil.
func (s *syntax) in(args [][]byte) iter.Seq2[int, *option] {
	return func(yield func(int, *option) bool) {
		for i := s.from; i < len(args); i++ {
			var buf [32]byte
			o := s.options[string(appendUpper(buf[:0], args[i]))]
			if o == nil && s.open || !yield(i, o) {
				return
			}
			switch {
			case o == nil:
			case o.takes == allOfThem:
				return
			case o.each > 0 && i+1 < len(args):
				i++
				n, err := strconv.ParseUint(string(args[i][:min(len(args[i]), 10)]), 10, 31)
				if err != nil {
					return
				}
				i += min(int(n), len(args)) * o.each
			default:
				i += o.takes
			}
		}
	}
}

// apply returns the fact of a command that has f without its options.
func (s *syntax) apply(f Fact, args [][]byte) Fact {
	var with Fact // of the options that decide: the most careful holds
	var decided, careful, exists, expires bool
	for _, o := range s.in(args) {
		if o == nil {
			careful = true
			continue
		}
		exists, expires = exists || o.exists, expires || o.expires
		if o.decides {
			decided, with = true, Fact{max(with.Class, o.fact.Class), max(with.Use, o.fact.Use)}
		}
	}
	if decided {
		f = with
	}
	again := s.target > 0 && s.target < len(args) && slices.ContainsFunc(args[s.target+1:], func(arg []byte) bool {
		return bytes.Equal(arg, args[s.target])
	})
	if careful || exists && expires || again && f.Class > Read {
		f.Class = max(f.Class, WriteAccumulate)
	}
	return f
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
			s.options[name] = optionOf(name, arity)
		}
		for _, d := range row.decide {
			for _, name := range strings.Fields(d.words) {
				o := s.options[name]
				o.decides, o.fact = true, d.fact
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
func optionOf(name, arity string) *option {
	o := &option{exists: strings.HasSuffix(name, "XX"), expires: strings.Contains(optExpiry, " "+name+":")}
	switch arity {
	case "":
	case "n":
		o.each = 1
	case "2n":
		o.each = 2
	case "all":
		o.takes = allOfThem
	default:
		o.takes = int(arity[0] - '0')
	}
	return o
}

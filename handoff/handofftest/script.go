package handofftest

import (
	"errors"
	"fmt"
	"net"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Script is a timeline of maintenance as a text: what the operator does at which second, and what must hold then. A
// [Player] plays it against a client. One line is one step; '#' begins a comment.
//
//	source: capture of a named MOVING
//	about:  everybody is at the target long before the old endpoint closes
//	client: idle=4
//
//	at 0s    load 4 20ms
//	at 1s    MOVING A 15 B
//	by 4s    expect on A = 0
//	at 16.7s shut A
//	at 18s   expect failed = 0
//	at 18s   off    failed > 0
//
// The grammar is in docs/testing.md. A Script is not changed by being played and may be played more than once.
type Script struct {
	Name   string // of the file, for messages
	Source string // where it is known from that servers do this
	About  string // what it shows, in a sentence
	Real   bool   // may also be played on real sockets with shorter clocks

	Client map[string]string // settings of the client; what they mean is up to Player.Open

	server map[string]string
	nodes  []scriptNode
	lines  []scriptLine
}

// scriptNode is a node of the stage; addr "" is chosen by the player.
type scriptNode struct{ name, addr string }

// scriptLine is one step.
type scriptLine struct {
	number  int
	text    string
	when    string // "at", "by" or "until"
	time    time.Duration
	command string
	args    []string
	claim   *claim // of "expect" and "off"
}

// HasControl says whether the script tells what is expected of a client that has the feature switched off.
func (s *Script) HasControl() bool {
	return slices.ContainsFunc(s.lines, func(l scriptLine) bool { return l.command == "off" })
}

// ParseScript reads a script. name is that of its file. The error joins everything that is wrong, each with file and line.
func ParseScript(name, text string) (*Script, error) {
	p := scriptParser{s: &Script{Name: name, Client: map[string]string{}, server: map[string]string{}}}
	for i, line := range strings.Split(text, "\n") {
		p.number = i + 1
		p.line(line)
	}
	p.number = 0
	if p.s.Source == "" {
		p.bad("no source:")
	}
	if p.s.About == "" {
		p.bad("no about:")
	}
	if !slices.ContainsFunc(p.s.lines, func(l scriptLine) bool { return l.command == "expect" }) {
		p.bad("nothing is expected")
	}
	if len(p.errs) > 0 {
		return nil, errors.Join(p.errs...)
	}
	return p.s, nil
}

type scriptParser struct {
	s      *Script
	number int
	errs   []error
	calls  []string // names that "call" lines have given
}

func (p *scriptParser) bad(format string, args ...any) {
	at := p.s.Name
	if p.number > 0 {
		at = fmt.Sprintf("%s:%d", p.s.Name, p.number)
	}
	p.errs = append(p.errs, fmt.Errorf("%s: %s", at, fmt.Sprintf(format, args...)))
}

func (p *scriptParser) line(text string) {
	for key, field := range map[string]*string{"source": &p.s.Source, "about": &p.s.About} { // prose: quotes and # mean nothing in it
		if rest, ok := strings.CutPrefix(strings.TrimSpace(text), key+":"); ok {
			*field = strings.TrimSpace(rest)
			return
		}
	}
	words, err := scriptWords(text)
	if err != nil {
		p.bad("%v", err)
		return
	}
	if len(words) == 0 {
		return
	}
	if key, ok := strings.CutSuffix(words[0], ":"); ok {
		p.header(key, words[1:])
		return
	}
	p.step(scriptLine{number: p.number, text: strings.Join(strings.Fields(text), " ")}, words)
}

func (p *scriptParser) header(key string, words []string) {
	if len(p.s.lines) > 0 {
		p.bad("%s: must stand before the first step", key)
		return
	}
	switch key {
	case "real":
		p.s.Real = len(words) == 1 && words[0] == "yes"
		if !p.s.Real {
			p.bad("real: may only be yes")
		}
	case "client":
		p.settings(p.s.Client, words, nil)
	case "server":
		p.settings(p.s.server, words, serverSettings)
	case "nodes":
		p.nodes(words)
	default:
		p.bad("unknown header %s:, must be source, about, real, client, server or nodes", key)
	}
}

// settings reads "key=value" words. known is nil if any key will do.
func (p *scriptParser) settings(into map[string]string, words []string, known map[string]func(o *Options, value string) error) {
	for _, w := range words {
		key, value, ok := strings.Cut(w, "=")
		if !ok || key == "" || value == "" {
			p.bad("%q must be key=value", w)
			continue
		}
		if _, twice := into[key]; twice {
			p.bad("%s is set twice", key)
		}
		into[key] = value
		if known == nil {
			continue
		}
		set, ok := known[key]
		if !ok {
			p.bad("unknown server setting %s", key)
		} else if err := set(&Options{}, value); err != nil {
			p.bad("%s: %v", key, err)
		}
	}
}

func (p *scriptParser) nodes(words []string) {
	for _, w := range words {
		name, addr, _ := strings.Cut(w, "=")
		if p.s.knows(name) || name == "" {
			p.bad("node %q must have a name of its own", w)
			continue
		}
		if addr != "" {
			if _, err := net.ResolveTCPAddr("tcp", addr); err != nil {
				p.bad("node %s: %q must be ip:port", name, addr)
			}
		}
		p.s.nodes = append(p.s.nodes, scriptNode{name, addr})
	}
}

func (s *Script) knows(node string) bool {
	return slices.ContainsFunc(s.nodes, func(n scriptNode) bool { return n.name == node })
}

func (p *scriptParser) step(l scriptLine, words []string) {
	if len(p.s.nodes) == 0 {
		p.s.nodes = []scriptNode{{name: "A"}, {name: "B"}}
	}
	if len(words) < 3 || !slices.Contains([]string{"at", "by", "until"}, words[0]) {
		p.bad("a step is: at|by|until TIME VERB ..., this is %q", l.text)
		return
	}
	l.when, l.command, l.args = words[0], words[2], words[3:]
	var err error
	if l.time, err = time.ParseDuration(words[1]); err != nil || l.time < 0 {
		p.bad("time is %q, must be a duration such as 1.5s", words[1])
		return
	}
	if n := len(p.s.lines); n > 0 && l.time < p.s.lines[n-1].time {
		p.bad("%v is before the step above, at %v", l.time, p.s.lines[n-1].time)
	}
	if l.when == "until" && p.s.Real {
		p.bad("until asserts when something happens, which must not be asserted on real sockets (real: yes)")
	}
	if l.command == "expect" || l.command == "off" {
		if l.claim, err = parseClaim(p.s, p.calls, l.args); err != nil {
			p.bad("%v", err)
			return
		}
	} else if err = p.checkVerb(l); err != nil {
		p.bad("%v", err)
		return
	}
	p.s.lines = append(p.s.lines, l)
}

func (p *scriptParser) checkVerb(l scriptLine) error {
	v, ok := scriptVerbs[l.command]
	if !ok {
		return fmt.Errorf("unknown verb %s", l.command)
	}
	if l.when != "at" {
		return fmt.Errorf("%s goes with at, not %s", l.command, l.when)
	}
	if l.command == "call" && len(l.args) > 0 {
		p.calls = append(p.calls, l.args[0])
	}
	return checkArgs(p.s, l.command, strings.Fields(v.args), l.args)
}

// checkArgs holds arguments to their kinds. "kind?" may be missing, "kind*" may come any number of times.
func checkArgs(s *Script, command string, kinds, args []string) error {
	usage := fmt.Errorf("%s needs: %s", command, strings.Join(kinds, " "))
	i := 0
	for _, k := range kinds {
		kind := strings.TrimRight(k, "?*")
		if i == len(args) {
			if kind == k {
				return usage
			}
			continue
		}
		for n := 0; i < len(args) && (n == 0 || strings.HasSuffix(k, "*")); n++ {
			if err := checkArg(s, kind, args[i]); err != nil {
				return fmt.Errorf("%s: %w", command, err)
			}
			i++
		}
	}
	if i < len(args) {
		return usage
	}
	return nil
}

func checkArg(s *Script, kind, arg string) error {
	var err error
	switch kind {
	case "node":
		if !s.knows(arg) {
			err = errors.New("no such node")
		}
	case "seconds", "number":
		_, err = strconv.ParseInt(arg, 10, 64)
	case "duration":
		_, err = time.ParseDuration(arg)
	case "target", "word", "bytes":
	default: // a choice
		if !slices.Contains(strings.Split(kind, "|"), arg) {
			err = errors.New("must be one of " + kind)
		}
	}
	if err != nil {
		return fmt.Errorf("%s is %q: %w", kind, arg, err)
	}
	return nil
}

// scriptWords splits a line at blanks. A word may be a Go string in quotes; '#' at the beginning of a word begins a comment.
func scriptWords(line string) ([]string, error) {
	var words []string
	for {
		line = strings.TrimLeft(line, " \t\r")
		if line == "" || line[0] == '#' {
			return words, nil
		}
		if line[0] == '"' {
			quoted, err := strconv.QuotedPrefix(line)
			if err != nil {
				return nil, fmt.Errorf("bad quotes in %q", line)
			}
			word, _ := strconv.Unquote(quoted)
			words, line = append(words, word), line[len(quoted):]
			continue
		}
		end := strings.IndexAny(line, " \t\r")
		if end < 0 {
			end = len(line)
		}
		words, line = append(words, line[:end]), line[end:]
	}
}

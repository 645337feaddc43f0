package main

import (
	"bytes"
	"fmt"
	"io"
	"strconv"
)

// appendCommand appends one command as an array of bulk strings.
func appendCommand(dst []byte, args ...string) []byte {
	dst = append(dst, '*')
	dst = strconv.AppendInt(dst, int64(len(args)), 10)
	dst = append(dst, '\r', '\n')
	for _, a := range args {
		dst = append(dst, '$')
		dst = strconv.AppendInt(dst, int64(len(a)), 10)
		dst = append(dst, '\r', '\n')
		dst = append(dst, a...)
		dst = append(dst, '\r', '\n')
	}
	return dst
}

// request is a command encoded once and sent many times. It is encoded anew when it is asked for another command.
type request struct {
	verb, key string
	n         int
	wire      []byte
}

// of returns the wire form of verb key extra..., encoding it only if it differs from the last one. Extra arguments of one
// verb and key must differ in number if they differ at all: that is so in every scenario.
func (q *request) of(verb, key string, extra ...string) []byte {
	if q.verb != verb || q.key != key || q.n != len(extra) {
		args := append([]string{verb, key}, extra...)
		q.verb, q.key, q.n = verb, key, len(extra)
		q.wire = appendCommand(nil, args...)
	}
	return q.wire
}

// pipe returns the wire form of one GET per key; the keys of a worker do not change while their number does not.
func (q *request) pipe(keys []string) []byte {
	if q.verb != "pipe" || q.n != len(keys) {
		q.verb, q.key, q.n, q.wire = "pipe", "", len(keys), nil
		for _, k := range keys {
			q.wire = appendCommand(q.wire, "GET", k)
		}
	}
	return q.wire
}

// skipper walks over replies without handing out values. It is the reading half of the floors.
type skipper struct {
	src  io.Reader
	buf  []byte
	r, w int
}

func newSkipper(src io.Reader, size int) *skipper { return &skipper{src: src, buf: make([]byte, size)} }

// buffered reports whether bytes are waiting that were read but not walked over.
func (s *skipper) buffered() bool { return s.r < s.w }

// fill reads once, after making room.
func (s *skipper) fill() error {
	if s.r == s.w {
		s.r, s.w = 0, 0
	} else if s.w == len(s.buf) {
		s.w = copy(s.buf, s.buf[s.r:s.w])
		s.r = 0
	}
	n, err := s.src.Read(s.buf[s.w:])
	s.w += n
	if n > 0 {
		return nil
	}
	return err
}

// line returns the next line without its end. It is valid until the next fill.
func (s *skipper) line() ([]byte, error) {
	seen := 0
	for {
		if i := bytes.IndexByte(s.buf[s.r+seen:s.w], '\n'); i >= 0 {
			l := s.buf[s.r : s.r+seen+i-1]
			s.r += seen + i + 1
			return l, nil
		}
		seen = s.w - s.r
		if err := s.fill(); err != nil {
			return nil, err
		}
	}
}

// jump walks over n bytes.
func (s *skipper) jump(n int) error {
	for n > s.w-s.r {
		n -= s.w - s.r
		s.r = s.w
		if err := s.fill(); err != nil {
			return err
		}
	}
	s.r += n
	return nil
}

// reply walks over one reply. It returns the payload bytes of a bulk string, the value of an integer, the elements of an
// aggregate (pairs of a map), and the payload bytes of everything inside.
func (s *skipper) reply() (n, inside int, err error) {
	l, err := s.line()
	if err != nil {
		return 0, 0, err
	}
	kind := l[0]
	if kind == '+' || kind == '_' || kind == ',' || kind == '#' || kind == '(' {
		return len(l) - 1, len(l) - 1, nil
	}
	if kind == '-' {
		return 0, 0, fmt.Errorf("server: %s", l[1:])
	}
	n = decimal(l[1:])
	switch kind {
	case '$', '=':
		if n < 0 {
			return 0, 0, nil
		}
		return n, n, s.jump(n + 2)
	case '*', '%', '~', '>':
		return s.elements(kind, n)
	}
	return n, 0, nil
}

// elements walks over the elements of an aggregate.
func (s *skipper) elements(kind byte, n int) (int, int, error) {
	count, inside := n, 0
	if kind == '%' {
		count = 2 * n
	}
	for range count {
		_, in, err := s.reply()
		if err != nil {
			return 0, 0, err
		}
		inside += in
	}
	return n, inside, nil
}

// decimal reads a number that is known to be well formed.
func decimal(b []byte) int {
	if len(b) > 0 && b[0] == '-' {
		return -decimal(b[1:])
	}
	n := 0
	for _, c := range b {
		n = n*10 + int(c-'0')
	}
	return n
}

package main

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
	"time"
)

// control is a plain connection to the server for what is not measured. One goroutine at a time.
type control struct {
	nc net.Conn
	br *bufio.Reader
}

func dialControl(network, addr string) (*control, error) {
	nc, err := net.DialTimeout(network, addr, 5*time.Second)
	if err != nil {
		return nil, err
	}
	return &control{nc: nc, br: bufio.NewReader(nc)}, nil
}

func (c *control) close() { c.nc.Close() }

// do sends one command and returns its reply as text: the line without its type byte, or the payload of a bulk string.
func (c *control) do(args ...string) (string, error) {
	if _, err := c.nc.Write(appendCommand(nil, args...)); err != nil {
		return "", err
	}
	line, err := c.br.ReadString('\n')
	if err != nil {
		return "", err
	}
	line = strings.TrimSuffix(line, "\r\n")
	switch line[0] {
	case '-':
		return "", fmt.Errorf("%s: %s", args[0], line[1:])
	case '$':
		n, err := strconv.Atoi(line[1:])
		if err != nil || n < 0 {
			return "", err
		}
		b := make([]byte, n+2)
		_, err = io.ReadFull(c.br, b)
		return string(b[:n]), err
	}
	return line[1:], nil
}

// info returns one numeric field of an INFO section.
func (c *control) info(section, field string) (float64, error) {
	text, err := c.do("INFO", section)
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(text) {
		if v, ok := strings.CutPrefix(strings.TrimSpace(line), field+":"); ok {
			return strconv.ParseFloat(v, 64)
		}
	}
	return 0, fmt.Errorf("INFO %s: no field %s", section, field)
}

// cpu is the CPU time the server has used.
func (c *control) cpu() (time.Duration, error) {
	user, err := c.info("cpu", "used_cpu_user")
	if err != nil {
		return 0, err
	}
	sys, err := c.info("cpu", "used_cpu_sys")
	return time.Duration((user + sys) * float64(time.Second)), err
}

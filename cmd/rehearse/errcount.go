package main

import (
	"context"
	"errors"
	"io"
	"net"
	"syscall"

	baton "github.com/baton-go/baton"
	"github.com/baton-go/baton/conn"
	"github.com/baton-go/baton/pool"
	"github.com/baton-go/baton/resp3"
)

// errCounts counts failed calls by kind and keeps the text of the first of each.
type errCounts map[string]*errCount

type errCount struct {
	Count   int64  `json:"count"`
	Example string `json:"example"`
}

func (f errCounts) add(err error) {
	kind := kindOf(err)
	if f[kind] == nil {
		f[kind] = &errCount{Example: err.Error()}
	}
	f[kind].Count++
}

func (f errCounts) merge(o errCounts) {
	for kind, more := range o {
		if f[kind] == nil {
			f[kind] = &errCount{Example: more.Example}
		}
		f[kind].Count += more.Count
	}
}

func (f errCounts) total() (n int64) {
	for _, one := range f {
		n += one.Count
	}
	return n
}

// causes are the words for what is behind an error, the first that matches.
var causes = []struct {
	err  error
	word string
}{
	{baton.ErrClosed, "client closed"},
	{context.Canceled, "given up at the end of the run"},
	{syscall.ECONNREFUSED, "connection refused"},
	{syscall.ECONNRESET, "connection reset"},
	{syscall.EPIPE, "connection closed while writing"},
	{conn.ErrDrained, "old link closed at the end of the move"},
	{conn.ErrDead, "peer silent"},
	{io.EOF, "connection closed by the server"},
	{io.ErrUnexpectedEOF, "connection closed by the server inside a reply"},
	{net.ErrClosed, "connection closed"},
	{conn.ErrClosed, "connection closed"},
}

// kindOf says in a few words what went wrong, and whether the command may have been executed.
func kindOf(err error) string {
	var se *resp3.Error
	if errors.As(err, &se) {
		return "server error " + se.Code
	}
	kind := "other"
	var timeout interface{ Timeout() bool }
	var full *pool.TimeoutError
	switch {
	case errors.As(err, &full):
		kind = "no connection in time"
	case errors.As(err, &timeout) && timeout.Timeout():
		kind = "timeout"
	}
	for _, c := range causes {
		if errors.Is(err, c.err) {
			kind = c.word
			break
		}
	}
	if mayHaveRun(err) {
		return kind + ", may have been executed"
	}
	return kind + ", not sent"
}

// mayHaveRun reports whether a command that failed with err may have been executed. Unknown errors count as yes.
func mayHaveRun(err error) bool {
	var oe *baton.OpError
	var se *resp3.Error
	switch {
	case errors.As(err, &oe):
		return oe.Sent
	case errors.As(err, &se), errors.Is(err, baton.ErrClosed):
		return false
	}
	return true
}

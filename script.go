package baton

import (
	"context"
	"crypto/sha1"
	"encoding/hex"

	"github.com/baton-go/baton/internal/errs"
	"github.com/baton-go/baton/resp3"
)

// Doer runs any command: a Client or a Conn.
type Doer interface {
	Do(ctx context.Context, args ...any) (resp3.Value, error)
}

// Script is a script of Lua that the server keeps once it has seen it, so that it is sent only when the server does not have
// it. It never changes and may be used by many goroutines at once, with any client.
type Script struct {
	src, sha string
	readOnly bool
}

// NewScript returns the script with the source src. It does not look at it.
func NewScript(src string) *Script {
	sum := sha1.Sum([]byte(src)) // as the server names it; nothing depends on its strength
	return &Script{src: src, sha: hex.EncodeToString(sum[:])}
}

// ReadOnly returns the same script for servers from 7.0 on, which then make sure that it only reads. Such a script is sent
// again after a failure; another is not, since what it changes is unknown.
func (s *Script) ReadOnly() *Script { return &Script{src: s.src, sha: s.sha, readOnly: true} }

// SHA returns the SHA-1 of the source in hexadecimal, by which the server knows the script.
func (s *Script) SHA() string { return s.sha }

// Run runs the script with keys and arguments, whose types are those of Do. It names the script to the server, and sends
// the source only if the server does not have it: nothing was executed then.
func (s *Script) Run(ctx context.Context, d Doer, keys []string, args ...any) (resp3.Value, error) {
	byHash, whole := "EVALSHA", "EVAL"
	if s.readOnly {
		byHash, whole = "EVALSHA_RO", "EVAL_RO"
	}
	v, err := d.Do(ctx, evalArgs(byHash, s.sha, keys, args)...)
	if e, ok := errs.As[*resp3.Error](err); ok && e.Code == "NOSCRIPT" {
		return d.Do(ctx, evalArgs(whole, s.src, keys, args)...)
	}
	return v, err
}

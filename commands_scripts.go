package baton

import (
	"context"
	"crypto/sha1"
	"encoding/hex"
	"slices"
	"strings"

	"github.com/baton-go/baton/conn"
	"github.com/baton-go/baton/internal/errs"
	"github.com/baton-go/baton/resp3"
)

// evalArgs are the arguments of a script: its text or name, the number of keys, the keys, and the rest.
func evalArgs(name, script string, keys []string, args []any) []any {
	all := make([]any, 0, 3+len(keys)+len(args))
	all = append(all, name, script, len(keys))
	for _, k := range keys {
		all = append(all, k)
	}
	return append(all, args...)
}

// eval is a command with a script and its arguments.
func eval(q *conn.Call, name, script string, keys []string, args []any) request {
	return anyArgs(q, evalArgs(name, script, keys, args)...)
}

// value returns a reply as it is.
func (c *commands) value(ctx context.Context, r request) (resp3.Value, error) {
	err := c.send(ctx, &r, conn.Value)
	v := r.call.Val
	r.call.Free()
	if err != nil {
		v = resp3.Value{}
	}
	return v, err
}

// Eval runs a script of Lua with keys and arguments, whose types are those of Do. For a script that runs often see Script.
func (c *commands) Eval(ctx context.Context, script string, keys []string, args ...any) (resp3.Value, error) {
	return c.value(ctx, eval(c.newCall(), "EVAL", script, keys, args))
}

// Eval queues EVAL, see Client.Eval.
func (p *Pipe) Eval(script string, keys []string, args ...any) Reply[resp3.Value] {
	return enqueue(p, eval(p.next(), "EVAL", script, keys, args), decodeValue)
}

// EvalRO is Eval for a script that only reads. The server refuses other scripts.
func (c *commands) EvalRO(ctx context.Context, script string, keys []string, args ...any) (resp3.Value, error) {
	return c.value(ctx, eval(c.newCall(), "EVAL_RO", script, keys, args))
}

// EvalRO queues EVAL_RO, see Client.EvalRO.
func (p *Pipe) EvalRO(script string, keys []string, args ...any) Reply[resp3.Value] {
	return enqueue(p, eval(p.next(), "EVAL_RO", script, keys, args), decodeValue)
}

// EvalSha is Eval for a script that the server has already, named by its SHA-1 in hexadecimal. If the server does not have it,
// the error has code NOSCRIPT.
func (c *commands) EvalSha(ctx context.Context, sha string, keys []string, args ...any) (resp3.Value, error) {
	return c.value(ctx, eval(c.newCall(), "EVALSHA", sha, keys, args))
}

// EvalSha queues EVALSHA, see Client.EvalSha.
func (p *Pipe) EvalSha(sha string, keys []string, args ...any) Reply[resp3.Value] {
	return enqueue(p, eval(p.next(), "EVALSHA", sha, keys, args), decodeValue)
}

// EvalShaRO is EvalSha for a script that only reads.
func (c *commands) EvalShaRO(ctx context.Context, sha string, keys []string, args ...any) (resp3.Value, error) {
	return c.value(ctx, eval(c.newCall(), "EVALSHA_RO", sha, keys, args))
}

// EvalShaRO queues EVALSHA_RO, see Client.EvalShaRO.
func (p *Pipe) EvalShaRO(sha string, keys []string, args ...any) Reply[resp3.Value] {
	return enqueue(p, eval(p.next(), "EVALSHA_RO", sha, keys, args), decodeValue)
}

// ScriptLoad stores a script in the server and returns its SHA-1 in hexadecimal.
func (c *commands) ScriptLoad(ctx context.Context, script string) (string, error) {
	return c.text(ctx, fixedArgs(c.newCall(), "SCRIPT", "LOAD", script))
}

// ScriptLoad queues SCRIPT LOAD, see Client.ScriptLoad.
func (p *Pipe) ScriptLoad(script string) Reply[string] {
	return enqueue(p, fixedArgs(p.next(), "SCRIPT", "LOAD", script), decodeText)
}

// FCall calls a function of a library in the server with keys and arguments, whose types are those of Do.
func (c *commands) FCall(ctx context.Context, function string, keys []string, args ...any) (resp3.Value, error) {
	return c.value(ctx, eval(c.newCall(), "FCALL", function, keys, args))
}

// FCall queues FCALL, see Client.FCall.
func (p *Pipe) FCall(function string, keys []string, args ...any) Reply[resp3.Value] {
	return enqueue(p, eval(p.next(), "FCALL", function, keys, args), decodeValue)
}

// FCallRO is FCall for a function that only reads.
func (c *commands) FCallRO(ctx context.Context, function string, keys []string, args ...any) (resp3.Value, error) {
	return c.value(ctx, eval(c.newCall(), "FCALL_RO", function, keys, args))
}

// FCallRO queues FCALL_RO, see Client.FCallRO.
func (p *Pipe) FCallRO(function string, keys []string, args ...any) Reply[resp3.Value] {
	return enqueue(p, eval(p.next(), "FCALL_RO", function, keys, args), decodeValue)
}

// Script is a script of Lua whose text is sent only if the server does not have it. A Script never changes and may be used by
// many goroutines at once, with any client.
type Script struct {
	src, sha string
	readOnly bool
	says     bool // the source has the word NOSCRIPT
}

// NewScript returns the script with the source src, which it does not check.
func NewScript(src string) *Script {
	sum := sha1.Sum([]byte(src)) // as the server names it; nothing depends on its strength
	return &Script{src: src, sha: hex.EncodeToString(sum[:]), says: mentions(src)}
}

// ReadOnly returns the same script for servers from 7.0 on, which refuse it if it writes. Such a script is sent again after a
// failure. Other scripts are not, since it is not known what they change.
func (s *Script) ReadOnly() *Script {
	return &Script{src: s.src, sha: s.sha, readOnly: true, says: s.says}
}

// SHA returns the SHA-1 of the source in hexadecimal, by which the server knows the script.
func (s *Script) SHA() string { return s.sha }

// noScript are the texts of a server that does not have a script: of Redis, and of Valkey from 8 on.
var noScript = map[string]bool{"No matching script. Please use EVAL.": true, "No matching script.": true}

// Run runs the script with keys and arguments, whose types are those of Do. It sends the SHA-1, and the source only if the
// server answers that it does not have the script: nothing was executed then. A script may return the same error, so the
// source is always sent if it, a key or an argument has the word NOSCRIPT. A script that reads exactly this text from stored
// data, or makes it up of parts, runs twice.
func (s *Script) Run(ctx context.Context, d Doer, keys []string, args ...any) (resp3.Value, error) {
	byHash, whole := "EVALSHA", "EVAL"
	if s.readOnly {
		byHash, whole = "EVALSHA_RO", "EVAL_RO"
	}
	if !s.mayRepeat(keys, args) {
		v, err := d.Do(ctx, evalArgs(byHash, s.sha, keys, args)...)
		if e, ok := errs.As[*resp3.Error](err); !ok || e.Code != "NOSCRIPT" || !noScript[e.Message] {
			return v, err
		}
	}
	return d.Do(ctx, evalArgs(whole, s.src, keys, args)...)
}

// mayRepeat reports whether the script may answer with a NOSCRIPT of its own.
func (s *Script) mayRepeat(keys []string, args []any) bool {
	if s.says || slices.ContainsFunc(keys, mentions) {
		return true
	}
	for _, a := range args {
		switch a := a.(type) {
		case int, int64, float64, bool:
		case string:
			if mentions(a) {
				return true
			}
		default:
			text, _ := resp3.AppendCommandArgs(nil, a) // an argument that cannot be encoded is not sent either
			if mentions(string(text)) {
				return true
			}
		}
	}
	return false
}

// mentions reports whether s has the word NOSCRIPT, in upper or lower case.
func mentions(s string) bool {
	const word = "NOSCRIPT"
	for i := 0; i+len(word) <= len(s); i++ {
		if s[i]|0x20 == 'n' && strings.EqualFold(s[i:i+len(word)], word) {
			return true
		}
	}
	return false
}

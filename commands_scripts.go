package baton

import (
	"context"

	"github.com/baton-go/baton/conn"
	"github.com/baton-go/baton/resp3"
)

// evalArgs are the arguments of a script: what to run, the keys with their number, and the rest.
func evalArgs(name, what string, keys []string, args []any) []any {
	all := make([]any, 0, 3+len(keys)+len(args))
	all = append(all, name, what, len(keys))
	for _, k := range keys {
		all = append(all, k)
	}
	return append(all, args...)
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

// Eval runs a script of Lua with keys and arguments, whose types are those of Do. Script has a better way to run one often.
func (c *commands) Eval(ctx context.Context, script string, keys []string, args ...any) (resp3.Value, error) {
	return c.value(ctx, raw(c.newCall(), evalArgs("EVAL", script, keys, args)...))
}

// Eval queues EVAL, see Client.Eval.
func (p *Pipe) Eval(script string, keys []string, args ...any) Reply[resp3.Value] {
	return enqueue(p, raw(p.next(), evalArgs("EVAL", script, keys, args)...), decodeValue)
}

// EvalRO is Eval for a script that only reads, which the server makes sure of.
func (c *commands) EvalRO(ctx context.Context, script string, keys []string, args ...any) (resp3.Value, error) {
	return c.value(ctx, raw(c.newCall(), evalArgs("EVAL_RO", script, keys, args)...))
}

// EvalRO queues EVAL_RO, see Client.EvalRO.
func (p *Pipe) EvalRO(script string, keys []string, args ...any) Reply[resp3.Value] {
	return enqueue(p, raw(p.next(), evalArgs("EVAL_RO", script, keys, args)...), decodeValue)
}

// EvalSha is Eval for a script that the server has already, named by its SHA-1 in hexadecimal. If it does not have it, the
// error has code NOSCRIPT.
func (c *commands) EvalSha(ctx context.Context, sha string, keys []string, args ...any) (resp3.Value, error) {
	return c.value(ctx, raw(c.newCall(), evalArgs("EVALSHA", sha, keys, args)...))
}

// EvalSha queues EVALSHA, see Client.EvalSha.
func (p *Pipe) EvalSha(sha string, keys []string, args ...any) Reply[resp3.Value] {
	return enqueue(p, raw(p.next(), evalArgs("EVALSHA", sha, keys, args)...), decodeValue)
}

// EvalShaRO is EvalSha for a script that only reads.
func (c *commands) EvalShaRO(ctx context.Context, sha string, keys []string, args ...any) (resp3.Value, error) {
	return c.value(ctx, raw(c.newCall(), evalArgs("EVALSHA_RO", sha, keys, args)...))
}

// EvalShaRO queues EVALSHA_RO, see Client.EvalShaRO.
func (p *Pipe) EvalShaRO(sha string, keys []string, args ...any) Reply[resp3.Value] {
	return enqueue(p, raw(p.next(), evalArgs("EVALSHA_RO", sha, keys, args)...), decodeValue)
}

// ScriptLoad gives the server a script to keep and returns its SHA-1 in hexadecimal.
func (c *commands) ScriptLoad(ctx context.Context, script string) (string, error) {
	return c.text(ctx, words(c.newCall(), "SCRIPT", "LOAD", script))
}

// ScriptLoad queues SCRIPT LOAD, see Client.ScriptLoad.
func (p *Pipe) ScriptLoad(script string) Reply[string] {
	return enqueue(p, words(p.next(), "SCRIPT", "LOAD", script), decodeText)
}

// FCall calls a function of a library that the server has, with keys and arguments, whose types are those of Do.
func (c *commands) FCall(ctx context.Context, function string, keys []string, args ...any) (resp3.Value, error) {
	return c.value(ctx, raw(c.newCall(), evalArgs("FCALL", function, keys, args)...))
}

// FCall queues FCALL, see Client.FCall.
func (p *Pipe) FCall(function string, keys []string, args ...any) Reply[resp3.Value] {
	return enqueue(p, raw(p.next(), evalArgs("FCALL", function, keys, args)...), decodeValue)
}

// FCallRO is FCall for a function that only reads.
func (c *commands) FCallRO(ctx context.Context, function string, keys []string, args ...any) (resp3.Value, error) {
	return c.value(ctx, raw(c.newCall(), evalArgs("FCALL_RO", function, keys, args)...))
}

// FCallRO queues FCALL_RO, see Client.FCallRO.
func (p *Pipe) FCallRO(function string, keys []string, args ...any) Reply[resp3.Value] {
	return enqueue(p, raw(p.next(), evalArgs("FCALL_RO", function, keys, args)...), decodeValue)
}

package baton

import (
	"github.com/baton-go/baton/resp3"
)

// Eval queues EVAL, see Client.Eval.
func (p *Pipe) Eval(script string, keys []string, args ...any) Reply[resp3.Value] {
	return enqueue(p, raw(p.next(), evalArgs("EVAL", script, keys, args)...), decodeValue)
}

// EvalRO queues EVAL_RO, see Client.EvalRO.
func (p *Pipe) EvalRO(script string, keys []string, args ...any) Reply[resp3.Value] {
	return enqueue(p, raw(p.next(), evalArgs("EVAL_RO", script, keys, args)...), decodeValue)
}

// EvalSha queues EVALSHA, see Client.EvalSha.
func (p *Pipe) EvalSha(sha string, keys []string, args ...any) Reply[resp3.Value] {
	return enqueue(p, raw(p.next(), evalArgs("EVALSHA", sha, keys, args)...), decodeValue)
}

// EvalShaRO queues EVALSHA_RO, see Client.EvalShaRO.
func (p *Pipe) EvalShaRO(sha string, keys []string, args ...any) Reply[resp3.Value] {
	return enqueue(p, raw(p.next(), evalArgs("EVALSHA_RO", sha, keys, args)...), decodeValue)
}

// ScriptLoad queues SCRIPT LOAD, see Client.ScriptLoad.
func (p *Pipe) ScriptLoad(script string) Reply[string] {
	return enqueue(p, words(p.next(), "SCRIPT", "LOAD", script), decodeText)
}

// FCall queues FCALL, see Client.FCall.
func (p *Pipe) FCall(function string, keys []string, args ...any) Reply[resp3.Value] {
	return enqueue(p, raw(p.next(), evalArgs("FCALL", function, keys, args)...), decodeValue)
}

// FCallRO queues FCALL_RO, see Client.FCallRO.
func (p *Pipe) FCallRO(function string, keys []string, args ...any) Reply[resp3.Value] {
	return enqueue(p, raw(p.next(), evalArgs("FCALL_RO", function, keys, args)...), decodeValue)
}

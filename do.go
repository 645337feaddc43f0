package baton

import (
	"context"
	"fmt"

	"github.com/baton-go/baton/conn"
	"github.com/baton-go/baton/resp3"
)

// Do sends any command and returns its reply, which owns its memory. An error that the server answers is returned as
// *resp3.Error, a null as a Value for which IsNull holds. Arguments are strings, byte slices, integers, floats, bools, types
// made of these, time.Duration in milliseconds, and what implements encoding.TextMarshaler or, if not that,
// encoding.BinaryMarshaler, see resp3.AppendCommandArgs; another type is an error before anything is sent.
//
// A command that may block on the server runs on a connection of its own, see BLPop. Commands that change the state of their
// connection (MULTI, WATCH, SELECT, ...) need one that is held, see Client.Conn, and are refused elsewhere. SUBSCRIBE and the
// like, MONITOR, SYNC and CLIENT REPLY are refused everywhere, since they have no reply or many, and RESET and QUIT,
// which Release and Discard are for.
func (c *commands) Do(ctx context.Context, args ...any) (resp3.Value, error) {
	r := raw(c.newCall(), args...)
	defer r.call.Free()
	if r.err != nil {
		return resp3.Value{}, r.problem()
	}
	f, _ := factOf(r.call.Req)
	switch {
	case f.use == refused:
		return resp3.Value{}, fmt.Errorf("baton: %s breaks the order of commands and replies, or ends the connection: Client.Subscribe is for messages", r.name)
	case f.use == heldOnly && c.held == nil:
		return resp3.Value{}, fmt.Errorf("baton: %s changes the state of its connection and connections are shared: use Client.Conn or Client.Tx", r.name)
	}
	if f.use == blocks && c.held == nil && isWait(r.name) {
		return resp3.Value{}, aboutOwnWrites(r.name)
	}
	r.call.Mode = conn.Value
	op := &operation{call: r.call, name: r.name, session: f.use == heldOnly}
	if f.use == blocks {
		w := waitingOf(wordsOf(r.call.Req))
		op.wait, op.alone = w, w
	}
	if err := c.run(ctx, op); err != nil {
		return resp3.Value{}, err
	}
	return r.call.Val, nil
}

// wordsOf takes an encoded command apart.
func wordsOf(req []byte) []string {
	v, _, _ := resp3.Decode(string(req))
	words := make([]string, 0, v.Len())
	for e := range v.All() {
		w, _ := e.Text()
		words = append(words, w)
	}
	return words
}

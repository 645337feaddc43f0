package baton

import (
	"context"
	"strconv"
	"strings"
	"time"

	"github.com/baton-go/baton/conn"
	"github.com/baton-go/baton/internal/errs"
	"github.com/baton-go/baton/resp3"
)

// serverLink says what is at the other end of a link. It is asked for once, and noted with the link.
type serverLink struct {
	id    int64  // of the link on the server; 0: unknown
	run   string // the run id of the server process; "": unknown. An address does not tell, since several servers may share one
	asked bool   // whether MULTI is obeyed, which is asked only of a link from which commands are called back
	multi bool   // it is
}

// anonymous is how long no server is asked what it is after one has closed the connection at that: it is a proxy, most likely.
const anonymous = 10 * time.Minute

// identify finds out what p leads to. With multi the link must be one on which nothing is watched.
func (c *Client) identify(ctx context.Context, p *conn.Pin, multiToo bool) (serverLink, error) {
	s, known := p.Note().(serverLink)
	if known && (s.asked || !multiToo) {
		return s, nil
	}
	if time.Now().Unix() < c.unknown.Load() { // run stays empty, so nothing is called back from there
		return s, nil
	}
	s.id = p.Setup().ID
	q := c.cfg.NewCall()
	defer q.Free()
	q.Mode, q.Timeout, q.Replies = conn.Raw, c.o.ReadTimeout, 1
	q.Req = resp3.AppendCommand(q.Req, "INFO", "server")
	if s.id == 0 { // HELLO has told it; RESP2 has to ask
		q.Req = resp3.AppendCommand(q.Req, "CLIENT", "ID")
		q.Replies++
	}
	if multiToo {
		q.Req = append(append(q.Req, multi...), exec...)
		q.Replies += 2
	}
	if err := p.Do(ctx, q); err != nil {
		if p.Setup().Proto == 2 && sent(err) && ctx.Err() == nil && !errs.IsTimeout(err) {
			c.unknown.Store(time.Now().Add(anonymous).Unix())
		}
		return serverLink{}, notSent(err)
	}
	replies := decodeAll(q.Block())
	for len(replies) < 4 {
		replies = append(replies, resp3.Value{})
	}
	s.run = runID(replies[0])
	rest := replies[1:]
	if s.id == 0 {
		s.id, _ = rest[0].Int() // 0 if it was refused
		rest = rest[1:]
	}
	if multiToo {
		s.asked = true
		s.multi = isOK(rest[0]) && rest[1].Kind() == resp3.Array && rest[1].Len() == 0
		if isOK(rest[0]) {
			leaveOpenMulti(q, rest[1].Err())
		}
	}
	if !passing(replies[0].Err()) {
		p.SetNote(s)
	}
	return s, nil
}

// runID reads the run id out of the reply to INFO.
func runID(info resp3.Value) string {
	text, err := info.Text()
	if err != nil {
		return ""
	}
	for line := range strings.Lines(text) {
		if id, ok := strings.CutPrefix(line, "run_id:"); ok {
			return strings.TrimSpace(id)
		}
	}
	return ""
}

func isOK(v resp3.Value) bool {
	text, err := v.Text()
	return err == nil && text == "OK"
}

// passing reports whether a refusal is about the state of the server and may be gone the next time.
func passing(err error) bool { return err != nil && !permanentRefusal(err) }

// permanentRefusal reports whether err says that the user may not run a command, or that the server has none of that name.
func permanentRefusal(err error) bool {
	e, ok := errs.As[*resp3.Error](err)
	return ok && (e.Code == "NOPERM" || e.Code == "ERR")
}

// guards are commands that a server which is paused for writes does not run before the pause is over, since they may replicate. A
// transaction waits with them. They change nothing: a HyperLogLog is counted at a key that holds none, a channel that nobody has
// is published to. The first is heard by nobody, and is permitted to nearly every user who may run the command that blocks.
var guards = [...]string{"PFCOUNT", "PUBLISH"}

// guard appends the guard with that number. It reports false if there is none for the command.
func (r *recall) guard(req []byte, i int) ([]byte, bool) {
	if guards[i] == "PUBLISH" {
		return resp3.AppendCommand(req, guards[i], "baton:"+r.to.run, ""), true
	}
	return resp3.AppendCommand(req, guards[i], r.key), r.key != ""
}

// unblockOnce sends CLIENT UNBLOCK behind a guard, and reports whether the server has ended the command. It never goes out
// without: a server that has postponed the command which blocks, because it is paused or failing over, dies of it (valkey #2111,
// redis #14164). Inside a transaction with a guard it is not executed before the pause is over.
func (r *recall) unblockOnce(ctx context.Context, p *conn.Pin) (ended bool, err error) {
	for i := range guards {
		if r.c.refused.Load()&(1<<i) != 0 {
			continue
		}
		ended, refused, err := r.unblockGuarded(ctx, p, i)
		if err != nil || refused == nil {
			return ended, err
		}
		if permanentRefusal(refused) {
			r.c.refused.Or(1 << i)
		}
	}
	return false, errRecall
}

// unblockGuarded is one attempt with one guard, in one write. refused is why the guard was not queued; nothing was executed then.
func (r *recall) unblockGuarded(ctx context.Context, p *conn.Pin, i int) (ended bool, refused, err error) {
	q := r.c.cfg.NewCall()
	defer q.Free()
	q.Mode, q.Timeout, q.Replies = conn.Raw, r.c.o.ReadTimeout, 4
	req, ok := r.guard(append(q.Req, multi...), i)
	if !ok {
		return false, errRecall, nil
	}
	req = resp3.AppendCommand(req, "CLIENT", "UNBLOCK", strconv.FormatInt(r.to.id, 10), "TIMEOUT")
	q.Req = append(req, exec...)
	if err := p.Do(ctx, q); err != nil {
		return false, nil, err
	}
	v := decodeAll(q.Block())
	switch {
	case len(v) != 4:
		return false, nil, errRecall
	case v[0].Err() != nil || v[2].Err() != nil: // CLIENT UNBLOCK itself is refused
		return false, nil, errRecall
	case v[1].Err() != nil:
		return false, v[1].Err(), nil
	case v[3].Err() != nil:
		return false, nil, v[3].Err()
	}
	n, err := v[3].Index(1).Int()
	return n == 1, nil, err
}

// decodeAll decodes replies that stand one behind the other.
func decodeAll(block string) (all []resp3.Value) {
	for block != "" {
		v, n, err := resp3.Decode(block)
		if err != nil {
			return all
		}
		all, block = append(all, v), block[n:]
	}
	return all
}

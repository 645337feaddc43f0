package handofftest

import (
	"bytes"
	"fmt"
	"time"

	"github.com/baton-go/baton/resp3"
)

// splitCommand takes a command, an array of bulk strings, apart. The arguments are
// pieces of frame. ok is false for any other value.
func splitCommand(frame []byte, args [][]byte) (_ [][]byte, ok bool) {
	n, rest, ok := headed(frame, resp3.Array)
	if !ok {
		return nil, false
	}
	for range n {
		size, tail, ok := headed(rest, resp3.BulkString)
		if !ok || size+2 > len(tail) {
			return nil, false
		}
		args = append(args, tail[:size:size])
		rest = tail[size+2:]
	}
	return args, len(rest) == 0
}

// headed reads a kind and a length, and returns what follows them.
func headed(b []byte, k resp3.Kind) (n int, rest []byte, ok bool) {
	end := bytes.IndexByte(b, '\n')
	if end < 3 || b[0] != byte(k) {
		return 0, nil, false
	}
	v, err := resp3.ParseInt(b[1 : end-1])
	if err != nil || v < 0 || v > int64(len(b)) {
		return 0, nil, false
	}
	return int(v), b[end+1:], true
}

// handle receives one command. It returns false if the connection must end.
func (c *Conn) handle(frame []byte) bool {
	var ok bool
	c.args, ok = splitCommand(frame, c.args[:0])
	if !ok {
		c.error("ERR Protocol error: expected an array of bulk strings")
		c.commit()
		return false
	}
	if len(c.args) == 0 {
		return true
	}
	c.commands.Add(1)
	c.node.commands.Add(1)
	c.server.log.add(c, c.args)
	if hook := c.server.opts.OnCommand; hook != nil {
		hook(c.Info(), c.args)
	}
	if intercept := c.server.opts.Intercept; intercept != nil {
		if reply, handled := intercept(c.Info(), c.args); handled {
			return c.answer(reply)
		}
	}
	if c.server.opts.Backend != "" {
		return c.forward(frame)
	}
	c.exec()
	if c.pending != nil {
		c.block()
	}
	return !c.quit
}

// answer sends a reply of somebody else's in its turn.
func (c *Conn) answer(reply []byte) bool {
	if c.server.opts.Backend != "" {
		return c.answerUpstream(reply)
	}
	c.out.reply(reply)
	return true
}

// exec runs the command in c.args.
func (c *Conn) exec() {
	s := c.server
	s.mu.Lock()
	defer s.mu.Unlock()
	name := upperName(c.args[0])
	cmd := commands[name]
	switch {
	case c.muted || c.trouble.Mute && name == "HELLO":
		c.muted = true
	case cmd == nil || s.opts.Resp2Only && name == "HELLO":
		c.unknownCommand()
	case !cmd.takes(len(c.args)):
		c.wrongArgs(cmd.name)
	case !c.authed && !cmd.is(beforeAuth):
		c.refuse("NOAUTH Authentication required.")
	case c.proto == 2 && c.subs.count() > 0 && !cmd.is(whileSubscribed):
		c.error(fmt.Sprintf("ERR Can't execute '%s': only (P|S)SUBSCRIBE / (P|S)UNSUBSCRIBE / PING / QUIT / RESET are allowed in this context", cmd.name))
	case c.tx.open && !cmd.is(insideMulti):
		c.tx.queue(c.args)
		c.simple("QUEUED")
	default:
		c.run(cmd, c.args)
		s.serveBlocked()
	}
	if cmd.is(setup) && c.proto == 3 && len(c.w) > 0 {
		c.w = append(c.w, s.opts.SetupPush...)
	}
	c.commit()
}

// run carries out one command that was found good; the caller holds server.mu.
func (c *Conn) run(cmd *command, args [][]byte) {
	c.server.executed[cmd.key]++
	cmd.run(c, args)
}

// unknownCommand refuses with the text of Redis 7, which shows the arguments.
func (c *Conn) unknownCommand() {
	var shown []byte
	for _, a := range c.args[1:] {
		if len(shown) >= 128 {
			break
		}
		shown = fmt.Appendf(shown, "'%s' ", a[:min(len(a), 128-len(shown))])
	}
	name := c.args[0]
	c.refuse(fmt.Sprintf("ERR unknown command '%s', with args beginning with: %s", name[:min(len(name), 128)], shown))
}

func (c *Conn) wrongArgs(name string) {
	c.refuse(fmt.Sprintf("ERR wrong number of arguments for '%s' command", name))
}

// refuse answers a command that is not run at all, which spoils an open MULTI.
func (c *Conn) refuse(text string) {
	c.tx.spoiled = c.tx.open
	c.error(text)
}

// commit hands the reply under construction to the outbox.
func (c *Conn) commit() {
	c.out.reply(c.w)
	if cap(c.w) > 1<<20 {
		c.w = nil
	}
	c.w = c.w[:0]
}

// waitResult ends a blocking command.
type waitResult struct {
	key, value string // an element
	got        bool
	err        string // error text, "" for none
}

// block waits for the blocking command of the connection to end: an element, the
// time, CLIENT UNBLOCK, or the end of the connection.
func (c *Conn) block() {
	w := c.pending
	c.pending = nil
	c.in.readAhead()
	c.flush()
	var timeout <-chan time.Time
	if w.wait > 0 {
		timer := time.NewTimer(w.wait)
		defer timer.Stop()
		timeout = timer.C
	}
	var res waitResult
	select {
	case res = <-w.result:
	case <-timeout:
	case <-c.done:
	}
	s := c.server
	s.mu.Lock()
	defer s.mu.Unlock()
	s.keys.removeWaiter(w)
	c.blocked = nil
	select {
	case res = <-w.result: // it came between the timeout and the lock
	default:
	}
	if c.left() && !res.got {
		return // cut while blocked: no reply is better than a wrong one
	}
	w.finish(c, res)
	c.commit()
}

package handofftest

var txCommands = []command{
	{key: "MULTI", arity: 1, traits: insideMulti, run: cmdMulti},
	{key: "EXEC", arity: 1, traits: insideMulti, run: cmdExec},
	{key: "DISCARD", arity: 1, traits: insideMulti, run: cmdDiscard},
	{key: "WATCH", arity: -2, traits: insideMulti, run: cmdWatch},
	{key: "UNWATCH", arity: 1, run: func(c *Conn, _ [][]byte) { c.server.keys.unwatch(c); c.ok() }},
}

// transaction is MULTI ... EXEC and WATCH of one connection. dirty and watched are
// under server.mu, since other connections change what is watched.
type transaction struct {
	open     bool // between MULTI and EXEC
	running  bool // inside EXEC
	spoiled  bool // a command was refused while queueing
	queued   [][][]byte
	watching []place
	dirty    bool // a watched key has changed
}

// queue keeps a copy of a command for EXEC.
func (t *transaction) queue(args [][]byte) {
	kept := make([][]byte, len(args))
	for i, a := range args {
		kept[i] = append([]byte(nil), a...)
	}
	t.queued = append(t.queued, kept)
}

// depth is what CLIENT LIST shows: queued commands, or -1 outside MULTI.
func (t *transaction) depth() int {
	if !t.open {
		return -1
	}
	return len(t.queued)
}

func cmdMulti(c *Conn, _ [][]byte) {
	if c.tx.open {
		c.error("ERR MULTI calls can not be nested")
		return
	}
	c.tx.open = true
	c.ok()
}

// endTx forgets the transaction and what was watched for it.
func (c *Conn) endTx() {
	c.tx.open, c.tx.spoiled, c.tx.queued = false, false, nil
	c.server.keys.unwatch(c)
}

func cmdExec(c *Conn, _ [][]byte) {
	if !c.tx.open {
		c.error("ERR EXEC without MULTI")
		return
	}
	queued, spoiled, dirty := c.tx.queued, c.tx.spoiled, c.tx.dirty
	c.endTx()
	switch {
	case spoiled:
		c.error("EXECABORT Transaction discarded because of previous errors.")
	case dirty:
		c.nullArray()
	default:
		c.tx.running = true
		c.array(len(queued))
		for _, args := range queued {
			c.run(commands[upperName(args[0])], args)
		}
		c.tx.running = false
	}
}

func cmdDiscard(c *Conn, _ [][]byte) {
	if !c.tx.open {
		c.error("ERR DISCARD without MULTI")
		return
	}
	c.endTx()
	c.ok()
}

func cmdWatch(c *Conn, args [][]byte) {
	if c.tx.open {
		c.error("ERR WATCH inside MULTI is not allowed")
		return
	}
	for _, key := range args[1:] {
		c.server.keys.watch(c, place{c.db, string(key)})
	}
	c.ok()
}

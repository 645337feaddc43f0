package handofftest

import (
	"bytes"
	"fmt"
	"strings"
	"time"

	"github.com/baton-go/baton/resp3"
)

// clientCommands are the subcommands of CLIENT. MAINT_NOTIFICATIONS is not among
// them, since most servers do not know it: see answerOptIn.
var clientCommands = map[string]*command{
	"ID":      {name: "client|id", arity: 2, run: func(c *Conn, _ [][]byte) { c.integer(int64(c.id)) }},
	"GETNAME": {name: "client|getname", arity: 2, run: cmdClientGetName},
	"SETNAME": {name: "client|setname", arity: 3, run: cmdClientSetName},
	"SETINFO": {name: "client|setinfo", arity: 4, run: cmdClientSetInfo},
	"UNBLOCK": {name: "client|unblock", arity: -3, run: cmdClientUnblock},
	"INFO":    {name: "client|info", arity: 2, run: func(c *Conn, _ [][]byte) { c.bulkString(c.describe() + "\n") }},
	"LIST":    {name: "client|list", arity: -2, run: cmdClientList},
}

func unknownSubcommand(sub []byte) string {
	return fmt.Sprintf("ERR unknown subcommand '%.128s'. Try CLIENT HELP.", sub)
}

func cmdClient(c *Conn, args [][]byte) {
	if isOptIn(args) {
		c.w = c.answerOptIn(c.w, args)
		return
	}
	sub := clientCommands[upperName(args[1])]
	switch {
	case sub == nil:
		c.refuse(unknownSubcommand(args[1]))
	case !sub.takes(len(args)):
		c.wrongArgs(sub.name)
	default:
		sub.run(c, args)
	}
}

// setName refuses names that CLIENT LIST could not print.
func (c *Conn) setName(name []byte) bool {
	if bytes.ContainsFunc(name, func(r rune) bool { return r < '!' || r > '~' }) {
		c.error("ERR Client names cannot contain spaces, newlines or special characters.")
		return false
	}
	c.name = string(name)
	return true
}

func cmdClientSetName(c *Conn, args [][]byte) {
	if c.setName(args[2]) {
		c.ok()
	}
}

func cmdClientGetName(c *Conn, _ [][]byte) {
	if c.name == "" {
		c.null()
		return
	}
	c.bulkString(c.name)
}

func cmdClientSetInfo(c *Conn, args [][]byte) {
	switch {
	case equalFold(args[2], "LIB-NAME"):
		c.libName = string(args[3])
	case equalFold(args[2], "LIB-VER"):
		c.libVer = string(args[3])
	default:
		c.error(fmt.Sprintf("ERR Unrecognized option '%s'", args[2]))
		return
	}
	c.ok()
}

func cmdClientUnblock(c *Conn, args [][]byte) {
	withError := len(args) == 4 && equalFold(args[3], "ERROR")
	if len(args) > 4 || len(args) == 4 && !withError && !equalFold(args[3], "TIMEOUT") {
		c.error("ERR CLIENT UNBLOCK reason should be TIMEOUT or ERROR")
		return
	}
	id, err := resp3.ParseInt(args[2])
	if err != nil {
		c.error(errNotInt)
		return
	}
	target := c.server.conns[uint64(id)]
	c.truth(target != nil && c.server.unblock(target, withError))
}

// describe is a line of CLIENT LIST with the fields clients look at.
func (c *Conn) describe() string {
	return fmt.Sprintf("id=%d addr=%s laddr=%s name=%s age=%d db=%d sub=%d psub=%d multi=%d resp=%d lib-name=%s lib-ver=%s",
		c.id, c.remote, c.tcp.LocalAddr(), c.name, int(time.Since(c.opened).Seconds()), c.db,
		len(c.subs[exactChannels.index]), len(c.subs[patternChannels.index]), c.tx.depth(), c.proto, c.libName, c.libVer)
}

// cmdClientList lists the connections of the node; filters are not there.
func cmdClientList(c *Conn, _ [][]byte) {
	var b strings.Builder
	for _, other := range c.node.conns {
		b.WriteString(other.describe() + "\n")
	}
	c.bulkString(b.String())
}

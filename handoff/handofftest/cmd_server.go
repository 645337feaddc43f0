package handofftest

import (
	"fmt"
	"strconv"
	"time"
)

var serverCommands = []command{
	{key: "CLIENT", arity: -2, traits: setup, run: cmdClient},
	{key: "COMMAND", arity: -1, run: func(c *Conn, _ [][]byte) { c.array(0) }},
	{key: "INFO", arity: -1, run: cmdInfo},
	{key: "DBSIZE", arity: 1, run: func(c *Conn, _ [][]byte) { c.integer(int64(len(c.server.keys.live(c.db)))) }},
	{key: "FLUSHDB", arity: -1, run: func(c *Conn, _ [][]byte) { c.server.keys.flush(c.db); c.ok() }},
	{key: "FLUSHALL", arity: -1, run: cmdFlushAll},
	{key: "TIME", arity: 1, run: cmdTime},
}

// cmdInfo answers with the few lines that clients read, whatever section is asked for.
func cmdInfo(c *Conn, _ [][]byte) {
	c.bulkString(fmt.Sprintf("# Server\r\nredis_version:%s\r\nredis_mode:standalone\r\nrun_id:%040x\r\n\r\n"+
		"# Clients\r\nconnected_clients:%d\r\n\r\n# Replication\r\nrole:master\r\nconnected_slaves:0\r\n",
		c.server.opts.ServerVersion, c.server.runID, len(c.server.conns)))
}

func cmdFlushAll(c *Conn, _ [][]byte) {
	for db := range c.server.keys.dbs {
		c.server.keys.flush(db)
	}
	c.ok()
}

func cmdTime(c *Conn, _ [][]byte) {
	now := time.Now()
	c.array(2)
	c.bulks(strconv.FormatInt(now.Unix(), 10), strconv.Itoa(now.Nanosecond()/1000))
}

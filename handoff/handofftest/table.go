package handofftest

import "strings"

// trait is a set of facts about a command.
type trait uint8

const (
	setup           trait = 1 << iota // SetupPush follows its reply
	beforeAuth                        // allowed without AUTH
	insideMulti                       // runs at once inside MULTI instead of being queued
	whileSubscribed                   // allowed to a RESP2 subscriber
)

// command is one row of the table.
type command struct {
	key    string // upper case
	name   string // lower case, as errors print it
	arity  int    // arguments with the name; negative: at least so many
	traits trait
	run    func(c *Conn, args [][]byte) // holds server.mu; appends to c.w
}

func (cmd *command) takes(n int) bool {
	if cmd.arity < 0 {
		return n >= -cmd.arity
	}
	return n == cmd.arity
}

// is reports a trait; an unknown command has none.
func (cmd *command) is(t trait) bool { return cmd != nil && cmd.traits&t != 0 }

// commands is filled once, before any server exists, and then only read.
var commands = make(map[string]*command)

func init() {
	for _, family := range [][]command{
		connectionCommands, keyCommands, stringCommands, counterCommands, hashCommands, listCommands,
		setCommands, sortedCommands, txCommands, pubsubCommands, serverCommands,
	} {
		for _, cmd := range family {
			cmd.name = strings.ToLower(cmd.key)
			commands[cmd.key] = &cmd
		}
	}
}

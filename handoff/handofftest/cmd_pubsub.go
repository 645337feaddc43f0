package handofftest

import (
	"maps"
	"slices"
)

var pubsubCommands = []command{
	{key: "SUBSCRIBE", arity: -2, traits: whileSubscribed, run: func(c *Conn, args [][]byte) { c.subscribe(&exactChannels, args) }},
	{key: "UNSUBSCRIBE", arity: -1, traits: whileSubscribed, run: func(c *Conn, args [][]byte) { c.unsubscribe(&exactChannels, args) }},
	{key: "PSUBSCRIBE", arity: -2, traits: whileSubscribed, run: func(c *Conn, args [][]byte) { c.subscribe(&patternChannels, args) }},
	{key: "PUNSUBSCRIBE", arity: -1, traits: whileSubscribed, run: func(c *Conn, args [][]byte) { c.unsubscribe(&patternChannels, args) }},
	{key: "SSUBSCRIBE", arity: -2, traits: whileSubscribed, run: func(c *Conn, args [][]byte) { c.subscribe(&shardChannels, args) }},
	{key: "SUNSUBSCRIBE", arity: -1, traits: whileSubscribed, run: func(c *Conn, args [][]byte) { c.unsubscribe(&shardChannels, args) }},
	{key: "PUBLISH", arity: 3, run: cmdPublish},
	{key: "SPUBLISH", arity: 3, run: cmdSPublish},
}

// family is one way to subscribe.
type family struct {
	index   int    // in bus and subscriptions
	join    string // confirmation words
	part    string
	message string
}

var (
	exactChannels   = family{0, "subscribe", "unsubscribe", "message"}
	patternChannels = family{1, "psubscribe", "punsubscribe", "pmessage"}
	shardChannels   = family{2, "ssubscribe", "sunsubscribe", "smessage"}
)

// subscriptions are those of one connection, by family. Written under server.mu.
type subscriptions [3]map[string]struct{}

// count is what subscriber mode depends on.
func (s *subscriptions) count() int { return len(s[0]) + len(s[1]) + len(s[2]) }

// told is the number a confirmation carries: sharded channels count apart.
func (s *subscriptions) told(f *family) int64 {
	if f.index == shardChannels.index {
		return int64(len(s[2]))
	}
	return int64(len(s[0]) + len(s[1]))
}

// bus knows who subscribed to what, by family. It is guarded by server.mu.
type bus [3]map[string]map[*Conn]struct{}

func newBus() (b bus) {
	for i := range b {
		b[i] = make(map[string]map[*Conn]struct{})
	}
	return b
}

func (b *bus) join(f *family, name string, c *Conn) {
	if b[f.index][name] == nil {
		b[f.index][name] = make(map[*Conn]struct{})
	}
	b[f.index][name][c] = struct{}{}
	if c.subs[f.index] == nil {
		c.subs[f.index] = make(map[string]struct{})
	}
	c.subs[f.index][name] = struct{}{}
}

func (b *bus) part(f *family, name string, c *Conn) {
	delete(c.subs[f.index], name)
	delete(b[f.index][name], c)
	if len(b[f.index][name]) == 0 {
		delete(b[f.index], name)
	}
}

// drop forgets all subscriptions of c.
func (b *bus) drop(c *Conn) {
	for _, f := range []*family{&exactChannels, &patternChannels, &shardChannels} {
		for name := range c.subs[f.index] {
			b.part(f, name, c)
		}
	}
}

func (c *Conn) subscribe(f *family, args [][]byte) {
	for _, name := range args[1:] {
		c.server.bus.join(f, string(name), c)
		c.confirm(f.join, string(name), c.subs.told(f))
	}
}

func (c *Conn) unsubscribe(f *family, args [][]byte) {
	names := make([]string, 0, len(args))
	for _, name := range args[1:] {
		names = append(names, string(name))
	}
	if len(args) == 1 {
		names = slices.Sorted(maps.Keys(c.subs[f.index]))
	}
	for _, name := range names {
		c.server.bus.part(f, name, c)
		c.confirm(f.part, name, c.subs.told(f))
	}
	if len(names) == 0 { // bare UNSUBSCRIBE without subscriptions is confirmed once
		c.pushHead(3)
		c.bulkString(f.part)
		c.null()
		c.integer(c.subs.told(f))
	}
}

func (c *Conn) confirm(word, name string, n int64) {
	c.pushHead(3)
	c.bulks(word, name)
	c.integer(n)
}

// deliver sends one message to one subscriber. The frame is built for each, since
// subscribers differ in protocol.
func (c *Conn) deliver(parts ...string) {
	b := appendPushHead(nil, c.proto, len(parts))
	c.out.push(appendBulks(b, parts), 0)
}

func cmdPublish(c *Conn, args [][]byte) {
	c.integer(c.server.bus.publish(string(args[1]), string(args[2])))
}

// publish delivers to the channel and to patterns and says how often.
func (b *bus) publish(channel, payload string) (n int64) {
	for sub := range b[exactChannels.index][channel] {
		sub.deliver(exactChannels.message, channel, payload)
		n++
	}
	for pattern, subs := range b[patternChannels.index] {
		if !globMatch(pattern, channel) {
			continue
		}
		for sub := range subs {
			sub.deliver(patternChannels.message, pattern, channel, payload)
			n++
		}
	}
	return n
}

func cmdSPublish(c *Conn, args [][]byte) {
	var n int64
	for sub := range c.server.bus[shardChannels.index][string(args[1])] {
		sub.deliver(shardChannels.message, string(args[1]), string(args[2]))
		n++
	}
	c.integer(n)
}

// Publish sends a message to the subscribers of channel, patterns included, and
// returns how many there were. It is PUBLISH without a connection.
func (s *Server) Publish(channel, payload string) int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.bus.publish(channel, payload)
}

package baton

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"github.com/baton-go/baton/conn"
)

// Ping sends PING and waits for the answer.
func (c *commands) Ping(ctx context.Context) error {
	return c.status(ctx, fixedArgs(c.newCall(), "PING"))
}

// Ping queues PING, see Client.Ping. The reply is PONG.
func (p *Pipe) Ping() Reply[string] {
	return enqueue(p, fixedArgs(p.next(), "PING"), decodeText)
}

// Echo sends a text and returns the server's copy of it.
func (c *commands) Echo(ctx context.Context, text string) (string, error) {
	return c.text(ctx, fixedArgs(c.newCall(), "ECHO", text))
}

// Echo queues ECHO, see Client.Echo.
func (p *Pipe) Echo(text string) Reply[string] {
	return enqueue(p, fixedArgs(p.next(), "ECHO", text), decodeText)
}

// Info returns information about the server in lines of "name:value": the given sections, or the usual ones.
func (c *commands) Info(ctx context.Context, sections ...string) (string, error) {
	return c.text(ctx, listArgs(c.newCall(), "INFO", "", sections))
}

// Info queues INFO, see Client.Info.
func (p *Pipe) Info(sections ...string) Reply[string] {
	return enqueue(p, listArgs(p.next(), "INFO", "", sections), decodeText)
}

// DBSize returns the number of keys in the database.
func (c *commands) DBSize(ctx context.Context) (int64, error) {
	return c.integer(ctx, fixedArgs(c.newCall(), "DBSIZE"))
}

// DBSize queues DBSIZE, see Client.DBSize.
func (p *Pipe) DBSize() Reply[int64] {
	return enqueue(p, fixedArgs(p.next(), "DBSIZE"), decodeInt)
}

// Time returns the time of the server's clock, to the microsecond.
func (c *commands) Time(ctx context.Context) (time.Time, error) {
	return fetch(ctx, c, fixedArgs(c.newCall(), "TIME"), decodeTime)
}

// Time queues TIME, see Client.Time.
func (p *Pipe) Time() Reply[time.Time] {
	return enqueue(p, fixedArgs(p.next(), "TIME"), decodeTime)
}

// FlushDB removes all keys of the database.
func (c *commands) FlushDB(ctx context.Context) error {
	return c.status(ctx, fixedArgs(c.newCall(), "FLUSHDB"))
}

// FlushDB queues FLUSHDB, see Client.FlushDB. The reply is OK.
func (p *Pipe) FlushDB() Reply[string] {
	return enqueue(p, fixedArgs(p.next(), "FLUSHDB"), decodeText)
}

// ClientID returns the server's number of a connection: on a Client one of its shared connections, on a Conn that connection.
func (c *commands) ClientID(ctx context.Context) (int64, error) {
	return c.integer(ctx, fixedArgs(c.newCall(), "CLIENT", "ID"))
}

// ClientID queues CLIENT ID, see Client.ClientID.
func (p *Pipe) ClientID() Reply[int64] {
	return enqueue(p, fixedArgs(p.next(), "CLIENT", "ID"), decodeInt)
}

// Publish sends a message to the subscribers of a channel and returns how many there are on that server.
func (c *commands) Publish(ctx context.Context, channel, message string) (int64, error) {
	return c.integer(ctx, fixedArgs(c.newCall(), "PUBLISH", channel, message))
}

// Publish queues PUBLISH, see Client.Publish.
func (p *Pipe) Publish(channel, message string) Reply[int64] {
	return enqueue(p, fixedArgs(p.next(), "PUBLISH", channel, message), decodeInt)
}

// SPublish is Publish for a sharded channel.
func (c *commands) SPublish(ctx context.Context, channel, message string) (int64, error) {
	return c.integer(ctx, fixedArgs(c.newCall(), "SPUBLISH", channel, message))
}

// SPublish queues SPUBLISH, see Client.SPublish.
func (p *Pipe) SPublish(channel, message string) Reply[int64] {
	return enqueue(p, fixedArgs(p.next(), "SPUBLISH", channel, message), decodeInt)
}

func aboutOwnWrites(name string) error {
	return fmt.Errorf("baton: %s is about the writes of its own connection: use Client.Conn", name)
}

// Wait waits until that many replicas have acknowledged the writes of this connection, and returns how many have, which may be
// fewer when the wait is over. wait is at least 1 ms; 0 is for ever. It needs a Conn: on shared connections it would say
// nothing about the caller's writes, and is refused. If maintenance has moved the connection since the last write, the error
// is ErrMoved.
func (c *commands) Wait(ctx context.Context, replicas int, wait time.Duration) (int64, error) {
	if c.conn == nil {
		return 0, aboutOwnWrites("WAIT")
	}
	q, err := c.block(ctx, conn.Int, wait, "WAIT", strconv.Itoa(replicas), waitText(wait, time.Millisecond))
	defer q.Free()
	if err != nil {
		return 0, err
	}
	return q.Num, nil
}

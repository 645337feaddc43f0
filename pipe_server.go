package baton

import (
	"time"
)

// Ping queues PING, see Client.Ping. The reply is PONG.
func (p *Pipe) Ping() Reply[string] {
	return enqueue(p, words(p.next(), "PING"), decodeStatus)
}

// Echo queues ECHO, see Client.Echo.
func (p *Pipe) Echo(text string) Reply[string] {
	return enqueue(p, words(p.next(), "ECHO", text), decodeText)
}

// Info queues INFO, see Client.Info.
func (p *Pipe) Info(sections ...string) Reply[string] {
	return enqueue(p, list(p.next(), "INFO", "", sections), decodeText)
}

// DBSize queues DBSIZE, see Client.DBSize.
func (p *Pipe) DBSize() Reply[int64] {
	return enqueue(p, words(p.next(), "DBSIZE"), decodeInt)
}

// Time queues TIME, see Client.Time.
func (p *Pipe) Time() Reply[time.Time] {
	return enqueue(p, words(p.next(), "TIME"), decodeTime)
}

// FlushDB queues FLUSHDB, see Client.FlushDB. The reply is OK.
func (p *Pipe) FlushDB() Reply[string] {
	return enqueue(p, words(p.next(), "FLUSHDB"), decodeStatus)
}

// ClientID queues CLIENT ID, see Client.ClientID.
func (p *Pipe) ClientID() Reply[int64] {
	return enqueue(p, words(p.next(), "CLIENT", "ID"), decodeInt)
}

// Publish queues PUBLISH, see Client.Publish.
func (p *Pipe) Publish(channel, message string) Reply[int64] {
	return enqueue(p, words(p.next(), "PUBLISH", channel, message), decodeInt)
}

// SPublish queues SPUBLISH, see Client.SPublish.
func (p *Pipe) SPublish(channel, message string) Reply[int64] {
	return enqueue(p, words(p.next(), "SPUBLISH", channel, message), decodeInt)
}

package baton

import (
	"context"
	"time"
)

// Ping asks the server for a sign of life.
func (c *commands) Ping(ctx context.Context) error {
	return c.done(ctx, words(c.newCall(), "PING"))
}

// Echo returns what the server makes of text, which is the same text.
func (c *commands) Echo(ctx context.Context, text string) (string, error) {
	return c.text(ctx, words(c.newCall(), "ECHO", text))
}

// Info returns what the server says of itself, in lines of "name:value": the sections named, or the usual ones.
func (c *commands) Info(ctx context.Context, sections ...string) (string, error) {
	return c.text(ctx, list(c.newCall(), "INFO", "", sections))
}

// DBSize returns the number of keys in the database.
func (c *commands) DBSize(ctx context.Context) (int64, error) {
	return c.integer(ctx, words(c.newCall(), "DBSIZE"))
}

// Time returns what time it is at the server, in microseconds.
func (c *commands) Time(ctx context.Context) (time.Time, error) {
	return fetch(ctx, c, words(c.newCall(), "TIME"), decodeTime)
}

// FlushDB removes all keys of the database.
func (c *commands) FlushDB(ctx context.Context) error {
	return c.done(ctx, words(c.newCall(), "FLUSHDB"))
}

// ClientID returns the number that the server gave to a connection. On a Client that is one of those it shares; on a Conn
// it is that one.
func (c *commands) ClientID(ctx context.Context) (int64, error) {
	return c.integer(ctx, words(c.newCall(), "CLIENT", "ID"))
}

// Publish sends a message to the subscribers of a channel and returns how many there are on that server.
func (c *commands) Publish(ctx context.Context, channel, message string) (int64, error) {
	return c.integer(ctx, words(c.newCall(), "PUBLISH", channel, message))
}

// SPublish is Publish for a sharded channel.
func (c *commands) SPublish(ctx context.Context, channel, message string) (int64, error) {
	return c.integer(ctx, words(c.newCall(), "SPUBLISH", channel, message))
}

package baton

import "time"

// RelaxedTimeout is the least timeout in force now because of maintenance, 0 if there is none.
func RelaxedTimeout(c *Client) time.Duration {
	now := time.Now()
	return c.handoffs.Relaxed(now, now)
}

// Leaving reports whether connections are being moved away from a peer now.
func Leaving(c *Client) bool { return c.handoffs.Leaving() }

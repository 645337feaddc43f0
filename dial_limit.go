package baton

import (
	"context"
	"sync"
	"time"

	"github.com/baton-go/baton/conn"
)

const (
	spareDials = 32              // that may be made at once beyond those for each connection
	dialsEach  = 2               // for each connection at once: it moves, and then its server restarts
	leastDials = 10              // a second
	dialSpread = 6               // seconds over which one dial for each connection is spread
	peakKept   = 5 * time.Minute // how long the most connections of the past count
)

// dialLimit is the last resort against storms of dials, whatever makes them: it lies below all else, where each socket is
// opened. A token is one dial. There are two for each connection that the client had or wants, so that all of them may
// move or come back at once, and some to spare; they are filled up again at ten a second, or within six seconds if
// there are many.
type dialLimit struct {
	need func() int // connections that there are or that are wanted

	mu     sync.Mutex // a leaf: memory only
	tokens float64
	at     time.Time // when they were counted
	peak   int       // most connections lately
	peaked time.Time
}

// wait takes a token. If there is none it waits for one, until ctx ends.
func (l *dialLimit) wait(ctx context.Context) error {
	pause := l.take(l.need(), time.Now())
	if pause <= 0 {
		return nil
	}
	t := time.NewTimer(pause)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		l.mu.Lock()
		l.tokens++
		l.mu.Unlock()
		return conn.ContextError(ctx)
	}
}

// take takes a token, in advance if need be, and returns after what time it will be there.
func (l *dialLimit) take(need int, now time.Time) (pause time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.at.IsZero() {
		l.tokens, l.at = spareDials, now
	}
	rate := max(leastDials, float64(l.peak)/dialSpread)
	l.tokens += rate * now.Sub(l.at).Seconds()
	l.at = now
	switch {
	case need > l.peak: // each new one brings its own
		l.tokens += float64(dialsEach * (need - l.peak))
		l.peak, l.peaked = need, now
	case need == l.peak:
		l.peaked = now
	case now.Sub(l.peaked) > peakKept:
		l.peak, l.peaked = need, now
	}
	l.tokens = min(l.tokens, float64(dialsEach*l.peak+spareDials)) - 1
	return time.Duration(-l.tokens / rate * float64(time.Second))
}

// most is how many connections the client had or wanted lately.
func (l *dialLimit) most() int {
	need := l.need()
	l.mu.Lock()
	defer l.mu.Unlock()
	return max(need, l.peak)
}

// wanted is how many connections the client has, opens, or is to have.
func (c *Client) wanted() int {
	s := c.Stats()
	return s.Open + s.Dialing + c.subs.Len()
}

// dialInTurn is dialWith for connections that no pool counts.
func (c *Client) dialInTurn(ctx context.Context, cfg *conn.Config) (*conn.Conn, error) {
	begun, err := c.dials.Begin(ctx, nil)
	if err != nil {
		return nil, &conn.Error{Op: "dial", Addr: c.o.Addr, Err: err}
	}
	cn, err := c.dialWith(ctx, cfg)
	if err != nil && ctx.Err() != nil {
		c.dials.Done(begun, nil, nil)
	} else {
		c.dials.Done(begun, cn, err)
	}
	return cn, err
}

package baton

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/baton-go/baton/conn"
	"github.com/baton-go/baton/handoff"
	"github.com/baton-go/baton/internal/errs"
	"github.com/baton-go/baton/pool"
)

// Class says what happens if a command is executed twice.
type Class uint8

// The classes, from harmless to harmful.
const (
	Read            Class = iota // changes nothing
	WriteOnce                    // the second time changes nothing, and only the answer differs: DEL, EXPIRE
	WriteLastWins                // may undo what another wrote in between: SET, HSET
	WriteAccumulate              // changes again, or answers as if it had failed: INCR, LPUSH, SET NX
	Never                        // is never repeated
)

// RetryPolicy says which failed commands are tried again. A command that was certainly not executed, since it was not sent or
// was refused by a server in a state in which it executes nothing (LOADING, READONLY, MASTERDOWN, ...), is tried again for a
// time; one that may have been executed a number of times, and only if that does little harm. What another attempt cannot mend
// is not tried again: a wrong password, a certificate for another name, a wait for a connection that took too long. No attempt
// begins after the context has ended or the client was closed. docs/errors.md tells which answers prove what. The zero value is useful.
type RetryPolicy struct {
	// Max is the number of further attempts at what may have been executed, and at what only a new connection can mend
	// (NOAUTH; a set-up whose credentials were refused, if a CredentialsProvider is asked for others). Default 2, negative none.
	Max int
	// For is how long what was certainly not executed is tried again, from its first failure on; Max does not count these
	// attempts. Default 5 s, but none if Max is negative. Negative: none, such attempts are among those of Max.
	For time.Duration
	// UpTo is the most harmful class of which a command that may have been executed is sent again. Default Read.
	UpTo Class
	// Tx is the number of further attempts at a transaction whose watched keys were changed by somebody else, or that was not
	// sent because maintenance had moved its connection. Default 15, negative none.
	Tx int
	// MinBackoff and MaxBackoff bound the pause before an attempt: a random time up to MinBackoff doubled for each attempt.
	// Defaults 1 ms and 200 ms, or what was given for the other if that leaves no room; negative no pause, but one of up to 1 ms
	// between the attempts of For.
	MinBackoff, MaxBackoff time.Duration
}

func (p RetryPolicy) withDefaults() RetryPolicy {
	if p.Max >= 0 || p.For != 0 {
		p.For = timeout(p.For, 5*time.Second)
	}
	switch {
	case p.Max == 0:
		p.Max = 2
	case p.Max < 0:
		p.Max = 0
	}
	switch {
	case p.Tx == 0:
		p.Tx = 15
	case p.Tx < 0:
		p.Tx = 0
	}
	// One that was given decides what the other is by default.
	least, most := leastPause, 200*time.Millisecond
	p.MaxBackoff = timeout(p.MaxBackoff, max(most, p.MinBackoff))
	p.MinBackoff = timeout(p.MinBackoff, min(least, p.MaxBackoff))
	return p
}

const (
	mostBackoff  = time.Hour      // far from where doubling MinBackoff would overflow
	mostPatience = 24 * time.Hour // who wants more means something else
	leastPause   = time.Millisecond
)

func (p RetryPolicy) validate() error {
	var found problems
	if p.UpTo > WriteAccumulate {
		found.add("Retry.UpTo is %d, must be at most WriteAccumulate (%d)", p.UpTo, WriteAccumulate)
	}
	if p.For > mostPatience {
		found.add("Retry.For is %v, must be at most %v", p.For, mostPatience)
	}
	if p.MaxBackoff > mostBackoff {
		found.add("Retry.MaxBackoff is %v, must be at most %v", p.MaxBackoff, mostBackoff)
	}
	if p.MinBackoff > p.MaxBackoff {
		found.add("Retry.MinBackoff is %v, must not exceed MaxBackoff (%v)", p.MinBackoff, p.MaxBackoff)
	}
	return errors.Join(found...)
}

// permanent reports whether another attempt would end in the same way, whatever the server answers: the wait for a connection
// is over, the server is not the one it should be, or the session is lost.
func permanent(err error) bool {
	_, full := errs.As[*pool.TimeoutError](err)
	_, optIn := errs.As[*handoff.OptInError](err)
	_, cert := errs.As[*tls.CertificateVerificationError](err)
	return full || optIn || cert || errors.Is(err, pool.ErrShared) || errors.Is(err, ErrClosed) || errors.Is(err, ErrMoved) ||
		errors.Is(err, pool.ErrClosed) || errors.Is(err, conn.ErrProtocol)
}

// patience follows one operation through its failures. The zero value is for one that has not failed.
type patience struct {
	until   time.Time // the end of Retry.For
	counted int       // failures of those that Retry.Max counts
	pauses  int
}

// again decides, after a failure that leaves this chance, on another attempt, and returns when it is due.
func (c *Client) again(ctx context.Context, w *patience, left chance) bool {
	p, now := &c.o.Retry, time.Now()
	if w.until.IsZero() {
		w.until = now.Add(p.For)
	}
	if left == none || ctx.Err() != nil || c.closed.Load() {
		return false
	}
	w.pauses++
	d := p.backoff(w.pauses)
	if left == byTime && p.For > 0 {
		rest := w.until.Sub(now)
		d = min(max(d, rand.N(leastPause)), rest) // the last attempt is made at the end
		return rest > 0 && c.pause(ctx, d)
	}
	w.counted++
	return w.counted <= p.Max && c.pause(ctx, d)
}

// backoff is the pause before the attempt after so many others: of random length, so that many do not return in step.
func (p *RetryPolicy) backoff(attempts int) time.Duration {
	if limit := min(p.MinBackoff<<min(attempts-1, 16), p.MaxBackoff); limit > 0 {
		return rand.N(limit)
	}
	return 0
}

// pause waits before the next attempt, for less time if ctx would end before it. It reports false if there is to be none, since
// ctx has ended or the client was closed.
func (c *Client) pause(ctx context.Context, d time.Duration) bool {
	if end, ok := ctx.Deadline(); ok && d > 0 {
		if rest := time.Until(end); rest < leastPause { // not enough for an attempt
			d = rest + leastPause
		} else {
			d = min(d, rest/2)
		}
	}
	if d <= 0 {
		return ctx.Err() == nil
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return ctx.Err() == nil
	case <-ctx.Done():
	case <-c.ended:
	}
	return false
}

// gaveUp is err with the end of ctx, if that is why there was no other attempt.
func gaveUp(ctx context.Context, err error) error {
	if ctx.Err() == nil || errors.Is(err, ctx.Err()) {
		return err
	}
	return fmt.Errorf("%w: %w", conn.ContextError(ctx), err)
}

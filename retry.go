package baton

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/baton-go/baton/conn"
	"github.com/baton-go/baton/handoff"
	"github.com/baton-go/baton/internal/errs"
	"github.com/baton-go/baton/internal/facts"
	"github.com/baton-go/baton/pool"
	"github.com/baton-go/baton/resp3"
)

// Class says what happens if a command is executed twice.
type Class = facts.Class

// The classes, from harmless to harmful.
const (
	Read            = facts.Read            // changes nothing
	WriteOnce       = facts.WriteOnce       // the second time changes nothing, and only the answer differs: DEL, EXPIRE
	WriteLastWins   = facts.WriteLastWins   // may undo what another wrote in between: SET, HSET
	WriteAccumulate = facts.WriteAccumulate // changes again, or answers as if it had failed: INCR, LPUSH, SET NX
	Never           = facts.Never           // is never repeated
)

// RetryPolicy says which failed commands are tried again. The zero value is useful.
//
// A command that was certainly not executed is tried again for a time: it was not sent, or the server refused it in a state in
// which it executes nothing (LOADING, READONLY, MASTERDOWN, ...). A command that may have been executed is tried again a
// number of times, and only if its class allows it. Failures that another attempt cannot mend are final: a wrong password, a
// certificate for another name, a wait for a connection that took too long. No attempt begins after the context has ended or
// the client was closed. docs/errors.md lists the answers that prove that a command was not executed.
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
	// Defaults 1 ms and 200 ms, or the value of the other if only that fits. Negative: no pause, but up to 1 ms between the
	// attempts of For.
	MinBackoff, MaxBackoff time.Duration
}

func (p RetryPolicy) withDefaults() RetryPolicy {
	if p.Max >= 0 || p.For != 0 {
		p.For = timeout(p.For, 5*time.Second)
	}
	p.Max, p.Tx = max(0, cmp.Or(p.Max, 2)), max(0, cmp.Or(p.Tx, 15))
	// One that was given decides what the other is by default.
	p.MaxBackoff = timeout(p.MaxBackoff, max(200*time.Millisecond, p.MinBackoff))
	p.MinBackoff = timeout(p.MinBackoff, min(minPause, p.MaxBackoff))
	return p
}

const (
	maxBackoff   = time.Hour      // far from where doubling MinBackoff would overflow
	maxRetryTime = 24 * time.Hour // more than that is a mistake
	minPause     = time.Millisecond
)

func (p RetryPolicy) validate() error {
	return errors.Join(
		check(p.UpTo <= WriteAccumulate, "Retry.UpTo is %d, must be at most WriteAccumulate (%d)", p.UpTo, WriteAccumulate),
		check(p.For <= maxRetryTime, "Retry.For is %v, must be at most %v", p.For, maxRetryTime),
		check(p.MaxBackoff <= maxBackoff, "Retry.MaxBackoff is %v, must be at most %v", p.MaxBackoff, maxBackoff),
		check(p.MinBackoff <= p.MaxBackoff, "Retry.MinBackoff is %v, must not exceed MaxBackoff (%v)", p.MinBackoff, p.MaxBackoff))
}

// chance says what bounds another attempt after a failed one.
type chance uint8

const (
	none    chance = iota // no further attempt: it was answered, may do harm, or would fail in the same way
	byCount               // it may have been executed without harm, or only a new connection can mend it: Retry.Max
	byTime                // it was not executed, for a reason that passes: Retry.For
)

// maySendAgain says whether op may be sent again after it has failed with err, which is no answer to it; judge is for answers.
// A nil op only reads.
func (c *Client) maySendAgain(op *operation, err error) chance {
	refused, isAnswer := errs.As[*resp3.Error](err)
	switch {
	case permanent(err):
		return none
	case isAnswer:
		return c.chanceOfRefused(refused, err)
	case !sent(err):
		return byTime
	case op != nil && op.retryClass() > c.o.Retry.UpTo:
		return none
	}
	return byCount
}

// permanent reports whether another attempt would fail in the same way: it has waited too long for a connection, the server is
// the wrong one, or the session is lost.
func permanent(err error) bool {
	_, full := errs.As[*pool.TimeoutError](err)
	_, optIn := errs.As[*handoff.OptInError](err)
	_, cert := errs.As[*tls.CertificateVerificationError](err)
	return full || optIn || cert || errors.Is(err, pool.ErrShared) || errors.Is(err, ErrClosed) || errors.Is(err, ErrMoved) ||
		errors.Is(err, pool.ErrClosed) || errors.Is(err, conn.ErrProtocol)
}

// retries counts the failures of one operation. The zero value is for one that has not failed.
type retries struct {
	until   time.Time // the end of Retry.For
	counted int       // failures that Retry.Max counts
	pauses  int
}

// nextAttempt waits for the next attempt after a failure that leaves this chance. It reports false if there is none.
func (c *Client) nextAttempt(ctx context.Context, r *retries, left chance) bool {
	if left == none || ctx.Err() != nil || c.closed.Load() {
		return false
	}
	p, now := &c.o.Retry, time.Now()
	if r.until.IsZero() {
		r.until = now.Add(p.For)
	}
	r.pauses++
	d := p.backoff(r.pauses)
	if left == byTime && p.For > 0 {
		rest := r.until.Sub(now)
		d = min(max(d, rand.N(minPause)), rest) // the last attempt is made at the end
		return rest > 0 && c.pause(ctx, d)
	}
	r.counted++
	return r.counted <= p.Max && c.pause(ctx, d)
}

// backoff is the pause after so many attempts. Its length is random, so that many callers do not return in step.
func (p *RetryPolicy) backoff(attempts int) time.Duration {
	if limit := min(p.MinBackoff<<min(attempts-1, 16), p.MaxBackoff); limit > 0 {
		return rand.N(limit)
	}
	return 0
}

// pause waits before the next attempt, for less time if ctx would end before it. It reports false if there is none, since ctx
// has ended or the client was closed.
func (c *Client) pause(ctx context.Context, d time.Duration) bool {
	if end, ok := ctx.Deadline(); ok && d > 0 {
		if rest := time.Until(end); rest < minPause { // not enough for an attempt
			d = rest + minPause
		} else {
			d = min(d, rest/2)
		}
	}
	return pause(ctx, d, c.ended)
}

// pause waits for d. It reports false if ctx has ended, or stop was closed, which may be nil.
func pause(ctx context.Context, d time.Duration, stop <-chan struct{}) bool {
	if d <= 0 {
		return ctx.Err() == nil
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return ctx.Err() == nil
	case <-ctx.Done():
	case <-stop:
	}
	return false
}

// withContextError adds the end of ctx to err, if that is why there was no other attempt.
func withContextError(ctx context.Context, err error) error {
	if ctx.Err() == nil || errors.Is(err, ctx.Err()) {
		return err
	}
	return fmt.Errorf("%w: %w", conn.ContextError(ctx), err)
}

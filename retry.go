package baton

import (
	"context"
	"crypto/tls"
	"errors"
	"math/rand/v2"
	"strings"
	"time"

	"github.com/baton-go/baton/conn"
	"github.com/baton-go/baton/handoff"
	"github.com/baton-go/baton/internal/errs"
	"github.com/baton-go/baton/pool"
	"github.com/baton-go/baton/resp3"
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

// RetryPolicy says which failed commands are tried again. A command that was certainly not sent, or that the server
// answered with a state in which it executes nothing (LOADING, READONLY, MASTERDOWN, TRYAGAIN, CLUSTERDOWN), is always
// one of them; in a pipeline such an answer is only reported. What another attempt cannot mend is not tried again: a wrong
// password, a certificate for another name, a wait for a connection that took too long. The zero value is useful.
type RetryPolicy struct {
	// Max is the number of further attempts. Default 2, negative none.
	Max int
	// UpTo is the most harmful class of which a command that may have been executed is sent again. Default Read.
	UpTo Class
	// Tx is the number of further attempts at a transaction whose watched keys were changed by somebody else, or that was not
	// sent because maintenance had moved its connection. Default 15, negative none.
	Tx int
	// MinBackoff and MaxBackoff bound the pause before an attempt: a random time up to MinBackoff doubled for each attempt.
	// Defaults 8 ms and 512 ms, or what was given for the other if that leaves no room; negative no pause.
	MinBackoff, MaxBackoff time.Duration
}

func (p RetryPolicy) withDefaults() RetryPolicy {
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
	least, most := 8*time.Millisecond, 512*time.Millisecond
	p.MaxBackoff = timeout(p.MaxBackoff, max(most, p.MinBackoff))
	p.MinBackoff = timeout(p.MinBackoff, min(least, p.MaxBackoff))
	return p
}

// mostBackoff is far from where doubling MinBackoff would overflow.
const mostBackoff = time.Hour

func (p RetryPolicy) validate() error {
	var found problems
	if p.UpTo > WriteAccumulate {
		found.add("Retry.UpTo is %d, must be at most WriteAccumulate (%d)", p.UpTo, WriteAccumulate)
	}
	if p.MaxBackoff > mostBackoff {
		found.add("Retry.MaxBackoff is %v, must be at most %v", p.MaxBackoff, mostBackoff)
	}
	if p.MinBackoff > p.MaxBackoff {
		found.add("Retry.MinBackoff is %v, must not exceed MaxBackoff (%v)", p.MinBackoff, p.MaxBackoff)
	}
	return errors.Join(found...)
}

// allows reports whether op may be sent again after attempt failed with err.
func (p RetryPolicy) allows(ctx context.Context, op *operation, attempt int, err error) bool {
	return p.hopes(ctx, attempt, err) && (!sent(err) || op.harm() <= p.UpTo)
}

// hopes reports whether another attempt may end otherwise than this one, and is granted.
func (p RetryPolicy) hopes(ctx context.Context, attempt int, err error) bool {
	return attempt <= p.Max && ctx.Err() == nil && !permanent(err)
}

// permanent reports whether another attempt would end in the same way: the wait for a connection is over, the set-up was
// refused, the server is not the one it should be, or the session is lost.
func permanent(err error) bool {
	_, full := errs.As[*pool.TimeoutError](err)
	refused, answered := errs.As[*resp3.Error](err)
	_, optIn := errs.As[*handoff.OptInError](err)
	_, cert := errs.As[*tls.CertificateVerificationError](err)
	return full || answered && !notApplied[refused.Code] && !crowded(refused) || optIn || cert ||
		errors.Is(err, ErrClosed) || errors.Is(err, ErrMoved) || errors.Is(err, pool.ErrClosed) || errors.Is(err, conn.ErrProtocol)
}

// crowded reports whether the server has no room for another connection now. The code of that error is ERR.
func crowded(e *resp3.Error) bool { return strings.Contains(e.Message, "max number of clients") }

// pause waits before the next attempt. It reports false if ctx ended.
func (p RetryPolicy) pause(ctx context.Context, attempt int) bool {
	limit := min(p.MinBackoff<<min(attempt-1, 16), p.MaxBackoff)
	if limit <= 0 {
		return ctx.Err() == nil
	}
	t := time.NewTimer(rand.N(limit))
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}
